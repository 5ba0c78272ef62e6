"""A wider `pocket` whose new dimensions say what words mean. In: a model folder and the packaged MiniLM. Out: a model folder.

A vocabulary learnt from 100 M tokens does not know that a ship is a vessel. Each token's text is embedded by MiniLM as a sentence would be; the
first principal components become the new columns of the embedding (zero for digits and punctuation). All other new weights are zero, so that the
wider model first says what the narrower one says (Net2WiderNet, Chen et al. 2016); `pocket_train.py --frozen 128` keeps the new columns as they are.

    python training/pocket_widen.py --start MODEL_DIR --out WIDE --more 128
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def meanings(texts: list[str], count: int) -> Tensor:
    """(len(texts), count) principal components of MiniLM's embeddings, of mean square 1; zeros where a text has no letter."""
    from ragraft.models.embedder import minilm

    spelled = [n for n, text in enumerate(texts) if any(c.isalpha() for c in text)]
    found = torch.from_numpy(minilm().embed([texts[n].strip() for n in spelled]))
    found = found - found.mean(0)
    parts = found @ torch.linalg.svd(found, full_matrices=False)[2][:count].T
    print(f"{count} components hold {parts.square().sum() / found.square().sum():.0%} of the variance")
    out = torch.zeros(len(texts), count)
    out[spelled] = parts / parts.square().mean().sqrt()
    return out


def widened(model: Any, features: Tensor) -> Any:
    """The same function in a wider residual stream; the features have the scale of the embedding."""
    from transformers import AutoModelForCausalLM

    old, more = model.config.hidden_size, features.shape[1]
    config = model.config.__class__(**{**model.config.to_dict(), "hidden_size": old + more})
    wide: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    state = {name: torch.zeros_like(weight) for name, weight in wide.state_dict().items()}
    for name, weight in model.state_dict().items():
        state[name][tuple(slice(size) for size in weight.shape)] = weight
        if "norm" in name:
            state[name][old:] = 0.0 if name == "model.norm.weight" else weight.mean()
            state[name] *= (old / (old + more)) ** 0.5
    table = model.state_dict()["model.embed_tokens.weight"]
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        state[name][:, old:] = features * table.square().mean().sqrt()
    wide.load_state_dict(state)
    return wide


def main() -> None:
    from pocket_train import export
    from transformers import AutoModelForCausalLM, AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--more", type=int, default=128)
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.start)
    model = AutoModelForCausalLM.from_pretrained(args.start, dtype=torch.float32)
    texts = [tokenizer.decode([n]) for n in range(len(tokenizer))]
    shutil.rmtree(args.out, ignore_errors=True)
    export(widened(model, meanings(texts, args.more)), tokenizer, args.out)


if __name__ == "__main__":
    main()

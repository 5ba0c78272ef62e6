"""A checkpoint of `reader_train.py` into the package: `adapter.safetensors` (4-bit change, 8-bit head) and a calibrated `config.json`.

Run: `python training/reader_export.py CHECKPOINT DATA [FOLDER]`. Calibrated on `DATA/dev.jsonl` (articles that training did not see): the line
from margin and likeness to log-odds is a logistic regression over right and wrong passages; the threshold refuses a tenth of the answerable questions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import folders
import numpy as np
import torch
from safetensors.torch import save_file

from ragraft.evaluate.scorers import token_f1
from ragraft.models import span
from ragraft.models.packaged import file_sha256

WRONG = 3
SENTENCE_WEIGHTS = (0.0, 4.0, 8.0, 12.0, 18.0, 26.0)
CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6)


def quantise(change: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(packed bytes, fp16 scales): -7…7 times the scale of least squared error in each group of `span.GROUP` weights."""
    groups = change.flatten().view(-1, span.GROUP)
    top = groups.abs().amax(1, keepdim=True).clamp_min(1e-8) / 7
    best, error = top, torch.full_like(top, float("inf"))
    for clip in CLIPS:
        scale = (top * clip).half().float().clamp_min(6e-8)
        wrong = ((groups / scale).round().clamp(-7, 7) * scale - groups).square().sum(1, keepdim=True)
        best, error = torch.where(wrong < error, scale, best), torch.minimum(wrong, error)
    numbers = ((groups / best).round().clamp(-7, 7) + 8).to(torch.uint8).flatten().view(-1, 2)
    return numbers[:, 0] | (numbers[:, 1] << 4), best.squeeze(1).half()


def pack(trained: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What is stored of a checkpoint's `encoder.*` and `head.*` tensors."""
    out: dict[str, torch.Tensor] = {}
    base = dict(span.load_encoder().named_parameters())
    for name, parameter in base.items():
        change = trained[f"encoder.{name}"] - parameter.detach()
        if not change.any():
            continue
        if change.ndim == 2 and change.numel() % span.GROUP == 0 and change.shape[0] > 2:
            out[f"{name}.q"], out[f"{name}.s"] = quantise(change)
        else:
            out[name] = change.half()
    weight = trained["head.weight"]
    scale = weight.abs().amax(1) / 127
    out["head.q"], out["head.s"] = (weight / scale[:, None]).round().to(torch.int8), scale.half()
    out["head.bias"] = trained["head.bias"].half()
    return {k: v.contiguous() for k, v in out.items()}


def write(change: dict[str, torch.Tensor], folder: Path, made: Callable[[str], span.Settings]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(change, folder / "adapter.safetensors")
    settings = made(file_sha256(folder / "adapter.safetensors"))
    (folder / "config.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")


def dev_pairs(path: Path, rng: Random) -> tuple[list[span.Pair], list[tuple[int, tuple[str, ...]]]]:
    """Each dev question with its own passage and then `WRONG` others of its article; and for each question the place of its
    first pair and its answers (none: not answerable)."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.open()]
    pairs: list[span.Pair] = []
    asked: list[tuple[int, tuple[str, ...]]] = []
    for row in rows:
        others = [r for r in rows if r["title"] == row["title"] and r is not row]
        for q in row["questions"]:
            asked.append((len(pairs), tuple(q["answers"])))
            for r in (row, *rng.sample(others, WRONG)):
                pairs.append(span.Pair(question=q["question"], passage=r["text"], title=r["title"]))
    return pairs, asked


def sentence_weight(
    reader: span.SpanReader, pairs: list[span.Pair], answers: list[tuple[str, ...]]
) -> tuple[float, float, float]:
    """(weight, token F1, exact match) where F1 on the right passages is best."""
    tried: list[tuple[float, float, float]] = []
    for weight in SENTENCE_WEIGHTS:
        spans = replace(reader, settings=replace(reader.settings, sentence=weight)).read_pairs(pairs)
        f1 = [max(token_f1(s.text, a) for a in accepted) for s, accepted in zip(spans, answers, strict=True)]
        exact = [any(s.text.lower() == a.lower() for a in accepted) for s, accepted in zip(spans, answers, strict=True)]
        tried.append((weight, float(np.mean(f1)), float(np.mean(exact))))
        print("  sentence weight {:g}: F1 {:.3f}, exact {:.3f}".format(*tried[-1]), flush=True)
    return max(tried, key=lambda t: t[1])


def calibrate(reader: span.SpanReader, path: Path) -> span.Settings:
    """The settings from the dev articles; prints what the reader does there."""
    from sklearn.linear_model import LogisticRegression

    pairs, asked = dev_pairs(path, Random(5))
    weight, f1, exact = sentence_weight(reader, [pairs[at] for at, a in asked if a], [a for _, a in asked if a])
    spans = replace(reader, settings=replace(reader.settings, sentence=weight)).read_pairs(pairs)
    known = np.array([(s.margin, s.likeness) for s in spans])
    held = np.array([bool(answers) for _, answers in asked])
    right = np.zeros((len(asked), 1 + WRONG))
    right[held, 0] = 1
    fit = LogisticRegression(C=100.0).fit(known, right.ravel())
    chance = fit.predict_proba(known)[:, 1].reshape(-1, 1 + WRONG)
    limit = float(np.quantile(chance[held].max(1), 0.10))
    print(
        f"dev: {held.sum()} answerable, F1 {f1:.3f}, exact {exact:.3f}; picked among four {(chance[held].argmax(1) == 0).mean():.3f}; "
        f"refused at the threshold: wrong three {(chance[held, 1:].max(1) < limit).mean():.3f}, "
        f"unanswerable in its own passage {(chance[~held, 0] < limit).mean():.3f}"
    )
    margin, likeness, offset = (round(float(x), 4) for x in (*fit.coef_[0], fit.intercept_[0]))
    return span.Settings(
        sha256="", sentence=weight, margin=margin, likeness=likeness, offset=offset, threshold=round(limit, 4)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=folders.reader_rows)
    parser.add_argument("folder", type=Path, nargs="?", default=span.reader_folder())
    args = parser.parse_args()
    torch.set_num_threads(2)
    state: dict[str, Any] = torch.load(args.checkpoint, weights_only=True, map_location="cpu")
    change = pack(state["model"])
    write(
        change,
        args.folder,
        lambda sha: span.Settings(sha256=sha, sentence=0, margin=1, likeness=0, offset=0, threshold=0.5),
    )
    found = calibrate(span.load_reader(args.folder), args.data / "dev.jsonl")
    write(change, args.folder, lambda sha: replace(found, sha256=sha))
    print(f"{args.folder}: {(args.folder / 'adapter.safetensors').stat().st_size / 1e6:.2f} MB, step {state['step']}")


if __name__ == "__main__":
    main()

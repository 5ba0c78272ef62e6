"""A checkpoint of `reader_train.py` into the package: `adapter.safetensors` (4-bit change, 8-bit head) and a calibrated `config.json`.

Run: `python training/reader_export.py CHECKPOINT DATA [FOLDER]`. Calibrated on `DATA/dev.jsonl` (articles that training did not see): the line
from score to probability is a logistic regression over right and wrong passages; the threshold refuses a tenth of the answerable questions.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from ragraft.models import span
from ragraft.models.packaged import file_sha256

WRONG = 3
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


def write(change: dict[str, torch.Tensor], folder: Path, slope: float, offset: float, threshold: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(change, folder / "adapter.safetensors")
    settings = span.Settings(
        sha256=file_sha256(folder / "adapter.safetensors"), slope=slope, offset=offset, threshold=threshold
    )
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


def calibrate(reader: span.SpanReader, path: Path) -> tuple[float, float, float]:
    """(slope, offset, threshold) on the dev articles; prints what the reader does there."""
    from sklearn.linear_model import LogisticRegression

    from ragraft.evaluate.scorers import token_f1

    pairs, asked = dev_pairs(path, Random(5))
    spans = reader.read_pairs(pairs)
    score = np.array([s.score for s in spans]).reshape(-1, 1 + WRONG)
    held = np.array([bool(answers) for _, answers in asked])
    right = np.zeros_like(score)
    right[held, 0] = 1
    fit = LogisticRegression().fit(score.reshape(-1, 1), right.ravel())
    slope, offset = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    limit = float(np.quantile(score[held].max(1), 0.10))
    f1 = [max(token_f1(spans[at].text, a) for a in answers) for at, answers in asked if answers]
    exact = [any(spans[at].text.lower() == a.lower() for a in answers) for at, answers in asked if answers]
    print(
        f"dev: {held.sum()} answerable, F1 {np.mean(f1):.3f}, exact {np.mean(exact):.3f}; picked among four {(score[held].argmax(1) == 0).mean():.3f}; "
        f"refused at the threshold: wrong three {(score[held, 1:].max(1) < limit).mean():.3f}, "
        f"unanswerable in its own passage {(score[~held, 0] < limit).mean():.3f}"
    )
    return slope, offset, float(1 / (1 + np.exp(-(slope * limit + offset))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=span.reader_folder())
    args = parser.parse_args()
    torch.set_num_threads(2)
    state: dict[str, Any] = torch.load(args.checkpoint, weights_only=True, map_location="cpu")
    change = pack(state["model"])
    write(change, args.folder, 1.0, 0.0, 0.5)
    slope, offset, threshold = calibrate(span.load_reader(args.folder), args.data / "dev.jsonl")
    write(change, args.folder, round(slope, 4), round(offset, 4), round(threshold, 4))
    print(f"{args.folder}: {(args.folder / 'adapter.safetensors').stat().st_size / 1e6:.2f} MB, step {state['step']}")


if __name__ == "__main__":
    main()

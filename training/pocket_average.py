"""The weighted mean of two models of one shape, as after a short training that starts from finished weights. In: two model directories.
Out: a third, with the first one's tokenizer and config.

What a few million tokens at a rate that was raised again teach comes with noise; half-way back the noise is smaller and most of what was
learnt is left. Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT).

    python training/pocket_average.py MODEL RUN/model --share 0.5 --out MEAN
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import folders
from safetensors.torch import load_file, save_file


def average(first: Path, second: Path, share: float, out: Path) -> None:
    """`share` of the second and the rest of the first, summed in fp32. Raises SystemExit, before anything is written, for a share outside
    [0, 1] and tensors that differ in name or shape."""
    if not 0 <= share <= 1:
        raise SystemExit(f"--share {share}: must be from 0 to 1")
    one, two = load_file(first / folders.WEIGHTS), load_file(second / folders.WEIGHTS)
    if {n: t.shape for n, t in one.items()} != {n: t.shape for n, t in two.items()}:
        raise SystemExit(f"{second}: not the shape of {first}")
    mean = {n: ((1 - share) * t.float() + share * two[n].float()).to(t.dtype) for n, t in one.items()}
    shutil.copytree(first, out, dirs_exist_ok=True)
    save_file(mean, out / folders.WEIGHTS, metadata={"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("first", type=folders.model)
    parser.add_argument("second", type=folders.model)
    parser.add_argument("--share", type=float, default=0.5, help="of the second")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    average(args.first, args.second, args.share, args.out)


if __name__ == "__main__":
    main()

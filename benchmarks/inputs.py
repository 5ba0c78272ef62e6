"""What a benchmark reads that does not come with it, checked before it starts."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "training"))

import folders  # noqa: E402

from ragraft.models.span import reader_folder  # noqa: E402

SHARED = ROOT.parent / "shared"
DEMO = ROOT / "examples" / "help-centre"


def evaluation_set(name: str) -> Path:
    """The folder of one evaluation set; docs/log.md tells where each comes from. Raises SystemExit with one line where it is missing."""
    folder = Path(os.environ.get("RAGRAFT_DATA") or SHARED / "data") / name
    if not folder.is_dir():
        raise SystemExit(f"{folder}: not there; RAGRAFT_DATA names the folder of the evaluation sets")
    return folder


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """`--corpus`: the folder of the texts that the packaged models are trained on."""
    parser.add_argument("--corpus", type=folders.corpus, default=str(SHARED / "corpus"), help="folder of the corpus")


def add_project(parser: argparse.ArgumentParser) -> None:
    """A project's folder; the demo's if none is named."""
    kind = folders.holding("ragraft.toml", remedy="name a project's folder")
    parser.add_argument(
        "project", nargs="?", type=kind, default=DEMO, help="a project's folder; the demo's if not named"
    )


def add_reader(parser: argparse.ArgumentParser) -> None:
    """`--reader`: a folder of the make of the packaged span reader, which it is if none is named."""
    parser.add_argument(
        "--reader", type=folders.reader, default=reader_folder(), help="another reader than the packaged one"
    )

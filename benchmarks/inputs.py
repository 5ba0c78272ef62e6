"""What a benchmark reads that does not come with it, checked before it starts."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "training"))

from folders import holding  # noqa: E402
from folders import reader as reader_folder  # noqa: E402

__all__ = ["DEMO", "ROOT", "add_project", "corpus_file", "evaluation_set", "reader_folder"]
DEMO = ROOT / "examples" / "help-centre"


def evaluation_set(name: str) -> Path:
    """The folder of one evaluation set; docs/log.md tells where each comes from. Raises SystemExit with one line where it is missing."""
    return _there("RAGRAFT_DATA", "data", name, "evaluation sets")


def corpus_file(name: str) -> Path:
    """A file of the corpus that the packaged models are trained on. Raises SystemExit with one line where it is missing."""
    return _there("RAGRAFT_CORPUS", "corpus", name, "corpus")


def _there(variable: str, default: str, name: str, what: str) -> Path:
    path = Path(os.environ.get(variable) or ROOT.parent / "shared" / default) / name
    if not path.exists():
        raise SystemExit(f"{path}: not there; {variable} names the folder of the {what}")
    return path


def add_project(parser: argparse.ArgumentParser) -> None:
    """A project's folder; the demo's if none is named."""
    kind = holding("ragraft.toml", remedy="name a project's folder")
    parser.add_argument(
        "project", nargs="?", type=kind, default=DEMO, help="a project's folder; the demo's if not named"
    )

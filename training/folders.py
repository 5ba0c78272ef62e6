"""Folders that a script of the recipe reads, checked before it starts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

MODEL = "model.safetensors"


def holding(name: str) -> Callable[[str], Path]:
    """An argparse type: a folder in which there is a file of this name (a glob pattern), or one line that says what is missing."""

    def folder(path: str) -> Path:
        if not any(Path(path).glob(name)):
            raise argparse.ArgumentTypeError(f"{path}: no {name} there")
        return Path(path)

    return folder

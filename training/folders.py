"""Folders that a script of the recipe reads, checked before it starts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

WEIGHTS = "model.safetensors"


def holding(*names: str, remedy: str) -> Callable[[str], Path]:
    """An argparse type: a folder in which there are files of these names (glob patterns), or one line that says what is missing."""

    def folder(path: str) -> Path:
        for name in names:
            if not any(Path(path).glob(name)):
                raise argparse.ArgumentTypeError(f"{path}: no {name} there; {remedy}")
        return Path(path)

    return folder


corpus = holding("squad-25.jsonl.xz", "wikipedia-1.jsonl.xz", remedy="name the folder of the corpus")
tokenizer = holding("tokenizer.json", remedy="training/pocket_tokenizer.py makes one")
model = holding("config.json", WEIGHTS, remedy="name a model directory, such as RUN/model")
reader = holding("config.json", "adapter.safetensors", remedy="training/reader_export.py makes them")
shards = holding("shard-*.npz", remedy="training/pocket_pack.py makes them")
reader_rows = holding("human.npz", "dev.jsonl", remedy="training/reader_data.py makes them")

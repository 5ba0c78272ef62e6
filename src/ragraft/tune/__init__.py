"""Tuning for the `answer` task: training rows from examples, and LoRA adapters from training rows."""

from ragraft.tune.lora import train
from ragraft.tune.rows import closed_book, raft

__all__ = ["closed_book", "raft", "train"]

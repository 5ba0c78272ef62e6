"""The closed sets of names: tasks, arms, splits, probes, roles; and the reader that everybody is."""

from __future__ import annotations

from typing import Literal, get_args

Task = Literal["answer", "classify"]
ArmName = Literal["base", "quote", "rag", "tuned", "tuned+rag", "raft"]
SplitName = Literal["train", "dev", "test"]
ProbeName = Literal[
    "freshness", "deletion", "permission", "injection", "forgetting", "leakage", "robustness", "load", "overfitting",
    "style", "context", "growth", "setup",
]  # fmt: skip
Role = Literal["system", "user", "assistant"]

ARMS: tuple[ArmName, ...] = ("base", "quote", "rag", "tuned", "tuned+rag", "raft")
PROBES: tuple[ProbeName, ...] = get_args(ProbeName)
EVERYONE = "everyone"

"""What is learned from: examples and their split, training rows; and what comes of it: adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ragraft.types.answers import Message
from ragraft.types.names import ArmName


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled question. For `classify`, `question` is the text and `answers[0]` the label.

    `must_include`: facts that a right answer holds; each fact is a tuple of accepted spellings.
    `documents`: ids of the documents that hold the answer; empty where unknown or unanswerable.
    `human` marks a truth written by a person (False: synthetic).
    """

    id: str
    question: str
    answers: tuple[str, ...]
    must_include: tuple[tuple[str, ...], ...] = ()
    documents: tuple[str, ...] = ()
    group: str
    answerable: bool = True
    human: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicate:
    """Two examples whose questions are alike (`similarity` = cosine of their embeddings)."""

    a: str
    b: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Train, dev and the sealed test split, by group. `joined`: near-duplicate pairs of different groups, whose groups
    were kept together so that no pair straddles splits; `straddling` counts the pairs that still do (0)."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    threshold: float
    joined: tuple[NearDuplicate, ...] = ()
    straddling: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """One supervised example: loss falls on `target` only. `documents` is the lineage; `oracle` says whether the
    passages in the prompt hold the answer (None for closed-book rows)."""

    id: str
    example: str
    messages: tuple[Message, ...]
    target: str
    kind: Literal["closed-book", "raft"]
    oracle: bool | None = None
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One evaluation during training: mean loss per answer token on train (since the last point) and on dev."""

    step: int
    epoch: float
    train_loss: float
    dev_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A trained change to a base model. `path` is a directory; `curve` the learning curve; `best_step` the kept checkpoint."""

    path: str
    base: str
    fingerprint: str
    rows: int
    dev_rows: int
    tokens: int
    seconds: float
    best_step: int
    curve: tuple[CurvePoint, ...]
    documents: tuple[str, ...] = ()
    stopped_early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedArm:
    """The adapter behind an arm, for the report's learning curves."""

    arm: ArmName
    adapter: Adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A document that a reader may not read and that an adapter learned from, with the examples through which it did."""

    document: str
    examples: tuple[str, ...]

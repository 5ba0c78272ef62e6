"""Search settings beside each other: what a race over them tells, and what one finished search is worth under a setting.

In: finished searches and examples. Out: marks. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ragraft.compare.race import Difference
from ragraft.config import ChunksSection
from ragraft.types import Estimate, Example

DEEPEST = 20
"""Passages that are kept of each search: a reranker's candidates, and the most that a setting can show."""

Fate = Literal["present", "won", "no better", "dropped"]
RoundName = Literal["chunk tokens", "BM25 weight", "reranker", "passages", "floor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a search is made by, as far as the race may change it."""

    chunks: ChunksSection
    bm25_weight: float
    reranker: str | None
    passages: int
    floor: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One passage of a finished search."""

    document: str
    score: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One finished search: its passages, best first, without floor, `DEEPEST` at most."""

    example: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How one search did. `score`: nDCG@10 of the documents named; of a question without an answer 1 when nothing is returned,
    else 0 (as SQuAD 2.0 scores such questions). `ndcg`, `recall`: None for these."""

    score: float
    ndcg: float | None
    recall: float | None
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceLine:
    """One setting of one round. `score`, `ndcg`, `recall` (of the documents named, in its passages), `empty` (share of the
    questions without an answer for which nothing was returned; None where there are none) and `tokens` a question are means over
    the `n` questions that it was asked; `difference` is to the present setting."""

    round: RoundName
    value: str
    fate: Fate
    n: int
    score: Estimate
    ndcg: float | None
    recall: float | None
    empty: float | None
    tokens: float
    difference: Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A key of `ragraft.toml` that a race was won for; None: the key is not there."""

    section: str
    key: str
    before: str | None
    after: float | int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRace:
    """A finished race over `n` dev questions, `unanswerable` of them without an answer. `notes`: what was not raced, and why."""

    n: int
    unanswerable: int
    lines: tuple[RaceLine, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    written: bool
    seconds: float


def marked(example: Example, found: Found, setting: Setting) -> Marks:
    """What a finished search is worth under a setting: its floor and its number of passages hold here."""
    shown = [h for h in found.hits if setting.floor is None or h.score >= setting.floor][: setting.passages]
    tokens = sum(h.tokens for h in shown)
    if not example.documents:
        return Marks(score=float(not shown), ndcg=None, recall=None, tokens=tokens)
    ndcg, recall = _graded(set(example.documents), list(dict.fromkeys(h.document for h in shown)))
    return Marks(score=ndcg, ndcg=ndcg, recall=recall, tokens=tokens)


def _graded(right: set[str], ranked: Sequence[str]) -> tuple[float, float]:
    """nDCG@10 and recall of one ranking, by ir-measures."""
    import ir_measures

    if not ranked:
        return 0.0, 0.0
    measures = (ir_measures.nDCG @ 10, ir_measures.R @ DEEPEST)
    run = {"q": {document: -float(rank) for rank, document in enumerate(ranked)}}
    values = ir_measures.calc_aggregate(measures, {"q": dict.fromkeys(right, 1)}, run)
    return float(values[measures[0]]), float(values[measures[1]])

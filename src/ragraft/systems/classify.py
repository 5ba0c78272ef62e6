"""The `classify` arms: a text to a label. In: labelled examples, an embedder, perhaps a tuned encoder. Out: `Classifier`s.

Nothing is written. Each `by_…` function makes a `Scorer` (a number per text and label); `build` turns the one that belongs
to an arm into a classifier.

Texts that belong to no class: where training examples carry the out-of-scope label it is a label like the others for every
arm that learns from examples. `base` knows names only, and that label's name says nothing; so `base`, and any arm whose
training examples hold none, gives the out-of-scope label where its confidence stays under a threshold calibrated on dev.
Where dev holds no such example either, nothing can be calibrated and every text gets a class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragraft.errors import DataError
from ragraft.models.protocol import Embedder
from ragraft.tune import encoder
from ragraft.tune.encoder import label_of
from ragraft.types import Adapter, ArmName, Example, Split

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOT_APPLICABLE: dict[ArmName, str] = {
    "quote": "classify answers with a label, and there is no passage to quote one from",
    "raft": "classify has no passages to train with: `tuned+rag` is where tuning and examples meet",
}
"""Arms that do not exist for this task, and why."""

NEIGHBOURS = 10
SHARPNESS = 0.05
"""Cosine by which a neighbour must be nearer to weigh e times as much. Both chosen on Banking77's training rows."""

_NAME = "about {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A class for one text. `confidence` in [0, 1]: comparable within an arm, not between arms."""

    label: str
    confidence: float


Classifier = Callable[[Sequence[str]], tuple[Label, ...]]
"""Texts to labels, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """`scores(texts)` is an array of n texts × labels, in [0, 1], in the order of `labels`."""

    labels: tuple[str, ...]
    scores: Callable[[Sequence[str]], NDArray[np.floating]]


def build(arm: ArmName, embedder: Embedder, parts: Split, adapter: Adapter | None, out_of_scope: str) -> Classifier:
    """The classifier of `arm`. `adapter` is the tuned encoder, needed by `tuned` and `tuned+rag` only.

    Raises `DataError` for an arm that does not apply, for no training examples and for a missing adapter.
    """
    if arm in NOT_APPLICABLE:
        raise DataError(f"`{arm}` does not apply: {NOT_APPLICABLE[arm]}")
    if not parts.train:
        raise DataError("no training examples: the train split is empty; add labelled examples")
    scorer = _scorer(arm, embedder, parts, adapter, out_of_scope)
    if out_of_scope in scorer.labels:
        return decide(scorer)
    return decide(scorer, out_of_scope=out_of_scope, below=_threshold(scorer, parts.dev, out_of_scope))


def _scorer(arm: ArmName, embedder: Embedder, parts: Split, adapter: Adapter | None, out_of_scope: str) -> Scorer:
    if arm == "base":
        known = {label_of(e) for e in (*parts.train, *parts.dev)} - {out_of_scope}
        return by_label_name(embedder, sorted(known))
    if arm == "rag":
        return by_nearest(embedder, parts.train)
    if adapter is None:
        raise DataError(f"`{arm}` needs its trained encoder: run `ragraft tune` first")
    tuned = by_encoder(Path(adapter.path))
    return tuned if arm == "tuned" else by_both(tuned, by_nearest(embedder, parts.train))


def by_label_name(embedder: Embedder, labels: Sequence[str]) -> Scorer:
    """Cosine of the text and each label's name made readable, negative ones counted as 0. Raises `DataError` for no labels."""
    if not labels:
        raise DataError("no labels: every example is out of scope; add examples of at least one class")
    names = embedder.embed([_NAME.format(readable(label)) for label in labels])
    return Scorer(labels=tuple(labels), scores=lambda texts: np.clip(embedder.embed(texts) @ names.T, 0, 1))


def by_nearest(
    embedder: Embedder, examples: Sequence[Example], *, k: int = NEIGHBOURS, sharpness: float = SHARPNESS
) -> Scorer:
    """A vote of the `k` nearest examples, each weighing exp(cosine / sharpness), as shares that sum to 1."""
    labels, truth = _numbered(examples)
    known = embedder.embed([e.question for e in examples])
    member = np.eye(len(labels), dtype=np.float32)[truth]
    k = min(k, len(examples))

    def scores(texts: Sequence[str]) -> NDArray[np.float32]:
        cosines = embedder.embed(texts) @ known.T
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(cosines, nearest, axis=1)
        weights = np.exp((found - found.max(axis=1, keepdims=True)) / sharpness)
        votes = np.einsum("nk,nkl->nl", weights, member[nearest])
        return votes / votes.sum(axis=1, keepdims=True)

    return Scorer(labels=labels, scores=scores)


def by_encoder(folder: Path) -> Scorer:
    """The probabilities of the fine-tuned encoder in `folder`. Raises `ModelError` when it cannot be loaded."""
    tuned = encoder.load(folder)
    return Scorer(labels=tuned.labels, scores=tuned.probabilities)


def by_both(tuned: Scorer, nearest: Scorer) -> Scorer:
    """The mean of two distributions over the same labels. Raises `DataError` when the labels differ."""
    if tuned.labels != nearest.labels:
        raise DataError("the tuned encoder knows other labels than the examples: run `ragraft tune` again")
    return Scorer(labels=tuned.labels, scores=lambda texts: 0.5 * tuned.scores(texts) + 0.5 * nearest.scores(texts))


def decide(scorer: Scorer, *, out_of_scope: str = "", below: float = 0.0) -> Classifier:
    """The best-scored label of each text, or `out_of_scope` where its score is under `below`; the confidence that a text
    is out of scope is what the best label's score lacks to 1."""

    def classify(texts: Sequence[str]) -> tuple[Label, ...]:
        if not texts:
            return ()
        scores = scorer.scores(texts)
        best = scores.argmax(axis=1)
        return tuple(
            Label(label=out_of_scope, confidence=1 - float(row[b]))
            if row[b] < below
            else Label(label=scorer.labels[b], confidence=float(row[b]))
            for row, b in zip(scores, best, strict=True)
        )

    return classify


def _threshold(scorer: Scorer, dev: Sequence[Example], out_of_scope: str) -> float:
    """The confidence that makes most dev labels right; 0 (nothing is out of scope) where dev holds no such example."""
    inside = np.array([label_of(e) != out_of_scope for e in dev], dtype=bool)
    if inside.all():
        return 0.0
    scores = scorer.scores([e.question for e in dev])
    best, order = scores.max(axis=1), scores.argmax(axis=1)
    right = np.array([scorer.labels[b] == label_of(e) for b, e in zip(order, dev, strict=True)])
    # Halfway between neighbouring dev scores, so that no dev text lies on the threshold.
    found = np.unique(best)
    cuts = np.concatenate(([0.0], (found[:-1] + found[1:]) / 2, [np.nextafter(found[-1], 2)]))
    hits = [int(np.sum(np.where(best < cut, ~inside, right))) for cut in cuts]
    return float(cuts[int(np.argmax(hits))])


def readable(label: str) -> str:
    """`card_arrival`, `CardArrival` and `card-arrival` as `card arrival`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", label)
    return " ".join(re.sub(r"[_\-/.:]+", " ", parted).split()).lower() or label


def _numbered(examples: Sequence[Example]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The labels that occur, sorted, and each example's place among them."""
    labels, truth = np.unique([label_of(e) for e in examples], return_inverse=True)
    return tuple(labels.tolist()), truth.astype(np.int64)

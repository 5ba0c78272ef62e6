"""Examples -> train, dev and the sealed test split. In: examples and an embedding function. Out: a `Split` in which no group
and no pair of near-duplicate questions stands on two sides. Writes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragraft.config import ExamplesSection
from ragraft.errors import DataError
from ragraft.types import Example, NearDuplicate, Split, SplitName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]

_BLOCK = 512
"""Rows of the similarity matrix held at once: 512 x 10,000 float32 are 20 MB."""
_NAMES: tuple[SplitName, ...] = ("train", "dev", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alike:
    """Examples `others` (all after `row`) whose question is a near duplicate of example `row`'s."""

    row: int
    others: NDArray[np.intp]
    cosine: NDArray[np.float32]


def split(
    examples: Sequence[Example], embed: Embed, config: ExamplesSection, seed: int, *, stratify: bool = False
) -> Split:
    """Split by group, with near-duplicate questions kept together first.

    `embed(questions)`: float32, n x d, rows of length 1. Two questions are near duplicates when their cosine reaches
    `config.near_duplicate` or they are equal but for case, punctuation and spacing; their groups are joined (`Split.joined`
    lists the pairs that joined two groups). Groups, shuffled by `seed` and largest first, go where the shares of
    `config` are missed most; `stratify` keeps each label's share (classify), otherwise the share of unanswerable questions
    is kept. `Split.straddling` is counted on the result.

    Raises `DataError` when fewer than two groups are left to split, and when joining puts more than half of the examples into
    one group that was not one before: chained near duplicates would then decide the split, and leaving them apart
    would leak, so the threshold is the user's to raise.
    """
    import numpy as np

    _check(examples)
    vectors = np.asarray(embed([e.question for e in examples]), dtype=np.float32)
    keys = _numbered([normalise(e.question) for e in examples])
    groups = _numbered([e.group for e in examples])
    component, joined = _join(examples, groups, vectors, keys, config.near_duplicate)
    _check_joined(examples, groups, component, config.near_duplicate)
    strata = _numbered([(e.answers[0] if e.answers else "") if stratify else str(e.answerable) for e in examples])
    side = _assign(component, strata, (config.train, config.dev, config.test), seed)
    straddling = sum(int((side[a.others] != side[a.row]).sum()) for a in _alike(vectors, keys, config.near_duplicate))
    train, dev, test = (tuple(e for e, s in zip(examples, side, strict=True) if s == n) for n in range(3))
    return Split(
        train=train, dev=dev, test=test, threshold=config.near_duplicate, joined=tuple(joined), straddling=straddling
    )


def normalise(question: str) -> str:
    """A question without case, accents' encoding, punctuation and spacing; itself where nothing else is left."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", question).casefold())) or question


def _numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """Equal names get equal numbers, in order of first appearance."""
    import numpy as np

    number: dict[str, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], dtype=np.int64)


def _check(examples: Sequence[Example]) -> None:
    if not examples:
        raise DataError("no examples to split: add some to the examples file")
    if len({e.group for e in examples}) < 2:
        raise DataError(
            f"all {len(examples)} examples are of one group ({examples[0].group!r}): a sealed test split needs at least two "
            "groups; give examples of different documents or topics different `group` values, or leave `group` out"
        )


def _check_joined(
    examples: Sequence[Example], groups: NDArray[np.int64], component: NDArray[np.int64], threshold: float
) -> None:
    import numpy as np

    labels, sizes = np.unique(component, return_counts=True)
    largest = component == labels[sizes.argmax()]
    remedy = f"raise `near_duplicate` (now {threshold}) in [examples], or add different questions"
    if len(labels) < 2:
        raise DataError(
            f"all {len(examples)} examples are near duplicates of one another, so one group is left and a sealed test split "
            f"needs at least two groups: {remedy}"
        )
    biggest_before = int(np.unique(groups[largest], return_counts=True)[1].max())
    if largest.sum() > len(examples) / 2 and largest.sum() > biggest_before:
        raise DataError(
            f"near duplicates chain {int(largest.sum())} of {len(examples)} examples into one group, which no split can hold "
            f"fairly: {remedy}"
        )


def _alike(vectors: NDArray[np.float32], keys: NDArray[np.int64], threshold: float) -> Iterator[_Alike]:
    """Every near-duplicate pair once, by its first member; memory is bounded by `_BLOCK` rows."""
    import numpy as np

    # Rounding must not let two equal vectors fall short of a threshold of 1.
    floor = threshold - 1e-6
    for start in range(0, len(vectors), _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ vectors[start:].T
        for offset, row in enumerate(cosines):
            after = slice(offset + 1, None)
            others = np.flatnonzero((row[after] >= floor) | (keys[start:][after] == keys[start + offset]))
            if len(others):
                yield _Alike(row=start + offset, others=others + start + offset + 1, cosine=row[after][others])


def _join(
    examples: Sequence[Example],
    groups: NDArray[np.int64],
    vectors: NDArray[np.float32],
    keys: NDArray[np.int64],
    threshold: float,
) -> tuple[NDArray[np.int64], list[NearDuplicate]]:
    """(component of each example, the pairs that joined two of them)."""
    component = groups.copy()
    joined: list[NearDuplicate] = []
    for alike in _alike(vectors, keys, threshold):
        foreign = component[alike.others] != component[alike.row]
        for other, cosine in zip(alike.others[foreign], alike.cosine[foreign], strict=True):
            if component[other] == component[alike.row]:
                continue
            component[component == component[other]] = component[alike.row]
            pair = examples[alike.row].id, examples[int(other)].id
            joined.append(NearDuplicate(a=pair[0], b=pair[1], similarity=round(min(float(cosine), 1.0), 4)))
    return component, joined


def _assign(
    component: NDArray[np.int64], strata: NDArray[np.int64], fractions: tuple[float, float, float], seed: int
) -> NDArray[np.int64]:
    """The side (0 train, 1 dev, 2 test) of each example; whole components only.

    Greedy: the component goes where the examples still missing, in its own strata and over all, are most.
    """
    import numpy as np

    labels, index = np.unique(component, return_inverse=True)
    counts = np.zeros((len(labels), int(strata.max()) + 1))
    np.add.at(counts, (index, strata), 1)
    sizes = counts.sum(axis=1)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    # By size to the nearest power of two: exact order would leave the seed nothing to decide among unequal groups.
    order = shuffled[np.argsort(-np.round(np.log2(sizes[shuffled])), kind="stable")]
    missing = np.outer(fractions, counts.sum(axis=0))
    barred = np.where(np.array(fractions) > 0, 0.0, np.inf)
    side = np.zeros(len(labels), dtype=np.int64)
    for one in order:
        need = missing @ counts[one] + sizes[one] * missing.sum(axis=1) / counts.shape[1] - barred
        side[one] = int(need.argmax())
        missing[side[one]] -= counts[one]
    _fill_empty(side, sizes, fractions)
    return side[index]


def _fill_empty(side: NDArray[np.int64], sizes: NDArray[np.float64], fractions: tuple[float, float, float]) -> None:
    """Give a side that should hold something, but got nothing, the smallest component of the side with the most; the
    test split first, and dev never at the cost of the last component of another."""
    import numpy as np

    for empty in (2, 0, 1):
        if fractions[empty] == 0 or (side == empty).any():
            continue
        held = np.bincount(side, minlength=3)
        # With two groups only, dev gives way to train and test.
        donor = 1 if empty != 1 and held[1] and held.max() == 1 else int(held.argmax())
        if held[donor] > 1 or donor == 1:
            theirs = np.flatnonzero(side == donor)
            side[theirs[sizes[theirs].argmin()]] = empty

"""Racing: many settings on the same questions, each dropped as soon as a paired test rules it out.

In: a function that scores a setting on some questions. Out: each setting's scores as far as it came, and tests against the
first. Nothing is written. After Maron and Moore 1994 ("Hoeffding Races") and Birattari et al. 2002 (F-Race), with the paired
permutation tests of `stats` in the place of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ragraft.compare import stats

LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One setting's scores on the first questions: all of them, unless it was `dropped` after the last one it was asked."""

    values: tuple[float, ...]
    dropped: bool

    @property
    def mean(self) -> float:
        return float(np.mean(self.values)) if self.values else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """mean(a setting) - mean(the first) over the questions that both were asked, its 95 % interval, and p after Holm's
    adjustment over the race and Bonferroni's over `families` races. A dropped setting has p 1: it is out."""

    mean: float
    low: float
    high: float
    p_adjusted: float

    @property
    def better(self) -> bool:
        return self.mean > 0 and self.p_adjusted < LEVEL


def race(
    score: Callable[[int, int, int], Sequence[float]], settings: int, groups: Sequence[str], *, seed: int, block: int
) -> tuple[Lane, ...]:
    """Ask all settings `block` questions after another. Between blocks, those that a paired test (Holm over the settings still
    running) finds worse than the best are dropped; the first one, which the others are measured against, stays.

    `score(setting, start, stop)`: its scores on these questions. `groups`: the group of each question, clustered in the tests.
    """
    found: list[list[float]] = [[] for _ in range(settings)]
    running = list(range(settings))
    for start in range(0, len(groups), block):
        stop = min(start + block, len(groups))
        for setting in running:
            found[setting] += score(setting, start, stop)
        if stop < len(groups):
            worse = _worse({s: np.array(found[s]) for s in running}, groups[:stop], seed)
            running = [s for s in running if s == 0 or s not in worse]
    return tuple(Lane(values=tuple(values), dropped=n not in running) for n, values in enumerate(found))


def _worse(values: dict[int, np.ndarray], groups: Sequence[str], seed: int) -> set[int]:
    best = max(values, key=lambda s: (values[s].mean(), -s))
    others = [s for s in values if s != best]
    tested = stats.holm([stats.permutation_p(values[best] - values[s], groups, seed=seed) for s in others])
    return {s for s, p in zip(others, tested, strict=True) if p < LEVEL and values[best].mean() > values[s].mean()}


def differences(
    lanes: Sequence[Lane], groups: Sequence[str], *, seed: int, families: int = 1
) -> tuple[Difference, ...]:
    """Every setting but the first against the first. `families`: how many races one decision rests on."""
    first = np.array(lanes[0].values)
    paired = [np.array(lane.values) - first[: len(lane.values)] for lane in lanes[1:]]
    p = [
        1.0 if lane.dropped else stats.permutation_p(d, groups, seed=seed)
        for lane, d in zip(lanes[1:], paired, strict=True)
    ]
    return tuple(
        _difference(d, groups[: len(d)], min(1.0, families * adjusted), seed)
        for d, adjusted in zip(paired, stats.holm(p), strict=True)
    )


def _difference(values: np.ndarray, groups: Sequence[str], p: float, seed: int) -> Difference:
    interval = stats.bootstrap(values, groups, seed=seed)
    return Difference(mean=float(values.mean()), low=interval.low, high=interval.high, p_adjusted=p)

"""`[weights]` -> one weighted score per arm. Pure functions; nothing is written.

Every weighed figure x becomes a mark from 0 to 1, and the score is the weighted mean of the marks:

    a share, higher is better          x
    a share, lower is better           1 - x
    any other, lower is better         least / x    (of the arms compared; figures below 0 count as 0, and 0 / 0 is 1)
    any other, higher is better        x / most

So half the time or half the money is worth as much whatever its unit. An arm without one of the figures has no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragraft.compare import wording
from ragraft.compare.marks import draws_p
from ragraft.compare.resample import Draws
from ragraft.compare.rows import FIGURES, row
from ragraft.config import Config
from ragraft.errors import ConfigError
from ragraft.types import PROBES, ArmName, Comparison, Exclusion, Tradeoff

Array = NDArray[np.float64]


def check(config: Config) -> None:
    """Raises `ConfigError` for a weight on what is no trade-off, before anything is measured."""
    for name in config.weights:
        probe, dot, _ = name.partition(".")
        if name not in wording.METRICS and name not in FIGURES and not (dot and probe in PROBES):
            known = ", ".join((*wording.METRICS, *FIGURES))
            raise ConfigError(f"weights: `{name}` is no trade-off; there are {known}, and PROBE.FIGURE")


def marks(values: Array, unit: str, *, higher: bool) -> Array:
    """Marks of one figure; the last axis of `values` is the arm."""
    if unit == "share":
        return values if higher else 1 - values
    values = np.maximum(values, 0.0)
    if higher:
        most = values.max(axis=-1, keepdims=True)
        return np.divide(values, most, out=np.ones_like(values), where=most > 0)
    least = values.min(axis=-1, keepdims=True)
    return np.divide(least, values, out=np.ones_like(values), where=values > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Scores of the arms that can be weighed: as measured, and in every draw (draws × arms)."""

    arms: tuple[ArmName, ...]
    scores: Array
    drawn: Array | None
    left_out: tuple[Exclusion, ...]

    def score(self, arm: ArmName) -> float:
        return float(self.scores[self.arms.index(arm)])


def weigh(
    comparison: Comparison, table: Sequence[Tradeoff], arms: Sequence[ArmName], config: Config, draws: Draws | None
) -> Weighed:
    """The weighted scores of `arms` by the config's weights, which must not all be 0."""
    weights = {name: w for name, w in config.weights.items() if w > 0}
    out: list[Exclusion] = [e for arm in arms if (e := _unmeasured(table, arm, weights))]
    gone = {e.arm for e in out}
    kept: tuple[ArmName, ...] = tuple(a for a in arms if a not in gone)
    found = [r for name in weights if (r := row(table, name))]
    share = np.array([weights[r.name] for r in found])
    share = share / share.sum() if len(share) else share
    point = [np.array([r.value(a) or 0.0 for a in kept]) for r in found]
    scores = _mean(point, found, share, len(kept))
    drawn = None
    if draws is not None and kept:
        columns = [np.stack([_drawn(draws, comparison, r, a, config) for a in kept], axis=1) for r in found]
        drawn = _mean(columns, found, share, len(kept))
    return Weighed(arms=kept, scores=scores, drawn=drawn, left_out=tuple(out))


def _mean(values: Sequence[Array], found: Sequence[Tradeoff], share: Array, arms: int) -> Array:
    if not values or not arms:
        return np.zeros(arms)
    marked = [marks(v, r.unit, higher=bool(r.higher_is_better)) for v, r in zip(values, found, strict=True)]
    return np.tensordot(share, np.stack(marked), axes=1)


def _drawn(draws: Draws, comparison: Comparison, found: Tradeoff, arm: ArmName, config: Config) -> Array:
    drawn = draws.of(found.name, comparison.summary(arm), found, config)
    return np.full(draws.n, found.value(arm) or 0.0) if drawn is None else drawn


def _unmeasured(table: Sequence[Tradeoff], arm: ArmName, weights: Mapping[str, float]) -> Exclusion | None:
    """Why the arm cannot be weighed."""
    for name in weights:
        found = row(table, name)
        if found is None or found.value(arm) is None or found.higher_is_better is None:
            reading = found.reading(arm) if found else None
            why = (reading and reading.reason) or (
                "it has no figure"
                if found is None or found.higher_is_better is not None
                else "neither high nor low is better"
            )
            return Exclusion(arm=arm, constraint="weights", sentence=f"`{arm}` cannot be weighed by `{name}`: {why}.")
    return None


def differs(weighed: Weighed, a: ArmName, b: ArmName) -> float:
    """Two-sided bootstrap p that the scores of two arms are the same. 1 without draws."""
    if weighed.drawn is None:
        return 1.0
    return draws_p(weighed.drawn[:, weighed.arms.index(a)] - weighed.drawn[:, weighed.arms.index(b)])

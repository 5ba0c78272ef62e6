"""Test cases, timed requests and probe intervals -> draws of every figure of the trade-off table. Nothing is written.

One draw takes whole groups of test cases with replacement, the same for every arm and metric, and timed requests likewise; so
differences between arms stay paired. The cases of a probe's figure are drawn in the same way, row by row. A figure whose cases are not at
hand is drawn from a normal distribution that has its 95 % interval; what was measured once stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragraft.compare.compare import machine_seconds
from ragraft.compare.cost import rates
from ragraft.compare.stats import cluster_sums
from ragraft.config import Config
from ragraft.types import Answer, ArmName, ArmSummary, Comparison, Evaluation, Reading, Tradeoff

DRAWS = 2000
_TWO_SIDES = 2 * 1.959963984540054

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Per draw: mean machine seconds, prompt tokens and completion tokens of one question of an arm."""

    seconds: Array
    prompt: Array
    completion: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """`figures[row][arm]`: that figure in every draw, for all but the figures of money, which follow from `usage` and prices."""

    n: int
    figures: Mapping[str, Mapping[ArmName, Array]]
    usage: Mapping[ArmName, Usage]

    def per_question(self, s: ArmSummary, config: Config) -> Array | None:
        """What one question of the arm costs, in every draw; None where it was not measured or has no price."""
        rate, used = rates(s, config), self.usage.get(s.arm)
        if rate is None or used is None:
            return None
        return used.seconds * rate.second + used.prompt * rate.prompt + used.completion * rate.completion

    def of(self, name: str, s: ArmSummary, found: Tradeoff, config: Config) -> Array | None:
        """One figure of one arm in every draw; None where it was not measured."""
        value = found.value(s.arm)
        if value is None:
            return None
        if name in ("per_1000", "monthly"):
            one = self.per_question(s, config)
            times = 1000 if name == "per_1000" else config.traffic.questions_per_month
            return None if one is None or s.cost.per_1000 is None else value + times * (one - s.cost.per_1000 / 1000)
        drawn = self.figures.get(name, {}).get(s.arm)
        return np.full(self.n, value) if drawn is None else drawn


def draw(
    evaluations: Sequence[Evaluation],
    comparison: Comparison,
    table: Sequence[Tradeoff],
    config: Config,
    *,
    n: int = DRAWS,
) -> Draws:
    """`n` draws, by the config's seed. The evaluations must be those of the comparison."""
    seed = config.project.seed
    groups = [c.group for c in evaluations[0].cases] if evaluations else []
    counts = _counts(len(set(groups)), seed, n)
    figures: dict[str, dict[ArmName, Array]] = {}
    for row in table:
        if row.unit != "money":
            figures[row.name] = {r.arm: _interval(r, row.unit, seed, n) for r in row.readings if r.value is not None}
            figures[row.name] |= _of_cases(row, seed, n)
    usage: dict[ArmName, Usage] = {}
    for e in evaluations:
        for name in dict.fromkeys(s.name for c in e.cases for s in c.scores):
            drawn = _means([c.value(name) for c in e.cases], groups, counts)
            if drawn is not None and name in figures:
                figures[name][e.arm] = drawn
        if not e.latency:
            continue
        picked = np.random.default_rng(seed).integers(0, len(e.latency), size=(n, len(e.latency)))
        figures["p50_ms"][e.arm], figures["p95_ms"][e.arm] = (
            1000 * np.percentile(np.array([t.total for t in e.latency])[picked], q, axis=1) for q in (50, 95)
        )
        answers = [c.outcome if isinstance(c.outcome, Answer) else None for c in e.cases]
        prompt, completion = (
            _means([None if a is None else float(getattr(a, part)) for a in answers], groups, counts)
            for part in ("prompt_tokens", "completion_tokens")
        )
        if prompt is not None and completion is not None:
            own = np.array([machine_seconds(t, e.arm, config) for t in e.latency])
            usage[e.arm] = Usage(seconds=own[picked].mean(axis=1), prompt=prompt, completion=completion)
    return Draws(n=n, figures=figures, usage=usage)


def _counts(groups: int, seed: int, n: int) -> Array:
    """How often each group is drawn: `n` rows."""
    if not groups:
        return np.zeros((n, 0))
    return np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=n).astype(np.float64)


def _means(values: Sequence[float | None], groups: Sequence[str], counts: Array) -> Array | None:
    """The mean of what is scored in each draw of groups; a draw with none of it has the mean of all."""
    there = np.array([v is not None for v in values])
    if not there.any():
        return None
    filled = np.array([0.0 if v is None else v for v in values])
    sums, _ = cluster_sums(filled, groups)
    sizes, _ = cluster_sums(there.astype(np.float64), groups)
    return _ratio(sums, sizes, counts)


def _ratio(sums: Array, sizes: Array, counts: Array) -> Array:
    total = counts @ sizes
    return np.divide(counts @ sums, total, out=np.full(len(counts), sums.sum() / sizes.sum()), where=total > 0)


def _of_cases(row: Tradeoff, seed: int, n: int) -> dict[ArmName, Array]:
    """Draws of the groups that any arm's cases belong to, the same for all arms of the row."""
    order = {g: i for i, g in enumerate(sorted({c.group for r in row.readings for c in r.cases}))}
    counts = _counts(len(order), seed, n)
    drawn: dict[ArmName, Array] = {}
    for r in row.readings:
        if r.cases:
            where, values = [order[c.group] for c in r.cases], [c.value for c in r.cases]
            sums = np.bincount(where, weights=values, minlength=len(order)).astype(np.float64)
            drawn[r.arm] = _ratio(sums, np.bincount(where, minlength=len(order)).astype(np.float64), counts)
    return drawn


def _interval(reading: Reading, unit: str, seed: int, n: int) -> Array:
    """Draws that have the reading's interval, or its value throughout where it has none."""
    value = reading.value or 0.0
    if reading.low is None or reading.high is None or not np.isfinite(reading.high - reading.low):
        return np.full(n, value)
    spread = (reading.high - reading.low) / _TWO_SIDES
    # Its own stream per arm: readings of two arms are not paired.
    stream = np.random.default_rng([seed, *reading.arm.encode()])
    drawn = stream.normal(value, spread, size=n)
    return np.clip(drawn, 0.0, 1.0) if unit == "share" else np.maximum(drawn, 0.0)

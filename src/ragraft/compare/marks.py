"""Rows of the trade-off table -> the same rows with marks: which arm is best, and which differ from it beyond noise.

Pure functions; nothing is written. How a row is tested:

- a metric of the test cases: the paired test of the report's differences, Holm-adjusted over all pairs of the row;
- a probe's figure: the same over the cases that two arms share, clustered by group. Where they share fewer than `FEWEST` (each arm is
  asked only what it told before), or where a result was saved without its cases: 95 % intervals that do not touch;
- latency and running cost: the same resampled requests for both arms, two-sided, Holm-adjusted likewise;
- what was measured once, such as the time to build: nothing is marked.

The cases of probes are dropped from the rows that go out; the probes' own results keep them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from statistics import fmean

import numpy as np

from ragraft.compare.pairs import find_pair
from ragraft.compare.resample import Draws
from ragraft.compare.stats import holm, paired_p
from ragraft.config import Config
from ragraft.types import ArmName, CaseValue, Comparison, Evaluation, Reading, Tradeoff

LEVEL = 0.05
FEWEST = 5
"""Cases or requests below which nothing is marked."""
PAIRED = "paired test"
UNPAIRED = "intervals apart, unpaired"
SAMPLED = ("p50_ms", "p95_ms", "per_1000", "monthly")

_P = Callable[[ArmName, ArmName], float | None]


def marked(
    table: Sequence[Tradeoff], comparison: Comparison, evaluations: Sequence[Evaluation], draws: Draws, config: Config
) -> tuple[Tradeoff, ...]:
    """Every row with its best arm and the arms that are worse beyond noise."""
    metrics = {e.metric for s in comparison.arms for e in s.estimates}
    return tuple(
        _primary(row, comparison)
        if row.name == comparison.metric
        else _cases(row, evaluations, config.project.seed)
        if row.name in metrics
        else _sampled(row, comparison, draws, config)
        if row.name in SAMPLED
        else _probed(row, config.project.seed)
        for row in map(_best, table)
    )


def _best(row: Tradeoff) -> Tradeoff:
    there = [r for r in row.readings if r.value is not None]
    if row.higher_is_better is None or len(there) < 2:
        return row
    if any(r.n >= FEWEST for r in there):  # a figure of one case is no best
        there = [r for r in there if r.n >= FEWEST]
    sign = -1 if row.higher_is_better else 1
    return replace(row, best=min(there, key=lambda r: sign * (r.value or 0.0)).arm)


def _primary(row: Tradeoff, comparison: Comparison) -> Tradeoff:
    best = row.best
    found = [] if best is None else [(s.arm, find_pair(comparison, best, s.arm)) for s in comparison.arms]
    worse = tuple(arm for arm, test in found if test is not None and test.decisive)
    return replace(row, worse=worse, test=PAIRED if best else "")


def _cases(row: Tradeoff, evaluations: Sequence[Evaluation], seed: int) -> Tradeoff:
    scored: dict[ArmName, list[CaseValue]] = {
        e.arm: [
            CaseValue(case=c.example, group=c.group, value=v) for c in e.cases if (v := c.value(row.name)) is not None
        ]
        for e in evaluations
    }
    return _tested(row, _pairing(row, scored, seed), PAIRED)


def _probed(row: Tradeoff, seed: int) -> Tradeoff:
    p = _pairing(row, {r.arm: r.cases for r in row.readings}, seed)
    paired, apart = _tested(row, p, PAIRED), _disjoint(row)
    if paired.test and row.best:
        best = row.best
        unshared = [arm for arm in apart.worse if p(best, arm) is None]
        test = f"{PAIRED}; {UNPAIRED} where arms share fewer than {FEWEST} cases" if unshared else PAIRED
        found = replace(paired, worse=(*paired.worse, *unshared), test=test)
    else:
        found = apart
    return replace(found, readings=tuple(replace(r, cases=()) for r in found.readings))


def _pairing(row: Tradeoff, cases: Mapping[ArmName, Sequence[CaseValue]], seed: int) -> _P:
    """p of two arms over the cases that both have; None where those are too few. 1 where the shared cases speak against the arm that
    is best over all of its own."""
    known = {arm: _once(found) for arm, found in cases.items()}

    def p(a: ArmName, b: ArmName) -> float | None:
        shared = [(known[a][c], known[b][c]) for c in known[a] if c in known[b]]
        if len(shared) < FEWEST:
            return None
        x, y = np.array([s[0].value for s in shared]), np.array([s[1].value for s in shared])
        lead = float((x - y).mean()) * (1 if row.higher_is_better else -1)
        if (row.best == a and lead < 0) or (row.best == b and lead > 0):
            return 1.0
        return paired_p(x, y, [s[0].group for s in shared], seed=seed)

    return p


def _once(cases: Sequence[CaseValue]) -> dict[str, CaseValue]:
    """By name; a case that was put several times counts with its mean."""
    found: dict[str, list[CaseValue]] = {}
    for c in cases:
        found.setdefault(c.case, []).append(c)
    return {name: replace(same[0], value=fmean(c.value for c in same)) for name, same in found.items()}


def _sampled(row: Tradeoff, comparison: Comparison, draws: Draws, config: Config) -> Tradeoff:
    drawn = {s.arm: None if s.latency_n < FEWEST else draws.of(row.name, s, row, config) for s in comparison.arms}

    def p(a: ArmName, b: ArmName) -> float | None:
        x, y = drawn[a], drawn[b]
        return None if x is None or y is None else draws_p(x - y)

    return _tested(row, p, "resampled requests")


def draws_p(gap: np.ndarray) -> float:
    """Two-sided p from draws of a difference: twice the smaller share on either side of 0, with the +1 correction."""
    fewer = min(int((gap <= 0).sum()), int((gap >= 0).sum()))
    return min(1.0, 2 * (1 + fewer) / (1 + len(gap)))


def _tested(row: Tradeoff, p: _P, test: str) -> Tradeoff:
    arms: list[ArmName] = [r.arm for r in row.readings if r.value is not None]
    found = {(a, b): value for a, b in combinations(arms, 2) if (value := p(a, b)) is not None}
    if not found or row.best is None:
        return row
    adjusted = dict(zip(found, holm(list(found.values())), strict=True))
    worse = [arm for pair, q in adjusted.items() if q < LEVEL and row.best in pair for arm in pair if arm != row.best]
    return replace(row, worse=tuple(worse), test=test)


def _disjoint(row: Tradeoff) -> Tradeoff:
    best = row.reading(row.best) if row.best else None
    if best is None or not _ranged(best):
        return row
    worse = tuple(r.arm for r in row.readings if _ranged(r) and _apart(best, r))
    return replace(row, worse=worse, test=UNPAIRED)


def _ranged(r: Reading) -> bool:
    return r.value is not None and r.low is not None and r.high is not None and r.n >= FEWEST


def _apart(a: Reading, b: Reading) -> bool:
    assert a.low is not None and a.high is not None and b.low is not None and b.high is not None, "ranged"  # noqa: PT018
    return a.high < b.low or b.high < a.low

"""`Report` -> the rows of the table of differences: every pair of arms, turned so that the arm of interest stands first.

In: a `types.Report`. Out: frozen views with positions on one scale. Writes nothing.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ragraft.compare import wording
from ragraft.types import ArmName, Comparison, PairTest, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An interval on a scale from 0 to 100. `zero` is where no difference lies (0 for plain means)."""

    low: float
    mid: float
    high: float
    zero: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """One difference, turned so that the recommended arm stands first."""

    test: PairTest
    bar: Bar
    difference: str
    interval: str
    p: str
    p_adjusted: str
    detectable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    at: float
    text: str


def find_pair(comparison: Comparison, a: ArmName, b: ArmName) -> PairTest | None:
    """The test of `a` against `b`, turned so that `a` stands first."""
    for test in comparison.pairs:
        if (test.a, test.b) == (a, b):
            return test
        if (test.a, test.b) == (b, a):
            return turned(test)
    return None


def turned(test: PairTest) -> PairTest:
    return dataclasses.replace(test, a=test.b, b=test.a, difference=-test.difference, low=-test.high, high=-test.low)


def pair_rows(report: Report) -> tuple[PairRow, ...]:
    """All pairs, those of the recommended arm first and turned towards it, the others with the better arm first.

    The bars share one scale around zero.
    """
    chosen = report.recommendation.arm
    pairs = report.comparison.pairs
    tests = [turned(t) if t.b == chosen or (t.a != chosen and t.difference < 0) else t for t in pairs]
    tests.sort(key=lambda t: t.a != chosen)
    reach = pair_reach(report)
    return tuple(_pair_row(t, reach) for t in tests)


def _pair_row(t: PairTest, reach: float) -> PairRow:
    def place(x: float) -> float:
        return round(50 + 50 * max(-1.0, min(1.0, x / reach)), 2)

    low, high = wording.difference(t.metric, t.low), wording.difference(t.metric, t.high)
    return PairRow(
        test=t,
        bar=Bar(low=place(t.low), mid=place(t.difference), high=place(t.high), zero=50),
        difference=wording.difference(t.metric, t.difference),
        interval=f"{low} to {high}",
        p=wording.p_value(t.p),
        p_adjusted=wording.p_value(t.p_adjusted),
        detectable=wording.difference(t.metric, t.detectable).lstrip("+"),
    )


def pair_reach(report: Report) -> float:
    """The half-width of the differences' scale, rounded up to a tenth."""
    ends = [abs(x) for t in report.comparison.pairs for x in (t.low, t.high)]
    return max(0.1, -(-max(ends, default=0.1) * 10 // 1) / 10)


def pair_ticks(report: Report) -> tuple[Tick, ...]:
    reach, name = pair_reach(report), report.comparison.metric
    texts = (wording.difference(name, -reach), "0", wording.difference(name, reach))
    return tuple(Tick(at=at, text=text) for at, text in zip((0.0, 50.0, 100.0), texts, strict=True))

"""From measurements to a choice: trade-offs, the recommendation, and how far it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ragraft.types.names import ArmName
from ragraft.types.probing import Exclusion, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """One row of the trade-off table. `name`: a metric, a figure of time or cost, or `PROBE.FIGURE`. `unit`: `share`, `ms`, `s`,
    `money`, or a plural noun.

    `best`: the arm with the best figure. `worse`: those whose difference from it is beyond noise, by `test`; where `test` is empty
    nothing was sampled and nothing is marked.
    """

    name: str
    label: str
    group: str
    unit: str
    higher_is_better: bool | None
    readings: tuple[Reading, ...]
    best: ArmName | None = None
    worse: tuple[ArmName, ...] = ()
    test: str = ""

    def reading(self, arm: ArmName) -> Reading | None:
        return next((r for r in self.readings if r.arm == arm), None)

    def value(self, arm: ArmName) -> float | None:
        found = self.reading(arm)
        return found.value if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """Questions a month above which `high` costs less than `low`, which costs less below; None: `low` is cheaper at any volume.

    A 95 % interval over resampled questions; its end is None where it has none.
    """

    low: ArmName
    high: ArmName
    volume: float | None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Where one number of the config, moved alone from `now` (None: not set) past `at`, changes the choice to `arm` (None: no arm
    can be recommended)."""

    parameter: str
    now: float | None
    at: float
    arm: ArmName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wins:
    """The share of draws in which an arm comes first: over resampled test cases, and over random weights (None: not weighed)."""

    arm: ArmName
    cases: float
    weights: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How far the choice holds. `weighed`: the trade-offs that random weights were put on; `unweighed`: those left out because an
    arm has no figure; `steady`: parameters whose moving changes nothing."""

    flips: tuple[Flip, ...]
    steady: tuple[str, ...]
    wins: tuple[Wins, ...]
    draws: int
    weighed: tuple[str, ...] = ()
    unweighed: tuple[str, ...] = ()
    break_evens: tuple[BreakEven, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """`one`: `arm` is the best. `tie`: `arm` is the cheapest of `tied`. `undecided`: `arm` is None.

    `examples_needed`: further test examples (estimate) that would settle it; None where more would not help.
    """

    outcome: Literal["one", "tie", "undecided"]
    arm: ArmName | None
    tied: tuple[ArmName, ...] = ()
    headline: str
    reasons: tuple[str, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    examples_needed: int | None = None
    caveats: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """What `arm` would cost if a hosted model of the price table read and wrote its measured tokens. Its quality is not measured."""

    model: str
    arm: ArmName
    per_1000: float
    monthly: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the monthly cost was reckoned with."""

    questions: float
    changes: float
    months: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A published finding that the measured figures contradict beyond noise."""

    id: str
    claim: str
    paper: str
    year: int
    url: str
    figure: str
    measured: str

"""What probes measure: an arm's readings of a figure, the cases that failed, and the arms that are ruled out."""

from __future__ import annotations

from dataclasses import dataclass

from ragraft.types.names import ArmName, ProbeName


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """An arm ruled out by a hard constraint, in one plain sentence with the figure."""

    arm: ArmName
    constraint: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseValue:
    """What one case gave. `case`: its name, the same for every arm that had it; cases of one `group` are not independent."""

    case: str
    group: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One arm's value of a figure over `n` cases, with a 95 % interval where it samples; `value` None: not measured, and `reason`
    says why. `cases`: what its mean is made of, where it is one, so that arms can be compared case by case."""

    arm: ArmName
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""
    cases: tuple[CaseValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFigure:
    """One thing that a probe measures. `unit`: `share` (0 to 1), `s`, or a plural noun; `higher_is_better` None where neither is."""

    name: str
    label: str
    unit: str
    higher_is_better: bool | None
    readings: tuple[Reading, ...]

    def reading(self, arm: ArmName) -> Reading | None:
        return next((r for r in self.readings if r.arm == arm), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCase:
    """A question at which an arm failed, for the reader of a report: what it said and what was expected."""

    arm: ArmName
    figure: str
    question: str
    said: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What one probe measured. The first figure is its main one; `cannot`: what does not follow from it; `notes`: what befell
    this run; `blocks`: arms that must not be recommended because of it. Seconds by the clock and of the processor."""

    probe: ProbeName
    title: str
    figures: tuple[ProbeFigure, ...] = ()
    cannot: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failures: tuple[ProbeCase, ...] = ()
    blocks: tuple[Exclusion, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def figure(self, name: str) -> ProbeFigure | None:
        return next((f for f in self.figures if f.name == name), None)

"""A comparison and its probes -> the rows of the trade-off table: one figure of every arm each. Nothing is written.

A row's name is what `[constraints]` and `[weights]` call it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragraft.compare import wording
from ragraft.types import ArmSummary, Comparison, ProbeResult, Reading, Tradeoff

UNSCORED = "no case could be scored"
UNPRICED = "something was not measured, or has no price"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """A figure of time or cost. `sampled`: over how many measurements."""

    label: str
    group: str
    unit: str
    value: Callable[[ArmSummary], float | None]
    sampled: Callable[[ArmSummary], int]


def _asked(s: ArmSummary) -> int:
    return s.latency_n


def _once(s: ArmSummary) -> int:
    return 1


FIGURES: dict[str, _Figure] = {
    "p50_ms": _Figure(label="Median latency", group="Time", unit="ms", value=lambda s: s.p50_ms, sampled=_asked),
    "p95_ms": _Figure(label="p95 latency", group="Time", unit="ms", value=lambda s: s.p95_ms, sampled=_asked),
    "build_seconds": _Figure(label="Time to build", group="Time", unit="s", value=lambda s: s.build_seconds, sampled=_once),
    "build": _Figure(label="Cost of building", group="Cost", unit="money", value=lambda s: s.cost.build, sampled=_once),
    "per_1000": _Figure(label="Cost of 1,000 questions", group="Cost", unit="money", value=lambda s: s.cost.per_1000, sampled=_asked),
    "per_100_changes": _Figure(label="Cost of 100 changed documents", group="Cost", unit="money", value=lambda s: s.cost.per_100_changes, sampled=_once),
    "monthly": _Figure(label="Cost of a month", group="Cost", unit="money", value=lambda s: s.cost.monthly, sampled=_asked),
}  # fmt: skip


def rows(comparison: Comparison, probes: Sequence[ProbeResult] = ()) -> tuple[Tradeoff, ...]:
    """Metrics first, the primary one at the top; then the figures of every probe; then time and cost. Nothing is marked yet."""
    seen = list(dict.fromkeys(e.metric for s in comparison.arms for e in s.estimates))
    known = [m for m in wording.METRICS if m in seen] + [m for m in seen if m not in wording.METRICS]
    first = [comparison.metric] if comparison.metric in known else []
    metrics = [*first, *(m for m in known if m != comparison.metric)]
    probed = [f for p in probes for f in _probed(p)]
    return (*(_metric(comparison, m) for m in metrics), *probed, *(_figure(comparison, n) for n in FIGURES))


def row(found: Sequence[Tradeoff], name: str) -> Tradeoff | None:
    return next((r for r in found if r.name == name), None)


def _metric(comparison: Comparison, name: str) -> Tradeoff:
    words = wording.metric(name)
    readings: list[Reading] = []
    for s in comparison.arms:
        e = s.estimate(name)
        if e is None or e.mean is None:
            readings.append(Reading(arm=s.arm, value=None, reason=UNSCORED))
        else:
            readings.append(Reading(arm=s.arm, value=e.mean, low=e.low, high=e.high, n=e.n))
    return Tradeoff(
        name=name,
        label=words.label,
        group=words.group,
        unit="share" if words.kind == "percent" else "score",
        higher_is_better=words.higher,
        readings=tuple(readings),
    )


def _probed(probe: ProbeResult) -> list[Tradeoff]:
    return [
        Tradeoff(
            name=f"{probe.probe}.{f.name}",
            label=f.label[0].upper() + f.label[1:],
            group=probe.probe.capitalize(),
            unit=f.unit,
            higher_is_better=f.higher_is_better,
            readings=f.readings,
        )
        for f in probe.figures
    ]


def _figure(comparison: Comparison, name: str) -> Tradeoff:
    f = FIGURES[name]
    readings = tuple(
        Reading(arm=s.arm, value=v, n=f.sampled(s))
        if (v := f.value(s)) is not None
        else Reading(arm=s.arm, value=None, reason=UNPRICED if f.unit == "money" else "not measured")
        for s in comparison.arms
    )
    return Tradeoff(name=name, label=f.label, group=f.group, unit=f.unit, higher_is_better=False, readings=readings)

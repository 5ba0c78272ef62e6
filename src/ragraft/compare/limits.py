"""`[constraints]` -> which arms they rule out, each in a sentence with the figure. Nothing is written.

Every constraint is a limit on one row of the trade-off table. A figure that was not measured meets no limit: it cannot be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ragraft.compare import wording
from ragraft.compare.rows import row
from ragraft.config import Config
from ragraft.deciding import Bound
from ragraft.types import PROBES, ArmName, Exclusion, ProbeName, Tradeoff

CITED_SHARE = 0.95
"""Share of an arm's answers that must cite a passage for `must_cite` to hold."""

Side = Literal["least", "most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`name`: the key in the config; `row`: the trade-off that it limits. `side` None: at least or at most, as the row has it."""

    name: str
    row: str
    side: Side | None
    bound: float


def limits(config: Config) -> tuple[Limit, ...]:
    """All limits that the config sets, in one form."""
    c = config.constraints
    minutes = None if c.max_build_minutes is None else 60 * c.max_build_minutes
    own: tuple[tuple[str, str, Side, float | None], ...] = (
        ("must_cite", "cited", "least", CITED_SHARE if c.must_cite else None),
        ("min_grounding", "grounding", "least", c.min_grounding),
        ("max_false_refusal", "false_refusal", "most", c.max_false_refusal),
        ("max_p95_ms", "p95_ms", "most", c.max_p95_ms),
        ("max_build_minutes", "build_seconds", "most", minutes),
        ("max_cost_per_1000", "per_1000", "most", c.max_cost_per_1000),
        ("max_cost_per_month", "monthly", "most", c.max_cost_per_month),
    )
    found = [Limit(name=n, row=r, side=side, bound=bound) for n, r, side, bound in own if bound is not None]
    for probe, figures in c.probes.items():
        for figure, bound in figures.items():
            found += _declared(f"{probe}.{figure}", bound)
    return tuple(found)


def _declared(name: str, bound: Bound) -> list[Limit]:
    sides: tuple[tuple[Side | None, float | None], ...] = (
        (None, bound.limit),
        ("least", bound.min),
        ("most", bound.max),
    )
    return [Limit(name=name, row=name, side=side, bound=b) for side, b in sides if b is not None]


def probes(config: Config) -> tuple[ProbeName, ...]:
    """The probes that `[constraints]` and `[weights]` need."""
    named = {*config.constraints.probes, *(name.partition(".")[0] for name in config.weights)}
    return tuple(probe for probe in PROBES if probe in named)


def broken(limit: Limit, table: Sequence[Tradeoff], arm: ArmName, currency: str) -> Exclusion | None:
    """The exclusion, when `arm` breaks the limit or it cannot be told."""
    found = row(table, limit.row)
    reading = found.reading(arm) if found else None
    side = limit.side or _better(found)
    if found is None or reading is None or reading.value is None:
        return _out(limit, arm, "it cannot be told: " + _why(limit, table, found, reading and reading.reason))
    if side is None:
        return _out(limit, arm, "neither high nor low is better of this figure: write { min = … } or { max = … }")
    if reading.value >= limit.bound if side == "least" else reading.value <= limit.bound:
        return None
    value, bound = (wording.amount(x, found.unit, currency) for x in (reading.value, limit.bound))
    label = f"{found.label[0].lower()}{found.label[1:]}"
    return _out(
        limit, arm, f"{label}: {value} (n {reading.n}), {'at least' if side == 'least' else 'at most'} {bound} is asked"
    )


def holds(value: float, limit: Limit, found: Tradeoff) -> bool:
    """Whether a figure meets the limit; a limit whose side is unknown is met by none."""
    side = limit.side or _better(found)
    return side is not None and (value >= limit.bound if side == "least" else value <= limit.bound)


def _better(found: Tradeoff | None) -> Side | None:
    return {True: "least", False: "most", None: None}[found.higher_is_better if found else None]  # type: ignore[return-value]


def _why(limit: Limit, table: Sequence[Tradeoff], found: Tradeoff | None, reason: str | None) -> str:
    if found is not None or "." not in limit.row:
        return reason or "it could not be measured on this arm"
    probe = limit.row.partition(".")[0]
    near = [r.name for r in table if r.name.startswith(f"{probe}.")]
    return f"there is no such figure; {probe} has {', '.join(near)}" if near else f"{probe} has no figures in this run"


def _out(limit: Limit, arm: ArmName, why: str) -> Exclusion:
    return Exclusion(arm=arm, constraint=limit.name, sentence=f"`{arm}` is ruled out by `{limit.name}`: {why}.")

"""`Report` -> the trade-off table as text: groups of rows, one cell per arm. Shared by the HTML report and the terminal.

In: a `types.Report`. Out: frozen views. Writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ragraft.compare import wording
from ragraft.types import ArmName, Reading, Report, Tradeoff

Sign = Literal["", "best", "worse"]
PLAIN = ("token_f1", "support", "cited")
"""Left to the table of every figure."""
GLYPHS: dict[Sign, str] = {"": "", "best": "▲", "worse": "▼"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeCell:
    """`sign` stands only where a difference is beyond noise."""

    arm: ArmName
    text: str
    note: str
    sign: Sign
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    name: str
    label: str
    better: str
    cells: tuple[TradeCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeGroup:
    title: str
    rows: tuple[TradeRow, ...]


def groups(report: Report) -> tuple[TradeGroup, ...]:
    """Every row but those shown at length elsewhere, figures without a better side, and a figure's parts (`obeyed: KIND`)."""
    hidden = (*wording.RETRIEVAL, *wording.AT_LENGTH, *PLAIN)
    shown = [r for r in report.tradeoffs if r.name not in hidden and _worth(r)]
    return tuple(
        TradeGroup(title=_title(group, report), rows=tuple(_row(r, report) for r in rows))
        for group, rows in groupby(shown, key=lambda r: r.group)
    )


def main_rows(report: Report) -> tuple[TradeRow, ...]:
    """For a narrow place: the main metrics, the first figure of every probe, latency, and cost."""
    metrics = [
        report.comparison.metric,
        "grounding",
        "citation_precision",
        "citation_recall",
        "refusal",
        "false_refusal",
    ]
    first: dict[str, str] = {}
    for r in report.tradeoffs:
        if "." in r.name and _worth(r):
            first.setdefault(r.group, r.name)
    names = (*metrics, *first.values(), "p95_ms", "build_seconds", "build", "per_1000", "per_100_changes", "monthly")
    found = {r.name: r for r in report.tradeoffs if _worth(r)}
    return tuple(_row(found[n], report) for n in dict.fromkeys(names) if n in found)


def probe_rows(report: Report, probe: str) -> tuple[TradeRow, ...]:
    """Every figure of one probe."""
    return tuple(_row(r, report) for r in report.tradeoffs if r.name.partition(".")[0] == probe and "." in r.name)


def _worth(row: Tradeoff) -> bool:
    return row.higher_is_better is not None and ":" not in row.name and any(r.value is not None for r in row.readings)


def _title(group: str, report: Report) -> str:
    return f"{group}, {report.currency}" if group == "Cost" else group


def _row(row: Tradeoff, report: Report) -> TradeRow:
    better = {True: "higher is better", False: "lower is better", None: ""}[row.higher_is_better]
    cells = tuple(_cell(row, s.arm, report.currency) for s in report.comparison.arms)
    return TradeRow(name=row.name, label=row.label, better=better, cells=cells)


def _cell(row: Tradeoff, arm: ArmName, currency: str) -> TradeCell:
    reading = row.reading(arm)
    if reading is None or reading.value is None:
        why = (reading and reading.reason) or "not measured for this arm"
        return TradeCell(arm=arm, text=wording.DASH, note="", sign="", title=why[0].upper() + why[1:])
    sign: Sign = "worse" if arm in row.worse else "best" if row.worse and arm == row.best else ""
    parts = [f"{row.label}: {wording.amount(reading.value, row.unit, currency)}", _span(row, reading), f"n {reading.n}"]
    if sign == "worse":
        parts.append(f"differs from {row.best} beyond noise ({row.test})")
    return TradeCell(
        arm=arm,
        text=wording.amount(reading.value, row.unit),
        note=f"n {reading.n}",
        sign=sign,
        title=", ".join(filter(None, parts)),
    )


def _span(row: Tradeoff, reading: Reading) -> str:
    if reading.low is None or reading.high is None:
        return ""
    low, high = wording.amount(reading.low, row.unit), wording.amount(reading.high, row.unit)
    return f"95 % interval {low} to {high}" if row.unit == "share" else f"from {low} to {high}"

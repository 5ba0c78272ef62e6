"""`Report` -> the trade-off table as text: groups of rows, one cell per arm. Shared by the HTML report and the terminal.

In: a `types.Report`. Out: frozen views. Writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ragraft.compare import wording
from ragraft.types import ArmName, ProbeResult, Reading, Report, Tradeoff

Sign = Literal["", "best", "worse"]
PLAIN = ("token_f1", "support", "cited")
"""Left to the table of every figure."""
SPOKEN = ("share", "score", "ms", "s", "money")
"""Units that stand with the figure, or need no name; the others stand with the row."""
MOST = 3
"""Figures of one probe in the table of all trade-offs, besides those with a mark; all of them stand in its own table."""
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
    """Every row but those shown at length elsewhere, figures without a better side, and a figure's parts (`obeyed: KIND`); of a probe
    the first few and those with a mark."""
    hidden = (*wording.RETRIEVAL, *wording.AT_LENGTH, *PLAIN)
    shown = [r for r in report.tradeoffs if r.name not in hidden and _worth(r)]
    return tuple(
        TradeGroup(
            title=_title(group, report),
            rows=tuple(_row(r, report) for n, r in enumerate(rows) if n < MOST or r.worse or "." not in r.name),
        )
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


def reasons(result: ProbeResult) -> tuple[str, ...]:
    """Why cells of a probe's table are empty: a sentence a reason, with the arms that have no figure at all because of it, and else the
    figures."""
    found: dict[str, dict[ArmName, list[str]]] = {}
    for f in result.figures:
        for r in f.readings:
            if r.value is None and r.reason:
                found.setdefault(r.reason, {}).setdefault(r.arm, []).append(f.label)
    measured = {r.arm for f in result.figures for r in f.readings if r.value is not None}
    sentences: list[str] = []
    for reason, arms in found.items():
        whole = [arm for arm in arms if arm not in measured]
        parts = {arm: tuple(labels) for arm, labels in arms.items() if arm in measured}
        subjects = [", ".join(f"`{arm}`" for arm in whole)] if whole else []
        for labels in dict.fromkeys(parts.values()):
            mine = ", ".join(f"`{arm}`" for arm, own in parts.items() if own == labels)
            subjects.append(
                f"{mine} ({wording.count(len(labels), 'figure') if len(labels) > 2 else ', '.join(labels)})"
            )
        sentences.append(f"{'; '.join(subjects)}: {reason}.")
    return tuple(sentences)


def _worth(row: Tradeoff) -> bool:
    return row.higher_is_better is not None and ":" not in row.name and any(r.value is not None for r in row.readings)


def _title(group: str, report: Report) -> str:
    return f"{group}, {report.currency}" if group == "Cost" else group


def _row(row: Tradeoff, report: Report) -> TradeRow:
    side = {True: "higher is better", False: "lower is better", None: ""}[row.higher_is_better]
    better = ", ".join(filter(None, ("" if row.unit in SPOKEN else row.unit, side)))
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

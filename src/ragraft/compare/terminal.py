"""`Report` -> the terminal: comparison table, recommendation, and the path of the HTML report.

In: a `types.Report` and a rich console. Out: nothing. Writes to the console only; 80 columns are enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ragraft.compare import view, wording
from ragraft.types import ArmSummary, Report

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

WIDE = 100
CELLS = 16
"""Characters of the drawn interval."""
NARROW_METRICS = ("facts", "grounding", "citation_precision", "refusal", "macro_f1", "oos_recall")
"""Shown below `WIDE` columns; a wider console shows the rest as well."""

STYLES = {"one": "green", "tie": "blue", "undecided": "yellow"}
TITLES = {"one": "Recommended", "tie": "A tie: the cheapest of the tied arms", "undecided": "Not enough evidence"}


def print_report(report: Report, console: Console, path: Path | None = None) -> None:
    """Print the comparison and the recommendation; `path` is the HTML report, named last when given."""
    console.print()
    console.print(comparison_table(report, wide=console.width >= WIDE))
    for absent in report.comparison.not_applicable:
        console.print(_line(f"{absent.arm} is not compared: {absent.reason}", "dim"))
    if report.recommendation.arm and any(view.mark(report, s.arm) for s in report.comparison.arms):
        console.print(_line(f"▲▼ decisive difference from {report.recommendation.arm} (Holm-adjusted p < 0.05)", "dim"))
    console.print()
    console.print(recommendation_panel(report))
    if path is not None:
        from rich.text import Text

        console.print(Text.assemble(("Report  ", "dim"), (str(path), "bold")), soft_wrap=True)


def comparison_table(report: Report, *, wide: bool) -> Table:
    from rich import box
    from rich.table import Table

    c = report.comparison
    primary = wording.metric(c.metric)
    title = f"{report.project}: {wording.count(c.n, 'test question')} in {wording.count(c.clusters, 'group')}"
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim",
        padding=(0, 1 if wide else 0, 0, 1 if wide else 0), collapse_padding=True,
    )  # fmt: skip
    heads = [h for h in view.heads(report) if wide and h.name not in ("rouge_l",) or h.name in NARROW_METRICS][
        : 7 if wide else 3
    ]
    table.add_column("arm", no_wrap=True)
    table.add_column(primary.short.lower(), justify="right", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    for head in heads:
        table.add_column(terminal_head(head.name), justify="right")
    for name in ("p50", "p95", "build", f"{report.currency}/1k", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = {r.arm: r for r in view.arm_rows(report)}
    for s in c.arms:
        cells = [wording.value(h.name, e.mean if (e := s.estimate(h.name)) else None, unit=False) for h in heads]
        style = {"recommended": f"bold {STYLES[report.recommendation.outcome]}", "excluded": "dim"}.get(
            rows[s.arm].status, ""
        )
        table.add_row(*_arm_cells(report, s, rows[s.arm], wide=wide), *cells, *_tail(report, s), style=style)
    return table


def terminal_head(name: str) -> str:
    short = {
        "citation_precision": "cite prec",
        "citation_recall": "cite rec",
        "refusal": "refuses",
        "false_refusal": "false ref",
        "token_f1": "tok F1",
        "grounding": "ground",
    }
    return short.get(name, wording.metric(name).short.lower())


def _arm_cells(report: Report, s: ArmSummary, row: view.ArmRow, *, wide: bool) -> tuple[str, str, str]:
    metric = report.comparison.metric
    mean = f"{row.mark.text[0]}{row.primary.text}" if row.mark else row.primary.text
    name = f"{'→' if row.status == 'recommended' else ' '} {s.arm}"
    estimate = s.estimate(metric)
    span = wording.interval(metric, estimate, unit=False) if estimate else ""
    if not span:
        return name, mean, wording.DASH
    return name, mean, f"{drawn(row.bar)} {span}" if wide and row.bar else span


def drawn(bar: view.Bar) -> str:
    """The interval as text: `    ├──●──┤   ` on a scale from 0 to 100."""

    def column(x: float) -> int:
        return round(x / 100 * (CELLS - 1))

    low, mid, high = column(bar.low), column(bar.mid), column(bar.high)
    return "".join("●" if i == mid else "─" if low <= i <= high else "·" for i in range(CELLS))


def _tail(report: Report, s: ArmSummary) -> tuple[str, ...]:
    scored = e.n if (e := s.estimate(report.comparison.metric)) else 0
    times = (wording.milliseconds(s.p50_ms), wording.milliseconds(s.p95_ms), wording.seconds(s.build_seconds))
    counts = f"{scored}" if scored == s.n else f"{scored}/{s.n}"
    return *(t.replace(wording.NBSP, " ") for t in times), wording.money(s.cost.per_1000), counts


def recommendation_panel(report: Report) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    advice = report.recommendation
    style = STYLES[advice.outcome]
    parts: list[RenderableType] = [Text(advice.headline, style="bold")]
    blocks = (
        ("", advice.reasons),
        ("Ruled out by a constraint", tuple(e.sentence for e in advice.excluded)),
        ("What these figures do not show", view.open_questions(report)),
        ("Keep in mind", advice.caveats),
    )
    for title, lines in blocks:
        if lines:
            parts.append(Text(f"\n{title}" if title else "", style="dim"))
            parts.extend(_bullet(line) for line in lines)
    head = TITLES[advice.outcome] + (f": {advice.arm}" if advice.arm else "")
    return Panel(
        Group(*parts), title=Text(head, style=f"bold {style}"), title_align="left", border_style=style, padding=(1, 2)
    )


def _bullet(text: str) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text("–", style="dim"), Text(text))
    return grid


def _line(text: str, style: str) -> RenderableType:
    from rich.text import Text

    return Text(text, style=style)

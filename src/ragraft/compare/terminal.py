"""`Report` -> the terminal: quality, speed and cost, the recommendation, and the path of the HTML report.

In: a `types.Report` and a rich console. Out: nothing. Writes to the console only; 80 columns are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragraft.compare import holding, tradeview, view, wording
from ragraft.compare.pairs import Bar
from ragraft.types import ArmSummary, Report

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

WIDE = 116
CELLS = 14
"""Characters of the drawn interval."""
HEADS = {
    "grounding": "ground.",
    "citation_precision": "cite prec.",
    "citation_recall": "cite rec.",
    "refusal": "refuses",
    "false_refusal": "false ref.",
}
HIDDEN = ("token_f1", "support", "cited")
"""Left to the HTML report, which has the room."""
SIGNS = {"": "", "best": "green", "worse": "red"}
STYLES = {"one": "green", "tie": "blue", "undecided": "yellow"}
TITLES = {"one": "Recommended", "tie": "A tie: the cheapest of the tied arms", "undecided": "Not enough evidence"}


def print_report(report: Report, console: Console, path: Path | None = None) -> None:
    """Print the comparison and the recommendation; `path` is the HTML report, named last when given."""
    from rich.text import Text

    c, chosen = report.comparison, report.recommendation.arm
    console.print()
    head = f"  {wording.count(c.n, 'test question')} in {wording.count(c.clusters, 'group')}"
    head += f", {made}" if (made := view.truths(report)) else ""
    console.print(Text.assemble((report.project, "bold"), (head, "dim")))
    console.print()
    console.print(quality_table(report, wide=console.width >= WIDE))
    console.print()
    if rows := view.truth_rows(report):
        console.print(truth_table(rows, view.truth_heads(report), wording.metric(c.metric).short.lower()))
        console.print()
    console.print(tradeoff_table(report) if report.tradeoffs else cost_table(report, wide=console.width >= WIDE))
    console.print()
    for absent in c.not_applicable:
        console.print(_words(f"{absent.arm} is not compared: {absent.reason}", "dim"))
    if any(r.worse for r in report.tradeoffs):
        console.print(
            Text("▼ differs beyond noise from ▲, the best of its row; money in " + report.currency, style="dim")
        )
    elif any(view.mark(report, s.arm) for s in c.arms):
        console.print(Text(f"▲▼ decisive difference from {chosen} (Holm-adjusted p < 0.05)", style="dim"))
    console.print()
    console.print(recommendation_panel(report))
    if path is not None:
        console.print(Text.assemble(("Report  ", "dim"), (str(path), "bold")), soft_wrap=True)


def quality_table(report: Report, *, wide: bool) -> Table:
    c = report.comparison
    heads = [h.name for h in view.heads(report) if (h.name not in HIDDEN if wide else h.name in wording.BRIEF)][
        : 6 if wide else 4
    ]
    percent = wording.metric(c.metric).kind == "percent"
    table = _table(wide=wide)
    table.add_column("arm", no_wrap=True)
    table.add_column(wording.metric(c.metric).short.lower() + (" %" if percent else ""), justify="right", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for name in heads:
        table.add_column(HEADS.get(name, wording.metric(name).short.lower()), justify="right", min_width=5)
    for row, s in zip(view.arm_rows(report), c.arms, strict=True):
        cells = [wording.value(name, e.mean if (e := s.estimate(name)) else None, unit=False) for name in heads]
        table.add_row(_name(row), *_primary(report, row, s, wide=wide), *cells, style=_style(report, row))
    return table


def truth_table(rows: Sequence[view.TruthRow], heads: Sequence[str], metric: str) -> Table:
    """The primary metric on human and on synthetic questions apart."""
    table = _table()
    table.add_column("arm", no_wrap=True)
    for head in heads:
        table.add_column(f"{metric}, {head}", justify="right")
    for row in rows:
        table.add_row(f"  {row.arm}", *(f"{cell.text}  [dim]{cell.note}[/]" for cell in row.cells))
    return table


def cost_table(report: Report, *, wide: bool) -> Table:
    table = _table(wide=wide)
    table.add_column("arm", no_wrap=True)
    for name in ("p50", "p95", "build", f"{report.currency} per 1,000", "tokens in", "out", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for row, s in zip(view.arm_rows(report), report.comparison.arms, strict=True):
        table.add_row(
            _name(row),
            wording.milliseconds(s.p50_ms),
            wording.milliseconds(s.p95_ms),
            wording.seconds(s.build_seconds),
            wording.money(s.cost.per_1000),
            f"{s.prompt_tokens:,.0f}",
            f"{s.completion_tokens:,.0f}",
            str(s.failed),
            style=_style(report, row),
        )
    return table


def tradeoff_table(report: Report) -> Table:
    """One row a trade-off, one column an arm; a mark only where the difference is beyond noise. `n`: the fewest and the most."""
    from rich.text import Text

    table = _table()
    table.add_column("trade-off", overflow="fold")
    for s in report.comparison.arms:
        chosen = s.arm == report.recommendation.arm
        table.add_column(s.arm, justify="right", no_wrap=True, header_style="bold" if chosen else "dim")
    table.add_column("n", justify="right", no_wrap=True)
    for row in tradeview.main_rows(report):
        found = row.name.partition(".")
        label = f"{found[0]}: {row.label[0].lower()}{row.label[1:]}" if found[1] else row.label
        cells = [
            Text(f"{tradeview.GLYPHS[c.sign]}{c.text.replace(wording.NBSP, '')}", style=SIGNS[c.sign])
            for c in row.cells
        ]
        counts = sorted({int(c.note[2:]) for c in row.cells if c.note})
        table.add_row(
            label, *cells, "–".join(str(n) for n in dict.fromkeys((*counts[:1], *counts[-1:]))) or wording.DASH
        )
    return table


def _table(*, wide: bool = False) -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", padding=(0, int(wide), 0, 0))


def _name(row: view.ArmRow) -> str:
    return f"{'→' if row.status == 'recommended' else ' '} {row.arm}"


def _style(report: Report, row: view.ArmRow) -> str:
    chosen = f"bold {STYLES[report.recommendation.outcome]}"
    return {"recommended": chosen, "excluded": "dim"}.get(row.status, "")


def _primary(report: Report, row: view.ArmRow, s: ArmSummary, *, wide: bool) -> tuple[str, str, str]:
    """Mean with its mark, interval, and how many of the cases were scored."""
    estimate = s.estimate(report.comparison.metric)
    mean = f"{row.mark.text[0]} {row.primary.text}" if row.mark else row.primary.text
    span = wording.interval(report.comparison.metric, estimate, unit=False) if estimate else ""
    scored = estimate.n if estimate else 0
    counts = str(scored) if scored == s.n else f"{scored}/{s.n}"
    if not span:
        return mean, wording.DASH, counts
    return mean, f"{drawn(row.bar)} {span}" if wide and row.bar else span, counts


def drawn(bar: Bar) -> str:
    """The interval on a scale from 0 to 100, as text: `······──●──·······`."""

    def column(x: float) -> int:
        return round(x / 100 * (CELLS - 1))

    low, mid, high = column(bar.low), column(bar.mid), column(bar.high)
    return "".join("●" if i == mid else "─" if low <= i <= high else "·" for i in range(CELLS))


def recommendation_panel(report: Report) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    advice = report.recommendation
    style = STYLES[advice.outcome]
    parts: list[RenderableType] = [_words(advice.headline, "bold")]
    blocks = (
        ("", advice.reasons),
        ("Ruled out by a constraint", tuple(e.sentence for e in advice.excluded)),
        ("How far this holds", holding.brief(report)),
        ("What these figures do not show", view.open_questions(report)),
        ("Keep in mind", advice.caveats),
    )
    for title, lines in blocks:
        if lines:
            parts.append(Text(f"\n{title}" if title else "", style="dim"))
            parts.extend(_bullet(line) for line in lines)
    head = TITLES[advice.outcome] + (f", {advice.arm}" if advice.arm else "")
    title = Text(head, style=f"bold {style}")
    return Panel(Group(*parts), title=title, title_align="left", border_style=style, padding=(1, 2))


def _bullet(text: str) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text("–", style="dim"), _words(text))
    return grid


def _words(text: str, style: str = "") -> Text:
    """Text in which what stands between backticks is bold."""
    from rich.text import Text

    parts = wording.split_code(text)
    return Text.assemble(*((p, "bold" if n % 2 else "") for n, p in enumerate(parts)), style=style)

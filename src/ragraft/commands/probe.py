"""`ragraft probe`. In: names of probes and a project. Out: a table each, or JSON, on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ragraft.commands.shared import HERE, Folder, Json, Wait, emit, opened, terminal
from ragraft.types import PROBES, ArmName, ProbeFigure, ProbeName, ProbeResult, Reading

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def probe(
    name: Annotated[str, typer.Argument(help=f"{', '.join(PROBES)}; all; or several with commas.")],
    folder: Folder = HERE,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Measure one trade-off on a copy of the project: what happens when documents change, go, are secret, or lie."""
    from ragraft import pipeline
    from ragraft.workspace import to_json

    names = probes_named(name)
    with opened(folder, quiet=json) as context:
        results = pipeline.probe(context, names, wait=wait)
    if json:
        emit(to_json(results, tuple[ProbeResult, ...], indent=2))
        return
    for result in results:
        print_result(result, terminal())


def probes_named(text: str) -> tuple[ProbeName, ...]:
    """`all`, `none`, or names separated by commas, in the order of `PROBES`. Raises `BadParameter` for what is no probe."""
    names = {"all": list(PROBES), "none": []}.get(text, [n.strip() for n in text.split(",")])
    for name in names:
        if name not in PROBES:
            raise typer.BadParameter(f"`{name}` is not a probe; choose one of {', '.join(PROBES)}, or all, or none")
    return tuple(p for p in PROBES if p in names)


def print_result(result: ProbeResult, console: Console) -> None:
    """Every figure of one probe, its notes, some failures, and what it cannot conclude."""
    console.print()
    spent = f"{result.seconds:.0f} s, {result.cpu_seconds:.0f} s of the processor"
    console.print(f"[bold]{result.probe}[/]  {escape(result.title)}  [dim]{spent}[/]", highlight=False)
    if result.figures:
        console.print(_table(result.figures))
    for block in result.blocks:
        console.print(f"[red]never recommended:[/] {escape(block.sentence)}", highlight=False)
    for note in result.notes:
        console.print(f"[dim]{escape(note)}[/]", highlight=False)
    for case in result.failures:
        said = " ".join(case.said.split())[:160]
        console.print(
            f"  [yellow]{case.arm}[/] {escape(case.question)}\n    said: {escape(said)}\n    expected: {escape(case.expected)}",
            highlight=False,
        )
    for line in result.cannot:
        console.print(f"[dim]– {escape(line)}[/]", highlight=False)


def _table(figures: Sequence[ProbeFigure]) -> Table:
    from rich.table import Table

    arms: list[ArmName] = list(dict.fromkeys(r.arm for f in figures for r in f.readings))
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("")
    for arm in arms:
        table.add_column(arm, justify="right")
    for figure in figures:
        table.add_row(figure.label, *(_cell(figure, figure.reading(arm)) for arm in arms))
    return table


def _cell(figure: ProbeFigure, reading: Reading | None) -> str:
    if reading is None or reading.value is None:
        return "–"
    shown = {"share": f"{100 * reading.value:.0f} %", "s": f"{reading.value:.2f} s"}.get(
        figure.unit, f"{reading.value:,.4g}"
    )
    return f"{shown} [dim]n {reading.n}[/]"

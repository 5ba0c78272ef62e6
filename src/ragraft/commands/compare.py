"""`ragraft compare` and `ragraft runs`. In: arguments. Out: tables or JSON on standard output; the report is the pipeline's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ragraft.commands.probe import probes_named
from ragraft.commands.shared import HERE, Folder, Json, Wait, emit, opened, terminal

if TYPE_CHECKING:
    from ragraft.runs import RunLine


def compare(
    folder: Folder = HERE,
    probes: Annotated[
        str | None,
        typer.Option("--probes", help="all, none, or names with commas.", show_default="those that ragraft.toml names"),
    ] = None,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Build every arm, measure it on the sealed test split, recommend one, write the report."""
    from ragraft import pipeline
    from ragraft.compare.terminal import print_report
    from ragraft.runs import outline
    from ragraft.workspace import to_json

    names = None if probes is None else probes_named(probes)
    with opened(folder, quiet=json) as context:
        report = pipeline.compare(context, probes=names, wait=wait)
    path = context.space.run(report.run)
    if json:
        emit(to_json(outline(context, report), indent=2))
    else:
        print_report(report, terminal(), path / "report.html")


def runs(
    folder: Folder = HERE,
    show: Annotated[str | None, typer.Option("--show", help="Print a past comparison: its id, or latest.")] = None,
    open_: Annotated[
        str | None, typer.Option("--open", help="Open a past report in the browser: its id, or latest.")
    ] = None,
    json: Json = False,
) -> None:
    """List past comparisons, print one, or open its report."""
    from ragraft.compare.terminal import print_report
    from ragraft.runs import list_runs, load_run, outline
    from ragraft.workspace import to_json

    with opened(folder, quiet=True) as context:
        chosen = show or open_
        if chosen:
            report = load_run(context, chosen)
            path = context.space.run(report.run) / "report.html"
            if json:
                emit(to_json(outline(context, report), indent=2))
            elif open_:
                typer.launch(str(path))
            else:
                print_report(report, terminal(), path)
            return
        _list_runs(list_runs(context), json=json)


def _list_runs(found: tuple[RunLine, ...], *, json: bool) -> None:
    from rich.table import Table

    from ragraft.runs import RunLine
    from ragraft.workspace import to_json

    if json:
        emit(to_json(found, tuple[RunLine, ...], indent=2))
        return
    if not found:
        terminal().print("No comparison yet: [bold]ragraft compare[/] makes one.")
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in ("run", "questions", "outcome", "arm", "recommendation"):
        table.add_column(column, justify="right" if column == "questions" else "left")
    for line in found:
        table.add_row(line.run, str(line.n), line.outcome, line.arm or "–", escape(line.headline))
    terminal().print(table)

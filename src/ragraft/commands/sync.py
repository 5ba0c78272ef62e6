"""`ragraft sync`. In: arguments. Out: its report or its plan, as lines or as JSON, on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ragraft.commands.shared import HERE, Folder, Json, Wait, emit, opened, print_names, terminal
from ragraft.types import Skipped, SyncPlan, SyncReport

if TYPE_CHECKING:
    from rich.console import Console

NAMES = 20
"""So many names of a kind are shown; `--json` has them all."""


def sync(
    folder: Folder = HERE,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index anew, beside the old one: after a change of embedder.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then follow the folders and sync on every change, until Ctrl-C.")
    ] = False,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Bring the index up to date with the documents and sources."""
    from ragraft import pipeline
    from ragraft.workspace import to_json

    if watch and (rebuild or dry_run):
        raise typer.BadParameter("--watch goes with neither --rebuild nor --dry-run")
    console = terminal()
    if watch:
        with opened(folder, quiet=True) as context:
            for report in pipeline.watch(context):
                emit(to_json(report)) if json else print_report(report, console)
        return
    with opened(folder, quiet=json) as context:
        done = pipeline.plan(context) if dry_run else pipeline.sync(context, rebuild=rebuild, wait=wait)
    if json:
        emit(to_json(done, indent=2))
    else:
        print_plan(done, console) if isinstance(done, SyncPlan) else print_report(done, console)


def print_report(report: SyncReport, console: Console) -> None:
    moved = f" ({report.moved} of them moved)" if report.moved else ""
    reused = f", {report.reused} of them with vectors that were there already" if report.reused else ""
    console.print(
        f"[bold]{report.documents}[/] documents indexed: {report.added} added{moved}, {report.changed} changed, "
        f"{report.unchanged} unchanged, {report.removed} removed; {report.chunks} chunks ({report.tokens:,} tokens) written"
        f"{reused}, in {report.seconds:.1f} s; version {report.version}."
    )
    if report.kept:
        console.print(
            f"[yellow]{report.kept}[/] documents were left as they are: see below, or a feed that keeps its entries."
        )
    _print_skipped(report.skipped, console)
    for one in report.flagged:
        console.print(
            f"  [yellow]reads like an instruction to a model[/] {escape(one.document)}: {escape(one.text)}",
            highlight=False,
        )


def print_plan(plan: SyncPlan, console: Console) -> None:
    moves = {move.after: move.before for move in plan.moved}
    gone = set(moves.values())
    _print_kind("added", [name for name in plan.added if name not in moves], console)
    _print_kind("changed", plan.changed, console)
    _print_kind("moved", [f"{before} → {after}" for after, before in moves.items()], console)
    _print_kind("removed", [name for name in plan.removed if name not in gone], console)
    console.print(f"[bold]{plan.unchanged + plan.kept}[/] documents stay as they are. Nothing was written.")
    _print_skipped(plan.skipped, console)


def _print_kind(kind: str, names: Sequence[str], console: Console) -> None:
    if names:
        console.print(f"[bold]{len(names)}[/] would be {kind}:")
        print_names(names, NAMES, console)


def _print_skipped(skipped: Sequence[Skipped], console: Console) -> None:
    for one in skipped:
        word = "left as it was" if one.kept else "partly read" if one.part else "skipped"
        console.print(f"  [yellow]{word}[/] {escape(one.source)}: {escape(one.reason)}", highlight=False)

"""`ragraft forget` and `ragraft versions`. In: arguments. Out: a plan, a certificate or a list, or JSON, on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ragraft.commands.shared import HERE, Folder, Json, Project, Wait, emit, opened, print_names, terminal
from ragraft.types import Certificate, Version

if TYPE_CHECKING:
    from rich.console import Console

    from ragraft.forget import Plan

SHOWN = 12
"""Files of a kind that are named; the certificate names all."""


def versions(folder: Folder = HERE, json: Json = False) -> None:
    """The versions of the index that can still be searched with `search --as-of`."""
    from ragraft import pipeline
    from ragraft.workspace import to_json

    with opened(folder, quiet=True) as context:
        found = pipeline.versions(context)
    emit(to_json(found, tuple[Version, ...], indent=2)) if json else print_versions(found, terminal())


def forget(
    documents: Annotated[list[str] | None, typer.Argument(help="Ids of documents, as `search` shows them.")] = None,
    where: Annotated[
        str | None, typer.Option("--where", help="Also those that meet a filter, such as \"tag = 'x'\".")
    ] = None,
    project: Project = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased, and erase nothing.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show past certificates.")] = False,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="Let a forgotten document in again at the next sync.")
    ] = None,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Erase documents from the index, its older versions, caches and reports; name the adapters that learned from them."""
    from ragraft import pipeline
    from ragraft.workspace import to_json

    with opened(project, quiet=json) as context:
        if listed:
            past = pipeline.certificates(context)
            emit(to_json(past, indent=2)) if json else print_certificates(past.done, past.unfinished, terminal())
            return
        if allow:
            pipeline.allow(context, allow, wait=wait)
            return
        names = pipeline.to_forget(context, documents or (), where)
        if not names:
            raise typer.BadParameter("name documents, or --where")
        if dry_run:
            planned = pipeline.forget_plan(context, names)
            emit(to_json(planned, indent=2)) if json else print_plan(planned, terminal())
            return
        if not yes:
            print_plan(pipeline.forget_plan(context, names), terminal(stderr=True))
            typer.confirm("Erase this for good?", abort=True, err=True)
        done = pipeline.forget(context, names, wait=wait)
        path = str(context.space.certificate(done.id))
    emit(to_json(done, indent=2)) if json else print_certificate(done, path, terminal())


def print_plan(plan: Plan, console: Console) -> None:
    """What is about to be erased."""
    console.print(f"[bold]{len(plan.documents)}[/] document(s), {plan.chunks} chunk(s) of the index:", highlight=False)
    print_names(plan.documents, SHOWN, console)
    if plan.copies:
        console.print(f"[yellow]{len(plan.copies)}[/] of them for the same content under another id:", highlight=False)
        print_names(plan.copies, SHOWN, console)
    console.print("Every older version of the index goes too, and with it `search --as-of` before today.")
    if plan.sources:
        console.print("Left alone, and yours to delete:")
        print_names(plan.sources, SHOWN, console)
    if plan.adapters:
        console.print(f"[yellow]Learned from them:[/] the adapters of {', '.join(plan.adapters)}.", highlight=False)


def print_certificate(done: Certificate, path: str, console: Console) -> None:
    """What was erased, and what is left to do."""
    names = ", ".join(d.document for d in done.documents[:SHOWN])
    console.print(
        f"[bold]Forgotten[/] {escape(names)}: {sum(d.chunks for d in done.documents)} text(s) erased, {len(done.purged)} version(s) "
        f"of the index purged, {len(done.removed)} cache(s) removed, {len(done.rewritten)} file(s) rewritten; {done.seconds:.1f} s.",
        highlight=False,
    )
    for adapter in done.adapters:
        console.print(
            f"[yellow]still to do:[/] the adapter of {adapter.arm} learned from it through {len(adapter.examples)} example(s); "
            f"`ragraft tune --arm {adapter.arm}` trains it again",
            highlight=False,
        )
    if done.sources:
        console.print("[yellow]still to do:[/] delete these where they come from; no sync takes them in again:")
        print_names(done.sources, SHOWN, console)
    if done.remaining is None:
        console.print("[yellow]Its text was gone already: files could not be searched for its words.[/]")
    elif done.remaining:
        console.print("[red]Its words still stand in:[/]")
        print_names(done.remaining, SHOWN, console)
    console.print(f"[dim]Certificate: {escape(path)}[/]", highlight=False)


def print_certificates(done: Sequence[Certificate], unfinished: Sequence[str], console: Console) -> None:
    """Past ones, a line each."""
    from rich.table import Table

    if unfinished:
        names = " ".join(unfinished)
        console.print(f"[red]Stopped before its end:[/] run `ragraft forget {escape(names)}` again.", highlight=False)
    if not done:
        console.print("Nothing was forgotten yet.")
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in ("certificate", "at", "documents", "adapters that learned from them"):
        table.add_column(column)
    for one in done:
        names = ", ".join(d.document for d in one.documents[:SHOWN])
        table.add_row(one.id, one.at, escape(names), ", ".join(a.arm for a in one.adapters) or "–")
    console.print(table)


def print_versions(found: Sequence[Version], console: Console) -> None:
    """Newest first."""
    from rich.table import Table

    table = Table(show_edge=False, pad_edge=False)
    for column in ("version", "made", "chunks"):
        table.add_column(column, justify="left" if column == "made" else "right")
    for one in found:
        table.add_row(str(one.version), one.made, str(one.chunks))
    console.print(table)

"""`ragraft examples make` and `ragraft examples review`. In: arguments. Out: tables on standard output; questions to a person.

Writes the review file, and the examples file when something was accepted.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from ragraft.commands.shared import HERE, Folder, Json, Wait, as_reader, emit, opened, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from ragraft.context import Context
    from ragraft.synthesis.make import Made
    from ragraft.synthesis.review import Row

FILE = "examples-made.jsonl"

app = typer.Typer(help="Make examples from documents, and review them.", no_args_is_help=True, rich_markup_mode="rich")

_Output = Annotated[Path, typer.Option("--output", help="The review file, in the project's folder.")]


@app.command(epilog="Example:  ragraft examples make handbook --count 200")
def make(
    folder: Folder = HERE,
    count: Annotated[
        int, typer.Option("--count", min=1, help="Questions the file is to hold, rejected ones apart.")
    ] = 100,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Another one draws others.", show_default="project.seed")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", help="rule, or model: the configured generator.", show_default="rule for pocket, else model"
        ),
    ] = None,
    unanswerable: Annotated[
        float, typer.Option("--unanswerable", min=0, max=0.9, help="Share that no document answers.")
    ] = 0.15,
    hard: Annotated[
        float,
        typer.Option(
            "--hard",
            min=0,
            max=1,
            help="Share of the others for which a search finds another passage first, as far as there are such.",
        ),
    ] = 0.15,
    output: _Output = Path(FILE),
    user: Annotated[
        str | None,
        typer.Option("--as", help="Only what this reader may see is used.", show_default="the evaluation's reader"),
    ] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group of that reader; may be repeated.")] = None,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Draft questions from the documents and check each; a person accepts them with `review`. Run again, it goes on."""
    from ragraft import pipeline
    from ragraft.synthesis.make import Wish
    from ragraft.workspace import to_json

    with opened(folder, quiet=json) as context:
        reader = context.evaluation_reader
        if user is not None or group:
            reader = as_reader(user or reader.user, group)
        wish = Wish(
            count=count,
            seed=context.config.project.seed if seed is None else seed,
            by=_by(by, context),
            unanswerable=unanswerable,
            hard=hard,
            path=folder / output,
        )
        made = pipeline.make_examples(context, wish, reader, wait=wait)
    if json:
        emit(to_json(made, indent=2))
    else:
        print_made(made, terminal())


def _by(name: str | None, context: Context) -> Literal["rule", "model"]:
    if name is None:
        return "rule" if context.config.models.generator == "pocket" else "model"
    for known in ("rule", "model"):
        if name == known:
            return known
    raise typer.BadParameter(f"`{name}`: write rule or model")


def print_made(made: Made, console: Console) -> None:
    """How many were drafted and kept, and why the others were not."""
    from rich.table import Table

    table = Table(show_edge=False, pad_edge=False, show_header=False)
    table.add_column("", justify="right")
    table.add_column("")
    table.add_row(str(made.drafted), f"drafted by {made.by}")
    for reason in made.rejected:
        table.add_row(f"[dim]− {reason.count}[/]", f"[dim]{escape(reason.why)}[/]")
    if made.unused > 0:
        table.add_row(f"[dim]− {made.unused}[/]", "[dim]not needed[/]")
    table.add_row(f"[bold]{made.added}[/]", "[bold]new in the file[/]")
    for reason in made.skipped:
        table.add_row(f"[dim]{reason.count}[/]", f"[dim]left out: {escape(reason.why)}[/]")
    console.print(table)
    console.print(
        f"[bold]{escape(made.path)}[/] holds {made.held} from {made.documents} documents: {made.unanswerable} that no document "
        f"answers, {made.hard} that a search finds another passage first for, {made.held - made.unanswerable - made.hard} others.",
        highlight=False,
    )
    console.print("Review them: [bold]ragraft examples review[/], or set each `status` in the file.", highlight=False)


@app.command(epilog="Example:  ragraft examples review handbook")
def review(
    folder: Folder = HERE,
    output: _Output = Path(FILE),
    accept_all: Annotated[bool, typer.Option("--accept-all", help="Accept every draft unseen.")] = False,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Accept, edit or reject each draft; what is accepted is appended to the examples, marked as synthetic."""
    from ragraft import pipeline
    from ragraft.context import Context
    from ragraft.errors import DataError
    from ragraft.synthesis import review as reviewing

    context, path = Context(folder), folder / output
    rows = reviewing.read(path)
    if not rows:
        raise DataError(f"{path}: no questions to review; `ragraft examples make {folder}` makes some")
    unseen = sum(r.status == "draft" for r in rows) if accept_all else 0
    if accept_all:
        rows = tuple(replace(r, status="accepted") if r.status == "draft" else r for r in rows)
        reviewing.write(path, rows)
    elif at_terminal() and not json:
        rows = ask_person(rows, path, terminal())
    added = pipeline.add_examples(context, rows, wait=wait)
    print_review(rows, added, unseen, folder / context.config.examples.path, json=json)


def at_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def print_review(rows: Sequence[Row], added: int, unseen: int, path: Path, *, json: bool) -> None:
    from ragraft.workspace import to_json

    counts = Counter[str](r.status for r in rows)
    if json:
        emit(to_json({"added": added, "accepted_unseen": unseen, **counts}, dict[str, int]))
        return
    console = terminal()
    if unseen:
        console.print(f"[yellow]{unseen} accepted that nobody has read.[/] A comparison on them says so.")
    console.print(
        f"{added} added to [bold]{escape(str(path))}[/]; {counts['accepted']} accepted, {counts['rejected']} rejected, "
        f"{counts['draft']} still to be read.",
        highlight=False,
    )


def ask_person(rows: Sequence[Row], path: Path, console: Console) -> tuple[Row, ...]:
    """Show each draft; every decision is saved at once."""
    from ragraft.synthesis import review as reviewing

    done = list(rows)
    todo = [n for n, row in enumerate(done) if row.status == "draft"]
    for place, n in enumerate(todo, start=1):
        show(done[n], f"{place} of {len(todo)}", console)
        choice = (
            typer.prompt("accept, edit, reject, skip, quit", default="a", show_default=False, err=True)
            .strip()
            .lower()[:1]
        )
        if choice == "q":
            break
        if choice in ("a", "e", "r"):
            edited = _edited(done[n]) if choice == "e" else done[n]
            done[n] = replace(edited, status="rejected" if choice == "r" else "accepted")
            reviewing.write(path, done)
    return tuple(done)


def show(row: Row, place: str, console: Console) -> None:
    """One draft over the passage that it was made from."""
    e = row.example
    kind = "hard, " * row.hard + row.by if e.answerable else "no document answers it"
    console.print()
    console.print(f"[dim]{place} · {escape(row.made_from)} · {escape(kind)}[/]", highlight=False)
    console.print(f"[dim]{escape(row.passage)}[/]", highlight=False)
    console.print(f"[bold]{escape(e.question)}[/]", highlight=False)
    console.print(escape(e.answers[0]), highlight=False)
    if e.must_include:
        console.print(f"[dim]must hold[/] {escape(_facts(row))}", highlight=False)


def _facts(row: Row) -> str:
    return "; ".join(" | ".join(spellings) for spellings in row.example.must_include)


def _edited(row: Row) -> Row:
    e = row.example
    question = typer.prompt("Question", default=e.question, err=True)
    answer = typer.prompt("Answer", default=e.answers[0], err=True)
    facts = e.must_include
    if e.answerable:
        text = typer.prompt("Must hold (facts with ; and other spellings with |)", default=_facts(row), err=True)
        split = (tuple(s.strip() for s in fact.split("|") if s.strip()) for fact in text.split(";"))
        facts = tuple(fact for fact in split if fact)
    return replace(row, example=replace(e, question=question, answers=(answer,), must_include=facts))

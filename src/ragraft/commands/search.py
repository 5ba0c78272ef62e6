"""`ragraft search` and `ragraft ask`. In: a question and who asks. Out: passages or an answer, or JSON, on standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ragraft.commands.shared import (
    HERE,
    Groups,
    Json,
    Project,
    User,
    arm_named,
    as_reader,
    emit,
    fail,
    opened,
    terminal,
)
from ragraft.types import ARMS, Answer, Failure, Passage

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 240
"""Characters of a passage that are shown."""


def search(
    query: str,
    project: Project = HERE,
    user: User = "local",
    group: Groups = None,
    as_of: Annotated[
        int | None,
        typer.Option("--as-of", help="Search in an older version of the index (`ragraft versions` lists them)."),
    ] = None,
    where: Annotated[
        str,
        typer.Option("--where", help="Only passages that meet a filter: \"tag = 'hr' AND modified >= '2025-01-01'\"."),
    ] = "",
    json: Json = False,
) -> None:
    """The passages for a question, with the reasons for their ranks."""
    from ragraft import pipeline
    from ragraft.workspace import to_json

    with opened(project, quiet=json) as context:
        passages = pipeline.search(context, query, as_reader(user, group), as_of=as_of, where=where)
        version = context.index.version if as_of is None else as_of
    if json:
        emit(to_json(passages, tuple[Passage, ...], indent=2))
        return
    if not passages:
        terminal().print("Nothing that this reader may see matches.")
        return
    print_passages(passages, terminal())
    terminal().print(f"[dim]Version {version} of the index.[/]", highlight=False)


def ask(
    question: str,
    system: Annotated[str, typer.Option("--system", help=f"The arm that answers: {', '.join(ARMS)}.")] = "rag",
    project: Project = HERE,
    user: User = "local",
    group: Groups = None,
    json: Json = False,
) -> None:
    """Ask one arm a question, with citations."""
    from ragraft import pipeline
    from ragraft.workspace import to_json

    with opened(project, quiet=json) as context:
        outcome = pipeline.ask(context, question, arm_named(system), as_reader(user, group))
    if json:
        emit(to_json(outcome, indent=2))
    if isinstance(outcome, Failure):
        sys.exit(7) if json else fail(outcome.message, 7)
    if not json:
        _print_answer(outcome)


def _print_answer(answer: Answer) -> None:
    console = terminal()
    first, last = answer.highlight or (0, 0)
    before, words, after = (escape(t) for t in (answer.text[:first], answer.text[first:last], answer.text[last:]))
    console.print(f"{before}[bold]{words}[/]{after}" if answer.text else "[dim](an empty answer)[/]", highlight=False)
    for cited in answer.citations:
        passage = answer.passages[cited.number - 1].chunk
        heading = " › ".join(x for x in (passage.title, passage.heading) if x)
        page = f", page {cited.page}" if cited.page else ""
        console.print(f"[dim]\\[{cited.number}] {escape(heading)} – {escape(cited.document)}{page}[/]", highlight=False)
    if answer.invented:
        console.print(f"[yellow]{answer.invented} citation(s) named no passage and were removed.[/]")
    for note in answer.notes:
        console.print(f"[yellow]{escape(note)}[/]", highlight=False)
    if answer.index_version is not None:
        console.print(f"[dim]Version {answer.index_version} of the index.[/]", highlight=False)
    if answer.dropped:
        console.print(f"[dim]{answer.dropped} passage(s) did not fit the model's context.[/]")


def print_passages(passages: Sequence[Passage], console: Console) -> None:
    """Each passage with what ranked it where it is; no line needs a wide terminal."""
    for passage in passages:
        head = " › ".join(part for part in (passage.chunk.title, passage.chunk.heading) if part)
        page = f", page {passage.chunk.page}" if passage.chunk.page else ""
        text = " ".join(passage.text.split())
        console.print(
            f"[bold]{passage.rank}  {escape(head)}[/]  [dim]{escape(passage.chunk.document)}{page}[/]", highlight=False
        )
        console.print(f"{escape(text[:SHOWN])}{'…' if len(text) > SHOWN else ''}", highlight=False)
        console.print(f"[dim]{why(passage)}[/]\n", highlight=False)


def why(passage: Passage) -> str:
    """`reranked 2.31 · fused 0.812 · BM25 12.30 (#1) · cosine 0.73 (#4) · 2 repeats merged`; a dash where a half did not find it."""
    parts = [f"reranked {passage.reranked:.2f}"] if passage.reranked is not None else []
    parts += [
        f"fused {passage.score:.3f}",
        f"BM25 {_ranked(passage.bm25, passage.bm25_rank)}",
        f"cosine {_ranked(passage.cosine, passage.cosine_rank)}",
    ]
    if passage.merged:
        parts.append(f"{passage.merged} repeat{'s' if passage.merged > 1 else ''} merged")
    return " · ".join(parts)


def _ranked(score: float | None, rank: int | None) -> str:
    if score is None:
        return "–"
    return f"{score:.2f} ({f'#{rank}' if rank else '–'})"

"""What `ragraft search` and `ragraft tune-retrieval` print. In: values and a rich console. Writes to the console only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from ragraft.types import Passage

if TYPE_CHECKING:
    from rich.console import Console

    from ragraft.compare.settings import RaceLine, RetrievalRace

SHOWN = 240
"""Characters of a passage that are shown."""


WIDE = 120
"""Columns of a terminal that shows the race whole."""
_COLUMNS: tuple[str, ...] = (
    *("", "value", "score", "95 %", "nDCG@10", "recall", "tokens", "n"),
    *("gap", "gap 95 %", "p", "fate"),
)
_WIDE_ONLY = ("95 %", "nDCG@10", "recall", "tokens", "p")


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


def print_race(race: RetrievalRace, console: Console) -> None:
    """The table of all rounds, what was not raced, and what goes into `ragraft.toml`."""
    from rich.table import Table

    shown = [name for name in _COLUMNS if console.width >= WIDE or name not in _WIDE_ONLY]
    table = Table(show_edge=False, pad_edge=False)
    for name in shown:
        table.add_column(name, justify="left" if name in ("", "value") else "right", no_wrap=True)
    for number, line in enumerate(race.lines):
        first = number == 0 or race.lines[number - 1].round != line.round
        cells = dict(zip(_COLUMNS, (line.round if first else "", *_cells(line)), strict=True))
        table.add_row(*(cells[name] for name in shown), end_section=_last(race.lines, number))
    console.print(table)
    console.print(
        f"[dim]{race.n} dev questions, {race.unanswerable} without an answer (score 1 when nothing is returned); gap: to the present setting; p after Holm "
        f"within a round and Bonferroni over rounds; {race.seconds:.0f} s.[/]",
        highlight=False,
    )
    for note in race.notes:
        console.print(f"[dim]Not raced: {escape(note)}.[/]", highlight=False)
    if not race.changes:
        console.print("Nothing is better than the present settings beyond noise; ragraft.toml stays as it is.")
    for change in race.changes:
        before, after = ("(not set)" if v is None else str(v) for v in (change.before, change.after))
        console.print(f"[bold]{change.section}.{change.key}[/]: {escape(before)} → {escape(after)}", highlight=False)
    if race.changes:
        console.print("Written to ragraft.toml." if race.written else "A dry run: ragraft.toml stays as it is.")


def _last(lines: Sequence[RaceLine], number: int) -> bool:
    return number + 1 < len(lines) and lines[number + 1].round != lines[number].round


def _cells(line: RaceLine) -> tuple[str, ...]:
    found, d = line.score, line.difference
    score, interval = ("–", "") if found.mean is None else (f"{found.mean:.3f}", f"{found.low:.3f}–{found.high:.3f}")
    gap = ("", "", "") if d is None else (f"{d.mean:+.3f}", f"{d.low:+.3f} to {d.high:+.3f}", f"{d.p_adjusted:.3f}")
    parts = ["–" if v is None else f"{v:.3f}" for v in (line.ndcg, line.recall)]
    fate = f"[bold]{line.fate}[/]" if line.fate == "won" else line.fate
    return escape(line.value), score, interval, *parts, f"{line.tokens:.0f}", str(line.n), *gap, fate

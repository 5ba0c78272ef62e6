"""`ragraft tune` and `ragraft tune-retrieval`. In: arguments. Out: tables or JSON on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ragraft.commands.shared import HERE, Folder, Json, Wait, arm_named, emit, opened, terminal
from ragraft.types import Adapter, ArmName, TunedArm

if TYPE_CHECKING:
    from rich.console import Console

    from ragraft.compare.settings import RaceLine, RetrievalRace

WIDE = 120
"""Columns of a terminal that shows the race whole."""
_COLUMNS: tuple[str, ...] = (
    *("", "value", "score", "95 %", "nDCG@10", "recall", "tokens", "n"),
    *("gap", "gap 95 %", "p", "fate"),
)
_WIDE_ONLY = ("95 %", "nDCG@10", "recall", "tokens", "p")


def tune(
    folder: Folder = HERE,
    arm: Annotated[
        list[str] | None, typer.Option("--arm", help="tuned or raft; may be repeated.", show_default="both")
    ] = None,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Train the adapters on the train split (an unchanged one is not trained again)."""
    from rich.table import Table

    from ragraft import pipeline
    from ragraft.workspace import to_json

    wanted: tuple[ArmName, ...] = tuple(arm_named(a) for a in arm or ("tuned", "raft"))
    with opened(folder, quiet=json) as context:
        tuned = pipeline.tune(context, wanted, wait=wait)
    if json:
        emit(to_json(tuned, tuple[TunedArm, ...], indent=2))
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in ("arm", "rows", "steps kept", "train loss", "dev loss", "seconds", "tokens/s"):
        table.add_column(column, justify="left" if column == "arm" else "right")
    for t in tuned:
        table.add_row(t.arm, *_training_cells(t.adapter))
    terminal().print(table)


def tune_retrieval(
    folder: Folder = HERE,
    reranker: Annotated[
        list[str] | None,
        typer.Option(
            "--reranker", help="A cross-encoder to try beside the packaged reader, hf:NAME_OR_PATH; may be repeated."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Leave ragraft.toml as it is.")] = False,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Race chunk size, weight of BM25, reranker, passages and floor on the dev split; keep what is better beyond noise."""
    from ragraft import pipeline
    from ragraft.workspace import to_json

    with opened(folder, quiet=json) as context:
        done = pipeline.tune_retrieval(context, rerankers=reranker or (), dry_run=dry_run, wait=wait)
    emit(to_json(done, indent=2)) if json else print_race(done, terminal())


def _training_cells(adapter: Adapter) -> tuple[str, ...]:
    best = next((p for p in adapter.curve if p.step == adapter.best_step), None)
    losses = (f"{best.train_loss:.3f}", f"{best.dev_loss:.3f}") if best else ("–", "–")
    rate = f"{adapter.tokens / adapter.seconds:,.0f}" if adapter.seconds else "–"
    return str(adapter.rows), str(adapter.best_step), *losses, f"{adapter.seconds:.0f}", rate


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

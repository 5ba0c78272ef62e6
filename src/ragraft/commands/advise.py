"""`ragraft advise`: asks what is not given by flags, prints where to start. In: flags, answers in the terminal. Out: a table, or JSON.

Writes the ragraft.toml that `--write` names, and nothing over an existing file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from ragraft.commands.shared import Json, emit, terminal
from ragraft.compare.prior import QUESTIONS, Access, Answers, Changes, Question, Team, Tone, YesNo
from ragraft.errors import ConfigError
from ragraft.types import Task

if TYPE_CHECKING:
    from rich.console import Console

    from ragraft.compare.advise import Advice, Reason
    from ragraft.compare.published import Published


def advise(
    task: Annotated[Task | None, typer.Option(help="What the model is to do.")] = None,
    changes: Annotated[Changes | None, typer.Option(help="How often the knowledge changes.")] = None,
    sources: Annotated[YesNo | None, typer.Option(help="Whether answers must show their sources.")] = None,
    tone: Annotated[Tone | None, typer.Option(help="Whether a house tone decides.")] = None,
    traffic: Annotated[int | None, typer.Option(min=0, help="Questions a month.")] = None,
    data: Annotated[
        Access | None, typer.Option(help="Who may read: everyone, by lists, or personal data that must be erasable.")
    ] = None,
    examples: Annotated[int | None, typer.Option(min=0, help="Labelled examples at hand.")] = None,
    team: Annotated[Team | None, typer.Option(help="Who looks after it.")] = None,
    latency: Annotated[int | None, typer.Option(min=0, help="Milliseconds for 95 % of answers; 0: no limit.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: the default for what no flag says.")] = False,
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write the ragraft.toml here (a file, or a folder).", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Where to start before there is data: nine questions, a first recommendation, and what to measure to settle it."""
    from ragraft.compare.advise import advise as decide
    from ragraft.workspace import to_json

    target = _target(write)
    given: dict[str, Any] = {
        "task": task, "changes": changes, "sources": sources, "tone": tone, "traffic": traffic, "data": data,
        "examples": examples, "team": team, "latency": latency,
    }  # fmt: skip
    known = {key: value for key, value in given.items() if value is not None}
    if not yes:
        known |= {q.key: _ask(q) for q in QUESTIONS if q.key not in known}
    advice = decide(Answers(**known))
    if target:
        from ragraft.workspace import write_atomic

        write_atomic(target, advice.config)
    if json:
        emit(to_json(advice, indent=2))
    else:
        _print(advice, target)


def _target(write: Path | None) -> Path | None:
    """The file to write, before anything is asked. Raises `ConfigError` where there is one."""
    from ragraft.config import CONFIG_NAME

    if write is None:
        return None
    target = write / CONFIG_NAME if write.is_dir() else write
    if target.exists():
        raise ConfigError(f"{target}: there is a file here already; name another one after --write")
    return target


def _ask(question: Question) -> str | int:
    """Ask in the terminal until the answer is one of the choices, or a whole number that is not negative."""
    default: str | int = getattr(Answers(), question.key)
    for word, meaning in question.choices.items():
        if word != meaning:
            typer.secho(f"  {word}: {meaning}", dim=True, err=True)
    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    check: Callable[[str], str | int] = _choice(question) if question.choices else _number
    try:
        return typer.prompt(question.asks + choices, default=default, value_proc=check, err=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        raise ConfigError(
            f"no answer to --{question.key} was given; name it as a flag, or take the defaults with --yes"
        ) from None


def _choice(question: Question) -> Callable[[str], str]:
    def check(text: str) -> str:
        near = [word for word in question.choices if word.startswith(text.strip().lower() or "?")]
        if len(near) != 1:
            raise typer.BadParameter(f"choose one of {', '.join(question.choices)}")
        return near[0]

    return check


def _number(text: str) -> int:
    digits = str(text).strip().replace(",", "").replace("_", "")
    if not digits.isdecimal():
        raise typer.BadParameter("write a whole number, 0 or more")
    return int(digits)


# --- what is printed ---------------------------------------------------------------------------------------------------


def _print(advice: Advice, written: Path | None) -> None:
    console = terminal()
    console.print(f"[bold]{escape(advice.headline)}[/]", highlight=False)
    console.print(f"How sure: {advice.sure}. {escape(advice.sure_because)}", highlight=False)
    console.print()
    _table(advice, console)
    _evidence(advice, console)
    console.print("\n[bold]Two measurements would settle it[/]")
    for number, measurement in enumerate(advice.measurements, start=1):
        console.print(f"{number}. {escape(measurement.sentence)}", highlight=False)
    console.print()
    if written:
        console.print(
            f"{escape(str(written))} is written: `ragraft compare {escape(str(written.parent))}` makes both.",
            highlight=False,
        )
    else:
        console.print("As a ragraft.toml (`--write PATH` saves it):\n")
        console.print(advice.config, markup=False, highlight=False, soft_wrap=True)


def _table(advice: Advice, console: Console) -> None:
    """One row an answer that counted, one column an arm, the best first."""
    from rich.table import Table

    arms = [s.arm for s in advice.standings]
    table = Table(show_edge=False, pad_edge=False, show_footer=True)
    table.add_column("your answer: what it speaks for", footer="sum", ratio=1)
    for standing in advice.standings:
        table.add_column(standing.arm, footer="out" if standing.out else _signed(standing.points), justify="right")
    for reason in advice.reasons:
        table.add_row(f"[bold]{reason.answer}[/]: {reason.because}", *(_cell(reason, arm) for arm in arms))
    console.print(table)


def _cell(reason: Reason, arm: str) -> str:
    if arm in reason.rules_out:
        return "[red]out[/]"
    return next((_signed(p.points) for p in reason.points if p.arm == arm), "")


def _signed(points: int) -> str:
    return f"{points:+d}".replace("-", "−") if points else "0"


def _evidence(advice: Advice, console: Console) -> None:
    """Every published result that a row names, once; those that found otherwise are marked."""
    cited: dict[str, tuple[Published, bool]] = {}
    for reason in advice.reasons:
        cited |= {p.id: (p, True) for p in reason.against}
        cited |= {p.id: (p, False) for p in reason.published if p.id not in cited}
    console.print("\n[bold]Published[/]")
    for paper, against in cited.values():
        mark = "[yellow]speaks against it:[/] " if against else ""
        figure = f" {paper.figure[0].upper()}{paper.figure[1:]}." if paper.figure else ""
        console.print(
            f"– {mark}{escape(paper.claim)}[dim]{escape(figure)} {escape(paper.cited)}, {paper.url}[/]", highlight=False
        )

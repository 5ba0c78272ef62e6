"""What several commands share: their options, the opened project, and the two streams. In: arguments. Out: on those streams."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.markup import escape

from ragraft.types import ARMS, ArmName, Reader

if TYPE_CHECKING:
    from rich.console import Console

    from ragraft.context import Context

Folder = Annotated[Path, typer.Argument(help="The project's folder (holds ragraft.toml).", show_default="this folder")]
Project = Annotated[Path, typer.Option("--project", "-p", help="The project's folder.", show_default="this folder")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")]
Wait = Annotated[bool, typer.Option("--wait", help="When another ragraft works on the project, wait for it.")]
User = Annotated[str, typer.Option("--as", help="The reader's user id: only what this reader may see is searched.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="A group of the reader; may be repeated.")]

HERE = Path()


def terminal(*, stderr: bool = False) -> Console:
    """Standard output, or standard error, with colours where it is a terminal."""
    from rich.console import Console

    return Console(stderr=stderr)


@contextlib.contextmanager
def opened(folder: Path, *, quiet: bool = False) -> Generator[Context]:
    """The project, with progress bars on standard error while its stages work."""
    from ragraft.context import Context
    from ragraft.progress import bars

    with bars(terminal(stderr=True), quiet=quiet) as notify:
        yield Context(folder, notify)


def emit(text: str) -> None:
    """A line for programs."""
    sys.stdout.write(text + "\n")


def print_names(names: Sequence[str], most: int, console: Console) -> None:
    """One a line, up to so many, and how many more there are."""
    for name in names[:most]:
        console.print(f"  {escape(name)}", highlight=False)
    if len(names) > most:
        console.print(f"  … and {len(names) - most} more", highlight=False)


def fail(message: str, code: int) -> NoReturn:
    """One line on standard error, and out with this exit code."""
    terminal(stderr=True).print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(code)


def as_reader(user: str, groups: list[str] | None) -> Reader:
    return Reader(user=user, groups=frozenset(groups or ()))


def arm_named(name: str) -> ArmName:
    """Raises `BadParameter` for what is no arm."""
    for arm in ARMS:
        if arm == name:
            return arm
    raise typer.BadParameter(f"`{name}` is not an arm; choose one of {', '.join(ARMS)}")

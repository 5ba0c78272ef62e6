"""`ragraft init`. In: a folder. Out: a new project in it, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ragraft.commands.shared import terminal


def init(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Start a project: a commented ragraft.toml, documents/ and examples.jsonl."""
    from ragraft.init import make

    made = make(folder)
    console = terminal()
    console.print(f"[bold]{escape(str(folder))}[/] is a project now:")
    for path in made:
        console.print(f"  {escape(str(path))}", highlight=False)
    console.print(
        f"Put your files into documents/ and your questions into examples.jsonl, then run [bold]ragraft compare {escape(str(folder))}[/]."
    )

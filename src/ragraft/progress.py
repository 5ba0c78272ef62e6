"""Progress bars with an estimate of the time left. In: a console. Out: a `Notify` callback. Writes to that console only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@contextlib.contextmanager
def bars(console: Console, *, quiet: bool = False) -> Generator[Callable[[str, int, int], None]]:
    """One bar per stage, made when the stage first reports. `quiet` shows nothing."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<24}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]left[/]"),
        TimeRemainingColumn(),
    )
    with contextlib.ExitStack() as shown:
        progress = Progress(*columns, console=console, disable=quiet)
        tasks: dict[str, TaskID] = {}

        def notify(stage: str, done: int, total: int) -> None:
            if not tasks:
                shown.enter_context(progress)
            if stage not in tasks:
                # A stage that stopped early (its loss no longer fell) is done when the next one starts.
                for earlier in tasks.values():
                    progress.update(earlier, total=progress.tasks[earlier].completed or 1)
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield notify

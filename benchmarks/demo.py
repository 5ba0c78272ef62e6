"""The demo as a user runs it: time and peak memory of `ragraft compare examples/help-centre`, of a second run with nothing
changed, and of `ragraft --help`.

    .venv/bin/python benchmarks/demo.py
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

DEMO = Path(__file__).resolve().parent.parent / "examples" / "help-centre"
RAGRAFT = str(Path(sys.executable).parent / "ragraft")


@dataclass(frozen=True, slots=True)
class Run:
    seconds: float
    peak_gb: float


def run(*arguments: str) -> Run:
    """Wall seconds and the peak of resident memory (process and children, sampled every 50 ms) of one command."""
    started, peak = time.perf_counter(), 0
    process = psutil.Popen([RAGRAFT, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            peak = max(
                peak, process.memory_info().rss + sum(c.memory_info().rss for c in process.children(recursive=True))
            )
        except psutil.Error:
            break
        time.sleep(0.05)
    if process.wait():
        raise SystemExit(f"ragraft {' '.join(arguments)} failed with exit code {process.returncode}")
    return Run(time.perf_counter() - started, peak / 1e9)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "help-centre"
        shutil.copytree(DEMO, project, ignore=shutil.ignore_patterns(".ragraft"))
        first, second = run("compare", str(project)), run("compare", str(project))
    helps = [run("--help").seconds for _ in range(5)]
    table = Table()
    for column in ("what", "asked", "measured"):
        table.add_column(column)
    table.add_row("compare, first run", "at most 360 s", f"{first.seconds:.0f} s")
    table.add_row("peak memory", "at most 4 GB", f"{first.peak_gb:.1f} GB")
    table.add_row("compare, nothing changed", "at most 15 s", f"{second.seconds:.1f} s")
    table.add_row("ragraft --help, median of 5", "at most 0.5 s", f"{statistics.median(helps):.2f} s")
    Console().print(table)


if __name__ == "__main__":
    main()

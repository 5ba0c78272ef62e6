"""What the quick probe set adds to the demo, and whether freshness finds there what is asked of it.

    .venv/bin/python benchmarks/probes.py [PROJECT] [--questions N] [--more NAMES]

Works on a copy of the project. Its arms are built first, untimed; results of earlier runs of the probes are not used. `--questions`: a
second, untimed freshness over so many facts, where the first one found too few that `rag` or `tuned` told. `--more`: then these probes
too, by names with commas, or all the others.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from inputs import add_project
from ragraft import pipeline
from ragraft.context import Context
from ragraft.probes.table import PROBES
from ragraft.types import ProbeFigure, ProbeResult, Reading

SECONDS = 240
BARS = {("rag", "new"): (">=", 0.8), ("rag", "seconds"): ("<=", 2.0), ("tuned", "old"): (">=", 0.8)}
"""Arm and figure of freshness -> what is asked of it. `tuned` tells the old fact: as surely as `rag` tells the new one."""


def main() -> None:
    parser = argparse.ArgumentParser()
    add_project(parser)
    parser.add_argument("--questions", type=int)
    parser.add_argument("--more", default="")
    options = parser.parse_args()
    console = Console(width=140)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        shutil.copytree(options.project, folder)
        for name in ("probes", "told"):
            shutil.rmtree(folder / ".ragraft" / "stages" / name, ignore_errors=True)
        pipeline.probe(Context(folder), ())
        names = Context(folder).config.probes.run
        wall, processor = time.perf_counter(), time.process_time()
        results = pipeline.probe(Context(folder), names)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        console.print(_quick(results, wall, processor))
        console.print(_figures(results))
        fresh = next(r for r in results if r.probe == "freshness")
        if options.questions:
            (fresh,) = pipeline.probe(_wider(folder, options.questions), ["freshness"])
            console.print(_figures([fresh]))
        console.print(_freshness(fresh))
        more = options.more.split(",")
        for name in PROBES:
            if name not in names and (name in more or more == ["all"]):
                (result,) = pipeline.probe(Context(folder), [name])
                console.print(_figures([result]))
                console.print(f"{name}: {result.seconds:.0f} s, {result.cpu_seconds:.0f} s of the processor\n")


def _wider(folder: Path, questions: int) -> Context:
    """The project with more facts asked about, and the arms alone of which something is asked."""
    context = Context(folder)
    probes = context.config.probes.model_copy(update={"questions": questions})
    arms = context.config.compare.model_copy(update={"arms": ("quote", "rag", "tuned")})
    context.config = context.config.model_copy(update={"probes": probes, "compare": arms})
    return context


def _quick(results: Sequence[ProbeResult], wall: float, processor: float) -> Table:
    table = Table("time", "asked", "measured", "of the processor", "met")
    for result in results:
        table.add_row(result.probe, "–", f"{result.seconds:.0f} s", f"{result.cpu_seconds:.0f} s", "–")
    table.add_row(
        "the quick set", f"≤ {SECONDS} s", f"{wall:.0f} s", f"{processor:.0f} s", "yes" if wall <= SECONDS else "no"
    )
    return table


def _freshness(fresh: ProbeResult) -> Table:
    table = Table("freshness", "asked", "measured", "interval", "n", "met")
    for (arm, name), (sign, bar) in BARS.items():
        figure = fresh.figure(name)
        reading = figure.reading(arm) if figure else None  # pyright: ignore[reportArgumentType]
        if figure is None or reading is None or reading.value is None:
            table.add_row(
                f"{arm}: {name}", f"{sign} {bar}", reading.reason if reading else "–", "–", "0", "cannot tell"
            )
            continue
        met = reading.value >= bar if sign == ">=" else reading.value <= bar
        low, high = reading.low, reading.high
        unsure = low is not None and high is not None and low < bar < high
        table.add_row(
            f"{arm}: {figure.label}", f"{sign} {bar}", _shown(figure, reading.value), _interval(figure, reading),
            str(reading.n), "cannot tell" if unsure else "yes" if met else "no",
        )  # fmt: skip
    return table


def _figures(results: Sequence[ProbeResult]) -> Table:
    arms = list(dict.fromkeys(r.arm for p in results for f in p.figures for r in f.readings))
    table = Table("probe", "figure", *arms)
    for result in results:
        for figure in result.figures:
            readings = [figure.reading(arm) for arm in arms]
            cells = ["–" if r is None or r.value is None else f"{_shown(figure, r.value)} n {r.n}" for r in readings]
            table.add_row(result.probe, figure.label, *cells)
        for note in result.notes:
            table.add_row(result.probe, escape(note))
    return table


def _shown(figure: ProbeFigure, value: float) -> str:
    return f"{100 * value:.0f} %" if figure.unit == "share" else f"{value:.3g} {figure.unit}"


def _interval(figure: ProbeFigure, reading: Reading) -> str:
    if reading.low is None or reading.high is None:
        return "–"
    return f"{_shown(figure, reading.low)} to {_shown(figure, reading.high)}"


if __name__ == "__main__":
    main()

"""What the quick probe set adds to the demo, and what freshness finds there.

    .venv/bin/python benchmarks/probes.py [PROJECT]

The project's arms are built first, untimed; results of earlier runs of the probes are not used.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ragraft import pipeline
from ragraft.context import Context

DEMO = Path(__file__).resolve().parent.parent / "examples" / "help-centre"
ASKED_SECONDS, ASKED_NEW, ASKED_SYNC = 240, 0.8, 2.0


def main() -> None:
    project = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO
    console = Console()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "demo"
        shutil.copytree(project, folder)
        for name in ("probes", "told"):
            shutil.rmtree(folder / ".ragraft" / "stages" / name, ignore_errors=True)
        pipeline.probe(Context(folder), ())
        names = Context(folder).config.probes.run
        wall, processor = time.perf_counter(), time.process_time()
        results = pipeline.probe(Context(folder), names)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    table = Table("figure", "asked", "measured", "n")
    table.add_row(f"quick set: {', '.join(names)}", f"≤ {ASKED_SECONDS} s", f"{wall:.0f} s, {processor:.0f} s CPU", "1")
    for result in results:
        table.add_row(f"  {result.probe}", "–", f"{result.seconds:.0f} s, {result.cpu_seconds:.0f} s CPU", "1")
    fresh = next(r for r in results if r.probe == "freshness")
    asked = {"new": f"rag ≥ {100 * ASKED_NEW:.0f} %", "seconds": f"rag ≤ {ASKED_SYNC:.0f} s"}
    for figure in fresh.figures:
        for reading in figure.readings:
            if reading.value is not None:
                shown = f"{100 * reading.value:.0f} %" if figure.unit == "share" else f"{reading.value:.2f} s"
                table.add_row(f"{reading.arm}: {figure.label}", asked.get(figure.name, "–"), shown, str(reading.n))
    console.print(table)


if __name__ == "__main__":
    main()

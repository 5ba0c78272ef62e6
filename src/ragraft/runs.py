"""Past comparisons. In: a report, or a project and a run's id. Out: the report again, its outline, or a line for each.

Writes `line.json` and the report into the run's folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ragraft.compare import report as reporting
from ragraft.context import Context
from ragraft.errors import DataError
from ragraft.types import (
    Comparison,
    Disagreement,
    Fingerprints,
    Recommendation,
    Report,
    Sensitivity,
    SyncReport,
    Tradeoff,
)
from ragraft.workspace import from_json, to_json, write_atomic


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A past comparison in one line."""

    run: str
    made: str
    n: int
    outcome: str
    arm: str | None
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A report without its answers: what `--json` prints."""

    run: str
    project: str
    made: str
    seconds: float
    report: str
    recommendation: Recommendation
    comparison: Comparison
    sync: SyncReport | None
    fingerprints: Fingerprints
    tradeoffs: tuple[Tradeoff, ...]
    sensitivity: Sensitivity | None
    published: tuple[Disagreement, ...]


def save(report: Report, folder: Path) -> None:
    """`report.json` and `report.html`, and the line that lists them."""
    line = RunLine(
        run=report.run,
        made=report.made,
        n=report.comparison.n,
        outcome=report.recommendation.outcome,
        arm=report.recommendation.arm,
        headline=report.recommendation.headline,
    )
    write_atomic(folder / "line.json", to_json(line))
    reporting.write(report, folder)


def list_runs(context: Context) -> tuple[RunLine, ...]:
    """Finished comparisons, newest first."""
    return tuple(from_json(RunLine, (folder / "line.json").read_bytes()) for folder in context.space.runs())


def load_run(context: Context, name: str) -> Report:
    """A past comparison by its id, or `latest`. Raises `DataError` naming the ids there are."""
    known = [folder.name for folder in context.space.runs()]
    wanted = known[0] if name == "latest" and known else name
    if wanted not in known:
        raise DataError(
            f"{context.folder}: no run `{name}`; there are {', '.join(known[:5]) or 'none yet (`ragraft compare` makes one)'}"
        )
    return from_json(Report, (context.space.run(wanted) / "report.json").read_bytes())


def outline(context: Context, report: Report) -> Outline:
    """What programs read of a report."""
    return Outline(
        run=report.run,
        project=report.project,
        made=report.made,
        seconds=report.seconds,
        report=str(context.space.run(report.run) / "report.html"),
        recommendation=report.recommendation,
        comparison=report.comparison,
        sync=report.sync,
        fingerprints=report.fingerprints,
        tradeoffs=report.tradeoffs,
        sensitivity=report.sensitivity,
        published=report.published,
    )

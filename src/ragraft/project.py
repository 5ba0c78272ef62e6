"""A project from Python, for scripts and notebooks: `ragraft.open("handbook").compare().recommendation`.

In: a project folder. Out: the same values as the command line's, with rich notebook representations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragraft.types import (
    Answer,
    ArmName,
    Certificate,
    Comparison,
    Evaluation,
    Failure,
    Passage,
    Reader,
    Recommendation,
    Report,
    SyncReport,
    TunedArm,
)

if TYPE_CHECKING:
    from ragraft.context import Context

LOCAL = Reader(user="local")


@dataclass(frozen=True, slots=True)
class Comparing:
    """A finished comparison: the report's parts, its files, and a table in a notebook."""

    report: Report
    folder: Path

    @property
    def recommendation(self) -> Recommendation:
        return self.report.recommendation

    @property
    def comparison(self) -> Comparison:
        return self.report.comparison

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        return self.report.evaluations

    @property
    def html(self) -> Path:
        return self.folder / "report.html"

    def _repr_html_(self) -> str:
        return _summary(self.report)

    def __repr__(self) -> str:
        return f"<comparison {self.report.run}: {self.report.recommendation.headline}>"


class Project:
    """An opened project. Every method does what the command of its name does; errors are `RagraftError`s."""

    def __init__(self, folder: str | Path) -> None:
        from ragraft.context import Context

        self._context: Context = Context(Path(folder))

    def compare(self, *, wait: bool = False) -> Comparing:
        """Build, measure and compare every arm. Unchanged stages are loaded instead of run."""
        from ragraft import pipeline

        return self._comparing(pipeline.compare(self._context, wait=wait))

    def sync(self, *, wait: bool = False) -> SyncReport:
        from ragraft import pipeline

        return pipeline.sync(self._context, wait=wait)

    def search(
        self, query: str, *, reader: Reader = LOCAL, as_of: int | None = None, where: str = ""
    ) -> tuple[Passage, ...]:
        from ragraft import pipeline

        return pipeline.search(self._context, query, reader, as_of=as_of, where=where)

    def forget(self, *documents: str, wait: bool = False) -> Certificate:
        from ragraft import pipeline

        return pipeline.forget(self._context, documents, wait=wait)

    def ask(self, question: str, *, system: ArmName = "rag", reader: Reader = LOCAL) -> Answer | Failure:
        from ragraft import pipeline

        return pipeline.ask(self._context, question, system, reader)

    def tune(self, *arms: ArmName, wait: bool = False) -> tuple[TunedArm, ...]:
        from ragraft import pipeline

        return pipeline.tune(self._context, arms or ("tuned", "raft"), wait=wait)

    def runs(self) -> tuple[str, ...]:
        """The ids of past comparisons, newest first."""
        return tuple(path.name for path in self._context.space.runs())

    def run(self, run: str = "latest") -> Comparing:
        """A past comparison."""
        from ragraft.runs import load_run

        return self._comparing(load_run(self._context, run))

    def _comparing(self, report: Report) -> Comparing:
        return Comparing(report, self._context.space.run(report.run))

    def __repr__(self) -> str:
        return f"<project {self._context.name!r} in {self._context.folder}>"

    def _repr_html_(self) -> str:
        runs = self.runs()
        if not runs:
            return f"<p>{self!r}: no comparison yet, <code>.compare()</code> makes one.</p>".replace(
                "<project", "&lt;project"
            )
        return _summary(self.run(runs[0]).report)


def _summary(report: Report) -> str:
    from ragraft.compare.report import html_summary

    return html_summary(report)


def open(folder: str | Path) -> Project:
    """The project in `folder`. Raises `ConfigError` when there is none."""
    return Project(folder)

"""What building today's index costs, from what every sync so far took. In: a `Context`. Out: seconds, processor, memory.

Writes `.ragraft/index-cost.json`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ragraft.context import Context
from ragraft.types import Spent, SyncReport
from ragraft.workspace import from_json, to_json, write_atomic


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCost:
    """What indexing took so far, by the clock and of the processor, the most memory held meanwhile, and the chunks written.
    None: some of it was not measured."""

    seconds: float
    chunks: int
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    gpu: bool = False


def note(context: Context, report: SyncReport, spent: Spent) -> None:
    """Add a sync."""
    fresh = report.chunks - report.reused
    if fresh <= 0:  # vectors that were there already cost nothing: they say nothing of a build
        return
    before = _so_far(context)
    after = IndexCost(
        seconds=before.seconds + report.seconds,
        chunks=before.chunks + fresh,
        cpu_seconds=None if before.cpu_seconds is None else before.cpu_seconds + spent.cpu_seconds,
        peak_mb=None if before.peak_mb is None else max(before.peak_mb, spent.peak_mb),
        gpu=before.gpu or spent.gpu,
    )
    write_atomic(context.space.index_cost, to_json(after))


def seconds(context: Context) -> float:
    """What building today's index takes, from the measured seconds per chunk of every sync so far."""
    cost = _so_far(context)
    return cost.seconds / cost.chunks * context.index.count() if cost.chunks else 0.0


def spent(context: Context) -> Spent | None:
    """The same with processor and memory; None where they were not measured."""
    cost = _so_far(context)
    if not cost.chunks or cost.cpu_seconds is None or cost.peak_mb is None:
        return None
    return Spent(
        seconds=seconds(context),
        cpu_seconds=cost.cpu_seconds / cost.chunks * context.index.count(),
        peak_mb=cost.peak_mb,
        gpu=cost.gpu,
    )


def _so_far(context: Context) -> IndexCost:
    path = context.space.index_cost
    if not path.is_file():
        return IndexCost(seconds=0.0, chunks=0, cpu_seconds=0.0, peak_mb=0.0)
    return from_json(IndexCost, path.read_bytes())

"""What an arm asks for to be built and kept up, as measured. In: an opened project and the arm's adapter. Writes nothing."""

from __future__ import annotations

from pathlib import Path

from ragraft import index_cost
from ragraft.context import Context
from ragraft.stages import INDEX_ARMS
from ragraft.types import Adapter, ArmName, Split, Work


def build_seconds(context: Context, arm: ArmName, adapter: Adapter | None) -> float:
    """Indexing and tuning, as measured when they were done."""
    return _index_seconds(context, arm) + (adapter.seconds if adapter else 0.0)


def work(context: Context, arm: ArmName, parts: Split, adapter: Adapter | None) -> Work:
    """The rest: labels, disk, and what a changed document asks for. An index on an object store has no size here (None)."""
    import torch

    answers = context.config.project.task == "answer"
    examples = _learned(arm, parts, adapter, answers=answers)
    documents = len(context.index.documents()) if answers else 0
    again = adapter if answers and documents and arm in context.config.traffic.retrain else None
    index = 0 if not _indexed(context, arm) else None if context.config.store.url else _size(context.space.index)
    return Work(
        gpu=torch.cuda.is_available(),
        labelled=examples,
        stored_bytes=None if index is None else index + (_size(Path(adapter.path)) if adapter else 0),
        change_seconds=_index_seconds(context, arm) / documents if documents else 0.0,
        retraining_seconds=again.seconds if again else 0.0,
        relabelled=sum(len(set(e.documents)) for e in (*parts.train, *parts.dev)) / documents if again else 0.0,
    )


def _learned(arm: ArmName, parts: Split, adapter: Adapter | None, *, answers: bool) -> int:
    """How many labelled examples the arm is made from; those that test it are needed for any arm."""
    if adapter is not None or (not answers and arm != "base"):
        return len(parts.train) + len(parts.dev)
    return len(parts.dev) if answers and arm == "quote" else 0


def _indexed(context: Context, arm: ArmName) -> bool:
    return context.config.project.task == "answer" and arm in INDEX_ARMS


def _index_seconds(context: Context, arm: ArmName) -> float:
    return index_cost.seconds(context) if _indexed(context, arm) else 0.0


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

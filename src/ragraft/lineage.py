"""What an adapter learned from, and who may therefore use it. In: training rows, the index's reader lists. Out: objections.

Writes into an adapter's folder: `lineage.json` when it is trained, `forgotten.json` when a document it learned from is
forgotten. An adapter is open to those who may read every document that its rows came from.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragraft.context import Context
from ragraft.errors import DataError, RefusedError
from ragraft.retrieve import access
from ragraft.retrieve.history import documents
from ragraft.types import Adapter, Closed, MarkedAdapter, Reader, TrainingRow
from ragraft.where import sql_strings
from ragraft.workspace import Workspace, from_json, to_json, write_atomic

LINEAGE = "lineage.json"
MARK = "forgotten.json"
NAMED = 3
"""Documents and examples that an objection names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A document that training rows came from, the examples behind those rows, and its reader lists at that time."""

    document: str
    examples: tuple[str, ...]
    readers: tuple[str, ...]
    own_readers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """`lineage.json`. A row whose example names no document has no known origin and narrows nothing."""

    arm: str
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why an arm should not answer a reader, and whether the config lets it do so with a warning. `sentence` is for the report and
    names documents; `told` is for the reader, who may not know of them."""

    sentence: str
    told: str
    refuse: bool


def record(context: Context, arm: str, rows: Sequence[TrainingRow], folder: Path) -> None:
    """Write what `rows` came from, with today's reader lists; a document that is not indexed is open to nobody."""
    examples: dict[str, dict[str, None]] = {}
    for row in rows:
        for document in row.documents:
            examples.setdefault(document, {})[row.example] = None
    rights = context.index.rights(examples)
    origins = tuple(
        Origin(document=d, examples=tuple(named), readers=rights[d].readers, own_readers=rights[d].own_readers)
        if d in rights
        else Origin(document=d, examples=tuple(named), readers=(), own_readers=())
        for d, named in sorted(examples.items())
    )
    write_atomic(folder / LINEAGE, to_json(Lineage(arm=arm, origins=origins), indent=1))


def read(folder: Path) -> Lineage:
    """Raises `DataError` for an adapter that was trained before lineages were kept."""
    path = folder / LINEAGE
    if not path.is_file():
        raise DataError(f"{folder}: the adapter does not say what it learned from; `ragraft tune` trains it again")
    return from_json(Lineage, path.read_bytes())


def outdated(folder: Path) -> bool:
    """Whether an adapter that is there must be trained again whatever its fingerprint says."""
    return folder.is_dir() and ((folder / MARK).is_file() or not (folder / LINEAGE).is_file())


def mark_of(folder: Path) -> MarkedAdapter | None:
    """The mark of an adapter that learned from forgotten documents."""
    path = folder / MARK
    return from_json(MarkedAdapter, path.read_bytes()) if path.is_file() else None


def marked(space: Workspace) -> tuple[MarkedAdapter, ...]:
    """Every adapter on disk that holds forgotten data."""
    return tuple(m for folder in space.finished_stages("adapters") if (m := mark_of(folder)))


def drop_marked(space: Workspace, arm: str) -> None:
    """Remove the weights of `arm` that hold forgotten data."""
    for folder in space.finished_stages("adapters"):
        mark = mark_of(folder)
        if mark and mark.arm == arm:
            shutil.rmtree(folder)


def closed(context: Context, adapter: Adapter, reader: Reader) -> tuple[Closed, ...]:
    """The documents behind the adapter that `reader` may not read: by their lists of today, those that are no longer
    indexed by their lists when it was trained."""
    origins = read(Path(adapter.path)).origins
    if not origins:
        return ()
    snapshot = context.index.snapshot()
    named = f"document IN ({sql_strings([o.document for o in origins])})"
    present = documents(snapshot, named)
    opened = documents(snapshot, f"{named} AND {snapshot.where(reader)}")
    known = access.names(reader, context.config.groups)
    return tuple(
        Closed(document=o.document, examples=o.examples)
        for o in origins
        if not (o.document in opened if o.document in present else access.admits(o.readers, o.own_readers, known))
    )


def objection(context: Context, adapter: Adapter, reader: Reader) -> Objection | None:
    """Why an arm with this adapter should not answer `reader`; None when it may. A forgotten document comes first."""
    if context.config.project.task == "classify":
        return None
    mark = mark_of(Path(adapter.path))
    if mark:
        remedy = f"`ragraft tune --arm {mark.arm}` trains it again without them"
        sentence = f"its adapter learned from forgotten documents ({_some(mark.documents)}); {remedy}"
        told = f"its adapter learned from {len(mark.documents)} forgotten document(s); {remedy}"
        return Objection(sentence=sentence, told=told, refuse=context.config.forget.adapters == "refuse")
    if context.config.access.adapters == "ignore":
        return None
    shut = closed(context, adapter, reader)
    if not shut:
        return None
    examples = tuple(dict.fromkeys(e for c in shut for e in c.examples))
    sentence = (
        f"its adapter learned from documents that `{reader.user}` may not read: {_some([c.document for c in shut])}, "
        f"through the examples {_some(examples)}"
    )
    told = f"its adapter learned from {len(shut)} document(s) that `{reader.user}` may not read (`adapters` in [access] decides)"
    return Objection(sentence=sentence, told=told, refuse=context.config.access.adapters == "refuse")


def checked(context: Context, arm: str, adapter: Adapter, reader: Reader) -> tuple[str, ...]:
    """Warnings to show with an answer of `arm`. Raises `RefusedError` where the config says to refuse."""
    found = objection(context, adapter, reader)
    if found is None:
        return ()
    if found.refuse:
        raise RefusedError(f"`{arm}` does not answer: {found.told}")
    return (found.told,)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown

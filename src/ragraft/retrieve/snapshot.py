"""One version of the index, to read from: chunks by document, by row id and by condition, never without a reader's own condition.

In: a pinned LanceDB table. Out: `Chunk`s. Writes nothing. What the store raises becomes one clear `StoreError` line.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragraft.errors import StoreError
from ragraft.retrieve import vectors
from ragraft.retrieve.access import Groups, readers_filter
from ragraft.retrieve.held import Held
from ragraft.types import Chunk, Reader
from ragraft.where import sql_strings

COLUMNS = (
    *("id", "document", "title", "heading", "text", "position", "tokens"),
    *("readers", "page", "tags", "modified", "own_readers"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Documents that a reader may read now and could not then (`opened`), and the other way round (`closed`)."""

    opened: frozenset[str]
    closed: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One version of the table, pinned: it does not move while others write. (No slots: it keeps its `matrix`.)

    `corrected`: documents of this version whose rights have changed since, for one reader (`retrieve.history`). `held`: what is in
    memory of other versions.
    """

    table: Any
    version: int
    dimension: int
    path: Path | str
    groups: Groups = field(default_factory=dict)
    corrected: Callable[[Reader], Correction] | None = None
    held: Held | None = None

    def where(self, reader: Reader) -> str:
        """The SQL condition that every search for `reader` applies before its top-k."""
        rule = readers_filter(reader, self.groups)
        if self.corrected is None:
            return rule
        change = self.corrected(reader)
        opened = f"({rule}) OR document IN ({sql_strings(sorted(change.opened))})" if change.opened else rule
        closed = f"({opened}) AND document NOT IN ({sql_strings(sorted(change.closed))})" if change.closed else opened
        return f"({closed})"

    def chunks_of(self, documents: Collection[str], reader: Reader) -> dict[str, tuple[Chunk, ...]]:
        """Document id -> its chunks in reading order, of those documents that `reader` may see."""
        if not documents:
            return {}
        where = f"document IN ({sql_strings(sorted(documents))}) AND {self.where(reader)}"
        found: dict[str, list[Chunk]] = {}
        for chunk in sorted(self.chunks_where(where), key=lambda c: c.position):
            found.setdefault(chunk.document, []).append(chunk)
        return {document: tuple(chunks) for document, chunks in found.items()}

    def chunks_where(self, where: str) -> tuple[Chunk, ...]:
        """The chunks that meet an SQL condition, which must hold the reader's own (`where`)."""
        with store_errors(self.path):
            rows = self.table.search().where(where).select(list(COLUMNS)).to_arrow().to_pylist()
        return tuple(to_chunk(row) for row in rows)

    @functools.cached_property
    def vectors(self) -> vectors.Vectors:
        """The vectors of this version, as far as they are held in memory."""
        return vectors.Vectors(self.table, self.version, self.dimension, self.held or Held(self.dimension))

    def chunks(self, row_ids: Sequence[int]) -> dict[int, Chunk]:
        """The chunks of these row ids. Rows that the snapshot does not hold are left out."""
        if not row_ids:
            return {}
        rows = self.table.take_row_ids(list(row_ids)).select(list(COLUMNS)).with_row_id().to_arrow().to_pylist()
        return {row.pop("_rowid"): to_chunk(row) for row in rows}


def to_chunk(row: dict[str, Any]) -> Chunk:
    fields: dict[str, Any] = {name: row[name] for name in COLUMNS}
    fields |= {name: tuple(row[name]) for name in ("readers", "own_readers", "tags")}
    return Chunk(**fields)


_SOURCE_LINE = re.compile(r",? ?\S+\.rs:\d+(?::\d+)?")
"""Where in the store's own source an error was made: nothing to a user."""


@contextlib.contextmanager
def store_errors(path: Path | str) -> Generator[None]:
    """Turn the store's own exceptions into one clear `StoreError` line."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        text = _SOURCE_LINE.sub("", str(error).strip().partition("\n")[0])
        if "No space left" in text or "os error 28" in text:
            raise StoreError(f"{path}: the disk is full; free some space and run the same command again") from error
        raise StoreError(
            f"{path}: the index cannot be used ({text}); `ragraft sync --rebuild` makes it anew"
        ) from error

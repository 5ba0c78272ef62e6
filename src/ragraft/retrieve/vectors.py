"""The vectors of one version of the index: held in memory where that pays, asked from the store's own index where not.

In: a pinned table and SQL conditions. Out: the nearest rows and exact cosines. Writes nothing.

Up to `EXACT_UP_TO` rows all vectors are held. In a larger index those of readers who may see at most `FEW` rows are, as far as
`Held` has room; for any other the approximate index looks into as many partitions as hold about the same number of rows that the
reader may see.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragraft.retrieve.held import Held, Matrix, Near, Part, best

EXACT_UP_TO = 50_000
"""Rows of which all vectors are held and compared one by one (77 MB at 384 dimensions)."""
FEW = 120_000
"""Rows that a reader may see up to which their vectors are held and compared one by one in a larger index."""
TAKEN = 1_000
"""Vectors up to which rows are read one by one; more are read in one pass over all that meet the condition."""
REMEMBERED_FILTERS = 64
"""Readers per version of the index whose rows are remembered; others cost a look into the index of reader lists per search."""
PARTITION = 1024
"""Rows in a partition of the approximate index, about."""
PARTITIONS = range(128, 513)
"""The least and the most partitions that a search looks into."""
ROWS_LOOKED_AT = 26 * PARTITION
"""Rows that the reader may see, about, in the partitions that a search looks into."""

COMPARED = 100
"""The least candidates of the approximate index whose vectors are compared in full. One bit a dimension orders neighbours too
coarsely for its first answer to be the nearest row."""


class Vectors:
    """Safe to share between threads: what is remembered is only ever added or dropped whole. `held` may be shared with other
    versions of the same index."""

    def __init__(self, table: Any, version: int, dimension: int, held: Held) -> None:
        self._table = table
        self._version = version
        self._dimension = dimension
        self._held = held
        self._allowed: dict[str, NDArray[np.int64]] = {}
        self._shares: dict[str, float] = {}

    @functools.cached_property
    def whole(self) -> Matrix | None:
        """All vectors, loaded once, of an index of at most `EXACT_UP_TO` rows; None for larger ones."""
        if self.count > EXACT_UP_TO:
            return None
        found = self._table.search().select(["vector"]).with_row_id(True).to_arrow()
        rows = found["_rowid"].to_numpy().astype(np.int64)
        order = np.argsort(rows)
        return Matrix(rows=rows[order], vectors=self._unpacked(found["vector"].combine_chunks())[order])

    @functools.cached_property
    def count(self) -> int:
        return int(self._table.count_rows())

    def among(self, where: str, questions: int = 1) -> Part | Stored:
        """The vectors of the rows that meet an SQL condition. `questions`: how many are being asked."""
        if self.whole is not None:
            return Part(self.whole, np.searchsorted(self.whole.rows, self.allowed(where)))
        size = round(self.share(where) * self.count)
        if size > FEW:
            return Stored(self, where)
        found = self._held.find(where, self._version, questions)
        if found is None and self._held.pays(where, size, questions):
            found = self._held.hold(where, self._version, self.allowed(where), functools.partial(self._read, where))
        return Stored(self, where) if found is None else found

    def allowed(self, where: str) -> NDArray[np.int64]:
        """The ids of the rows that meet an SQL condition, ascending. Remembered: a version does not change."""
        known = self._allowed.get(where)
        if known is None:
            found = self._table.search().where(where).select(["position"]).with_row_id(True).to_arrow()
            known = np.sort(found["_rowid"].to_numpy().astype(np.int64))
            if len(self._allowed) < REMEMBERED_FILTERS:
                self._allowed[where] = known
        return known

    def share(self, where: str) -> float:
        """The share of all rows that meets an SQL condition."""
        known = self._shares.get(where)
        if known is None:
            known = int(self._table.count_rows(where)) / max(1, self.count)
            if len(self._shares) < REMEMBERED_FILTERS:
                self._shares[where] = known
        return known

    def _read(self, where: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of some of the rows that meet `where`; ascending row ids."""
        if rows.size <= TAKEN:
            return self.taken(rows).vectors
        vectors = np.zeros((rows.size, self._dimension), np.float32)
        found = self._table.search().where(where).select(["vector"]).with_row_id(True)
        for batch in found.to_batches(batch_size=8_192):
            ids = batch["_rowid"].to_numpy().astype(np.int64)
            places = np.minimum(np.searchsorted(rows, ids), rows.size - 1)
            asked = rows[places] == ids
            vectors[places[asked]] = self._unpacked(batch["vector"])[asked]
        return vectors

    def taken(self, rows: NDArray[np.int64]) -> Matrix:
        """Vectors read from the store, by ascending row id."""
        if not rows.size:
            return Matrix(rows=rows, vectors=np.zeros((0, self._dimension), np.float32))
        found = self._table.take_row_ids(rows.tolist()).select(["vector"]).with_row_id().to_arrow()
        ids = found["_rowid"].to_numpy().astype(np.int64)
        order = np.argsort(ids)
        return Matrix(rows=ids[order], vectors=self._unpacked(found["vector"].combine_chunks())[order])

    def probes(self, where: str) -> int:
        """The partitions that an approximate search looks into for rows that meet `where`."""
        wanted = int(ROWS_LOOKED_AT / PARTITION / max(self.share(where), 1e-9))
        return min(max(wanted, PARTITIONS.start), PARTITIONS.stop - 1)

    def approximate(self, vector: NDArray[np.float32], where: str, limit: int) -> Near:
        """What the approximate index finds nearest, compared in full."""
        probes = self.probes(where)
        query = self._table.search(vector, query_type="vector", vector_column_name="vector").distance_type("l2")
        query = query.where(where).limit(limit).minimum_nprobes(probes).maximum_nprobes(probes)
        query = query.refine_factor(-(-COMPARED // limit))
        hits = query.select(["_distance"]).with_row_id(True).to_arrow()
        # Of unit vectors: |a - b|² = 2 - 2 cos.
        return best(hits["_rowid"].to_numpy(), 1.0 - hits["_distance"].to_numpy() / 2, limit)

    def _unpacked(self, column: Any) -> NDArray[np.float32]:
        return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, self._dimension)


@dataclass(frozen=True, slots=True)
class Stored:
    """The vectors of the rows that meet an SQL condition, on disk."""

    vectors: Vectors
    where: str

    def nearest(self, vector: NDArray[np.float32], limit: int) -> Near:
        return self.vectors.approximate(vector, self.where, limit)

    def cosines(self, rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.vectors.taken(rows).vectors @ vector

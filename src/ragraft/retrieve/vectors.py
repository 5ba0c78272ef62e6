"""The vectors of one version of the index: held in memory where that pays, asked from the store's own index where not.

In: a pinned table and SQL conditions. Out: the nearest rows and exact cosines. Writes nothing.

Up to `EXACT_UP_TO` rows all vectors are held. In a larger index those of a reader who may see at most `FEW` rows are; for any
other the approximate index looks into as many partitions as hold about the same number of rows that the reader may see.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 50_000
"""Rows of which all vectors are held and compared one by one (77 MB at 384 dimensions); also the most rows of all readers
together that are held of a larger index."""
FEW = 20_000
"""Rows that a reader may see up to which their vectors are held and compared one by one in a larger index."""
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


@dataclass(frozen=True, slots=True)
class Near:
    """The nearest rows of one query, best first: ids, shape (n,), and cosines, shape (n,)."""

    rows: NDArray[np.int64]
    cosines: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Vectors in memory: ascending row ids, shape (n,), and their vectors, shape (n, dimension)."""

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]


class Vectors:
    """Safe to share between threads: what is remembered is only ever added or dropped whole."""

    def __init__(self, table: Any, dimension: int) -> None:
        self._table = table
        self._dimension = dimension
        self._allowed: dict[str, NDArray[np.int64]] = {}
        self._shares: dict[str, float] = {}
        self._held: dict[bytes, Matrix] = {}

    @functools.cached_property
    def whole(self) -> Matrix | None:
        """All vectors, loaded once, of an index of at most `EXACT_UP_TO` rows; None for larger ones."""
        if self.count > EXACT_UP_TO:
            return None
        found = self._table.search().select(["vector"]).with_row_id(True).to_arrow()
        rows = found["_rowid"].to_numpy().astype(np.int64)
        order = np.argsort(rows)
        return Matrix(rows=rows[order], vectors=self._unpacked(found["vector"])[order])

    @functools.cached_property
    def count(self) -> int:
        return int(self._table.count_rows())

    def nearest(self, vectors: NDArray[np.float32], where: str, limit: int) -> list[Near]:
        """The `limit` rows with the highest cosine of those that meet `where`, for each query; shape (queries, dimension)."""
        if self.whole is not None:
            places = np.searchsorted(self.whole.rows, self.allowed(where))
            return [_best(self.whole.rows[places], (self.whole.vectors @ v)[places], limit) for v in vectors]
        few = self.few(where)
        if few is not None:
            return [_best(few.rows, few.vectors @ v, limit) for v in vectors]
        return [self._approximate(v, where, limit) for v in vectors]

    def cosines(self, rows: NDArray[np.int64], vector: NDArray[np.float32], where: str) -> NDArray[np.float32]:
        """The cosines with one query of rows that meet `where`; row ids ascending, shape (n,)."""
        held = self.whole if self.whole is not None else self.few(where)
        if held is None:
            return self._taken(rows).vectors @ vector
        return held.vectors[np.searchsorted(held.rows, rows)] @ vector

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

    def few(self, where: str) -> Matrix | None:
        """The vectors of the rows that meet `where` when those are `FEW`. Readers with the same rights share them."""
        if self.share(where) * self.count > FEW:
            return None
        rows = self.allowed(where)
        known = self._held.get(key := rows.tobytes())
        if known is None:
            known = self._taken(rows)
            room = EXACT_UP_TO - rows.size
            for old in list(self._held):  # the longest held ones go first
                if sum(matrix.rows.size for matrix in list(self._held.values())) > room:
                    self._held.pop(old, None)
            self._held[key] = known
        return known

    def _taken(self, rows: NDArray[np.int64]) -> Matrix:
        """Vectors read from the store, by ascending row id."""
        if not rows.size:
            return Matrix(rows=rows, vectors=np.zeros((0, self._dimension), np.float32))
        found = self._table.take_row_ids(rows.tolist()).select(["vector"]).with_row_id().to_arrow()
        ids = found["_rowid"].to_numpy().astype(np.int64)
        order = np.argsort(ids)
        return Matrix(rows=ids[order], vectors=self._unpacked(found["vector"])[order])

    def probes(self, where: str) -> int:
        """The partitions that an approximate search looks into for rows that meet `where`."""
        wanted = int(ROWS_LOOKED_AT / PARTITION / max(self.share(where), 1e-9))
        return min(max(wanted, PARTITIONS.start), PARTITIONS.stop - 1)

    def _approximate(self, vector: NDArray[np.float32], where: str, limit: int) -> Near:
        probes = self.probes(where)
        query = self._table.search(vector, query_type="vector", vector_column_name="vector").distance_type("l2")
        query = query.where(where).limit(limit).minimum_nprobes(probes).maximum_nprobes(probes)
        query = query.refine_factor(-(-COMPARED // limit))
        hits = query.select(["_distance"]).with_row_id(True).to_arrow()
        # Of unit vectors: |a - b|² = 2 - 2 cos.
        return _best(hits["_rowid"].to_numpy(), 1.0 - hits["_distance"].to_numpy() / 2, limit)

    def _unpacked(self, column: Any) -> NDArray[np.float32]:
        return column.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, self._dimension)


def _best(rows: NDArray[np.integer], cosines: NDArray[np.floating], limit: int) -> Near:
    if cosines.size > limit:
        kept = np.argpartition(-cosines, limit)[:limit]
        rows, cosines = rows[kept], cosines[kept]
    order = np.lexsort((rows, -cosines))  # equal cosines in row order, so that a search repeats itself
    return Near(rows=rows[order].astype(np.int64), cosines=cosines[order].astype(np.float64))

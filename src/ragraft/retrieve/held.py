"""Vectors that stay in memory from one search to the next, and from one version of the index to the next.

In: which rows a search may see, and a way to read vectors. Out: a `Matrix` of them, or None where they are not worth the room.
Writes nothing.

Row ids name the same vector in every version that has them (a changed row gets a new id, and Lance never gives an id twice), so that
after a change only new rows are read, and rows that are gone, or no longer open to the reader, are left out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

HELD_BYTES = 600 * 2**20
"""The most that is held for all readers of a large index together (400,000 rows of 384 dimensions)."""
AT_ONCE = 20_000
"""Rows that a reader may see up to which they are read at his first question (0.1 s); of one who sees more, when he has asked
`OFTEN`, which is when reading them (half a second for 100,000 rows) begins to pay."""
OFTEN = 8
FILTERS_COUNTED = 10_000
"""Filters whose questions are counted, at most; then counting begins anew."""
CHANGED = 0.1
"""Share of held rows that may be gone, or have come, before all are read anew. Until then those that are gone stay in memory, where
no search looks at them; `forget` drops all that is held."""
PATIENCE = 100
"""Questions of others during which the rows of a reader who asks nothing keep their place."""


@dataclass(frozen=True, slots=True)
class Near:
    """The nearest rows of one query, best first: ids, shape (n,), and cosines, shape (n,)."""

    rows: NDArray[np.int64]
    cosines: NDArray[np.float64]


Read = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Ascending row ids -> their vectors, shape (n, dimension)."""


class Vectors(Protocol):
    """The vectors of the rows that one search may see."""

    def nearest(self, vector: NDArray[np.float32], limit: int) -> Near:
        """The `limit` rows with the highest cosine with a query, shape (dimension,)."""
        ...

    def cosines(self, rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """The exact cosines of some of these rows with a query; row ids ascending, shape (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Matrix:
    """Vectors in memory: ascending row ids, shape (n,), and their vectors, shape (n, dimension)."""

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a matrix, by their places in it, shape (n,), and all rows of another one."""

    matrix: Matrix
    places: NDArray[np.intp]
    beside: Matrix | None = None

    @property
    def rows(self) -> NDArray[np.int64]:
        rows = self.matrix.rows[self.places]
        return rows if self.beside is None else np.concatenate([rows, self.beside.rows])

    @property
    def size(self) -> int:
        return self.places.size + (0 if self.beside is None else self.beside.rows.size)

    def nearest(self, vector: NDArray[np.float32], limit: int) -> Near:
        cosines = (self.matrix.vectors @ vector)[self.places]
        if self.beside is not None:
            cosines = np.concatenate([cosines, self.beside.vectors @ vector])
        return best(self.rows, cosines, limit)

    def cosines(self, rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.beside is None:
            return self.matrix.vectors[np.searchsorted(self.matrix.rows, rows)] @ vector
        found, apart = np.empty(rows.size, np.float32), np.isin(rows, self.beside.rows)
        found[apart] = self.beside.vectors[np.searchsorted(self.beside.rows, rows[apart])] @ vector
        found[~apart] = self.matrix.vectors[np.searchsorted(self.matrix.rows, rows[~apart])] @ vector
        return found


def best(rows: NDArray[np.integer], cosines: NDArray[np.floating], limit: int) -> Near:
    if cosines.size > limit:
        kept = np.argpartition(-cosines, limit)[:limit]
        rows, cosines = rows[kept], cosines[kept]
    order = np.lexsort((rows, -cosines))  # equal cosines in row order, so that a search repeats itself
    return Near(rows=rows[order].astype(np.int64), cosines=cosines[order].astype(np.float64))


@dataclass(slots=True)
class _Kept:
    part: Part
    version: int
    used: int


class Held:
    """Filter -> the vectors of its rows, at most `HELD_BYTES` in all. Safe to share between threads.

    Whoever asks keeps his place: rows are only held in the room of filters that nobody used during `PATIENCE` questions, so that many
    readers who take turns do not push each other out. Those without a place are answered by the index on disk.
    """

    def __init__(self, dimension: int) -> None:
        self._row_bytes = 4 * dimension
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._asked: dict[str, int] = {}
        self._clock = 0

    def find(self, where: str, version: int, questions: int) -> Part | None:
        """The rows that meet `where` in a version, if they are held. `questions`: how many are being asked."""
        self._clock += questions
        kept = self._kept.get(where)
        if kept is None or kept.version != version:
            return None
        kept.used = self._clock
        return kept.part

    def pays(self, where: str, size: int, questions: int) -> bool:
        """Whether to hold the `size` rows that meet `where`: few, often asked for, or held of another version."""
        if size <= AT_ONCE or where in self._kept:
            return True
        with self._lock:
            if len(self._asked) >= FILTERS_COUNTED:
                self._asked.clear()
            asked = self._asked[where] = self._asked.get(where, 0) + questions
            return asked >= OFTEN

    def hold(self, where: str, version: int, rows: NDArray[np.int64], read: Read) -> Part | None:
        """The vectors of `rows`, ascending ids of what meets `where` in a version, from now on held; None where there is no room.

        `read` is asked only for what is not held. Readers with the same rows share them.
        """
        with self._lock:
            found = self.find(where, version, 0)  # another thread may have been first
            if found is not None:
                return found
            old = self._kept.pop(where, None)
            self._asked.pop(where, None)
            if old is not None and not np.isin(old.part.rows, rows).any():
                # All rows were written anew, as `forget` does in another process: keep nothing of the old ones.
                self._kept = {w: kept for w, kept in self._kept.items() if kept.version == version}
            part = self._twin(version, rows)
            if part is None:
                if not self._room(rows.size):
                    return None
                part = _renewed(old.part if old else None, rows, read)
            self._kept[where] = _Kept(part, version, self._clock)
            return part

    def _twin(self, version: int, rows: NDArray[np.int64]) -> Part | None:
        """What is held of the same rows for another filter."""
        parts = (kept.part for kept in self._kept.values() if kept.version == version)
        return next((p for p in parts if p.size == rows.size and np.array_equal(np.sort(p.rows), rows)), None)

    def _room(self, rows: int) -> bool:
        """Make room for that many rows, if whoever has to go was not asked for lately."""
        most = HELD_BYTES // self._row_bytes - rows
        waiting = sorted(self._kept, key=lambda where: self._kept[where].used)
        staying = list(waiting)
        while staying and self._held(staying) > most and self._kept[staying[0]].used <= self._clock - PATIENCE:
            staying.pop(0)
        if self._held(staying) > most:
            return False
        for where in set(waiting) - set(staying):
            self._kept.pop(where)
        return True

    def _held(self, wheres: list[str]) -> int:
        """Rows of these filters, shared ones once."""
        parts = [self._kept[where].part for where in wheres]
        matrices = {id(m): m.rows.size for p in parts for m in (p.matrix, p.beside) if m is not None}
        return sum(matrices.values())


def _renewed(old: Part | None, rows: NDArray[np.int64], read: Read) -> Part:
    """The vectors of `rows`, with what is held of them of another version; the rest is read.

    The large matrix stays where it is, since to copy it takes longer than to search in it, until too much of it has changed.
    """
    if old is not None:
        there = np.isin(rows, old.matrix.rows, assume_unique=True)
        apart, most = rows[~there], CHANGED * old.matrix.rows.size
        if apart.size <= most and old.matrix.rows.size - rows[there].size <= most:
            places = np.searchsorted(old.matrix.rows, rows[there])
            return Part(old.matrix, places, _completed(old.beside, apart, read))
    return Part(Matrix(rows=rows, vectors=read(rows)), np.arange(rows.size))


def _completed(old: Matrix | None, rows: NDArray[np.int64], read: Read) -> Matrix | None:
    if old is None or not rows.size:
        return Matrix(rows=rows, vectors=read(rows)) if rows.size else None
    there = np.isin(rows, old.rows, assume_unique=True)
    vectors = np.empty((rows.size, old.vectors.shape[1]), np.float32)
    vectors[there] = old.vectors[np.searchsorted(old.rows, rows[there])]
    vectors[~there] = read(rows[~there])
    return Matrix(rows=rows, vectors=vectors)

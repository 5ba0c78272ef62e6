"""Hybrid search. In: questions with their vectors, and who asks. Out: ranked passages, each with the parts of its score.

Both halves, BM25 and vectors, apply the reader's filter before their top-k, on one pinned version of the index. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragraft.config import RetrievalSection
from ragraft.errors import DataError
from ragraft.retrieve.fusion import fuse
from ragraft.retrieve.index import Index, Snapshot, store_errors
from ragraft.types import Passage, Reader


@dataclass(frozen=True, slots=True)
class _Half:
    """One half's hits for one query, best first. Row ids are the snapshot's own."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]

    def ranks(self) -> dict[int, int]:
        return {int(row): rank for rank, row in enumerate(self.rows, start=1)}


@dataclass(frozen=True, slots=True)
class _Hit:
    row: int
    score: float
    bm25: float | None
    bm25_rank: int | None
    cosine: float
    cosine_rank: int | None


def search(
    index: Index | Snapshot,
    queries: Sequence[str],
    vectors: NDArray[np.float32],
    reader: Reader,
    retrieval: RetrievalSection,
) -> tuple[tuple[Passage, ...], ...]:
    """The best `retrieval.passages` chunks for each query that `reader` may read, best first.

    `vectors`: the queries' embeddings, shape (queries, dimension), L2-normalised, of the index's embedder. All queries read the
    same version. A `Passage` carries its BM25 score and rank (None: it shares no word with the query, or is not among the
    candidates of that half), its cosine (exact for every passage) and rank. Raises `DataError` for vectors of another shape
    and `StoreError` when the index cannot be read.
    """
    snapshot = index if isinstance(index, Snapshot) else index.snapshot()
    if vectors.shape != (len(queries), snapshot.dimension):
        raise DataError(
            f"query vectors of shape {vectors.shape} for {len(queries)} queries of dimension {snapshot.dimension}; "
            "embed them with the index's own embedder"
        )
    where = snapshot.where(reader)
    found: list[list[_Hit]] = []
    with store_errors(snapshot.path):
        nearest = _nearest(snapshot, vectors, where, retrieval.candidates)
        for query, vector, dense in zip(queries, vectors, nearest, strict=True):
            lexical = _bm25(snapshot, query, where, retrieval.candidates)
            found.append(_ranked(snapshot, vector, lexical, dense, retrieval))
        chunks = snapshot.chunks(sorted({hit.row for hits in found for hit in hits}))
    return tuple(
        tuple(
            Passage(
                chunk=chunks[hit.row],
                rank=rank,
                score=hit.score,
                bm25=hit.bm25,
                bm25_rank=hit.bm25_rank,
                cosine=hit.cosine,
                cosine_rank=hit.cosine_rank,
            )
            for rank, hit in enumerate(hits, start=1)
        )
        for hits in found
    )


def _bm25(snapshot: Snapshot, query: str, where: str, limit: int) -> _Half:
    """Chunks that share a word with the query. The query is words only: none of its characters is search syntax."""
    from lancedb.query import FullTextOperator, MatchQuery

    kind: Any = MatchQuery
    match = kind(query, "search", operator=FullTextOperator.OR)
    builder = snapshot.table.search(match, query_type="fts").where(where).limit(limit)
    hits = builder.select(["_score"]).with_row_id(True).to_arrow()
    return _half(hits["_rowid"].to_numpy(), hits["_score"].to_numpy())


def _nearest(snapshot: Snapshot, vectors: NDArray[np.float32], where: str, limit: int) -> list[_Half]:
    """The chunks with the highest cosine, per query: exact in a small index, approximate in a large one."""
    matrix = snapshot.matrix
    if matrix is None:
        return [_approximate(snapshot, vector, where, limit) for vector in vectors]
    places = np.searchsorted(matrix.rows, snapshot.allowed(where))
    halves: list[_Half] = []
    for vector in vectors:
        scores = (matrix.vectors @ vector)[places]
        best = np.argpartition(-scores, limit)[:limit] if scores.size > limit else np.arange(scores.size)
        halves.append(_half(matrix.rows[places[best]], scores[best]))
    return halves


def _approximate(snapshot: Snapshot, vector: NDArray[np.float32], where: str, limit: int) -> _Half:
    builder = snapshot.table.search(vector, query_type="vector", vector_column_name="vector").distance_type("l2")
    hits = builder.where(where).limit(limit).refine_factor(1).select(["_distance"]).with_row_id(True).to_arrow()
    return _half(hits["_rowid"].to_numpy(), 1.0 - hits["_distance"].to_numpy() / 2)  # of unit vectors


def _half(rows: NDArray[np.integer], scores: NDArray[np.floating]) -> _Half:
    order = np.lexsort((rows, -scores))  # equal scores in row order, so that a search repeats itself
    return _Half(rows=rows[order].astype(np.int64), scores=scores[order].astype(np.float64))


def _ranked(
    snapshot: Snapshot, vector: NDArray[np.float32], lexical: _Half, dense: _Half, retrieval: RetrievalSection
) -> list[_Hit]:
    """The candidates of both halves, fused. Cosines that the vector half did not return are computed from the rows."""
    rows = np.union1d(lexical.rows, dense.rows)
    if not rows.size:
        return []
    bm25, cosine = np.zeros(rows.size), np.full(rows.size, np.nan)
    bm25[np.searchsorted(rows, lexical.rows)] = lexical.scores
    cosine[np.searchsorted(rows, dense.rows)] = dense.scores
    missing = np.isnan(cosine)
    if missing.any():
        cosine[missing] = snapshot.vectors(rows[missing]) @ vector
    fused = fuse(bm25, cosine, weight=retrieval.bm25_weight)
    bm25_ranks, cosine_ranks = lexical.ranks(), dense.ranks()
    return [
        _Hit(
            row=(row := int(rows[i])),
            score=float(fused[i]),
            bm25=float(bm25[i]) if row in bm25_ranks else None,
            bm25_rank=bm25_ranks.get(row),
            cosine=float(cosine[i]),
            cosine_rank=cosine_ranks.get(row),
        )
        for i in np.lexsort((rows, -fused))[: retrieval.passages]
    ]

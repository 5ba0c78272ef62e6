"""Hybrid search. In: questions with their vectors, and who asks. Out: ranked passages, each with the parts of its score.

Both halves, BM25 and vectors, apply the reader's filter and the config's before their top-k, on one pinned version of the index.
What they find is fused; then, as the config asks, what lies under the floor is left out, a reranker reads the best, repeats are
merged and neighbours are added. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragraft.config import RetrievalSection
from ragraft.errors import DataError
from ragraft.retrieve.fusion import fuse
from ragraft.retrieve.held import Near, Vectors
from ragraft.retrieve.index import Index, search_text
from ragraft.retrieve.passages import merged, with_neighbours
from ragraft.retrieve.snapshot import Snapshot, store_errors
from ragraft.types import Chunk, Passage, Reader
from ragraft.where import condition

Rerank = Callable[[str, Sequence[str]], Sequence[float]]
"""A question and texts -> how well each answers it, higher is better."""

THREADS = 2
"""BM25 searches of one call that run at once, beside the vector half."""


@dataclass(frozen=True, slots=True)
class _Words:
    """One query's hits in BM25, best first. Row ids are the snapshot's own."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    cosines: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Hit:
    row: int
    score: float
    bm25: float | None
    bm25_rank: int | None
    cosine: float
    cosine_rank: int | None

    def passage(self, chunk: Chunk, rank: int) -> Passage:
        return Passage(
            chunk=chunk,
            rank=rank,
            score=self.score,
            bm25=self.bm25,
            bm25_rank=self.bm25_rank,
            cosine=self.cosine,
            cosine_rank=self.cosine_rank,
        )


def search(
    index: Index | Snapshot,
    queries: Sequence[str],
    vectors: NDArray[np.float32],
    reader: Reader,
    retrieval: RetrievalSection,
    rerank: Rerank | None = None,
) -> tuple[tuple[Passage, ...], ...]:
    """The best `retrieval.passages` chunks for each query that `reader` may see and `retrieval.where` admits, best first.

    `vectors`: the queries' embeddings, shape (queries, dimension), L2-normalised, of the index's embedder. All queries read the
    same version. A `Passage` carries its BM25 score and rank (None: it shares no word with the query, or is not among the
    candidates of that half), its cosine (exact for every passage) and rank. `rerank` orders the best `rerank_candidates` anew.
    Raises `DataError` for vectors of another shape, `ConfigError` for a wrong filter, `StoreError` when the index cannot be read.
    """
    snapshot = index if isinstance(index, Snapshot) else index.snapshot()
    if vectors.shape != (len(queries), snapshot.dimension):
        raise DataError(
            f"query vectors of shape {vectors.shape} for {len(queries)} queries of dimension {snapshot.dimension}; "
            "embed them with the index's own embedder"
        )
    where = snapshot.where(reader)
    if retrieval.where.strip():
        where = f"{where} AND ({condition(retrieval.where)})"
    with store_errors(snapshot.path):
        among, limit = snapshot.vectors.among(where, len(queries)), retrieval.candidates
        with ThreadPoolExecutor(THREADS) as pool:  # the halves wait for the store, not for each other
            words = pool.map(lambda q, v: _bm25(snapshot, q, where, limit, among, v), queries, vectors)
            nearest = [among.nearest(vector, limit) for vector in vectors]
        hits = [_fused(lexical, dense, retrieval) for lexical, dense in zip(words, nearest, strict=True)]
        if rerank is None:
            found = _merged(snapshot, hits, retrieval.passages)
        else:
            found = _reranked(snapshot, queries, hits, retrieval, rerank)
        return with_neighbours(snapshot, found, where, retrieval.neighbours)


def _bm25(
    snapshot: Snapshot, query: str, where: str, limit: int, among: Vectors, vector: NDArray[np.float32]
) -> _Words:
    """Chunks that share a word with the query, and their cosines with its vector. The query is words only: none of its characters is search syntax."""
    from lancedb.query import FullTextOperator, MatchQuery

    kind: Any = MatchQuery
    match = kind(query, "search", operator=FullTextOperator.OR)
    builder = snapshot.table.search(match, query_type="fts").where(where).limit(limit)
    hits = builder.select(["_score"]).with_row_id(True).to_arrow()
    rows, scores = hits["_rowid"].to_numpy(), hits["_score"].to_numpy()
    cosines = np.empty(rows.size, np.float32)
    cosines[np.argsort(rows)] = among.cosines(np.sort(rows).astype(np.int64), vector)
    order = np.lexsort((rows, -scores))  # equal scores in row order, so that a search repeats itself
    return _Words(rows=rows[order].astype(np.int64), scores=scores[order].astype(np.float64), cosines=cosines[order])


def _fused(lexical: _Words, dense: Near, retrieval: RetrievalSection) -> list[_Hit]:
    """The candidates of both halves, best first."""
    rows = np.union1d(lexical.rows, dense.rows)
    if not rows.size:
        return []
    bm25, cosine = np.zeros(rows.size), np.zeros(rows.size)
    bm25[np.searchsorted(rows, lexical.rows)] = lexical.scores
    cosine[np.searchsorted(rows, lexical.rows)] = lexical.cosines
    cosine[np.searchsorted(rows, dense.rows)] = dense.cosines
    fused = fuse(bm25, cosine, weight=retrieval.bm25_weight)
    bm25_ranks, cosine_ranks = _ranks(lexical.rows), _ranks(dense.rows)
    return [
        _Hit(
            row=(row := int(rows[i])),
            score=float(fused[i]),
            bm25=float(bm25[i]) if row in bm25_ranks else None,
            bm25_rank=bm25_ranks.get(row),
            cosine=float(cosine[i]),
            cosine_rank=cosine_ranks.get(row),
        )
        for i in np.lexsort((rows, -fused))
        if retrieval.floor is None or fused[i] >= retrieval.floor
    ]


def _ranks(rows: NDArray[np.int64]) -> dict[int, int]:
    return {int(row): rank for rank, row in enumerate(rows, start=1)}


def _merged(snapshot: Snapshot, hits: Sequence[Sequence[_Hit]], limit: int) -> tuple[tuple[Passage, ...], ...]:
    """The best `limit` passages of each query without repeats; as many hits are read as that takes."""
    chunks: dict[int, Chunk] = {}
    window = 0
    while True:
        window = max(2 * window, limit)
        chunks |= snapshot.chunks(sorted({h.row for ranked in hits for h in ranked[:window]} - chunks.keys()))
        found = tuple(
            merged([h.passage(chunks[h.row], rank) for rank, h in enumerate(ranked[:window], start=1)], limit)
            for ranked in hits
        )
        if all(len(p) == limit or window >= len(ranked) for p, ranked in zip(found, hits, strict=True)):
            return found


def _reranked(
    snapshot: Snapshot,
    queries: Sequence[str],
    hits: Sequence[Sequence[_Hit]],
    retrieval: RetrievalSection,
    rerank: Rerank,
) -> tuple[tuple[Passage, ...], ...]:
    """The reranker's order of the best fused candidates of each query, without repeats."""
    best = [ranked[: max(retrieval.rerank_candidates, retrieval.passages)] for ranked in hits]
    chunks = snapshot.chunks(sorted({h.row for ranked in best for h in ranked}))
    found: list[tuple[Passage, ...]] = []
    for query, ranked in zip(queries, best, strict=True):
        passages = [h.passage(chunks[h.row], rank) for rank, h in enumerate(ranked, start=1)]
        scores = rerank(query, [search_text(p.chunk) for p in passages])
        read = [replace(p, reranked=float(score)) for p, score in zip(passages, scores, strict=True)]
        found.append(merged(sorted(read, key=lambda p: (-(p.reranked or 0.0), p.rank)), retrieval.passages))
    return tuple(found)

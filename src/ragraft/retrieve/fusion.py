"""One score from two: BM25 and cosine of the same candidates -> the fused score that ranks them. Writes nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BM25_WEIGHT = 0.3
"""Chosen on SciFact's 809 train queries; flat between 0.25 and 0.4 (docs/log.md)."""


def fuse(bm25: NDArray[np.float64], cosine: NDArray[np.float64], *, weight: float | None = None) -> NDArray[np.float64]:
    """`weight · bm25 / max(bm25) + (1 - weight) · cosine` over one query's candidates, shape (n,); at most 1.

    `bm25` is 0 for a candidate outside that half; `weight` None means `BM25_WEIGHT`. A convex combination after Bruch et al.
    (2023, "An Analysis of Fusion Functions for Hybrid Retrieval"), with one difference: the cosine keeps its own scale instead
    of being stretched to [0, 1] per query. Where the vectors cannot tell the candidates apart their cosines lie close together
    and BM25 decides; where they can, they do. Min-max scaling and reciprocal ranks blow such noise up to full weight.
    """
    share = BM25_WEIGHT if weight is None else weight
    best = float(bm25.max(initial=0.0))
    lexical = bm25 / best if best > 0 else bm25
    return share * lexical + (1 - share) * cosine

"""One score from two: BM25 and cosine of the same candidates -> the fused score that ranks them. Writes nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BM25_WEIGHT = 0.5


def fuse(bm25: NDArray[np.float64], cosine: NDArray[np.float64], *, weight: float | None = None) -> NDArray[np.float64]:
    """Fused scores of one query's candidates, shape (n,). `bm25` is 0 for a candidate that shares no word with the query."""
    share = BM25_WEIGHT if weight is None else weight
    return share * _scaled(bm25) + (1 - share) * _scaled(cosine)


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)

"""The fused score on candidates whose order is known."""

import numpy as np
import pytest

from ragraft.retrieve.fusion import BM25_WEIGHT, fuse


def test_formula() -> None:
    fused = fuse(np.array([10.0, 5.0, 0.0]), np.array([0.2, 0.6, 0.9]), weight=0.25)
    assert fused == pytest.approx([0.25 + 0.75 * 0.2, 0.125 + 0.75 * 0.6, 0.75 * 0.9])


def test_bm25_decides_where_cosines_lie_close() -> None:
    cosine = np.array([0.41, 0.42, 0.43, 0.40])
    assert fuse(np.array([9.0, 2.0, 1.0, 8.5]), cosine).argsort()[::-1][:2].tolist() == [0, 3]


def test_cosine_decides_where_no_word_is_shared() -> None:
    cosine = np.array([0.1, 0.7, 0.3])
    assert fuse(np.zeros(3), cosine) == pytest.approx((1 - BM25_WEIGHT) * cosine)


def test_no_candidates() -> None:
    assert fuse(np.zeros(0), np.zeros(0)).shape == (0,)

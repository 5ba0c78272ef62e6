"""The packaged embedder against the reference implementation."""

from __future__ import annotations

import numpy as np
import pytest

from ragraft.models import embedder
from ragraft.models.packaged import minilm_folder

TEXTS = [
    "How long is the trial?",
    "The trial lasts 14 days. " * 5,
    "x",
    "",
    "Ein Satz auf Deutsch.",
    "A long text about billing. " * 120,
    "How long does the trial last?",
]


@pytest.fixture(scope="module")
def minilm() -> embedder.MiniLM:
    return embedder.minilm()


def test_vectors_are_those_of_the_reference_to_within_bf16(minilm: embedder.MiniLM) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(minilm_folder()), device="cpu").encode(TEXTS, normalize_embeddings=True)
    vectors = minilm.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors * reference).sum(1).min() > 0.998


def test_a_vector_does_not_depend_on_its_neighbours(minilm: embedder.MiniLM) -> None:
    together = minilm.embed(TEXTS)
    alone = np.concatenate([minilm.embed([t]) for t in TEXTS])
    assert (together * alone).sum(1).min() > 0.999
    assert minilm.embed([]).shape == (0, 384)


def test_near_questions_are_nearer_than_others(minilm: embedder.MiniLM) -> None:
    vectors = minilm.embed(TEXTS)
    cosines = vectors @ vectors[0]
    assert np.argsort(-cosines)[:3].tolist() in ([0, 6, 1], [0, 1, 6])
    assert cosines[6] > 0.9


def test_tokens_are_counted_whole_and_the_tokenizer_is_a_copy(minilm: embedder.MiniLM) -> None:
    counts = minilm.count_tokens(["hello world", "word " * 1000, ""])
    assert counts == [2, 1000, 0]
    minilm.tokenizer.enable_truncation(4)
    assert minilm.count_tokens(["word " * 1000]) == [1000]
    assert len(minilm.tokenizer.encode("word " * 1000).ids) == 1002


def test_any_sentence_transformers_model_loads(minilm: embedder.MiniLM) -> None:
    other = embedder.sentence_transformer(str(minilm_folder()))
    assert (other.dimension, other.max_tokens) == (384, 256)
    assert (other.embed(TEXTS, queries=True) * minilm.embed(TEXTS)).sum(1).min() > 0.999
    assert other.embed([]).shape == (0, 384)
    assert other.count_tokens(TEXTS) == minilm.count_tokens(TEXTS)
    assert other.tokenizer is not None
    assert len(other.tokenizer.encode("word " * 1000).ids) == 1002
    assert len(other.fingerprint) == 16


def test_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = [5, 300, 7, 7, 1, 0, 40]
    found = embedder.batches(lengths, 50)
    assert sorted(row for batch in found for row in batch) == list(range(7))
    assert found[0] == [1]
    assert all(len(b) == 1 or len(b) * max(lengths[r] for r in b) <= 50 for b in found)
    assert embedder.batches([], 50) == []

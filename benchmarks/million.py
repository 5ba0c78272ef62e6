"""Search at size: latency, recall, memory, one edited document, growth, and our search beside LanceDB's own calls.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/million.py [--chunks 1000000] [--folder DIR]

Makes its own corpus, seeded: documents of five chunks, words by Zipf's law, vectors of 384 dimensions in clusters, reader lists
that admit a tenth, a hundredth and a thousandth of the documents. Writes the indices to a temporary folder, or to --folder,
where a second run finds them. Each size is built and measured in a process of its own, whose peak memory is told.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragraft.config import RetrievalSection
from ragraft.retrieve.index import Entry, Index
from ragraft.types import Chunk, Document

DIMENSION = 384
CHUNKS_A_CLUSTER = 500
FACTORS = 48
"""Dimensions in which chunks of one cluster differ: embeddings of text vary along few directions."""
VOCABULARY = 50_000
WORDS = 60
CHUNKS_A_DOCUMENT = 5
DOCUMENTS_A_BATCH = 4_000
SHARES = {"tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
RETRIEVAL = RetrievalSection(passages=10)


class World:
    """What all documents are drawn from. The batches of one seed are the same however many are asked for."""

    def __init__(self, seed: int, clusters: int) -> None:
        rng = np.random.default_rng(seed)
        self.seed = seed
        self.factors = rng.normal(size=(FACTORS, DIMENSION)) / np.sqrt(FACTORS * DIMENSION)
        self.centres = unit(rng.normal(size=(clusters, DIMENSION)))
        weights = 1 / (np.arange(VOCABULARY) + 2.7)  # Zipf and Mandelbrot
        self.chances = np.cumsum(weights / weights.sum())
        syllables = [c + v for c in "bcdfghjklmnprstvwz" for v in "aiou"]
        self.words = np.array(
            [
                "".join(syllables[(i // len(syllables) ** k) % len(syllables)] for k in range(3))
                for i in range(VOCABULARY)
            ]
        )

    def batch(self, number: int, documents: int = DOCUMENTS_A_BATCH) -> list[Entry]:
        rng = np.random.default_rng((self.seed, number))
        n = documents * CHUNKS_A_DOCUMENT
        about = 0.5 * np.repeat(rng.normal(size=(documents, FACTORS)), CHUNKS_A_DOCUMENT, axis=0) + 0.35 * rng.normal(
            size=(n, FACTORS)
        )
        centre = np.repeat(rng.integers(0, len(self.centres), documents), CHUNKS_A_DOCUMENT)
        vectors = unit(self.centres[centre] + about @ self.factors)
        words = self.words[np.searchsorted(self.chances, rng.random((n, WORDS)))]
        team, luck = rng.integers(0, 200, documents), rng.random((documents, len(SHARES)))
        return [
            self._entry(
                f"d{number}-{i}",
                words[i * CHUNKS_A_DOCUMENT : (i + 1) * CHUNKS_A_DOCUMENT],
                vectors[i * CHUNKS_A_DOCUMENT : (i + 1) * CHUNKS_A_DOCUMENT],
                (
                    f"team-{team[i]}",
                    *(name for (name, share), x in zip(SHARES.items(), luck[i], strict=True) if x < share),
                ),
            )
            for i in range(documents)
        ]

    @staticmethod
    def _entry(name: str, words: NDArray[np.str_], vectors: NDArray[np.float32], readers: tuple[str, ...]) -> Entry:
        chunks = tuple(
            Chunk(
                id=f"{name}#{i}",
                document=name,
                title=" ".join(line[:3]),
                heading="",
                text=" ".join(line),
                position=i,
                tokens=WORDS,
                readers=readers,
                modified="2025-01-01T00:00:00+00:00",
            )
            for i, line in enumerate(words)
        )
        document = Document(id=name, title=chunks[0].title, text="", hash=name, readers=readers)
        return Entry(document=document, chunks=chunks, vectors=vectors)


def unit(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def open_index(folder: Path) -> Index:
    return Index.open(folder, embedder_name="synthetic", dimension=lambda: DIMENSION, retrieval=RETRIEVAL)


def build(folder: Path, chunks: int, world: World) -> Index:
    index = open_index(folder)
    batches = chunks // (DOCUMENTS_A_BATCH * CHUNKS_A_DOCUMENT) or 1
    documents = chunks // batches // CHUNKS_A_DOCUMENT
    if index.count() < chunks:
        for number in range(batches):
            started = time.perf_counter()
            index.write(world.batch(number, documents), tidy=False)
            print("batch", number, time.perf_counter() - started, flush=True)
        started = time.perf_counter()
        index.optimize()
        print("optimize", time.perf_counter() - started, flush=True)
    return index


if __name__ == "__main__":
    n = int(sys.argv[1])
    build(Path(sys.argv[2]), n, World(7, n // CHUNKS_A_CLUSTER))
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)

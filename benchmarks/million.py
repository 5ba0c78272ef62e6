"""Search at size: latency, recall, memory, one edited document, growth, and our search beside LanceDB's own calls.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/million.py [--chunks 1000000] [--folder DIR]

Makes its own corpus, seeded: documents of five chunks, words by Zipf's law, vectors of 384 dimensions in clusters, reader lists
that admit all, a tenth, a hundredth and a thousandth of the documents. Writes the indices to a temporary folder, which goes at the end, or
to --folder, where a second run finds them, and only searches. Each size is built and measured in processes of their own, whose peak memory is told.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragraft.config import RetrievalSection
from ragraft.retrieve.held import Held, Near
from ragraft.retrieve.index import Entry, Index
from ragraft.retrieve.search import search
from ragraft.retrieve.snapshot import COLUMNS, Snapshot
from ragraft.retrieve.vectors import Stored, Vectors
from ragraft.types import Chunk, Document, Passage, Reader

DIMENSION = 384
CHUNKS_A_CLUSTER = 500
FACTORS = 48
"""Dimensions in which chunks of one cluster differ: embeddings of text vary along few directions."""
VOCABULARY = 50_000
WORDS = range(40, 81)
"""Words of a chunk."""
CHUNKS_A_DOCUMENT = 5
DOCUMENTS_A_BATCH = 4_000
SHARES = {"all": 1.0, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
RETRIEVAL = RetrievalSection(passages=10)
SMALL = 10_000
QUESTIONS = 100
WARM_UP = 10
EDITS = 5
SEED = 7


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
        drawn = self.words[np.searchsorted(self.chances, rng.random((n, WORDS[-1])))]
        words = [line[:length] for line, length in zip(drawn, rng.integers(WORDS[0], WORDS[-1] + 1, n), strict=True)]
        team, luck = rng.integers(0, 200, documents), rng.random((documents, len(SHARES)))
        return [
            self.entry(
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
    def entry(
        name: str, words: Sequence[NDArray[np.str_]], vectors: NDArray[np.float32], readers: tuple[str, ...]
    ) -> Entry:
        title, day = " ".join(words[0][:3]), 1 + len(words[0]) % 28
        chunks = tuple(
            Chunk(
                id=f"{name}#{i}",
                document=name,
                title=title,
                heading=" ".join(line[3:5]),
                text=" ".join(line),
                position=i,
                tokens=len(line),
                readers=readers,
                modified=f"2025-{1 + len(words[1]) % 12:02}-{day:02}T00:00:00+00:00",
            )
            for i, line in enumerate(words)
        )
        document = Document(id=name, title=title, text="", hash=name, readers=readers)
        return Entry(document=document, chunks=chunks, vectors=vectors)


def unit(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def open_index(folder: Path) -> Index:
    return Index.open(folder, embedder_name="synthetic", dimension=lambda: DIMENSION, retrieval=RETRIEVAL)


def world_of(chunks: int) -> World:
    return World(SEED, max(1, chunks // CHUNKS_A_CLUSTER))


def build(folder: Path, chunks: int) -> dict[str, float]:
    """Through the index's own writes, batch by batch."""
    world, index, started = world_of(chunks), open_index(folder), time.perf_counter()
    batches = chunks // (DOCUMENTS_A_BATCH * CHUNKS_A_DOCUMENT) or 1
    documents = chunks // batches // CHUNKS_A_DOCUMENT
    for number in range(batches):
        began = time.perf_counter()
        index.write(world.batch(number, documents), tidy=False)
        print(f"  batch {number + 1} of {batches}: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    began = time.perf_counter()
    index.optimize()
    return {
        "build_s": time.perf_counter() - started,
        "indices_s": time.perf_counter() - began,
        "peak_gb": peak(),
        "disk_gb": sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e9,
    }


def peak() -> float:
    """This process's own so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


@dataclass(frozen=True, slots=True)
class Questions:
    """Some words of a chunk, and a vector near that of another."""

    texts: list[str]
    vectors: NDArray[np.float32]


def questions(world: World, documents: int) -> Questions:
    rng = np.random.default_rng(SEED + 1)
    chunks = [(c, v) for e in world.batch(0, documents) for c, v in zip(e.chunks, e.vectors, strict=True)]
    picked = rng.choice(len(chunks), QUESTIONS + WARM_UP, replace=False)
    noise = rng.normal(size=(len(picked), FACTORS)) @ world.factors
    near = unit(np.stack([chunks[i][1] for i in picked]) + 0.5 * noise)
    return Questions([" ".join(rng.choice(chunks[i][0].text.split(), 5, replace=False)) for i in picked], near)


def reader(group: str) -> Reader:
    return Reader(user="benchmark", groups=frozenset({group}))


def measure(folder: Path, chunks: int) -> dict[str, Any]:
    world, index = world_of(chunks), open_index(folder)
    asked = questions(world, min(DOCUMENTS_A_BATCH, chunks // CHUNKS_A_DOCUMENT))
    snapshot = index.snapshot()
    found: dict[str, Any] = {group: latencies(snapshot, asked, reader(group)) for group in SHARES}
    found["peak_gb"] = peak()
    if chunks == SMALL:  # only its latency is asked for
        return found
    answers = {group: answered(snapshot, asked, reader(group)) for group in SHARES}
    exact = exact_near(snapshot, asked, [snapshot.where(reader(group)) for group in SHARES])
    for group, near in zip(SHARES, exact, strict=True):
        found[group] |= recalls(snapshot, asked, reader(group), near, answers[group])
    found["edit"] = edits(index, world)
    found["peak_with_edits_gb"] = peak()
    return found


def ask(snapshot: Snapshot, asked: Questions, i: int, who: Reader) -> tuple[Passage, ...]:
    return search(snapshot, asked.texts[i : i + 1], asked.vectors[i : i + 1], who, RETRIEVAL)[0]


def answered(snapshot: Snapshot, asked: Questions, who: Reader) -> list[tuple[Passage, ...]]:
    return [ask(snapshot, asked, i, who) for i in range(QUESTIONS)]


def latencies(snapshot: Snapshot, asked: Questions, who: Reader) -> dict[str, Any]:
    """Ours and LanceDB's own with as many partitions looked into, in turn, one question at a time."""
    where, table = snapshot.where(who), snapshot.table

    probes = snapshot.vectors.probes(where)

    def halves(i: int) -> object:
        """BM25, vectors, and the rows of ten of those found."""
        words = table.search(asked.texts[i], query_type="fts").where(where).limit(100).select(["_score"])
        near = table.search(asked.vectors[i], query_type="vector").where(where).limit(100).refine_factor(1)
        near = near.minimum_nprobes(probes).maximum_nprobes(probes).select(["_distance"])
        rows = near.with_row_id(True).to_arrow()["_rowid"].to_pylist()[:10]
        return words.with_row_id(True).to_arrow(), table.take_row_ids(rows).select(list(COLUMNS)).to_arrow()

    def hybrid(i: int) -> object:
        both = table.search(query_type="hybrid").vector(asked.vectors[i]).text(asked.texts[i]).where(where).limit(10)
        return both.minimum_nprobes(probes).maximum_nprobes(probes).refine_factor(1).select(list(COLUMNS)).to_arrow()

    calls: dict[str, Callable[[int], object]] = {
        "ours": lambda i: ask(snapshot, asked, i, who),
        "halves": halves,
        "hybrid": hybrid,
    }

    def timed(questions: Iterable[int]) -> dict[str, list[float]]:
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for i in questions:
            for name, call in calls.items():
                started = time.perf_counter()
                call(i)
                seconds[name].append(1000 * (time.perf_counter() - started))
        return seconds

    cold = timed(range(QUESTIONS, QUESTIONS + WARM_UP))["ours"]
    found = {name: [float(q) for q in np.quantile(ms, (0.5, 0.95))] for name, ms in timed(range(QUESTIONS)).items()}
    return {"first_ms": cold[0], "slowest_ms": max(cold), **found}


def exact_near(snapshot: Snapshot, asked: Questions, wheres: list[str]) -> list[list[Near]]:
    """Every allowed vector compared, batch by batch: the 100 nearest of each question under each condition."""
    allowed = [snapshot.vectors.allowed(where) for where in wheres]
    best: list[tuple[NDArray[Any], NDArray[Any]]] = [
        (np.zeros((QUESTIONS, 0)), np.zeros((QUESTIONS, 0), np.int64)) for _ in wheres
    ]
    for batch in snapshot.table.search().select(["vector"]).with_row_id(True).to_batches(batch_size=20_000):
        rows = batch["_rowid"].to_numpy().astype(np.int64)
        held = batch["vector"].flatten().to_numpy(zero_copy_only=False).reshape(-1, DIMENSION)
        for n, ids in enumerate(allowed):
            kept = np.isin(rows, ids)
            cosines = np.hstack([best[n][0], asked.vectors[:QUESTIONS] @ held[kept].T])
            names = np.hstack([best[n][1], np.tile(rows[kept], (QUESTIONS, 1))])
            order = np.argsort(-cosines, axis=1, kind="stable")[:, :100]
            best[n] = np.take_along_axis(cosines, order, 1), np.take_along_axis(names, order, 1)
    return [[Near(rows=r, cosines=c.astype(np.float64)) for c, r in zip(*one, strict=True)] for one in best]


class Exact(Vectors):
    """The vectors of a snapshot, whose nearest rows are known beforehand."""

    near: Near

    def among(self, where: str, questions: int = 1) -> Known:
        return Known(self, where, self.near)


@dataclass(frozen=True, slots=True)
class Known(Stored):
    near: Near

    def nearest(self, vector: NDArray[np.float32], limit: int) -> Near:
        return self.near


def recalls(
    snapshot: Snapshot, asked: Questions, who: Reader, near: list[Near], answers: list[tuple[Passage, ...]]
) -> dict[str, float]:
    """recall@10 of the hybrid search and of the vector half against those that compare every vector."""
    exact = Exact(snapshot.table, snapshot.version, DIMENSION, Held(DIMENSION))
    among = snapshot.vectors.among(snapshot.where(who))
    twin = Snapshot(table=snapshot.table, version=snapshot.version, dimension=DIMENSION, path=snapshot.path)
    twin.__dict__["vectors"] = exact
    hybrid, dense = list[float](), list[float]()
    for i in range(QUESTIONS):
        exact.near = near[i]
        wanted = {p.chunk.id for p in ask(twin, asked, i, who)}
        hybrid.append(len(wanted & {p.chunk.id for p in answers[i]}) / len(wanted))
        found = among.nearest(asked.vectors[i], RETRIEVAL.candidates)
        dense.append(len(set(near[i].rows[:10]) & set(found.rows[:10])) / min(10, len(near[i].rows)))
    return {"recall": float(np.mean(hybrid)), "recall_dense": float(np.mean(dense))}


def edits(index: Index, world: World) -> dict[str, Any]:
    """Single documents replaced: seconds from the write's begin until a search by words and one by the vector alone return
    the new text."""
    who, taken, written = reader("tenth"), list[float](), list[float]()
    for number in range(EDITS):
        old = world.batch(0, EDITS)[number]
        rng = np.random.default_rng(number)
        words = world.words[rng.integers(0, VOCABULARY, (CHUNKS_A_DOCUMENT, WORDS[0]))]
        words[2, 5] = word = f"qqq{number}x"
        vectors = unit(rng.normal(size=(CHUNKS_A_DOCUMENT, DIMENSION)))
        new = World.entry(old.document.id, list(words), vectors, ("tenth",))
        started = time.perf_counter()
        index.write([new])
        written.append(time.perf_counter() - started)
        by_words = search(index, [word], unit(rng.normal(size=(1, DIMENSION))), who, RETRIEVAL)[0]
        by_vector = search(index, ["nosuchword"], vectors[3:4], who, RETRIEVAL)[0]
        taken.append(time.perf_counter() - started)
        first = next(p for p in by_words if p.bm25_rank == 1)
        if (first.chunk.id, by_vector[0].chunk.id) != (f"{old.document.id}#2", f"{old.document.id}#3"):
            sys.exit(f"the edited document {old.document.id} was not found")
        held = index.chunks_of([old.document.id], who)[old.document.id]
        if [c.text for c in held] != [c.text for c in new.chunks]:
            sys.exit(f"{old.document.id}: both versions, or neither")
    return {"write_s": written, "found_s": taken}


# --- the table ---------------------------------------------------------------------------------------------------------


def child(what: str, folder: Path, chunks: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--do", what, "--folder", str(folder), "--chunks", str(chunks)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def sized(folder: Path, chunks: int) -> dict[str, Any]:
    place = folder / str(chunks)
    if not (place / "built").is_file():
        built = child("build", place, chunks)
        (place / "built").write_text(json.dumps(built))
    with tempfile.TemporaryDirectory(prefix="measured-", dir=folder) as copy:
        # What is edited in a copy does not slow the next run. The store never writes to a file twice, so links will do.
        shutil.copytree(place, copy, copy_function=os.link, dirs_exist_ok=True)
        return {"build": json.loads((place / "built").read_text()), **child("measure", Path(copy), chunks)}


def line(what: str, asked: str, measured: str, n: object) -> None:
    print(f"{what:<64}{asked:>12}{measured:>18}{n!s:>8}")


def table(chunks: int, small: dict[str, Any], large: dict[str, Any]) -> None:
    line(f"{chunks:,} chunks", "asked", "measured", "n")
    for group, share in SHARES.items():
        # The figures ask for readers who see a part; who sees all is told beside them.
        one, who, part = large[group], f"reader admits {100 * share:g} %: ", share < 1
        line(who + "hybrid search p50", "≤ 25 ms" if part else "", f"{one['ours'][0]:.1f} ms", QUESTIONS)
        line(who + "hybrid search p95", "≤ 60 ms" if part else "", f"{one['ours'][1]:.1f} ms", QUESTIONS)
        line(who + "recall@10 against exact search", "≥ 0.95", f"{one['recall']:.4f}", QUESTIONS)
        line(who + "recall@10 of the vector half alone", "", f"{one['recall_dense']:.4f}", QUESTIONS)
        line(
            who + "over LanceDB's BM25, vector and row calls (p50)",
            "≤ 1.3",
            f"{one['ours'][0] / one['halves'][0]:.2f}",
            QUESTIONS,
        )
        line(who + "over LanceDB's hybrid call (p50)", "≤ 1.3", f"{one['ours'][0] / one['hybrid'][0]:.2f}", QUESTIONS)
        line(
            who + "growth from 10,000 chunks (p50)", "≤ 4", f"{one['ours'][0] / small[group]['ours'][0]:.2f}", QUESTIONS
        )
        line(who + "a reader's first search", "", f"{one['first_ms']:.0f} ms", 1)
        line(who + "the slowest before (one reads the vectors)", "", f"{one['slowest_ms']:.0f} ms", WARM_UP)
    line("peak memory of searching, LanceDB's own calls included", "≤ 2 GB", f"{large['peak_gb']:.2f} GB", 1)
    line(
        "one document edited, found by BM25 and by vector (worst)",
        "≤ 1 s",
        f"{max(large['edit']['found_s']):.2f} s",
        EDITS,
    )
    line("  of which the write", "", f"{max(large['edit']['write_s']):.2f} s", EDITS)
    line(
        "build: seconds, peak memory, disk",
        "",
        "{build_s:.0f} s, {peak_gb:.1f} GB, {disk_gb:.1f} GB".format(**large["build"]),
        1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the indices here")
    parser.add_argument("--do", choices=("build", "measure"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        done = {"build": build, "measure": measure}[options.do](options.folder, options.chunks)
        print(json.dumps(done))
        return
    with tempfile.TemporaryDirectory(prefix="ragraft-million-") as temporary:
        folder = options.folder or Path(temporary)
        table(options.chunks, sized(folder, SMALL), sized(folder, options.chunks))


if __name__ == "__main__":
    main()

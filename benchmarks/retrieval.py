"""Search figures: SciFact test nDCG@10 and LIMIT-small recall@2 of both halves and of the default hybrid, and search time.

    .venv/bin/python benchmarks/retrieval.py [--split train]

Reads SciFact and LIMIT-small in the folder RAGRAFT_DATA; writes an index and the embeddings to a temporary folder, or to --cache, where a second run finds them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import R, nDCG
from numpy.typing import NDArray

from inputs import evaluation_set
from ragraft.config import ModelsSection, RetrievalSection
from ragraft.models.load import embedder as load_embedder
from ragraft.retrieve.index import Entry, Index, search_text
from ragraft.retrieve.search import search
from ragraft.types import EVERYONE, Chunk, Document, Passage, Reader

READER = Reader(user="benchmark")
Run = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Collection:
    index: Index
    ids: list[str]
    queries: list[str]
    vectors: NDArray[np.float32]
    relevant: dict[str, dict[str, int]]


def collection(name: str, split: str, cache: Path) -> Collection:
    embedder = load_embedder("minilm", ModelsSection())
    chunks = [
        Chunk(
            id=r["_id"],
            document=r["_id"],
            title=r["title"],
            heading="",
            text=r["text"],
            position=0,
            tokens=0,
            readers=(EVERYONE,),
        )
        for r in lines(evaluation_set(name) / "corpus.jsonl")
    ]
    vectors = cached(cache / f"{name}-corpus.npy", lambda: embedder.embed([search_text(c) for c in chunks]))
    index = Index.open(
        cache / name,
        embedder_name=embedder.name,
        dimension=lambda: embedder.dimension,
        retrieval=RetrievalSection(),
        rebuild=True,
    )
    index.write(
        [
            Entry(
                document=Document(id=c.id, title=c.title, text="", hash="", readers=c.readers),
                chunks=(c,),
                vectors=vectors[i : i + 1],
            )
            for i, c in enumerate(chunks)
        ]
    )
    relevant: dict[str, dict[str, int]] = {}
    for line in (evaluation_set(name) / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        relevant.setdefault(query, {})[document] = int(grade)
    rows = lines(evaluation_set(name) / "queries.jsonl")
    asked = cached(cache / f"{name}-queries.npy", lambda: embedder.embed([r["text"] for r in rows], queries=True))
    kept = [i for i, r in enumerate(rows) if r["_id"] in relevant]
    return Collection(index, [rows[i]["_id"] for i in kept], [rows[i]["text"] for i in kept], asked[kept], relevant)


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def cached(path: Path, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    return np.load(path)


def passages(data: Collection) -> tuple[tuple[Passage, ...], ...]:
    """Every candidate of both halves, ranked by the default fusion."""
    return search(data.index, data.queries, data.vectors, READER, RetrievalSection(passages=200))


def runs(data: Collection) -> dict[str, Run]:
    found = dict(zip(data.ids, passages(data), strict=True))
    parts: dict[str, Callable[[Passage], float | None]] = {
        "bm25": lambda p: p.bm25,
        "minilm": lambda p: p.cosine if p.cosine_rank is not None else None,
        "reciprocal ranks (k=60)": lambda p: sum(1 / (60 + r) for r in (p.bm25_rank, p.cosine_rank) if r is not None),
        "hybrid (default)": lambda p: p.score,
    }
    return {
        name: {q: {p.chunk.id: s for p in ps if (s := part(p)) is not None} for q, ps in found.items()}
        for name, part in parts.items()
    }


def quality(name: str, data: Collection, measure: ir_measures.Measure, asked: dict[str, float]) -> None:
    for system, run in runs(data).items():
        value = ir_measures.calc_aggregate([measure], data.relevant, run)[measure]
        print(
            f"{name:<22}{measure!s:<10}{system:<26}{asked.get(system, float('nan')):>7.3f}{value:>10.4f}{len(data.ids):>7}"
        )


def speed(data: Collection, rounds: int) -> None:
    """Ours against LanceDB's own calls for the same queries, in turn."""
    table = data.index.snapshot().table

    def ours(i: int) -> object:
        return search(data.index, data.queries[i : i + 1], data.vectors[i : i + 1], READER, RetrievalSection())

    def halves(i: int) -> object:
        words = table.search(data.queries[i].replace('"', ""), query_type="fts").limit(100).select(["id", "_score"])
        near = table.search(data.vectors[i], query_type="vector").limit(100).select(["id", "_distance"])
        return words.to_arrow(), near.to_arrow()

    def hybrid(i: int) -> object:
        both = table.search(query_type="hybrid").vector(data.vectors[i]).text(data.queries[i].replace('"', ""))
        return both.limit(10).to_arrow()

    calls = {"ragraft search": ours, "LanceDB BM25 + vector, 100 each": halves, "LanceDB hybrid, top 10": hybrid}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call(i)
            seconds[name].append(time.perf_counter() - started)
    base = float(np.median(seconds["ragraft search"]))
    for name, taken in seconds.items():
        middle = float(np.median(taken))
        print(f"{name:<34} p50 {1000 * middle:7.2f} ms   ragraft / this: {base / middle:.2f}   n {rounds}")
    started = time.perf_counter()
    search(data.index, data.queries, data.vectors, READER, RetrievalSection())
    print(
        f"ragraft, one batch of {len(data.queries)}: {1000 * (time.perf_counter() - started) / len(data.queries):.2f} ms each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=("train", "test"), help="SciFact's split")
    parser.add_argument("--cache", type=Path, help="keep embeddings here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        print(f"{'set':<22}{'measure':<10}{'system':<26}{'asked':>7}{'measured':>10}{'n':>7}")
        scifact = collection("scifact", options.split, cache)
        asked = {"bm25": 0.675, "minilm": 0.640, "hybrid (default)": 0.725}
        quality(f"SciFact {options.split}", scifact, nDCG @ 10, asked if options.split == "test" else {})
        quality("LIMIT-small", collection("limit-small", "test", cache), R @ 2, {"hybrid (default)": 0.96})
        speed(scifact, rounds=200)


if __name__ == "__main__":
    main()

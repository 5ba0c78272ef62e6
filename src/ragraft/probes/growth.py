"""Growth: the index becomes many times as large; what is still found, how fast, and how much disk it takes.

In: a `Bench`. Out: a `ProbeResult`. Adds made-up chunks to a copy of the index. Each one is made of two real chunks of different
documents: half of the words of either, shuffled; its vector lies as near to the first one's as a chunk's nearest neighbour of another
document lies in the real index (median), in a direction drawn at random. Nothing is embedded for it.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragraft.context import Context
from ragraft.probes.bench import Bench, Probe, copied, figure, share
from ragraft.retrieve.index import Entry, search_text
from ragraft.systems.system import Retriever
from ragraft.types import ArmName, Chunk, Document, Example, ProbeFigure, ProbeResult, Reading, Request

ASKED = 64
"""Test questions whose documents are searched for, at most."""
LARGEST = 200_000
"""Chunks beyond which no index is grown: some 600 MB on disk."""
A_COMMIT = 4096
SAMPLED = 512
"""Chunks of which the distance to their nearest neighbour is taken."""
NO_INDEX = "it searches nothing"

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """One size of the index: each question's hit, seconds of each search, chunks, and bytes on disk."""

    hits: tuple[bool, ...]
    seconds: tuple[float, ...]
    chunks: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The real chunks that made-up ones are made of. `near`: the cosine that a made-up vector has with its first parent's."""

    chunks: tuple[Chunk, ...]
    vectors: Vectors
    near: float


def run(bench: Bench, folder: Path) -> ProbeResult:
    examples = [e for e in bench.parts.test if e.answerable and e.documents][:ASKED]
    if not examples:
        note = "no test example names the documents that answer it: nothing can be searched for"
        return ProbeResult(probe="growth", title=PROBE.title, notes=(note,))
    sizes = sorted({1, *bench.context.config.probes.sizes})
    found: dict[int, dict[ArmName, Searched]] = {}
    with copied(bench, folder) as copy:
        stock = _stock(copy, bench.seed)
        retrievers: dict[ArmName, Retriever] = {
            arm: r for arm in bench.arms if (r := bench.system(arm, copy).retriever) is not None
        }
        for number, times in enumerate(sizes, start=1):
            if times * len(stock.chunks) > LARGEST:
                break
            _grow(bench, copy, stock, times)
            found[times] = _search(bench, copy, retrievers, examples)
            bench.context.notify("grow", number, len(sizes))
    return ProbeResult(
        probe="growth",
        title=PROBE.title,
        figures=_figures(bench, sizes, found, examples),
        notes=(
            f"recall at {bench.context.config.retrieval.passages} passages; made-up chunks have the words of two real ones, shuffled, "
            f"and vectors of noise around real ones (cosine {stock.near:.2f})",
        ),
    )


# --- made-up chunks ----------------------------------------------------------------------------------------------------


def _stock(copy: Context, seed: int) -> Stock:
    held = copy.index.chunks_of(copy.index.documents().keys(), copy.evaluation_reader)
    vectors = copy.index.vectors_of(held.keys())
    chunks = [c for document in sorted(held) for c in held[document]]
    matrix = np.stack([vectors[search_text(c)] for c in chunks])
    return Stock(chunks=tuple(chunks), vectors=matrix, near=_near([c.document for c in chunks], matrix, seed))


def _near(documents: Sequence[str], vectors: Vectors, seed: int) -> float:
    """The median cosine of a chunk with the nearest one of another document."""
    names, best = np.array(documents), list[float]()
    for row in random.Random(seed).sample(range(len(documents)), min(SAMPLED, len(documents))):
        others = (vectors @ vectors[row])[names != names[row]]
        best += [float(others.max())] if others.size else []
    return float(np.clip(statistics.median(best), 0.0, 1.0)) if best else 0.5


def _grow(bench: Bench, copy: Context, stock: Stock, times: int) -> None:
    """Bring the copy to `times` as many chunks as there are real ones."""
    have, wanted = copy.index.count(), times * len(stock.chunks)
    entries: list[Entry] = []
    for number in range(have, wanted):
        entries.append(_made_up(stock, number, bench.seed))
        if len(entries) == A_COMMIT or number == wanted - 1:
            copy.index.write(entries, tidy=number == wanted - 1)
            entries = []
            bench.context.notify("made-up chunks", number + 1, wanted)


def _made_up(stock: Stock, number: int, seed: int) -> Entry:
    rng = random.Random(f"{seed}:{number}")
    first = rng.randrange(len(stock.chunks))
    parent, other = stock.chunks[first], rng.choice(stock.chunks)
    noise = np.random.default_rng((seed, number)).standard_normal(stock.vectors.shape[1])
    noise -= noise @ stock.vectors[first] * stock.vectors[first]
    noise *= np.sqrt(1 - stock.near**2) / np.linalg.norm(noise)
    vector = (stock.near * stock.vectors[first] + noise).astype(np.float32)
    name = f"ragraft-probe/grown-{number}.md"
    chunk = replace(
        parent, id=f"{name}#0", document=name, position=0, title=_shuffled(rng, parent.title, other.title), heading="",
        text=_shuffled(rng, parent.text, other.text), page=None,
    )  # fmt: skip
    document = Document(
        id=name, title=chunk.title, text="", hash=name, readers=parent.readers, own_readers=parent.own_readers
    )
    return Entry(document=document, chunks=(chunk,), vectors=vector[None, :])


def _shuffled(rng: random.Random, *texts: str) -> str:
    """Half of the words of each, in any order."""
    drawn = [w for words in map(str.split, texts) for w in rng.sample(words, (len(words) + 1) // 2)]
    rng.shuffle(drawn)
    return " ".join(drawn)


# --- searching ---------------------------------------------------------------------------------------------------------


def _search(
    bench: Bench, copy: Context, retrievers: dict[ArmName, Retriever], examples: Sequence[Example]
) -> dict[ArmName, Searched]:
    """What each arm finds; arms that search in the same way share one measurement."""
    size = sum(p.stat().st_size for p in copy.space.index.rglob("*") if p.is_file())
    known: list[tuple[Retriever, Searched]] = []
    found: dict[ArmName, Searched] = {}
    for arm, retriever in retrievers.items():
        same = next((s for r, s in known if r == retriever), None)
        if same is None:
            same = _measured(bench, retriever, examples, chunks=copy.index.count(), size=size)
            known.append((retriever, same))
        found[arm] = same
    return found


def _measured(bench: Bench, retriever: Retriever, examples: Sequence[Example], *, chunks: int, size: int) -> Searched:
    reader, hits, seconds = bench.context.evaluation_reader, list[bool](), list[float]()
    retriever.pinned().passages([Request(question=examples[0].question)], reader)  # loads what a first search loads
    for example in examples:
        started = time.perf_counter()
        passages = retriever.pinned().passages([Request(question=example.question)], reader)[0]
        seconds.append(time.perf_counter() - started)
        hits.append(any(p.chunk.document in example.documents for p in passages))
    return Searched(hits=tuple(hits), seconds=tuple(seconds), chunks=chunks, size=size)


def _figures(
    bench: Bench, sizes: Sequence[int], found: dict[int, dict[ArmName, Searched]], examples: Sequence[Example]
) -> tuple[ProbeFigure, ...]:
    """Those of the largest size first."""
    figures: list[ProbeFigure] = []
    for times in reversed(sizes):
        recall: list[Reading] = []
        p50: list[Reading] = []
        disk: list[Reading] = []
        for arm in bench.arms:
            at = found.get(times, {}).get(arm)
            if at is None:
                reason = f"more than {LARGEST:,} chunks" if any(arm in f for f in found.values()) else NO_INDEX
                for readings in (recall, p50, disk):
                    readings.append(Reading(arm=arm, value=None, reason=reason))
                continue
            recall.append(share(bench, arm, at.hits, examples, empty=""))
            p50.append(Reading(arm=arm, value=statistics.median(at.seconds), n=len(at.seconds)))
            disk.append(Reading(arm=arm, value=at.size / 1e6, n=at.chunks))
        figures += [
            figure(f"recall_{times}", f"finds a named document, index {times} times as large", "share", True, recall),
            figure(f"p50_{times}", f"one search, index {times} times as large", "s", False, p50),
            figure(f"disk_{times}", f"on disk, index {times} times as large (n: chunks)", "MB", False, disk),
        ]
    return tuple(figures)


PROBE = Probe(
    name="growth",
    title="Does it still find its documents, and how fast, when there are many more?",
    needs="test examples that name the documents which answer them",
    does="fills a copy of the index with made-up chunks and searches it at each size, one question at a time",
    reports="the share of questions of which a named document is among the passages, the median of a search, and the size on disk",
    cannot=(
        "Made-up chunks are as near to the real ones as those are to each other, but they say nothing: new documents that treat "
        "the same subjects in other words may hide a passage more often.",
        "Only the search grows: syncs of so many documents, and memory while many search at once, are not measured.",
    ),
    run=run,
    settings=lambda bench: bench.context.config.probes.sizes,
)

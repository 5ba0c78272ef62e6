"""How `quote` weighs its three views of a sentence, and what its answers' support tells: on the train and dev questions of the demo.

    .venv/bin/python benchmarks/quote.py [PROJECT] [--reader FOLDER]

Prints the share of answerable questions whose best sentence, and whose best two, hold all facts, by the weights of reader and passage, and
the share of right and of wrong quotes whose support is below a bar. The test split is not read. Works on a copy of the project.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from inputs import add_project, add_reader
from ragraft import pipeline, stages
from ragraft.context import Context
from ragraft.evaluate.scorers import holds
from ragraft.models import span
from ragraft.models.protocol import Embedder
from ragraft.models.span import Pair, Part, Span, SpanReader
from ragraft.systems import quote
from ragraft.systems.system import answer
from ragraft.types import Answer, Example, Failure, Passage, Request

READER_SCALES = (1.0, 2.0, 4.0, 8.0)
READER_WEIGHTS = (0.0, 0.3, 0.6, 0.9)
PASSAGE_WEIGHTS = (0.0, 0.3, 0.6, 1.0)
BARS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class Remembered:
    """The embedder and the reader, each asked once: every mixture of weights sees the same views."""

    def __init__(self, embedder: Embedder, reader: SpanReader) -> None:
        self.embedder, self.reader = embedder, reader
        self.vectors: dict[tuple[bool, int], np.ndarray] = {}
        self.spans: tuple[tuple[Span, ...], ...] = ()

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> np.ndarray:
        if (queries, len(texts)) not in self.vectors:
            self.vectors[queries, len(texts)] = self.embedder.embed(texts, queries=queries)
        return self.vectors[queries, len(texts)]

    def read_parts(self, pairs: Sequence[Pair], parts: Sequence[Sequence[Part]]) -> tuple[tuple[Span, ...], ...]:
        self.spans = self.spans or self.reader.read_parts(pairs, parts)
        return self.spans


def main() -> None:
    parser = argparse.ArgumentParser()
    add_project(parser)
    add_reader(parser)
    options = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        shutil.copytree(options.project, folder, ignore=shutil.ignore_patterns(".ragraft"))
        context = Context(folder)
        pipeline.sync(context)
        parts = stages.divide(context)
        examples = [e for e in (*parts.train, *parts.dev) if e.answerable and e.must_include]
        requests = [Request(question=e.question) for e in examples]
        found = stages.retriever(context).passages(requests, context.evaluation_reader)
        reader = span.load_reader(options.reader)
        system = replace(stages.build_system(context, "quote", None, None), span_reader=reader)
        outcomes = answer(system, requests, context.evaluation_reader)
        console.print(_weights(Remembered(context.embedder, reader), examples, found))
    console.print(_doubts(examples, outcomes))


def _weights(views: Remembered, examples: Sequence[Example], found: Sequence[Sequence[Passage]]) -> Table:
    def told(scale: float, reader: float, passage: float) -> str:
        quote.READER_SCALE, quote.READER_WEIGHT, quote.PASSAGE_WEIGHT = scale, reader, passage
        scored = quote.scored_sentences(views, views, [e.question for e in examples], found)  # pyright: ignore[reportArgumentType]
        ranked = [sorted(quotes, key=lambda q: -q.score) for quotes in scored]
        return " / ".join(
            f"{np.mean([_holds(e, r[:n]) for e, r in zip(examples, ranked, strict=True)]):.3f}" for n in (1, 2)
        )

    table = Table(
        "scale, weight of the reader",
        *(f"passage {w:g}" for w in PASSAGE_WEIGHTS),
        title=f"all facts in the best sentence / in the best two, n = {len(examples)}",
    )
    for scale, weight in itertools.product(READER_SCALES, READER_WEIGHTS):
        table.add_row(f"{scale:g}, {weight:g}", *(told(scale, weight, passage) for passage in PASSAGE_WEIGHTS))
    return table


def _holds(example: Example, quotes: Sequence[quote.Quote]) -> bool:
    return all(any(holds(q.sentence, f) for q in quotes) for f in example.must_include)


def _doubts(examples: Sequence[Example], outcomes: Sequence[Answer | Failure]) -> Table:
    answers = [(e, o) for e, o in zip(examples, outcomes, strict=True) if isinstance(o, Answer)]
    good = np.array([all(holds(o.text, f) for f in e.must_include) for e, o in answers])
    chances = np.array([o.support or 0.0 for _, o in answers])
    table = Table(
        "doubted below",
        "of the right quotes",
        "of the wrong ones",
        title=f"support, n = {good.sum()} right, {(~good).sum()} wrong",
    )
    for bar in BARS:
        low = chances < bar
        table.add_row(f"{bar:g}", f"{low[good].mean():.3f}", f"{low[~good].mean():.3f}")
    return table


if __name__ == "__main__":
    main()

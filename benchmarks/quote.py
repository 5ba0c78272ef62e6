"""How `quote` weighs its three views of a sentence, and what its answers' support tells: on the train and dev questions of the demo.

    .venv/bin/python benchmarks/quote.py [PROJECT] [--reader FOLDER]

Prints the share of answerable questions whose quoted sentence holds all facts, by the weights of reader and passage, and the share of right
and of wrong quotes whose support is below a bar. The test split is not read. Works on a copy of the project.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from ragraft import pipeline, stages
from ragraft.context import Context
from ragraft.evaluate.scorers import holds
from ragraft.models import span
from ragraft.models.protocol import Embedder
from ragraft.models.span import Pair, Span, SpanReader
from ragraft.systems import quote, support
from ragraft.types import Request

DEMO = Path(__file__).resolve().parent.parent / "examples" / "help-centre"
READER_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)
PASSAGE_WEIGHTS = (0.0, 0.3, 0.6, 1.0)
BARS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class Remembered:
    """The embedder and the reader, each asked once: every mixture of weights sees the same views."""

    def __init__(self, embedder: Embedder, reader: SpanReader) -> None:
        self.embedder, self.reader = embedder, reader
        self.vectors: dict[tuple[bool, int], np.ndarray] = {}
        self.spans: list[Span] = []

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> np.ndarray:
        if (queries, len(texts)) not in self.vectors:
            self.vectors[queries, len(texts)] = self.embedder.embed(texts, queries=queries)
        return self.vectors[queries, len(texts)]

    def read_pairs(self, pairs: Sequence[Pair]) -> list[Span]:
        self.spans = self.spans or list(self.reader.read_pairs(pairs))
        return self.spans


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("project", nargs="?", type=Path, default=DEMO)
    parser.add_argument("--reader", type=Path, default=span.reader_folder())
    options = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        shutil.copytree(options.project, folder)
        context = Context(folder)
        pipeline.sync(context)
        parts = stages.divide(context)
        examples = [e for e in (*parts.train, *parts.dev) if e.answerable and e.must_include]
        requests = [Request(question=e.question) for e in examples]
        found = stages.retriever(context).passages(requests, context.evaluation_reader)
    views = Remembered(context.embedder, span.load_reader(options.reader))

    def picked(reader: float, passage: float) -> tuple[quote.Quote | None, ...]:
        quote.READER_WEIGHT, quote.PASSAGE_WEIGHT = reader, passage
        return quote.best_quotes(views, views, [r.question for r in requests], found)  # pyright: ignore[reportArgumentType]

    def right(picks: Sequence[quote.Quote | None]) -> np.ndarray:
        held = (
            p is not None and all(holds(p.sentence, f) for f in e.must_include)
            for p, e in zip(picks, examples, strict=True)
        )
        return np.array(list(held))

    shipped = picked(quote.READER_WEIGHT, quote.PASSAGE_WEIGHT)
    table = Table(
        "weight of the reader", *(f"passage {w:g}" for w in PASSAGE_WEIGHTS), title=f"right quotes, n = {len(examples)}"
    )
    for weight in READER_WEIGHTS:
        table.add_row(f"{weight:g}", *(f"{right(picked(weight, passage)).mean():.3f}" for passage in PASSAGE_WEIGHTS))
    console.print(table)
    good, spans, chances = right(shipped), iter(views.spans), []
    for pick, passages in zip(shipped, found, strict=True):
        read = [next(spans) for _ in passages]
        seen = read[pick.number - 1] if pick else None
        chances.append(seen.probability if pick and seen and support.agree(seen.text, pick.sentence) else 0.0)
    doubted = Table(
        "doubted below",
        "of the right quotes",
        "of the wrong ones",
        title=f"support, n = {good.sum()} right, {(~good).sum()} wrong",
    )
    for bar in BARS:
        low = np.array(chances) < bar
        doubted.add_row(f"{bar:g}", f"{low[good].mean():.3f}", f"{low[~good].mean():.3f}")
    console.print(doubted)


if __name__ == "__main__":
    main()

"""Fewer words for a generator to read: of all passages of a question only the best sentences, each under its passage's title and heading.

In: questions with their passages; the embedder and the span reader, which score sentences as for `quote`. Out: passages with an `excerpt`;
nothing is written. Extractive compression as of Xu et al. 2024, "RECOMP: Improving Retrieval-Augmented LMs with Context Compression and
Selective Augmentation"; the scores are `quote`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragraft.models.protocol import Embedder
from ragraft.models.span import SpanReader
from ragraft.systems.quote import Quote, scored_sentences
from ragraft.types import Passage


def compressed(
    embedder: Embedder, reader: SpanReader, questions: Sequence[str], found: Sequence[Sequence[Passage]], sentences: int
) -> tuple[tuple[Passage, ...], ...]:
    """For each question the passages that hold its best `sentences` sentences, and of each only those; passages and their sentences best
    first. The rows of a table stay together, under its header."""
    scored = scored_sentences(embedder, reader, questions, found)
    return tuple(
        _excerpts(passages, sorted(quotes, key=lambda q: -q.score)[:sentences])
        for passages, quotes in zip(found, scored, strict=True)
    )


def _excerpts(passages: Sequence[Passage], best: Sequence[Quote]) -> tuple[Passage, ...]:
    return tuple(
        replace(passages[number - 1], excerpt=_joined([q for q in best if q.number == number]))
        for number in dict.fromkeys(q.number for q in best)
    )


def _joined(kept: Sequence[Quote]) -> str:
    blocks: dict[str, list[str]] = {}
    for quote in kept:
        blocks.setdefault(quote.header or quote.sentence, [quote.header] if quote.header else []).append(quote.sentence)
    return "\n".join(dict.fromkeys(line for lines in blocks.values() for line in lines))

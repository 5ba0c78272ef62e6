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
    """For each question the passages that hold its best `sentences` sentences, the one with the best of them first, and of each only
    those, in their own order. A table's row keeps its header."""
    scored = scored_sentences(embedder, reader, questions, found)
    return tuple(
        _excerpts(passages, quotes, sorted(quotes, key=lambda q: -q.score)[:sentences])
        for passages, quotes in zip(found, scored, strict=True)
    )


def _excerpts(passages: Sequence[Passage], quotes: Sequence[Quote], best: Sequence[Quote]) -> tuple[Passage, ...]:
    return tuple(
        replace(passages[number - 1], excerpt=_joined([q for q in quotes if q.number == number and q in best]))
        for number in dict.fromkeys(q.number for q in best)
    )


def _joined(kept: Sequence[Quote]) -> str:
    lines = (line for q in kept for line in (q.header, q.sentence) if line)
    return "\n".join(dict.fromkeys(lines))

"""A cheap check of every answer from passages. In: questions, answers and the span reader. Out: a chance for each; nothing is written.

The reader looks into the passages that the answer cites (into all it was given where it cites none) for the words that answer the
question. The answer is supported as far as the reader is sure of words that the answer holds too.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragraft.models.span import Pair, SpanReader
from ragraft.systems.cite import content_words
from ragraft.types import Answer, Passage

SHARED = 0.5
"""Share of the reader's content words that the answer must hold for the two to agree."""


def support(span_reader: SpanReader, questions: Sequence[str], answers: Sequence[Answer | None]) -> list[float | None]:
    """For each answer the highest chance, in [0, 1], over its passages; 0 where the reader finds only other words, None where
    there is no answer or no passage."""
    pairs: list[Pair] = []
    owner: list[int] = []
    for n, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        for passage in _rests_on(answer) if answer else ():
            pairs.append(Pair(question=question, passage=passage.text, title=passage.chunk.title))
            owner.append(n)
    chances: list[float | None] = [None] * len(questions)
    for n, span in zip(owner, span_reader.read_pairs(pairs) if pairs else (), strict=True):
        answer = answers[n]
        agrees = answer is not None and _agree(span.text, answer.text)
        chances[n] = max(chances[n] or 0.0, span.probability if agrees else 0.0)
    return chances


def _rests_on(answer: Answer) -> tuple[Passage, ...]:
    return tuple(answer.passages[c.number - 1] for c in answer.citations) or answer.passages


def _agree(words: str, answer: str) -> bool:
    wanted = content_words(words)
    return bool(wanted) and len(wanted & content_words(answer)) >= SHARED * len(wanted)

"""Cheap checks of every answer from passages. In: questions, answers and the span reader. Out: chances and notes; nothing is written.

The reader looks into the passages that the answer cites (into all it was given where it cites none) for the words that answer the
question. The answer is supported as far as the reader is sure of words that the answer holds too.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragraft.models.span import Pair, SpanReader
from ragraft.prompting import passage_text
from ragraft.systems.cite import content_words
from ragraft.systems.instructions import instructions
from ragraft.types import Answer, Passage

SHARED = 0.5
"""Share of the reader's content words that the answer must hold for the two to agree."""

DOUBTED = 0.05
"""Below this chance an answer is doubted: 9 % of the right quotes and 24 % of the wrong ones of the demo's train and dev questions
(benchmarks/quote.py, docs/log.md). A higher bar would cry wolf."""


def doubts(answer: Answer) -> tuple[str, ...]:
    """What the reader of an answer should know of it: passages among those given that read like an instruction to a model, and an
    answer that its passages do not support. `answer.support` is known already."""
    found: list[str] = []
    for passage in answer.passages:
        if told := instructions(passage_text(passage)):
            found.append(f"a passage of {passage.chunk.document} reads like an instruction to a model: {told[0]}")
    if not answer.refused and answer.support is not None and answer.support < DOUBTED:
        found.append(
            f"the passages hardly support this answer, as far as a small reader can tell ({answer.support:.3f})"
        )
    return tuple(found)


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
        agrees = answer is not None and agree(span.text, answer.text)
        chances[n] = max(chances[n] or 0.0, span.probability if agrees else 0.0)
    return chances


def _rests_on(answer: Answer) -> tuple[Passage, ...]:
    return tuple(answer.passages[c.number - 1] for c in answer.citations) or answer.passages


def agree(words: str, answer: str) -> bool:
    wanted = content_words(words)
    return bool(wanted) and len(wanted & content_words(answer)) >= SHARED * len(wanted)

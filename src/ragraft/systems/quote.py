"""The sentences of passages, scored by how well they answer a question, with the words in them that do. The `quote` arm answers with the
best one; `compress` shows a generator the best few.

In: questions and their passages; the embedder and the span reader. Out: `Quote`s; nothing is written.

Every sentence of every passage is a candidate. Three views of it are added up: how near the question is to the sentence under its
headings, how much the reader holds for the best span in it, and how well its passage was ranked.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ragraft.corpus.sentences import placed_sentences
from ragraft.models.protocol import Embedder
from ragraft.models.span import Pair, Part, Span, SpanReader, chance
from ragraft.types import Passage

READER_WEIGHT = 0.6
PASSAGE_WEIGHT = 0.3
READER_SCALE = 4.0
"""Weights of the reader's and of the passage's view beside the sentence's cosine, and the margin, in logits, that counts as sure: the
reader's view is the logistic of a span's margin over it. Chosen on the 332 answerable train and dev questions of the demo project
(benchmarks/quote.py, docs/log.md)."""
WEIGHTS = (READER_WEIGHT, PASSAGE_WEIGHT, READER_SCALE)
"""An input of all that is saved: other weights are another one."""
NEVER_REFUSE = -1.0
FALSE_REFUSALS = 0.1
"""A quote that is wrong can be seen to be wrong; an answer withheld cannot. The threshold that parts the two kinds of dev questions best
(Youden's J) refused four in ten answerable ones of the demo (docs/log.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A sentence of passage `number` (from 1) and its score in [-1, 1]. `words`: start and end, in characters of the sentence, of
    what in it answers best; None where it holds no word. `header`: that of the table whose row it is."""

    number: int
    sentence: str
    score: float
    words: tuple[int, int] | None = None
    header: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    number: int
    sentence: str
    place: Part
    header: str
    above: str

    @property
    def context(self) -> str:
        return " ".join(filter(None, (self.above, self.header, self.sentence)))


def best_quotes(
    embedder: Embedder, reader: SpanReader, questions: Sequence[str], found: Sequence[Sequence[Passage]]
) -> tuple[Quote | None, ...]:
    """For each question the best sentence of its passages; None where nothing was found."""
    scored = scored_sentences(embedder, reader, questions, found)
    return tuple(max(quotes, key=lambda q: q.score, default=None) for quotes in scored)


def scored_sentences(
    embedder: Embedder, reader: SpanReader, questions: Sequence[str], found: Sequence[Sequence[Passage]]
) -> tuple[tuple[Quote, ...], ...]:
    """For each question every sentence of its passages, in their order."""
    candidates = [_candidates(passages) for passages in found]
    contexts = [c.context for group in candidates for c in group]
    if not contexts:
        return tuple(() for _ in questions)
    vectors, asked = embedder.embed(contexts), embedder.embed(list(questions), queries=True)
    spans = iter(_read(reader, questions, found, candidates))
    scored: list[tuple[Quote, ...]] = []
    start = 0
    for vector, group, passages in zip(asked, candidates, found, strict=True):
        cosines = (vectors[start : start + len(group)] @ vector).tolist()
        start += len(group)
        scored.append(
            tuple(
                _quote(c, cosine, next(spans), passages[c.number - 1]) for c, cosine in zip(group, cosines, strict=True)
            )
        )
    return tuple(scored)


def _read(
    reader: SpanReader,
    questions: Sequence[str],
    found: Sequence[Sequence[Passage]],
    candidates: Sequence[Sequence[_Candidate]],
) -> list[Span]:
    """The best span of every candidate, in their order."""
    pairs: list[Pair] = []
    parts: list[list[Part]] = []
    for question, passages, group in zip(questions, found, candidates, strict=True):
        for number, passage in enumerate(passages, start=1):
            pairs.append(Pair(question=question, passage=passage.chunk.text, title=passage.chunk.title))
            parts.append([c.place for c in group if c.number == number])
    return list(itertools.chain.from_iterable(reader.read_parts(pairs, parts)))


def _candidates(passages: Sequence[Passage]) -> tuple[_Candidate, ...]:
    """Every sentence, list item and table row. A row is read with its table's header, which is no candidate itself."""
    found: list[_Candidate] = []
    for number, passage in enumerate(passages, start=1):
        above, header = f"{passage.chunk.title} {passage.chunk.heading}", ""
        placed = placed_sentences(passage.chunk.text)
        for (sentence, place), (following, _) in zip(placed, (*placed[1:], ("", (0, 0))), strict=True):
            if not sentence.startswith("|"):
                header = ""
            elif not header and following.startswith("|"):
                header = sentence
                continue
            found.append(_Candidate(number, sentence, place, header, above))
    return tuple(found)


def _quote(candidate: _Candidate, cosine: float, span: Span, passage: Passage) -> Quote:
    words = " ".join(span.text.split())
    at = candidate.sentence.find(words) if words else -1
    score = cosine + PASSAGE_WEIGHT * passage.score + READER_WEIGHT * chance(span.margin / READER_SCALE)
    return Quote(
        number=candidate.number,
        sentence=candidate.sentence,
        score=score / (1 + PASSAGE_WEIGHT + READER_WEIGHT),
        words=(at, at + len(words)) if at >= 0 else None,
        header=candidate.header,
    )


def calibrate(scores: Sequence[float], answerable: Sequence[bool]) -> float:
    """The `refuse_below` under which at most `FALSE_REFUSALS` of the answerable dev questions are refused.

    `NEVER_REFUSE` when dev holds only one of the two kinds: then nothing can be learned about refusing.
    """
    known = sorted(s for s, a in zip(scores, answerable, strict=True) if a)
    if not known or len(known) == len(scores):
        return NEVER_REFUSE
    return known[int(FALSE_REFUSALS * len(known))]

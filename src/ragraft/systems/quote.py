"""The sentences of passages, scored by how well they answer a question, with the words in them that do. The `quote` arm answers with the
best one; `compress` shows a generator the best few.

In: questions and their passages; the embedder and the span reader. Out: `Quote`s; nothing is written.

Every sentence of every passage is a candidate. Three views of it are added up: how near the question is to the sentence under its
headings, how likely the reader's span lies in it, and how well its passage was ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragraft.corpus.sentences import sentences
from ragraft.models.protocol import Embedder
from ragraft.models.span import Pair, Span, SpanReader
from ragraft.types import Passage

READER_WEIGHT = 0.6
PASSAGE_WEIGHT = 0.3
"""Weights of the reader's probability and of the passage's fused score beside the sentence's cosine. Chosen on the 382 train and dev
questions of the demo project (benchmarks/quote.py, docs/log.md)."""
NEVER_REFUSE = -1.0
FALSE_REFUSALS = 0.1
"""A quote that is wrong can be seen to be wrong; an answer withheld cannot. The threshold that parts the two kinds of dev questions best
(Youden's J) refused four in ten answerable ones of the demo (docs/log.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A sentence of passage `number` (from 1) and its score in [-1, 1]. `words`: start and end, in characters of the sentence, of
    what answers; None where the reader's span lies in another sentence. `header`: that of the table whose row it is."""

    number: int
    sentence: str
    score: float
    words: tuple[int, int] | None = None
    header: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    number: int
    sentence: str
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
    spans = iter(reader.read_pairs([_pair(q, p) for q, group in zip(questions, found, strict=True) for p in group]))
    scored: list[tuple[Quote, ...]] = []
    start = 0
    for vector, group, passages in zip(asked, candidates, found, strict=True):
        cosines = (vectors[start : start + len(group)] @ vector).tolist()
        start += len(group)
        read = [next(spans) for _ in passages]
        scored.append(
            tuple(
                _quote(c, cosine, read[c.number - 1], passages[c.number - 1])
                for c, cosine in zip(group, cosines, strict=True)
            )
        )
    return tuple(scored)


def _candidates(passages: Sequence[Passage]) -> tuple[_Candidate, ...]:
    """Every sentence, list item and table row. A row is read with its table's header, which is no candidate itself."""
    found: list[_Candidate] = []
    for number, passage in enumerate(passages, start=1):
        above, header = f"{passage.chunk.title} {passage.chunk.heading}", ""
        parts = sentences(passage.chunk.text)
        for sentence, following in zip(parts, (*parts[1:], ""), strict=True):
            if not sentence.startswith("|"):
                header = ""
            elif not header and following.startswith("|"):
                header = sentence
                continue
            found.append(_Candidate(number, sentence, header, above))
    return tuple(found)


def _pair(question: str, passage: Passage) -> Pair:
    return Pair(question=question, passage=passage.chunk.text, title=passage.chunk.title)


def _quote(candidate: _Candidate, cosine: float, span: Span, passage: Passage) -> Quote:
    words = " ".join(span.text.split())
    at = candidate.sentence.find(words) if words else -1
    score = cosine + PASSAGE_WEIGHT * passage.score + (READER_WEIGHT * span.probability if at >= 0 else 0.0)
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

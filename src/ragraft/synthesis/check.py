"""Drafts -> those that hold, and for each other one why not. In: drafts, a search, the span reader. Out: values; nothing is written.

An answerable question holds when a second pass over its passage, by the span reader, finds the words of the answer; when no passage of
another document says the same or is the likelier answer; when it gives nothing away and holds no personal data. An unanswerable one
holds when the reader finds no answer in what a search returns, and nothing that looks like one stands near the question's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ragraft.corpus.pii import personal
from ragraft.evaluate.scorers import holds
from ragraft.models.span import Pair, Span, SpanReader
from ragraft.synthesis.clauses import bare
from ragraft.synthesis.draft import Draft
from ragraft.synthesis.tables import tables
from ragraft.systems.cite import content_words
from ragraft.types import Chunk, Passage

Find = Callable[[Sequence[str]], Sequence[tuple[Passage, ...]]]
"""Questions -> the best passages that the reader may see for each, best first."""

SHARED = 0.5
"""Share of the answer's content words that the reader's words must hold, besides all of its numbers."""
SURE = 0.5
"""Chance at which what the reader finds counts as an answer, whatever it is."""
NEAR = 0.7
"""Share of the question's content words that makes a sentence, under its headings, one about its matter."""
NAMING = 3
"""Content words of a question that a search is led astray by, at least: with fewer it is the question's fault."""

_ASKING = "many much long often soon time take come mean cost fee allowed call people countries possible"
"""Words that only ask."""

PERSONAL = "holds personal data"
UNFOUND = "the second pass does not find the answer in the passage"
ELSEWHERE = "another document says the same"
AMBIGUOUS = "another document answers it as well"
VAGUE = "it names too little: a sentence of another document holds all its words, or a search finds that document first"
ANSWERED = "a passage answers it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A draft after its checks; `reason` is empty where it holds. `hard`: a search finds another passage first, which does not
    hold the answer."""

    draft: Draft
    reason: str = ""
    hard: bool = False


def check(drafts: Sequence[Draft], find: Find, reader: SpanReader) -> tuple[Checked, ...]:
    """One outcome a draft, in order. A question that could mean several places is put in its clearer wording. One that only leads a
    search to another document is a hard one, and stays as it is."""
    done = _checked(drafts, find, reader)
    again = [n for n, c in enumerate(done) if c.draft.clearer and c.reason in (AMBIGUOUS, ELSEWHERE, VAGUE)]
    clearer = [replace(done[n].draft, question=done[n].draft.clearer, clearer="") for n in again]
    for n, outcome in zip(again, _checked(clearer, find, reader), strict=True):
        done[n] = outcome
    return tuple(done)


def _checked(drafts: Sequence[Draft], find: Find, reader: SpanReader) -> list[Checked]:
    if not drafts:
        return []
    own = reader.read_pairs([_pair(d, d.chunk) for d in drafts])
    reasons = [_alone(d, span) for d, span in zip(drafts, own, strict=True)]
    left = [n for n, reason in enumerate(reasons) if not reason]
    found = find([drafts[n].question for n in left]) if left else ()
    others = [_others(drafts[n], passages) for n, passages in zip(left, found, strict=True)]
    spans = iter(reader.read_pairs([_pair(drafts[n], p.chunk) for n, ps in zip(left, others, strict=True) for p in ps]))
    done = [Checked(draft=d, reason=reason) for d, reason in zip(drafts, reasons, strict=True)]
    for n, passages, elsewhere in zip(left, found, others, strict=True):
        read = [_Read(chunk=p.chunk, span=next(spans)) for p in elsewhere]
        done[n] = _among(drafts[n], passages, own[n], read, reader.threshold)
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    chunk: Chunk
    span: Span


def _pair(draft: Draft, chunk: Chunk) -> Pair:
    return Pair(question=draft.question, passage=legible(chunk.text), title=chunk.title)


def _others(draft: Draft, passages: Sequence[Passage]) -> list[Passage]:
    """Where the question is answerable, its own document is no other place."""
    return [p for p in passages if not draft.answerable or p.chunk.document != draft.chunk.document]


def _alone(draft: Draft, own: Span) -> str:
    if personal(" ".join((draft.question, draft.answer))):
        return PERSONAL
    return UNFOUND if draft.answerable and not says(own.text, draft.facts) else ""


def _among(draft: Draft, passages: Sequence[Passage], own: Span, read: Sequence[_Read], threshold: float) -> Checked:
    """Against what a search brings besides its own passage."""
    if not draft.answerable:
        near = [_Read(chunk=draft.chunk, span=own), *read]
        return Checked(draft=draft, reason=ANSWERED if any(_answered(draft, r) for r in near) else "")
    first = passages[0].chunk if passages else draft.chunk
    hard = first.id != draft.chunk.id and not all(holds(first.text, fact) for fact in draft.facts)
    reason = _rival(draft, own, read, threshold)
    return Checked(draft=draft, reason=reason or (VAGUE if hard and _brief(draft) else ""), hard=hard)


def _brief(draft: Draft) -> bool:
    """Whether it names its matter in fewer than `NAMING` words, none of them a number or a code."""
    matter = _matter(draft)
    return len(matter) < NAMING and not any(c.isdigit() for word in matter for c in word)


def _rival(draft: Draft, own: Span, read: Sequence[_Read], threshold: float) -> str:
    for r in read:
        if all(holds(r.chunk.text, fact) for fact in draft.facts) and says(r.span.text, draft.facts):
            return ELSEWHERE
        if r.span.probability >= max(threshold, own.probability):
            return AMBIGUOUS
    return VAGUE if any(_near(_matter(draft), r.chunk) == 1 for r in read) else ""


def _answered(draft: Draft, read: _Read) -> bool:
    """Whether the reader is sure, or a sentence about the matter holds what looks like an answer."""
    if read.span.probability >= SURE:
        return True
    if not draft.absent:
        return False
    return _near(_matter(draft), read.chunk, re.compile(draft.absent)) >= NEAR


def _matter(draft: Draft) -> frozenset[str]:
    return content_words(draft.question) - content_words(_ASKING)


def _near(matter: frozenset[str], chunk: Chunk, pattern: re.Pattern[str] | None = None) -> float:
    """The largest share of these words that one line of a chunk holds, under its headings; of the lines with `pattern`, where given."""
    head = content_words(f"{chunk.title} {chunk.heading}")
    lines = re.split(r"\n+|(?<=[.!?]) ", legible(chunk.text))
    wanted = [line for line in lines if not pattern or pattern.search(line)]
    return max((len(matter & (head | content_words(line))) for line in wanted), default=0) / max(len(matter), 1)


def legible(text: str) -> str:
    """Markdown as the reader knows text: no emphasis, and each row of a table as a line that names its columns."""
    for table in tables(text):
        lines = [
            f"{r[0]}: " + "; ".join(f"{h} {c}" for h, c in zip(table.head[1:], r[1:], strict=True)) for r in table.rows
        ]
        text = text.replace(table.source, ".\n".join(lines) + ".\n")
    return bare(text)


def says(words: str, facts: Sequence[Sequence[str]]) -> bool:
    """Whether the reader's words are those of the facts: all the numbers and `SHARED` of the content words of some spelling each."""
    there = content_words(words)
    wanted = [min((content_words(s) - there for s in spellings), key=len) for spellings in facts]
    size = sum(len(content_words(spellings[0])) for spellings in facts)
    missing = sum(len(w) for w in wanted)
    return bool(there) and not any(word[0].isdigit() for w in wanted for word in w) and missing <= (1 - SHARED) * size

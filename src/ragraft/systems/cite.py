"""What an answer cites and whether a passage supports it. In: text and passages. Out: values; nothing is written.

A citation may be absent, never invented: a marker that names no passage is counted, not kept.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragraft.prompting import split_citations
from ragraft.types import Citation, Passage

SUPPORT_COVERAGE = 0.7
"""Share of a sentence's content words that one passage must hold. The measure is K-Precision (Adlakha et al. 2023,
"Evaluating Correctness and Faithfulness of Instruction-Following Models for Question Answering"), by sentence; the
threshold is ours, and every number of the sentence must stand in the passage too."""

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
_STOP = frozenset(
    "a an and are as at be been but by can could do does for from had has have how if in into is it its may more most must no "
    "not of on once one only or our over per shall should so some such than that the their them then there these they this those "
    "to under up use was we were what when where which while who whom whose why will with within would you your".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A completion's text without its markers, the citations that resolve, and how many did not."""

    text: str
    citations: tuple[Citation, ...]
    invented: int


def resolve(completion: str, passages: Sequence[Passage]) -> Cited:
    """Split the markers off a completion and look each one up among the prompt's passages."""
    text, numbers = split_citations(completion)
    known = [n for n in numbers if 1 <= n <= len(passages)]
    return Cited(
        text=text, citations=tuple(citation(n, passages[n - 1]) for n in known), invented=len(numbers) - len(known)
    )


def citation(number: int, passage: Passage) -> Citation:
    return Citation(number=number, chunk=passage.chunk.id, document=passage.chunk.document, page=passage.chunk.page)


def supports(passage: str, sentence: str) -> bool:
    """Whether one passage supports a sentence: all its numbers and `SUPPORT_COVERAGE` of its content words stand there.

    A sentence without content words is supported by nothing.
    """
    wanted, there = content_words(sentence), content_words(passage)
    if not wanted:
        return False
    numbers = {w for w in wanted if w[0].isdigit()}
    return numbers <= there and len(wanted & there) >= SUPPORT_COVERAGE * len(wanted)


def content_words(text: str) -> frozenset[str]:
    """Stemmed words without stop words; digit groups keep their inner separators."""
    words = (w.lower().replace("’", "'") for w in _WORD.findall(text))
    return frozenset(_stem(w) for w in words if w not in _STOP)


@functools.lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    return _stemmer().stem(word) if word.isalpha() else word


@functools.cache
def _stemmer():  # type: ignore[no-untyped-def]
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()

"""What the makers of questions hand over. Data only; nothing is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ragraft.types import Chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question that has not been checked yet, and the passage that it was made from.

    `facts`: what a right answer holds, as `Example.must_include`; empty for an unanswerable one. `kind`: the rule, or `model`.
    `clearer`: the same question with what it is about, tried when the first wording could mean several places. `absent`: a pattern
    of what an answer would look like, which must not stand near the question's words (unanswerable ones). `subject`: the words of
    the question that name what it is about; another one of the same `family` can stand in their place."""

    question: str
    answer: str
    facts: tuple[tuple[str, ...], ...]
    chunk: Chunk
    kind: str
    answerable: bool = True
    clearer: str = ""
    absent: str = ""
    subject: str = ""
    family: str = ""

    @property
    def id(self) -> str:
        """The same for the same question from the same document."""
        return "made-" + hashlib.sha256(f"{self.chunk.document}\n{self.question}".encode()).hexdigest()[:10]

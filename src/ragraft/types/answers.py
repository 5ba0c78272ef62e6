"""A question on its way: request, prompt, completion, answer with its citations, or a failure."""

from __future__ import annotations

from dataclasses import dataclass

from ragraft.types.knowledge import Passage
from ragraft.types.names import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a system, without any truth about its answer."""

    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a generator reads. `passages[i]` is cited as `[i+1]`; `dropped` counts those that did not fit."""

    messages: tuple[Message, ...]
    passages: tuple[Passage, ...] = ()
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a generator wrote. `first_token_seconds` is None where the backend cannot tell."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    first_token_seconds: float | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A passage that an answer names. It always resolves: `number` is the passage's place in the prompt, from 1."""

    number: int
    chunk: str
    document: str
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds by stage for one request. In a batch, a shared stage's time is divided among its requests."""

    retrieve: float = 0.0
    generate: float = 0.0
    check: float = 0.0
    first_token: float | None = None

    @property
    def total(self) -> float:
        return self.retrieve + self.generate + self.check


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A system's answer. `text` has no citation markers; `invented` counts markers that named no passage.

    `confidence` in [0, 1] where the system has one (classify, quote), else None. `highlight`: start and end, in characters of `text`,
    of the words that answer (quote). `support`: the span reader's chance that a cited passage answers the question in words that
    the answer holds; None without passages.
    """

    text: str
    raw: str
    refused: bool
    citations: tuple[Citation, ...] = ()
    invented: int = 0
    passages: tuple[Passage, ...] = ()
    dropped: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    timings: Timings = Timings()
    index_version: int | None = None
    confidence: float | None = None
    highlight: tuple[int, int] | None = None
    support: float | None = None
    notes: tuple[str, ...] = ()
    """What the reader should know of how it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A case that did not get an answer. `retryable`: a later run should try it again."""

    stage: str
    message: str
    retryable: bool = True

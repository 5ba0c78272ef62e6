"""What an embedder and a generator are to the rest of ragraft. Data and signatures only; nothing is loaded or written here.

The implementations stand in `embedder`, `local` and `remote`; `load` turns a name from `ragraft.toml` into one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ragraft.types import Completion, Failure, Prompt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer


class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def name(self) -> str:
        """The specification that it was loaded from: `minilm`, `hf:…` or `openai:…`."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the vectors would: the hash of the weights, or endpoint and model."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Tokens beyond this number, special tokens included, are not seen."""
        ...

    @property
    def tokenizer(self) -> Tokenizer | None:
        """A copy of the embedder's own tokenizer without truncation or padding, for the splitter; None where the endpoint hides it."""
        ...

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> NDArray[np.float32]:
        """An n×dimension array of L2-normalised rows in the order of `texts`. Raises `ModelError`."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special tokens and without truncation; characters / 4 where the tokenizer is hidden."""
        ...


class Generator(Protocol):
    """Prompts to completions, greedily: the same prompt gives the same text."""

    @property
    def name(self) -> str:
        """The specification that it was loaded from: `pocket`, `hf:…`, `openai:…` or a URL."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the answers would: the hash of the weights and the adapter, or endpoint and model."""
        ...

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together."""
        ...

    def count(self, prompt: Prompt) -> int:
        """Tokens of a rendered prompt; an estimate (characters / 4) for endpoints."""
        ...

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, on_done: Callable[[int], None] | None = None
    ) -> tuple[Completion | Failure, ...]:
        """One outcome per prompt, in order. A call that fails is a `Failure` (stage `generate`), never an exception.

        `on_done(n)` is called with the number of prompts newly finished.
        """
        ...

    def stream(self, prompt: Prompt, *, max_new_tokens: int) -> Iterator[str]:
        """The answer in pieces as they come. Raises `ModelError` when it cannot start or breaks off."""
        ...


@runtime_checkable
class Likelihoods(Protocol):
    """A generator whose probabilities can be read: those on this machine."""

    def log_likelihood(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> tuple[float, ...]:
        """The log-probability, in nats per token of the answer, that each prompt is followed by its answer."""
        ...

"""Which questions are there already. In: examples. Out: for a new one why it is none, or nothing. Nothing is written.

Alike is what `corpus.split` keeps together: questions whose embeddings' cosine reaches the threshold, or equal but for case and spacing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragraft.corpus.split import Embed, normalise
from ragraft.evaluate.scorers import plain
from ragraft.types import Example

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALIKE = "nearly the same question is there"
SAME_FACT = "another question asks for the same fact"


class Known:
    """The questions and facts so far."""

    def __init__(self, embed: Embed, threshold: float) -> None:
        self._embed, self._threshold = embed, threshold
        self._keys: set[str] = set()
        self._facts: set[tuple[str, ...]] = set()
        self._vectors: NDArray[np.float32] | None = None

    def add(self, examples: Sequence[Example]) -> None:
        import numpy as np

        if not examples:
            return
        new = np.asarray(self._embed([e.question for e in examples]), dtype=np.float32)
        self._vectors = new if self._vectors is None else np.concatenate([self._vectors, new])
        self._keys |= {normalise(e.question) for e in examples}
        self._facts |= {f for e in examples if (f := _fact(e))}

    def reasons(self, examples: Sequence[Example]) -> list[str]:
        """For each why it is not new, empty where it is. They are not compared with one another."""
        if not examples or self._vectors is None:
            return [""] * len(examples)
        # Rounding must not let two equal vectors fall short of a threshold of 1.
        nearest = (self._embed([e.question for e in examples]) @ self._vectors.T).max(axis=1)
        alike = [
            float(near) >= self._threshold - 1e-6 or normalise(e.question) in self._keys
            for e, near in zip(examples, nearest, strict=True)
        ]
        return [
            ALIKE if a else SAME_FACT if _fact(e) in self._facts else "" for e, a in zip(examples, alike, strict=True)
        ]


def _fact(example: Example) -> tuple[str, ...]:
    """Document and facts; empty where there is no fact."""
    facts = [plain(spellings[0]) for spellings in example.must_include]
    return (*example.documents, *sorted(facts)) if facts else ()

"""A question and texts -> how well each answers it: by a cross-encoder that sentence-transformers runs, or by the packaged span reader.

In: a folder or hub name. Out: scores on the model's own scale, higher is better. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragraft.errors import ModelError
from ragraft.models import span
from ragraft.models.embedder import load_with
from ragraft.models.hub import folder_fingerprint, model_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranker:
    """A model that reads the question and a text together and gives one score."""

    name: str
    fingerprint: str
    scores: Callable[[str, Sequence[str]], list[float]]

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        """One score a text, in their order. Texts beyond the model's length are cut."""
        return self.scores(question, texts) if texts else []


def cross_encoder(name: str) -> Reranker:
    """By hub name or folder. Raises `ModelError` when it is not there, not loadable, or gives more than one score."""
    from sentence_transformers import CrossEncoder

    folder = model_folder(name)
    model = load_with(CrossEncoder, name, folder, "cross-encoder")
    if model.num_labels != 1:
        raise ModelError(f"hf:{name}: gives {model.num_labels} scores a text; a reranker gives one")

    def scores(question: str, texts: Sequence[str]) -> list[float]:
        return model.predict([(question, text) for text in texts], show_progress_bar=False).tolist()

    return Reranker(name=f"hf:{name}", fingerprint=folder_fingerprint(folder), scores=scores)


def span_reader() -> Reranker:
    """The packaged span reader: its log-odds that a text answers the question. Raises `ModelError` when it is damaged."""
    reader = span.load_reader()

    def scores(question: str, texts: Sequence[str]) -> list[float]:
        return [found.score for found in reader.read(question, texts)]

    return Reranker(name="reader", fingerprint=reader.fingerprint, scores=scores)

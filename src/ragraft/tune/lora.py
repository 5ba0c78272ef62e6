"""Training rows -> a LoRA adapter, through peft and trl. In: rows, a base model's name. Out: an `Adapter`.

Writes into the given folder: `adapter_model.safetensors`, `adapter_config.json` (peft's format), `curve.json`, and while
it trains `checkpoints/`, from which an interrupted training goes on and which is removed at the end.
"""

from __future__ import annotations

import functools
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragraft.config import TuningSection
from ragraft.errors import DataError
from ragraft.models.embedder import best_device
from ragraft.models.local import answer_frame, chat_text, load_causal
from ragraft.models.packaged import file_sha256
from ragraft.types import Adapter, CurvePoint, TrainingRow
from ragraft.workspace import to_json, write_atomic

if TYPE_CHECKING:
    from trl.trainer.sft_config import SFTConfig

Progress = Callable[[int, int, float], None]
"""(steps done, steps planned, mean loss per answer token since the last evaluation)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One row as the model reads it: `labels` are the ids of the answer and its end token, and -100 on the prompt."""

    input_ids: list[int]
    labels: list[int]


def train(
    rows: Sequence[TrainingRow],
    dev_rows: Sequence[TrainingRow],
    *,
    base: str,
    config: TuningSection,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> Adapter:
    """Train a LoRA adapter of `base` (`pocket` or `hf:NAME_OR_PATH`) on the answers of `rows`; keep the epoch with the
    lowest loss on `dev_rows` (the last one where there are none). The same rows, config and seed give the same adapter.

    LoRA (Hu et al. 2021) on every linear layer but the output's; AdamW, linear warm-up over 5 % of the steps, then
    cosine to zero; bf16 where the machine computes in it. `seconds` and `tokens` (prompt and answer, without padding)
    count the whole training, interruptions left out. Raises `DataError` for no rows or one longer than
    `config.max_tokens`, `ModelError` where the base cannot be loaded.
    """
    if not rows:
        raise DataError("no training rows: the train split holds no example that can be learned from; add examples")
    started = time.monotonic()
    with warnings.catch_warnings():
        # Names that transformers renames in its next major version; trl and peft still read the old ones.
        warnings.simplefilter("ignore", FutureWarning)
        trainer = make_trainer(rows, dev_rows, base=base, config=config, seed=seed, folder=folder, progress=progress)
        checkpoints = Path(trainer.args.output_dir)
        trainer.train(resume_from_checkpoint=_last_checkpoint(checkpoints))
    points = _curve(trainer.state.log_history)
    # A model's folder is a machine's path; the adapter names its base as the project does.
    trainer.model.peft_config["default"].base_model_name_or_path = base
    trainer.model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    write_atomic(folder / "curve.json", to_json(points, tuple[CurvePoint, ...], indent=2))
    shutil.rmtree(checkpoints, ignore_errors=True)
    epochs = round(trainer.state.epoch)
    before = trainer.elapsed_before
    return Adapter(
        path=str(folder),
        base=base,
        fingerprint=file_sha256(folder / "adapter_model.safetensors")[:16],
        rows=len(rows),
        dev_rows=len(dev_rows),
        tokens=epochs * sum(len(r["input_ids"]) for r in trainer.train_dataset),
        seconds=before + time.monotonic() - started,
        best_step=trainer.state.best_global_step or trainer.state.global_step,
        curve=points,
        documents=tuple(sorted({d for row in rows for d in row.documents})),
        stopped_early=trainer.state.global_step < trainer.state.max_steps,
    )


def make_trainer(
    rows: Sequence[TrainingRow],
    dev_rows: Sequence[TrainingRow],
    *,
    base: str,
    config: TuningSection,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> Any:
    """The trl trainer that `train` runs: an `AnswerTrainer` over the encoded rows, its checkpoints in `folder`."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import EarlyStoppingCallback, PrinterCallback

    from ragraft.tune.trainer import AnswerTrainer, ProgressCallback, pack

    model, tokenizer = load_causal(base, dtype=best_device()[1])
    data, dev = ([encode(tokenizer, row, limit=config.max_tokens) for row in part] for part in (rows, dev_rows))
    checked = bool(dev)
    trainer = AnswerTrainer(
        model=model,
        args=_arguments(config, rows[0].kind, seed=seed, folder=folder, checked=checked),
        data_collator=functools.partial(pack, pad=tokenizer.pad_token_id),
        train_dataset=Dataset.from_list([{"input_ids": t.input_ids, "labels": t.labels} for t in data]),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=config.patience)] if checked else [],
        **(
            {"eval_dataset": Dataset.from_list([{"input_ids": t.input_ids, "labels": t.labels} for t in dev])}
            if checked
            else {}
        ),
    )
    trainer.remove_callback(PrinterCallback)
    if progress:
        trainer.add_callback(ProgressCallback(progress, trainer))
    return trainer


def _arguments(config: TuningSection, kind: str, *, seed: int, folder: Path, checked: bool) -> SFTConfig:
    """How it trains on rows of a kind; `checked`: there is a dev split to stop early on."""
    import torch
    from trl.trainer.sft_config import SFTConfig

    device, dtype = best_device()
    return SFTConfig(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=config.raft_epochs if kind == "raft" else config.epochs,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.raft_learning_rate if kind == "raft" else config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        weight_decay=0.0,
        max_grad_norm=1.0,
        seed=seed,
        data_seed=seed,
        bf16=dtype == torch.bfloat16,
        use_cpu=device == "cpu",
        gradient_checkpointing=False,
        eval_strategy="epoch" if checked else "no",
        save_strategy="epoch",
        logging_strategy="no",
        save_total_limit=2,
        load_best_model_at_end=checked,
        metric_for_best_model="eval_loss" if checked else None,
        greater_is_better=False if checked else None,
        restore_callback_states_from_checkpoint=checked,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        report_to="none",
        disable_tqdm=True,
    )


def encode(tokenizer: Any, row: TrainingRow, *, limit: int) -> Tokens:
    """A row in tokens: the prompt exactly as it is read when the model answers, then the answer and the end token of the
    chat template. Raises `DataError` when it is longer than `limit`."""
    prompt: list[int] = tokenizer(chat_text(tokenizer, row.messages), add_special_tokens=False)["input_ids"]
    lead, end = answer_frame(tokenizer)
    answer: list[int] = tokenizer(lead + row.target, add_special_tokens=False)["input_ids"] + end
    if len(prompt) + len(answer) > limit:
        raise DataError(
            f"training row {row.id} has {len(prompt) + len(answer)} tokens, more than tuning.max_tokens = {limit}: "
            "raise it, or lower retrieval.passages or chunks.max_tokens"
        )
    return Tokens(input_ids=prompt + answer, labels=[-100] * len(prompt) + answer)


def _last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written whole: the trainer's state is the last file of each."""
    whole = [p.parent for p in folder.glob("checkpoint-*/trainer_state.json") if p.stat().st_size]
    return str(max(whole, key=lambda p: int(p.name.rpartition("-")[2]))) if whole else None


def _curve(history: Sequence[dict[str, Any]]) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(step=log["step"], epoch=log["epoch"], train_loss=log["train_loss"], dev_loss=log["eval_loss"])
        for log in history
        if "eval_loss" in log
    )

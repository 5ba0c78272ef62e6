"""trl's SFT trainer with the loss computed on answer tokens only. In: encoded rows. Out: weights, and losses in its log.

Imported only when something is trained: it loads torch and trl. Three things differ from the stock trainer, all measured
in `benchmarks/tuning.py`: rows are packed inside their batch, the vocabulary is scored at answer positions only (the
stock trainer scores every position on a CPU), and losses are means per answer token over the whole epoch or dev split.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers import TrainerCallback
from trl.trainer.sft_trainer import SFTTrainer

IGNORED = -100
WIDTH_STEP = 64
"""Lines are padded up to a multiple of this: a CPU compiles and keeps kernels for every new shape, up to gigabytes."""


def pack(rows: Sequence[dict[str, list[int]]], *, pad: int) -> dict[str, torch.Tensor]:
    """A batch of rows as few lines as the longest row's width holds (best fit, longest first).

    Positions start again at each row, from which transformers makes a block-diagonal causal mask: no row sees another.
    Padding stands at the end of a line, where a causal model's answers cannot see it; so no mask is needed for it.
    """
    width = -(-max(len(row["input_ids"]) for row in rows) // WIDTH_STEP) * WIDTH_STEP
    lines: list[list[dict[str, list[int]]]] = []
    for row in sorted(rows, key=lambda r: -len(r["input_ids"])):
        fitting = [line for line in lines if _used(line) + len(row["input_ids"]) <= width]
        if fitting:
            max(fitting, key=_used).append(row)
        else:
            lines.append([row])
    ids = torch.full((len(lines), width), pad)
    labels = torch.full((len(lines), width), IGNORED)
    positions = torch.zeros((len(lines), width), dtype=torch.long)
    for y, line in enumerate(lines):
        x = 0
        for row in line:
            end = x + len(row["input_ids"])
            ids[y, x:end] = torch.tensor(row["input_ids"])
            labels[y, x:end] = torch.tensor(row["labels"])
            positions[y, x:] = torch.arange(width - x)
            x = end
    return {"input_ids": ids, "labels": labels, "position_ids": positions}


def _used(line: Sequence[dict[str, list[int]]]) -> int:
    return sum(len(row["input_ids"]) for row in line)


class AnswerTrainer(SFTTrainer):
    """`elapsed_before`: seconds of earlier, interrupted runs of the same training."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.started = time.monotonic()
        self.elapsed_before = 0.0
        self.loss_sum, self.loss_tokens = 0.0, 0

    @property
    def train_loss(self) -> float:
        """Mean loss per answer token since the last evaluation."""
        return self.loss_sum / max(1, self.loss_tokens)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        labels = inputs["labels"][:, 1:]
        places = (labels != IGNORED).any(dim=0).nonzero().flatten()
        outputs = model(
            input_ids=inputs["input_ids"],
            position_ids=inputs["position_ids"],
            logits_to_keep=places,
            use_cache=False,
        )
        targets = labels[:, places].reshape(-1)
        logits = outputs.logits.reshape(len(targets), -1)[targets != IGNORED].float()
        total = functional.cross_entropy(logits, targets[targets != IGNORED], reduction="sum")
        if model.training:
            self.loss_sum += total.item()
            self.loss_tokens += len(logits)
        loss = total / (len(logits) if num_items_in_batch is None else num_items_in_batch)
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The mean loss per answer token on the dev split; `train_loss` beside it is that since the last call."""
        model: Any = self.model
        model.eval()
        total = tokens = 0.0
        with torch.no_grad():
            for batch in self.get_eval_dataloader():
                count = int((batch["labels"] != IGNORED).sum())
                with self.compute_loss_context_manager():
                    total += float(self.compute_loss(model, self._prepare_inputs(batch))) * count
                tokens += count
        metrics = {"eval_loss": total / tokens, "train_loss": self.train_loss, "elapsed": self.elapsed}
        self.loss_sum, self.loss_tokens = 0.0, 0
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    @property
    def elapsed(self) -> float:
        return self.elapsed_before + time.monotonic() - self.started

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Checkpoints are working files: no card."""


class ProgressCallback(TrainerCallback):
    def __init__(self, progress: Any, trainer: AnswerTrainer) -> None:
        self.progress, self.trainer = progress, trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        earlier = [log["elapsed"] for log in state.log_history if "elapsed" in log]
        self.trainer.elapsed_before = earlier[-1] if earlier else 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.progress(state.global_step, state.max_steps, self.trainer.train_loss)

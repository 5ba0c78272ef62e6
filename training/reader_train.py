"""Trains the span reader: packed data of `reader_data.py` in, `OUT/last.pt` (resumable) and a log line every 20 steps out.

Run: `torchrun --nproc-per-node 2 training/reader_train.py DATA OUT --minutes 60` (one process of one thread for each core: on a busy
machine faster than one process of two threads), or with plain `python` in one process. Start again with the same arguments to go on from the last checkpoint.

Three phases by share of the budget, which counts processor time, so that a pause or a busy machine changes nothing: rule-made questions with some human ones; human questions, several to a passage; human
questions one to a passage, beside two wrong passages of the same article, with one softmax over all of them (Clark & Gardner 2018).
The word embeddings stay as they are (they are not shipped); everything else moves.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folders
import numpy as np
import torch
import workers
from reader_batch import Batch, Corpus, batches

from ragraft.models import span

PHASES = (0.45, 0.88)
CLIP = 1.0


class Model(torch.nn.Module):
    """The packaged encoder with a span head, in fp32; computes in bf16."""

    def __init__(self, compile_it: bool) -> None:
        super().__init__()
        self.encoder = span.load_encoder()
        self.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        width = self.encoder.config.hidden_size
        self.head = torch.nn.Linear(width, 2 * width + 1)
        torch.nn.init.normal_(self.head.weight, std=0.02)
        torch.nn.init.zeros_(self.head.bias)
        if compile_it:
            self.encoder.compile(dynamic=False)

    def logits(self, b: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        with torch.autocast("cpu" if b.ids.device.type == "cpu" else "cuda", torch.bfloat16):
            hidden = self.encoder(
                input_ids=b.ids, attention_mask=b.mask, token_type_ids=b.context, position_ids=b.position
            )[0]
        hidden = hidden.float()
        start, end, null = span.span_logits(hidden[b.row], hidden[b.row, b.anchor], self.head.weight, self.head.bias)
        outside = ~b.text[b.row]
        return start.masked_fill(outside, -1e4), end.masked_fill(outside, -1e4), null


def loss(model: Model, b: Batch, shared: bool) -> torch.Tensor:
    """Cross-entropy of start and end over the passage and the null, all accepted places counted together; with `shared`, also
    over all passages of the batch that a question is asked of."""
    start, end, null = model.logits(b)
    total = torch.zeros(())
    for scores, gold in ((start, b.start), (end, b.end)):
        right = torch.cat(
            [scores.masked_fill(~gold, -1e4), null[:, None].masked_fill(b.answerable[:, None], -1e4)], dim=1
        ).logsumexp(1)
        total = total + (torch.cat([scores, null[:, None]], dim=1).logsumexp(1) - right).mean()
        if shared:
            each = scores.logsumexp(1)
            top = each.max().detach()
            pooled = torch.zeros(int(b.group.max()) + 1, device=each.device).index_add(0, b.group, (each - top).exp())
            across = pooled[b.group].clamp_min(1e-30).log() + top
            missed = (across - scores.masked_fill(~gold, -1e4).logsumexp(1))[b.answerable]
            # A batch may hold no question with an answer: the mean of nothing would be NaN, and so every weight after it.
            total = total + 0.5 * missed.sum() / max(len(missed), 1)
    return total


@dataclass(frozen=True, slots=True)
class Sources:
    """Rule-made and human questions, and for a token its near words."""

    rules: Corpus
    human: Corpus
    near: dict[int, list[int]]


@dataclass
class Progress:
    step: int = 0
    seconds: float = 0.0

    @staticmethod
    def rate(done: float) -> float:
        """Linear warm-up over 1.5 %, flat to half of the budget, then linear to zero."""
        return min(1.0, done / 0.015 + 0.02, max(0.0, (1.0 - done) / 0.5))


def optimizer(model: Model, rate: float) -> torch.optim.Optimizer:
    body = [p for p in model.encoder.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in body if p.ndim > 1], "lr": rate, "weight_decay": 0.01},
        {"params": [p for p in body if p.ndim == 1], "lr": rate, "weight_decay": 0.0},
        {"params": list(model.head.parameters()), "lr": 2 * rate, "weight_decay": 0.01},
    ]
    made = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    for g in made.param_groups:
        g["peak"] = g["lr"]
    return made


def save(path: Path, model: Model, opt: torch.optim.Optimizer, progress: Progress) -> None:
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": opt.state_dict(),
            "step": progress.step,
            "seconds": progress.seconds,
        },
        path.with_suffix(".tmp"),
    )
    path.with_suffix(".tmp").replace(path)


def stream(sources: Sources, phase: int, share: float, rng: random.Random) -> Iterator[Batch]:
    """Batches of one phase, for ever; `share` of the rule phase's batches are human."""
    made = batches(sources.rules, rng, mode="rules")
    packed = batches(sources.human, rng, mode="packed", near=sources.near)
    single = batches(sources.human, rng, mode="single", near=sources.near)
    while True:
        if phase == 2:
            yield next(single)
        elif phase == 1:
            yield next(made) if rng.random() < 0.15 else next(packed)
        else:
            yield next(packed) if rng.random() < share else next(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=folders.reader_rows)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=60, help="processor time of each process")
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--human", type=float, default=0.3, help="share of human batches in the first phase")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rank, count = workers.join()
    torch.set_num_threads(2 if count == 1 else 1)
    torch.manual_seed(args.seed)
    model = Model(not args.no_compile)
    opt, progress, last = optimizer(model, args.rate), Progress(), args.out / "last.pt"
    if last.exists():
        state: dict[str, Any] = torch.load(last, weights_only=True)
        model.load_state_dict(state["model"])
        opt.load_state_dict(state["optimizer"])
        progress = Progress(state["step"], state["seconds"])
        print(f"resumed at step {progress.step}, {progress.seconds:.0f} s", flush=True)
    train(model, opt, progress, args, last, rank)


def train(
    model: Model, opt: torch.optim.Optimizer, progress: Progress, args: argparse.Namespace, last: Path, rank: int
) -> None:
    rng = random.Random(args.seed + progress.step + 1000 * rank)
    near = {int(k): v for k, v in json.loads((args.data / "near_ids.json").read_text()).items()}
    sources = Sources(Corpus.load(args.data / "rules.npz"), Corpus.load(args.data / "human.npz"), near)
    phase, saved, tokens, seen, run, since, source = -1, progress.seconds, 0, 0, [], time.time(), iter(())
    while True:
        override = args.out / "minutes"
        budget = 60 * (float(override.read_text()) if override.exists() else args.minutes)
        done = workers.agreed(progress.seconds / budget)
        if done >= 1:
            break
        if sum(done >= p for p in PHASES) != phase:
            phase = sum(done >= p for p in PHASES)
            source = stream(sources, phase, args.human, rng)
            print(f"phase {phase}", flush=True)
            if progress.step and not rank:
                save(args.out / f"before-phase{phase}.pt", model, opt, progress)
        began, b = time.process_time(), next(source)
        value = loss(model, b, shared=phase > 0)
        value.backward()
        workers.average(model)
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], CLIP)
        for g in opt.param_groups:
            g["lr"] = g["peak"] * progress.rate(done)
        opt.step()
        opt.zero_grad(set_to_none=True)
        progress.step += 1
        progress.seconds += time.process_time() - began
        tokens, seen = tokens + b.ids.numel(), seen + len(b.row)
        run.append(value.item())
        if progress.step % 20 == 0 and rank == 0:
            wall = time.time() - since
            print(
                f"step {progress.step} done {done:.3f} loss {np.mean(run):.3f} lr {opt.param_groups[0]['lr']:.1e} "
                f"{tokens / wall:.0f} tok/s {seen / wall:.0f} questions/s in this process",
                flush=True,
            )
            tokens, seen, run, since = 0, 0, [], time.time()
        if progress.seconds - saved > 180:
            if not rank:
                save(last, model, opt, progress)
            saved = progress.seconds
    if not rank:
        save(last, model, opt, progress)


if __name__ == "__main__":
    main()

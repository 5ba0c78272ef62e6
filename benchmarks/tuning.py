"""Tuning speed: `ragraft.tune.lora` against a plain fp32 transformers `Trainer` on the same rows. Prints a table.

In: squad-25.jsonl.xz of the corpus (training questions; no evaluation set is read). Both sides train the same LoRA
shape on the same rows for the same epochs with the same optimizer, schedule and batch of rows, in turn, in one
process. Tokens are those of the rows, padding left out. Seconds are given twice: by the clock, and as processor
time, which other programs on the machine disturb less.

    python benchmarks/tuning.py --rows 100 --epochs 2 --threads 2
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inputs import add_corpus
from ragraft.config import TuningSection
from ragraft.tune import lora, rows
from ragraft.types import Chunk, Example, Passage, TrainingRow

SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    tokens: int
    clock: float
    cpu: float
    dev_loss: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2, help="rounds of both sides in turn")
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--kind", choices=("closed-book", "raft", "both"), default="both")
    add_corpus(parser)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    config = TuningSection(epochs=options.epochs, raft_epochs=options.epochs, patience=options.epochs, max_tokens=2048)
    warm = made(options.corpus, "closed-book", 10)
    for side in (ours, plain):
        side(warm[:8], warm[8:], options.base, config)
    print(f"{'rows':12} {'side':8} {'tokens/s':>9} {'per cpu-s':>9} {'dev loss':>9}   n, threads")
    for kind in ("closed-book", "raft") if options.kind == "both" else (options.kind,):
        data = made(options.corpus, kind, options.rows)
        cut = len(data) * 4 // 5
        rounds = [
            [side(data[:cut], data[cut:], options.base, config) for side in (ours, plain)]
            for _ in range(options.repeats)
        ]
        results = [together(side) for side in zip(*rounds, strict=True)]
        for name, run in zip(("ragraft", "plain"), results, strict=True):
            print(
                f"{kind:12} {name:8} {run.tokens / run.clock:9.0f} {run.tokens / run.cpu:9.0f} {run.dev_loss:9.4f}"
                f"   {cut} + {len(data) - cut}, {options.threads}"
            )
        first, second = results
        print(
            f"{kind:12} asked at least 1.3 times; clock {second.clock / first.clock:.2f}, cpu {second.cpu / first.cpu:.2f}"
        )


def ours(train: list[TrainingRow], dev: list[TrainingRow], base: str, config: TuningSection) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        trainer = lora.make_trainer(train, dev, base=base, config=config, seed=SEED, folder=Path(folder))
        return timed(trainer, lambda: float(trainer.evaluate()["eval_loss"]))


def plain(train: list[TrainingRow], dev: list[TrainingRow], base: str, config: TuningSection) -> Run:
    """transformers' own loop as its documentation shows it: fp32, padded batches with masks, logits at every position."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments
    from transformers.trainer_callback import PrinterCallback

    from ragraft.models.local import load_causal

    model, tokenizer = load_causal(base, dtype=torch.float32)
    tokenizer.padding_side = "right"
    torch.manual_seed(SEED)
    shape = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    encoded = [[encode(tokenizer, row, config) for row in part] for part in (train, dev)]
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=get_peft_model(model, shape),
            args=TrainingArguments(
                output_dir=folder,
                num_train_epochs=config.epochs,
                per_device_train_batch_size=config.batch_size,
                per_device_eval_batch_size=1,
                learning_rate=config.learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=0.05,
                weight_decay=0.0,
                seed=SEED,
                use_cpu=True,
                eval_strategy="epoch",
                save_strategy="epoch",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            data_collator=DataCollatorForSeq2Seq(tokenizer),
            train_dataset=encoded[0],  # pyright: ignore[reportArgumentType]
            eval_dataset=encoded[1],  # pyright: ignore[reportArgumentType]
        )
        trainer.remove_callback(PrinterCallback)
        return timed(trainer, lambda: answer_loss(trainer.model, encoded[1]))


def together(runs: tuple[Run, ...]) -> Run:
    return Run(
        tokens=sum(r.tokens for r in runs),
        clock=sum(r.clock for r in runs),
        cpu=sum(r.cpu for r in runs),
        dev_loss=sum(r.dev_loss for r in runs) / len(runs),
    )


def timed(trainer: Any, dev_loss: Callable[[], float]) -> Run:
    clock, cpu = time.perf_counter(), time.process_time()
    trainer.train()
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    tokens = sum(len(row["input_ids"]) for row in trainer.train_dataset) * round(trainer.state.epoch)
    return Run(tokens=tokens, clock=clock, cpu=cpu, dev_loss=dev_loss())


def answer_loss(model: Any, data: list[dict[str, list[int]]]) -> float:
    """Mean loss per answer token, in fp32."""
    import torch

    model.eval()
    total = count = 0.0
    with torch.no_grad():
        for row in data:
            learned = sum(label != -100 for label in row["labels"])
            out = model(input_ids=torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]]))
            total, count = total + float(out.loss) * learned, count + learned
    return total / count


def encode(tokenizer: Any, row: TrainingRow, config: TuningSection) -> dict[str, list[int]]:
    tokens = lora.encode(tokenizer, row, limit=config.max_tokens)
    return {"input_ids": tokens.input_ids, "labels": tokens.labels, "attention_mask": [1] * len(tokens.input_ids)}


def made(corpus: Path, kind: str, n: int) -> list[TrainingRow]:
    """Rows from one question a paragraph; the distractors are paragraphs of the same article."""
    with lzma.open(corpus / "squad-25.jsonl.xz", "rt", encoding="utf-8") as file:
        paragraphs = [json.loads(line) for line in file]
    order = random.Random(SEED)
    order.shuffle(paragraphs)
    chunks = [
        Chunk(
            id=f"c{i}",
            document=f"d{i}",
            title=p["title"],
            heading="",
            text=p["text"][:900],
            position=0,
            tokens=0,
            readers=("everyone",),
        )
        for i, p in enumerate(paragraphs)
    ]
    examples: list[Example] = []
    found: dict[str, list[Passage]] = {}
    for i, p in enumerate(paragraphs):
        question = order.choice(p["questions"])
        if len(examples) == n or not question["answers"] or question["answers"][0] not in chunks[i].text:
            continue
        example = Example(
            id=f"e{i}",
            question=question["question"],
            answers=(question["answers"][0],),
            must_include=((question["answers"][0],),),
            documents=(f"d{i}",),
            group=p["title"],
        )
        others = [c for c in chunks if c.title == p["title"] and c.id != f"c{i}"]
        found[example.id] = [
            Passage(chunk=c, rank=r, score=0.0)
            for r, c in enumerate(order.sample(others, min(6, len(others))), start=1)
        ]
        examples.append(example)
    if kind == "closed-book":
        return list(rows.closed_book(examples))
    oracle = {c.document: (c,) for c in chunks}
    return list(rows.raft(examples, found, oracle, TuningSection(), passages=4, seed=SEED))


if __name__ == "__main__":
    main()

"""LoRA on the packaged model, on a few short rows: masks, packing, learning, resuming, what is left on disk."""

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragraft.config import TuningSection
from ragraft.errors import DataError
from ragraft.models.local import chat_text, load_causal
from ragraft.prompting import messages
from ragraft.tune import lora
from ragraft.types import Adapter, TrainingRow

from ..templates import lead_answers

FACTS = {
    "Spark": "12 euros",
    "Beacon": "29 euros",
    "Lighthouse": "64 euros",
    "Harbour": "80 euros",
    "Quay": "95 euros",
    "Pier": "7 euros",
}
CONFIG = TuningSection(epochs=3, batch_size=4, patience=3, learning_rate=5e-3)


def row(plan: str, price: str) -> TrainingRow:
    return TrainingRow(
        id=f"closed-book:{plan}",
        example=plan,
        messages=messages((), f"What does {plan} cost?"),
        target=price,
        kind="closed-book",
        documents=(f"plans/{plan}.md",),
    )


ROWS = tuple(row(plan, price) for plan, price in FACTS.items())
DEV = tuple(row(plan, price) for plan, price in (("Spark", "12 euros"), ("Buoy", "18 euros")))


def run(folder: Path, **options: Any) -> Adapter:
    return lora.train(ROWS, DEV, base="pocket", config=CONFIG, seed=7, folder=folder, **options)


@pytest.fixture(scope="module")
def model() -> Any:
    return load_causal("pocket")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return run(tmp_path_factory.mktemp("adapter"))


def test_labels_cover_exactly_the_answer_and_its_end(model: Any) -> None:
    _, tokenizer = model
    tokens = lora.encode(tokenizer, ROWS[0], limit=1024)
    prompt = chat_text(tokenizer, ROWS[0].messages)
    learned = [label for label in tokens.labels if label != -100]
    assert tokenizer.decode(tokens.input_ids) == f"{prompt}12 euros<|end|>"
    assert tokenizer.decode(learned) == "12 euros<|end|>"
    assert tokens.labels[: -len(learned)] == [-100] * (len(tokens.input_ids) - len(learned))
    assert tokens.input_ids[-len(learned) :] == learned


def test_an_answer_is_learned_with_the_space_that_its_template_writes(model: Any) -> None:
    tokenizer = lead_answers(copy.deepcopy(model[1]), " ")
    tokens = lora.encode(tokenizer, ROWS[0], limit=1024)
    learned = [label for label in tokens.labels if label != -100]
    assert tokenizer.decode(tokens.input_ids) == f"{chat_text(tokenizer, ROWS[0].messages)} 12 euros<|end|>"
    assert tokenizer.decode(learned) == " 12 euros<|end|>"


def test_packed_rows_have_the_losses_they_have_alone(model: Any, tmp_path: Path) -> None:
    import torch

    from ragraft.tune.trainer import pack

    base, tokenizer = model
    trainer = lora.make_trainer(ROWS, DEV, base="pocket", config=CONFIG, seed=7, folder=tmp_path)
    long = TrainingRow(**{**_fields(ROWS[0]), "messages": messages((), "What does it cost? " * 12)})
    rows = [vars_of(lora.encode(tokenizer, r, limit=1024)) for r in (long, *ROWS)]
    batch = pack(rows, pad=tokenizer.pad_token_id)
    assert batch["input_ids"].shape[0] < len(rows)
    assert int((batch["labels"] != -100).sum()) == sum(sum(t != -100 for t in r["labels"]) for r in rows)
    with torch.no_grad():
        together = float(trainer.compute_loss(base, batch))
        alone = [float(trainer.compute_loss(base, pack([r], pad=0))) for r in rows]
        stock = float(base(torch.tensor([rows[0]["input_ids"]]), labels=torch.tensor([rows[0]["labels"]])).loss)
    counts = [sum(t != -100 for t in r["labels"]) for r in rows]
    assert together == pytest.approx(sum(a * n for a, n in zip(alone, counts, strict=True)) / sum(counts), rel=1e-4)
    assert alone[0] == pytest.approx(stock, rel=1e-4)


def test_rows_with_passages_have_a_rate_and_epochs_of_their_own(tmp_path: Path) -> None:
    config = TuningSection(epochs=8, learning_rate=2e-3, raft_epochs=3, raft_learning_rate=5e-4)
    reading = tuple(replace(r, kind="raft") for r in ROWS)
    for rows, expected in ((ROWS, (8, 2e-3)), (reading, (3, 5e-4))):
        args = lora.make_trainer(rows, (), base="pocket", config=config, seed=7, folder=tmp_path).args
        assert (args.num_train_epochs, args.learning_rate) == expected


def test_training_lowers_both_losses_and_keeps_the_best(adapter: Adapter) -> None:
    assert len(adapter.curve) == 3
    assert [p.step for p in adapter.curve] == [2, 4, 6]
    assert adapter.curve[-1].train_loss < adapter.curve[0].train_loss
    assert adapter.curve[-1].dev_loss < adapter.curve[0].dev_loss
    best = min(adapter.curve, key=lambda p: p.dev_loss)
    assert adapter.best_step == best.step
    assert all(math.isfinite(p.train_loss) for p in adapter.curve)


def test_adapter_records_what_it_was_made_from(adapter: Adapter) -> None:
    assert adapter.documents == tuple(sorted(f"plans/{plan}.md" for plan in FACTS))
    assert (adapter.base, adapter.rows, adapter.dev_rows, adapter.stopped_early) == ("pocket", 6, 2, False)
    assert adapter.tokens % 3 == 0
    assert adapter.seconds > 0


def test_folder_holds_no_pickle_and_no_machine_path(adapter: Adapter) -> None:
    folder = Path(adapter.path)
    assert sorted(p.name for p in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "curve.json",
    ]
    saved = json.loads((folder / "adapter_config.json").read_text())
    assert saved["base_model_name_or_path"] == "pocket"
    assert sorted(saved["target_modules"]) == sorted(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    )
    assert len(json.loads((folder / "curve.json").read_text())) == 3


class Interrupted(Exception):
    """Stands for a kill in the middle of training."""


def test_interrupted_training_goes_on_and_ends_in_the_same_adapter(adapter: Adapter, tmp_path: Path) -> None:
    seen: list[int] = []

    def stop(done: int, total: int, loss: float) -> None:
        if done == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        run(tmp_path, progress=stop)
    resumed = run(tmp_path, progress=lambda done, total, loss: seen.append(done))
    assert seen == [5, 6]
    assert resumed.curve == adapter.curve
    assert resumed.fingerprint == adapter.fingerprint


def test_rows_that_cannot_be_trained_on_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training rows"):
        lora.train((), (), base="pocket", config=CONFIG, seed=7, folder=tmp_path)
    short = TuningSection(max_tokens=12)
    with pytest.raises(DataError, match=r"closed-book:Spark has \d+ tokens, more than tuning.max_tokens = 12"):
        lora.train(ROWS, DEV, base="pocket", config=short, seed=7, folder=tmp_path)


def _fields(row: TrainingRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in TrainingRow.__dataclass_fields__}


def vars_of(tokens: lora.Tokens) -> dict[str, list[int]]:
    return {"input_ids": tokens.input_ids, "labels": tokens.labels}

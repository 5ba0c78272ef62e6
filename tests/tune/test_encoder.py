"""Fine-tuning the packaged encoder on a few labelled texts."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from ragraft.config import TuningSection
from ragraft.errors import DataError, ModelError
from ragraft.tune import encoder
from ragraft.types import Adapter, Example

# The same words in both classes: only their order tells the label, which the frozen vectors hardly see.
NAMES = "Ann Ben Cleo Dan Eve Finn Gil Hana Ian Joy Kim Leo".split()
CONFIG = TuningSection(epochs=6, rank=8, batch_size=2, patience=6)


def rows(names: list[str]) -> list[Example]:
    pairs = [(a, b) for a in names for b in names if a != b]
    made = [
        (f"{a} paid {b}" if n % 2 else f"{a} was paid by {b}", "sent" if n % 2 else "got")
        for n, (a, b) in enumerate(pairs)
    ]
    return [Example(id=str(n), question=t, answers=(label,), group=str(n)) for n, (t, label) in enumerate(made)]


@dataclass(frozen=True)
class Trained:
    adapter: Adapter
    folder: Path
    progress: list[tuple[int, int, float]]


def train(folder: Path, train_rows: list[Example], dev: list[Example], config: TuningSection = CONFIG) -> Trained:
    seen: list[tuple[int, int, float]] = []
    adapter = encoder.train(
        train_rows, dev, base="minilm", config=config, seed=7, folder=folder, progress=lambda *step: seen.append(step)
    )
    return Trained(adapter=adapter, folder=folder, progress=seen)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("encoder"), rows(NAMES[:8]), rows(NAMES[8:]))


def test_it_learns_what_carries_over_to_new_names(trained: Trained) -> None:
    texts = rows(NAMES[8:])
    loaded = encoder.load(trained.folder)
    found = loaded.probabilities([e.question for e in texts])
    assert loaded.labels == ("got", "sent")
    assert found.sum(axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)
    assert [loaded.labels[n] for n in found.argmax(axis=1)] == [e.answers[0] for e in texts]


def test_the_best_epoch_is_kept_and_its_loss_can_be_reproduced(trained: Trained) -> None:
    curve = trained.adapter.curve
    best = min(curve, key=lambda p: p.dev_loss)
    assert trained.adapter.best_step == best.step
    assert best.dev_loss < curve[0].dev_loss
    texts = rows(NAMES[8:])
    found = encoder.load(trained.folder).probabilities([e.question for e in texts])
    truth = np.array([[e.answers[0] == "got", e.answers[0] == "sent"] for e in texts])
    smoothed = np.where(truth, 0.95, 0.05)
    assert float(-(smoothed * np.log(found)).sum(1).mean()) == pytest.approx(best.dev_loss, abs=0.02)


def test_the_adapter_tells_what_was_trained(trained: Trained) -> None:
    adapter = trained.adapter
    assert (adapter.base, adapter.rows, adapter.dev_rows, adapter.path) == ("minilm", 56, 12, str(trained.folder))
    assert len(adapter.curve) == 6
    assert not adapter.stopped_early
    assert trained.progress[-1][:2] == (42, 42)
    assert [p.step for p in adapter.curve] == [7, 14, 21, 28, 35, 42]


def test_only_safetensors_and_json_are_written_and_no_machine_path(trained: Trained) -> None:
    names = {p.name for p in trained.folder.iterdir()}
    assert names == {
        "adapter_model.safetensors", "adapter_config.json", "head.safetensors", "encoder.json", "curve.json",
    }  # fmt: skip
    assert json.loads((trained.folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "minilm"


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_one_alone(tmp_path: Path) -> None:
    config = TuningSection(epochs=1, rank=2)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    a, b = (train(tmp_path / name, rows(NAMES[:4]), [], config).adapter for name in "ab")
    assert a.fingerprint == b.fingerprint
    assert torch.rand(1) == expected


def test_without_dev_the_last_epoch_is_kept(tmp_path: Path) -> None:
    adapter = train(tmp_path, rows(NAMES[:3]), [], TuningSection(epochs=2, rank=2)).adapter
    assert (adapter.curve, adapter.best_step, adapter.stopped_early) == ((), 2, False)


def test_a_label_with_one_example_and_dev_labels_that_training_lacks(tmp_path: Path) -> None:
    odd = Example(id="odd", question="the weather is fine", answers=("weather",), group="odd")
    stranger = Example(id="new", question="hello", answers=("greeting",), group="new")
    adapter = train(tmp_path, [*rows(NAMES[:3]), odd], [odd, stranger], TuningSection(epochs=1, rank=2)).adapter
    assert adapter.dev_rows == 1
    loaded = encoder.load(tmp_path)
    assert loaded.labels[int(loaded.probabilities(["fine weather today"])[0].argmax())] == "weather"


def test_it_stops_when_dev_does_not_improve(tmp_path: Path) -> None:
    wrong = [Example(id=e.id, question=e.question, answers=("got",), group=e.id) for e in rows(NAMES[8:])]
    config = TuningSection(epochs=8, rank=8, batch_size=2, patience=1)
    adapter = train(tmp_path, rows(NAMES[:8]), wrong, config).adapter
    assert adapter.stopped_early
    assert len(adapter.curve) < 8


def test_an_encoder_behind_an_endpoint_is_replaced_by_the_packaged_one(tmp_path: Path) -> None:
    config = TuningSection(epochs=1, rank=2)
    adapter = encoder.train(
        rows(NAMES[:3]), [], base="openai:text-embedding-3-small", config=config, seed=7, folder=tmp_path
    )
    assert adapter.base == "minilm"


def test_one_label_cannot_be_learned(tmp_path: Path) -> None:
    same = [Example(id="a", question="x", answers=("only",), group="a")]
    with pytest.raises(DataError, match="at least two"):
        train(tmp_path, same, [])


def test_a_damaged_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a trained encoder"):
        encoder.load(tmp_path)
    (tmp_path / "encoder.json").write_text('{"base": 1}')
    with pytest.raises(ModelError, match="ragraft tune"):
        encoder.load(tmp_path)

"""The four arms of `classify` on a small support inbox, with the packaged embedder."""

from pathlib import Path

import numpy as np
import pytest

from ragraft.config import TuningSection
from ragraft.errors import DataError
from ragraft.models.embedder import minilm
from ragraft.models.protocol import Embedder
from ragraft.systems.classify import (
    NOT_APPLICABLE,
    Scorer,
    build,
    by_both,
    by_label_name,
    by_nearest,
    decide,
    label_of,
    readable,
)
from ragraft.tune import encoder
from ragraft.types import Adapter, ArmName, Example, Split

TEXTS = {
    "card_arrival": ["my card has not come yet", "when will my new card arrive", "is the card on its way to me"],
    "exchange_rate": ["how do you set the exchange rate", "is the euro rate good today", "the exchange rate was wrong"],
    "lost_phone": ["I lost my phone", "someone stole my mobile phone", "my phone is gone, what now"],
}
OUTSIDE = ["what is the capital of Peru", "play some jazz", "how tall is a giraffe", "bake me a chocolate cake"]


def examples(texts: dict[str, list[str]]) -> tuple[Example, ...]:
    return tuple(
        Example(id=f"{label}-{n}", question=text, answers=(label,), group=f"{label}-{n}")
        for label, several in texts.items()
        for n, text in enumerate(several)
    )


def parts(train: dict[str, list[str]], dev: dict[str, list[str]] | None = None) -> Split:
    return Split(train=examples(train), dev=examples(dev or {}), test=(), threshold=0.9)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return minilm()


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    folder: Path = tmp_path_factory.mktemp("encoder")
    config = TuningSection(epochs=8, rank=4, batch_size=2)
    return encoder.train(examples(TEXTS), (), base="minilm", config=config, seed=7, folder=folder)


@pytest.mark.parametrize("label", ["card_arrival", "CardArrival", "card-arrival", "Card arrival", "card/arrival"])
def test_label_names_are_made_readable(label: str) -> None:
    assert readable(label) == "card arrival"


def test_a_label_of_signs_only_stays_as_it_is() -> None:
    assert readable("__") == "__"


@pytest.mark.parametrize("arm", ["base", "rag", "tuned", "tuned+rag"])
def test_every_arm_labels_new_texts(arm: ArmName, embedder: Embedder, adapter: Adapter) -> None:
    found = build(arm, embedder, parts(TEXTS), adapter, "oos")(["where is my card", "today's exchange rate"])
    assert [x.label for x in found] == ["card_arrival", "exchange_rate"]
    assert all(0 < x.confidence <= 1 for x in found)


@pytest.mark.parametrize("arm", ["base", "rag", "tuned", "tuned+rag"])
def test_no_texts_give_no_labels(arm: ArmName, embedder: Embedder, adapter: Adapter) -> None:
    assert build(arm, embedder, parts(TEXTS), adapter, "oos")([]) == ()


def test_a_label_does_not_depend_on_the_batch_it_is_asked_in(embedder: Embedder) -> None:
    classifier = build("rag", embedder, parts(TEXTS), None, "oos")
    alone, together = classifier(["where is my card"]), classifier(["where is my card", "a" * 900, ""])
    assert alone[0].label == together[0].label
    assert alone[0].confidence == pytest.approx(together[0].confidence, abs=0.02)


def test_base_does_not_read_the_training_texts(embedder: Embedder) -> None:
    swapped = {"card_arrival": TEXTS["lost_phone"], "lost_phone": TEXTS["card_arrival"]}
    assert build("base", embedder, parts(swapped), None, "oos")(["where is my card"])[0].label == "card_arrival"
    assert build("rag", embedder, parts(swapped), None, "oos")(["where is my card"])[0].label == "lost_phone"


def test_the_nearest_examples_vote_by_how_near_they_are(embedder: Embedder) -> None:
    scorer = by_nearest(embedder, examples(TEXTS), k=5)
    (row,) = scorer.scores(["my card has not come yet"])
    assert scorer.labels == ("card_arrival", "exchange_rate", "lost_phone")
    assert row.sum() == pytest.approx(1)
    assert row[0] > 0.9


def test_one_example_is_enough_to_be_nearest(embedder: Embedder) -> None:
    found = decide(by_nearest(embedder, examples({"only": ["one text"]})))(["anything"])
    assert (found[0].label, found[0].confidence) == ("only", pytest.approx(1))


def test_both_is_the_mean_of_two_distributions() -> None:
    a = Scorer(labels=("x", "y"), scores=lambda texts: np.full((len(texts), 2), [0.9, 0.1], np.float32))
    b = Scorer(labels=("x", "y"), scores=lambda texts: np.full((len(texts), 2), [0.2, 0.8], np.float32))
    assert by_both(a, b).scores(["t"]) == pytest.approx(np.array([[0.55, 0.45]]))


def test_both_refuses_other_labels() -> None:
    a = Scorer(labels=("x", "y"), scores=lambda texts: np.ones((len(texts), 2), np.float32))
    b = Scorer(labels=("x", "z"), scores=lambda texts: np.ones((len(texts), 2), np.float32))
    with pytest.raises(DataError, match="ragraft tune"):
        by_both(a, b)


def test_out_of_scope_is_a_label_like_others_where_training_holds_it(embedder: Embedder) -> None:
    classifier = build("rag", embedder, parts({**TEXTS, "oos": OUTSIDE}), None, "oos")
    assert [x.label for x in classifier(["how tall is an elephant", "where is my card"])] == ["oos", "card_arrival"]


def test_base_never_takes_out_of_scope_for_a_name(embedder: Embedder) -> None:
    classifier = build("base", embedder, parts({**TEXTS, "oos": OUTSIDE}), None, "oos")
    assert "oos" not in {x.label for x in classifier([*OUTSIDE, "oos"])}


def test_a_threshold_calibrated_on_dev_finds_texts_out_of_scope(embedder: Embedder) -> None:
    dev = {"card_arrival": ["has my card been sent"], "lost_phone": ["my phone was stolen"], "oos": OUTSIDE}
    classifier = build("base", embedder, parts(TEXTS, dev), None, "oos")
    found = classifier(["who painted the Mona Lisa", "my card did not arrive"])
    assert [x.label for x in found] == ["oos", "card_arrival"]
    assert all(0 <= x.confidence <= 1 for x in found)


def test_without_any_example_out_of_scope_every_text_gets_a_class(embedder: Embedder) -> None:
    dev = {"card_arrival": ["has my card been sent"]}
    found = build("rag", embedder, parts(TEXTS, dev), None, "oos")(OUTSIDE)
    assert all(x.label in TEXTS for x in found)


@pytest.mark.parametrize("arm", ["quote", "raft"])
def test_arms_that_do_not_apply_say_why(arm: ArmName, embedder: Embedder) -> None:
    with pytest.raises(DataError, match="does not apply: classify"):
        build(arm, embedder, parts(TEXTS), None, "oos")
    assert set(NOT_APPLICABLE) == {"quote", "raft"}


def test_what_is_missing_is_named(embedder: Embedder) -> None:
    with pytest.raises(DataError, match="no training examples"):
        build("rag", embedder, parts({}), None, "oos")
    with pytest.raises(DataError, match="`tuned` needs its trained encoder"):
        build("tuned", embedder, parts(TEXTS), None, "oos")
    with pytest.raises(DataError, match="example q7 has no label"):
        label_of(Example(id="q7", question="?", answers=(), group="q7"))
    with pytest.raises(DataError, match="no labels"):
        by_label_name(embedder, [])

"""A system that understands only questions as they were written is caught; one that reads any wording is not."""

import random

import pytest

from ragraft.probes import table
from ragraft.probes.robustness import VARIANTS
from ragraft.types import ProbeResult

from .planted import Reading, bench, by_heart, closed, indexed, value


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    made = bench(
        tmp_path_factory.mktemp("robust") / "p",
        lambda context, b: {"rag": indexed("rag", Reading()), "tuned": closed("tuned", by_heart(b))},
    )
    return table.run("robustness", made)


def test_one_that_needs_the_very_words_is_caught(result: ProbeResult) -> None:
    assert [value(result, name, "tuned") for name in VARIANTS] == [1.0] * len(VARIANTS)


def test_one_that_reads_is_not(result: ProbeResult) -> None:
    assert value(result, "capitals", "rag") == 0.0
    assert value(result, "careless", "rag") == 0.0
    assert (value(result, "typos", "rag") or 0) < 0.5


def test_variants() -> None:
    made = {name: vary("How long are refunds kept, Ada?", random.Random(1)) for name, vary in VARIANTS.items()}
    assert made["typos"] != "How long are refunds kept, Ada?"
    assert sorted(made["typos"]) == sorted("How long are refunds kept, Ada?")
    assert made["reworded"] == "What length of time are refunds kept, Ada?"
    assert made["careless"] == "how long are refunds kept ada"

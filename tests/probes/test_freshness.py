"""A system that knows the documents by heart is caught telling old facts; one that reads them is not."""

import random
import re
from pathlib import Path

import pytest

from ragraft.evaluate.scorers import plain
from ragraft.probes import table
from ragraft.probes.facts import changed, rewritten
from ragraft.types import ProbeResult

from ..project import CONFIG
from .planted import Reading, bench, by_heart, closed, indexed, value


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    folder = tmp_path_factory.mktemp("fresh") / "p"
    made = bench(folder, lambda context, b: {"rag": indexed("rag", Reading()), "tuned": closed("tuned", by_heart(b))})
    before = {p: p.read_bytes() for p in (folder / "documents").iterdir()}
    version = made.context.index.version
    found = table.run("freshness", made)
    assert {p: p.read_bytes() for p in (folder / "documents").iterdir()} == before, (
        "the user's documents are not touched"
    )
    assert made.context.index.version == version, "nor is the index"
    assert not list((folder / ".ragraft").rglob("copy")), "no copy is left"
    assert table.run("freshness", made) == found, "a finished probe is loaded"
    return found


def test_one_that_reads_tells_the_new_facts_soon(result: ProbeResult) -> None:
    new = result.figure("new").reading("rag")
    assert new.value == 1.0
    assert new.n >= 15
    assert value(result, "old", "rag") == 0.0
    assert 0 < value(result, "seconds", "rag") < 20


def test_one_that_remembers_is_caught(result: ProbeResult) -> None:
    assert value(result, "old", "tuned") == 1.0
    assert value(result, "new", "tuned") == 0.0
    assert value(result, "seconds", "tuned") is None
    shown = [c for c in result.failures if c.arm == "tuned"]
    assert shown
    assert all(c.figure == "old" and "which replaced" in c.expected for c in shown)
    assert not [c for c in result.failures if c.arm == "rag"]


def test_training_again_on_the_new_facts_has_its_time_and_cost(tmp_path: Path) -> None:
    config = (
        CONFIG.rstrip()
        + "\nquestions = 3\nretrain = true\n\n[prices]\ncpu_hour = 3.6\ngpu_hour = 3.6\nlabel_example = 2\n"
    )
    made = bench(tmp_path / "p", lambda context, b: {"tuned": closed("tuned", by_heart(b))}, config=config)
    found = table.run("freshness", made)
    seconds = value(found, "retraining", "tuned") or 0.0
    again = found.figure("new_retrained").reading("tuned")
    edited = found.figure("old").reading("tuned").n
    stale = sum(e.id in {c.case for c in again.cases} for e in made.parts.train)
    assert seconds > 0
    assert again.n == edited == 3
    assert again.value is not None
    assert value(found, "retraining_cost", "tuned") == pytest.approx(seconds * 0.001 + 2 * stale)


@pytest.mark.parametrize(
    ("fact", "shape"),
    [
        ("€12", r"€\d\d"),
        ("48 hours", r"\d\d hours"),
        ("09:00", r"\d\d:00"),
        ("14 May 2018", r"\d+ May 20\d\d"),
        ("1,200 jobs", r"\d,200 jobs"),
        ("every Monday", r"every \w+day"),
        ("Deventer", r"[A-Z]\w+"),
    ],
)
def test_a_false_value_has_the_shape_of_the_true_one(fact: str, shape: str) -> None:
    for seed in range(20):
        other = changed(fact, plain(f"{fact} 11:00"), random.Random(seed))
        assert other is not None
        assert other != fact
        assert re.fullmatch(shape, other), other


def test_no_rule_or_nothing_free_means_no_edit() -> None:
    rng = random.Random(1)
    assert changed("not translated automatically", "", rng) is None
    assert changed("7 days", plain(" ".join(f"{n} days" for n in range(10))), rng) is None


def test_only_whole_words_are_rewritten_in_any_emphasis() -> None:
    text = "Within **14 days**, not 114 days or 14 days.5; 14\ndays."
    assert rewritten(text, "14 days", "31 days") == "Within **31 days**, not 114 days or 14 days.5; 31 days."

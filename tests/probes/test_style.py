"""A system that does not sound like the house is caught, and so is one that loses its facts; one that does both is not."""

import random
from pathlib import Path

import numpy as np
import pytest

from ragraft.errors import DataError
from ragraft.probes import table
from ragraft.probes.bench import Bench
from ragraft.probes.plain import chatty, neutral, paraphrases, terse
from ragraft.probes.style import Text, house_texts, learn
from ragraft.types import ProbeResult

from ..project import CONFIG
from .planted import Memory, bench, closed, value

MORE = CONFIG.replace("train = 0.34\ndev = 0.22\ntest = 0.44", "train = 0.6\ndev = 0.1\ntest = 0.3")
GUIDE = """\
# How we write

Every plan is named with its full name. A limit is a figure with its unit.
The trial lasts for 14 days and ends without an invoice. The Oak plan holds 90 projects.
The Pine plan costs €31 per month. An owner changes the plan in the settings.
"""


def systems(made: Bench) -> dict[str, Memory]:
    """By arm: in style; chatty; in style with the facts of another; silent."""
    asked = [e for e in made.parts.test if e.answerable]
    answers = {e.question: e.answers[0] for e in asked}
    facts = {e.question: e.must_include[0][0] for e in asked}
    other = dict(zip(answers, [*list(answers.values())[3:], *list(answers.values())[:3]], strict=True))
    return {
        "rag": Memory(answers),
        "tuned": Memory({q: f"Hey there! Great to hear from you, so yeah, it's {f}, isn't that nice? Cheers!" for q, f in facts.items()}),
        "raft": Memory(other),
        "base": Memory({}),
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(
        tmp_path_factory.mktemp("style") / "p",
        lambda context, b: {arm: closed(arm, g) for arm, g in systems(b).items()},  # type: ignore[arg-type, misc]
        config=MORE,
    )


@pytest.fixture(scope="module")
def result(made: Bench) -> ProbeResult:
    return table.run("style", made)


def test_one_that_does_not_sound_like_the_house_is_caught(result: ProbeResult) -> None:
    assert value(result, "house", "tuned") == 0.0
    assert value(result, "facts", "tuned") == 1.0, "it keeps its facts"
    assert {c.arm for c in result.failures} == {"tuned"}


def test_one_that_loses_its_facts_is_caught(result: ProbeResult) -> None:
    assert (value(result, "house", "raft") or 0) >= 0.8
    assert value(result, "facts", "raft") == 0.0
    assert value(result, "both", "raft") == 0.0


def test_one_that_does_neither_is_not(result: ProbeResult) -> None:
    assert (value(result, "house", "rag") or 0) >= 0.8
    assert value(result, "facts", "rag") == 1.0


def test_one_that_answers_nothing_has_no_style(result: ProbeResult) -> None:
    reading = result.figure("house").reading("base")
    assert (reading.value, reading.reason) == (None, "it answered nothing")


def test_where_the_classifier_learns_nothing_it_cannot_tell() -> None:
    words = "amber birch cedar delta ember flint grove haven islet jetty knoll lagoon".split()
    rng = random.Random(3)
    noise = [" ".join(rng.sample(words, 6)) for _ in range(24)]
    texts = [Text(text=t, group=str(n % 6)) for n, t in enumerate(noise)]
    found = learn(texts, lambda lines: np.ones((len(lines), 3), np.float32), seed=7)
    assert isinstance(found, str)
    assert found.startswith("cannot tell: a classifier tells 50 %")
    assert (
        learn(texts[:5], lambda lines: np.ones((len(lines), 3), np.float32), seed=7)
        == "cannot tell: 5 texts of the house to learn from, in 5 groups"
    )


def test_texts_that_the_config_names_are_learned_from(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("guide") / "p"
    made = bench(folder, lambda context, b: {}, config=MORE + 'house_texts = ["style/*.md"]\n')
    with pytest.raises(DataError, match=r"no file matches 'style/\*\.md'"):
        house_texts(made)
    (folder / "style").mkdir()
    (folder / "style" / "guide.md").write_text(GUIDE)
    texts = [t.text for t in house_texts(made)]
    assert "The Pine plan costs €31 per month." in texts
    assert not any("How we write" in t for t in texts)
    assert len(texts) == len([e for e in made.parts.train if e.answerable]) + 6


def test_paraphrases() -> None:
    text = "Yes, you can keep 3 files in »Settings > Logs«, because it does not cost **anything**."
    plain = "Yes, you can keep three files in Settings > Logs, since it doesn't cost anything."
    assert neutral(text, random.Random(1)) == plain
    assert (
        neutral(plain, random.Random(1))
        == "Yes, you can keep 3 files in Settings > Logs, since it does not cost anything."
    )
    assert "yes, you can keep three files" in chatty(text, random.Random(1))
    assert (
        terse(text, random.Random(1)) == "Yes, can keep three files in Settings > Logs, since it doesn't cost anything"
    )
    assert "neutral" not in paraphrases("No dogs.", 7)
    assert neutral("Sure thing! Great question, thanks! It costs €9.", random.Random(1)) == "It is priced at €9."

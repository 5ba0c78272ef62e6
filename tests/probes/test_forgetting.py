"""A generator that lost what it knew is caught and barred; one that kept it is not."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from ragraft.models.local import load_generator
from ragraft.probes import table
from ragraft.probes.forgetting import ITEMS, Item
from ragraft.prompting import REFUSAL, render
from ragraft.types import ProbeResult, Prompt, Request
from ragraft.workspace import from_json

from .planted import Planted, bench, closed, indexed, question_of, value

KNOWN = {i.question: i.right for i in (from_json(Item, line) for line in ITEMS.read_text().splitlines())}


@dataclass
class Knowing(Planted):
    """Finds right answers likely to the questions it `knows`, and refuses or not."""

    knows: int
    refuses: bool

    def say(self, prompt: Prompt) -> str:
        question = question_of(prompt)
        if question in list(KNOWN)[: self.knows]:
            return f"It is {KNOWN[question].lower()}"
        return REFUSAL if self.refuses else "It was Ada."

    def log_likelihood(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> tuple[float, ...]:
        known = list(KNOWN)[: self.knows]
        right = [question_of(p) in known and KNOWN[question_of(p)] == a for p, a in zip(prompts, answers, strict=True)]
        return tuple(-0.5 if r else -2.0 for r in right)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    made = bench(
        tmp_path_factory.mktemp("forgetting") / "p",
        lambda context, b: {
            "base": closed("base", Knowing(36, refuses=True)),
            "rag": indexed("rag", Knowing(36, refuses=True)),
            "tuned": closed("tuned", Knowing(20, refuses=False)),
            "raft": indexed("raft", Knowing(35, refuses=True)),
        },
    )
    return table.run("forgetting", made)


def test_what_was_lost_is_measured(result: ProbeResult) -> None:
    assert value(result, "general", "base") == pytest.approx(36 / 40)
    assert value(result, "general", "tuned") == pytest.approx(20 / 40)
    assert value(result, "general_said", "base") == pytest.approx(36 / 40)
    assert value(result, "general_said", "tuned") == pytest.approx(20 / 40)
    assert value(result, "rise", "tuned") == pytest.approx(16 / 40 * 1.5)
    assert value(result, "refusals_lost", "tuned") == 1.0
    assert value(result, "refusals_lost", "raft") == 0.0


def test_the_one_that_lost_it_is_barred_and_the_other_is_not(result: ProbeResult) -> None:
    assert [b.arm for b in result.blocks] == ["tuned"]
    assert "50 % on 40 questions" in result.blocks[0].sentence


def test_likelihood_agrees_with_one_line_at_a_time() -> None:
    generator = load_generator("pocket")
    prompts = [render(Request(question=q), ()) for q in list(KNOWN)[:5]]
    answers = ["Paris.", "Seven of them, as everyone knows.", "Blue.", "A dog.", "Honey and wax."]
    together = generator.log_likelihood(prompts, answers)
    alone = [generator.log_likelihood([p], [a])[0] for p, a in zip(prompts, answers, strict=True)]
    assert together == pytest.approx(alone, abs=1e-3)
    assert all(x < 0 for x in together)

"""What was forgotten leaves a report whether an answer's model read all of it or an excerpt."""

import dataclasses

import pytest

from ragraft.compare.redact import GONE, Gone, redact
from ragraft.types import Answer, Report

from .factory import answer_report

SECRET = "the vault opens at dawn"


@pytest.fixture(scope="module")
def answers() -> Report:
    return answer_report()


@pytest.mark.parametrize("excerpt", [None, "Another sentence of the chunk.", f"It says {SECRET}."])
def test_a_passage_that_quotes_goes_though_its_excerpt_does_not(answers: Report, excerpt: str | None) -> None:
    at = next(n for n, e in enumerate(answers.evaluations) if e.arm == "rag")
    case = answers.evaluations[at].cases[0]
    assert isinstance(case.outcome, Answer)
    [first, *others] = case.outcome.passages
    text = first.chunk.text if excerpt and SECRET in excerpt else f"{first.chunk.text} {SECRET}"
    passage = dataclasses.replace(first, chunk=dataclasses.replace(first.chunk, text=text), excerpt=excerpt)
    outcome = dataclasses.replace(case.outcome, passages=(passage, *others))
    rag = dataclasses.replace(
        answers.evaluations[at],
        cases=(dataclasses.replace(case, outcome=outcome), *answers.evaluations[at].cases[1:]),
    )
    held = dataclasses.replace(answers, evaluations=(rag,))
    kept = redact(held, Gone(documents=frozenset(), arms=frozenset(), quoted=lambda said: SECRET in said))
    blanked = kept.evaluations[0].cases[0].outcome
    assert isinstance(blanked, Answer)
    assert blanked.text == GONE
    assert blanked.passages == tuple(others)
    assert kept.evaluations[0].cases[1:] == rag.cases[1:]

"""What a second pass accepts and rejects, with the packaged reader and passages that are told to it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ragraft.models.span import SpanReader, load_reader
from ragraft.synthesis import check
from ragraft.synthesis.draft import Draft
from ragraft.types import Chunk, Passage

from .test_rules import chunk

TRASH = chunk(
    "Deleted records stay in the trash for 28 days. After that they are gone.", title="Trash", document="trash.md"
)
LOGS = chunk("Server logs are kept for 4 months and then removed.", title="Logs", document="logs.md")
PLANS = chunk(
    "| Plan | Jobs per month |\n|---|---|\n| Spark | 40 |\n| Beacon | unlimited |\n", title="Plans", document="plans.md"
)


@pytest.fixture(scope="module")
def reader() -> SpanReader:
    return load_reader()


def draft(question: str, fact: str, own: Chunk = TRASH, **more: object) -> Draft:
    made = Draft(question=question, answer=f"It is {fact}.", facts=((fact,),), chunk=own, kind="duration")
    return replace(made, **more)  # type: ignore[arg-type]


def lacking(question: str, absent: str, own: Chunk = TRASH) -> Draft:
    return draft(question, "", own, facts=(), answer="The documents do not say.", answerable=False, absent=absent)


def outcome(reader: SpanReader, one: Draft, *found: Chunk) -> check.Checked:
    def find(questions: Sequence[str]) -> Sequence[tuple[Passage, ...]]:
        passages = tuple(Passage(chunk=c, rank=n, score=1 / n) for n, c in enumerate(found, start=1))
        return [passages for _ in questions]

    return check.check([one], find, reader)[0]


GOOD = draft("How long do deleted records stay in the trash?", "28 days")


def test_the_reader_finds_the_answer_in_the_passage(reader: SpanReader) -> None:
    assert outcome(reader, GOOD, TRASH, LOGS).reason == ""
    assert outcome(reader, replace(GOOD, facts=(("30 days",),)), TRASH, LOGS).reason == check.UNFOUND


def test_another_document_that_says_the_same_is_told(reader: SpanReader) -> None:
    twin = replace(TRASH, id="copy.md#0", document="copy.md")
    assert outcome(reader, GOOD, TRASH, twin).reason == check.ELSEWHERE
    same_document = replace(TRASH, id="trash.md#1")
    assert outcome(reader, GOOD, same_document, TRASH).reason == ""


def test_a_question_that_another_document_answers_better_is_put_more_clearly(reader: SpanReader) -> None:
    vague = draft("How long are server logs kept?", "28 days", clearer="How long do deleted records stay in the trash?")
    done = outcome(reader, replace(vague, question="How long are things kept?"), LOGS, TRASH)
    assert done.draft.question == "How long do deleted records stay in the trash?"


def test_a_question_whose_words_stand_together_elsewhere_names_too_little(reader: SpanReader) -> None:
    """The other sentence answers nothing; its reader is not sure, and still the question could be about it."""
    other = chunk("Records in the trash are deleted by hand and never stay for ever.", title="Bins", document="bins.md")
    assert outcome(reader, GOOD, TRASH, other).reason == check.VAGUE
    clearer = replace(GOOD, clearer="How long do deleted records stay in the trash before they are gone?")
    done = outcome(reader, clearer, TRASH, other)
    assert (done.reason, done.draft.question) == ("", clearer.clearer)


def test_one_that_only_leads_a_search_astray_stays_as_it_is_and_is_hard(reader: SpanReader) -> None:
    done = outcome(reader, replace(GOOD, clearer="Trash: how long do deleted records stay in the trash?"), LOGS, TRASH)
    assert (done.reason, done.hard, done.draft.question) == ("", True, GOOD.question)


def test_one_that_leads_a_search_astray_by_being_brief_names_too_little(reader: SpanReader) -> None:
    brief = draft("How long do records stay?", "28 days")
    assert outcome(reader, brief, LOGS, TRASH).reason == check.VAGUE
    assert outcome(reader, brief, TRASH, LOGS).reason == ""


def test_hard_is_another_first_passage_that_does_not_hold_the_answer(reader: SpanReader) -> None:
    assert outcome(reader, GOOD, LOGS, TRASH).hard
    assert not outcome(reader, GOOD, TRASH, LOGS).hard


def test_personal_data(reader: SpanReader) -> None:
    assert outcome(reader, replace(GOOD, answer="Ask ann.lee@corp.example, 28 days."), TRASH).reason == check.PERSONAL


def test_an_unanswerable_question_holds_unless_something_answers_it(reader: SpanReader) -> None:
    money = r"€\d"
    assert outcome(reader, lacking("What does it cost to restore a record?", money), TRASH, LOGS).reason == ""
    assert outcome(reader, lacking("How long are server logs kept?", r"\d"), TRASH, LOGS).reason == check.ANSWERED


def test_a_cell_without_a_number_is_an_answer_too(reader: SpanReader) -> None:
    asked = lacking("How many jobs per month come with the Beacon plan?", ": ", PLANS)
    assert outcome(reader, asked, PLANS).reason == check.ANSWERED


def test_tables_are_read_as_lines() -> None:
    assert check.legible(PLANS.text) == "Spark: Jobs per month 40.\nBeacon: Jobs per month unlimited."


@pytest.mark.parametrize(
    ("words", "facts", "same"),
    [
        ("28 days", (("28 days",),), True),
        ("the trash for 28", (("28 days",),), True),
        ("30 days", (("28 days",),), False),
        ("three", (("3", "three"),), True),
        ("Only the owner", (("owner",), ("admins",)), True),
        ("*", (("owner",),), False),
    ],
)
def test_says(words: str, facts: tuple[tuple[str, ...], ...], same: bool) -> None:
    assert check.says(words, facts) == same

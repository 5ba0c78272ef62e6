"""The one renderer: its format, its fitting, and the way back from text to citations."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragraft import prompting
from ragraft.errors import DataError
from ragraft.types import Chunk, Passage, Prompt, Request


def passage(rank: int, text: str, *, title: str = "Plans", heading: str = "") -> Passage:
    chunk = Chunk(
        id=f"plans.md#{rank}",
        document="plans.md",
        title=title,
        heading=heading,
        text=text,
        position=rank,
        tokens=3,
        readers=("everyone",),
    )
    return Passage(chunk=chunk, rank=rank, score=1 / rank)


def words(prompt: Prompt) -> int:
    return sum(len(m.content.split()) for m in prompt.messages)


def test_the_format_is_the_one_that_pocket_was_trained_on() -> None:
    prompt = prompting.render(
        Request(question="What does it cost?"),
        [passage(1, "It costs €9."), passage(2, "It is\nblue.", heading="Looks")],
    )
    system, user = prompt.messages
    assert system.role == "system"
    assert system.content == "Use only the passages below. Cite the passage you used. Answer briefly."
    assert user.content == "[1] Plans: It costs €9.\n[2] Plans › Looks: It is blue.\n\nQuestion: What does it cost?"


def test_without_passages_the_prompt_is_closed_book() -> None:
    system, user = prompting.render(Request(question="Who?"), []).messages
    assert "passages" not in system.content
    assert user.content == "Question: Who?"


def test_passages_are_dropped_from_the_end_and_counted() -> None:
    found = [passage(n, "word " * 50) for n in (1, 2, 3)]
    prompt = prompting.fit(Request(question="Who?"), found, words, limit=130)
    assert [p.rank for p in prompt.passages] == [1, 2]
    assert prompt.dropped == 1


def test_neighbours_are_dropped_before_passages() -> None:
    around = [replace(passage(n, "word " * 50), before="before " * 20, after="after " * 20) for n in (1, 2)]
    whole = prompting.fit(Request(question="Who?"), around, words, limit=300)
    assert whole.messages[1].content.startswith("[1] Plans: before before")
    less = prompting.fit(Request(question="Who?"), around, words, limit=180)
    assert [bool(p.before) for p in less.passages] == [True, False]
    assert less.dropped == 0
    least = prompting.fit(Request(question="Who?"), around, words, limit=80)
    assert [(p.rank, p.before, p.after) for p in least.passages] == [(1, "", "")]
    assert least.dropped == 1


def test_a_question_longer_than_the_context_is_an_error_with_its_length() -> None:
    with pytest.raises(DataError, match="3999 characters"):
        prompting.fit(Request(question="why " * 999 + "why"), [], words, limit=100)


def test_citations_come_back_in_order_without_their_markers() -> None:
    assert prompting.split_citations("It costs €9 [2]. It is blue [1][2].") == ("It costs €9. It is blue.", (2, 1))


@given(st.text(alphabet="abc .", min_size=1).map(str.strip).filter(bool), st.lists(st.integers(1, 99), unique=True))
def test_citing_and_splitting_are_inverse(text: str, numbers: list[int]) -> None:
    assert prompting.split_citations(prompting.cite(text, numbers)) == (text, tuple(numbers))


@pytest.mark.parametrize(
    "text",
    [
        prompting.REFUSAL,
        "The passages do not contain this information.",
        "I don't know.",
        "That is not stated in the passages.",
    ],
)
def test_refusals_are_recognised(text: str) -> None:
    assert prompting.is_refusal(text)


@pytest.mark.parametrize("text", ["It costs €9.", "", "The document does cost €9.", "Documents are kept for 30 days."])
def test_answers_are_not_refusals(text: str) -> None:
    assert not prompting.is_refusal(text)


def test_marked_passages_are_data_and_cannot_close_their_mark() -> None:
    bare = prompting.messages(["Title: one </passage> two"], "Why?")
    marked = prompting.messages(["Title: one </passage> two"], "Why?", marked=True)
    assert "data" in marked[0].content
    assert "[1] <passage>Title: one < /passage> two</passage>" in marked[1].content
    assert "passage>" not in bare[0].content
    assert prompting.messages([], "Why?", marked=True) == prompting.messages([], "Why?")

"""The quote arm: one sentence out of the passages, the words in it that answer, and a calibrated refusal."""

from collections.abc import Sequence

import pytest

from ragraft.models import span
from ragraft.models.embedder import minilm
from ragraft.systems.quote import NEVER_REFUSE, best_quotes, calibrate
from ragraft.types import Chunk, Passage

PLANS = "The Harbour plan costs €29 per member. It stores 500 GB for every member.\n\n| Plan | Seats |\n|---|---|\n| Pier | 12 |"
EXPORTS = "Exports are written to the folder Documents/Kestrel. They are kept for 14 days."


def passages(*texts: str) -> tuple[Passage, ...]:
    def chunk(n: int, text: str) -> Chunk:
        return Chunk(
            id=f"d{n}#0",
            document=f"d{n}",
            title="Help",
            heading="",
            text=text,
            position=0,
            tokens=9,
            readers=("everyone",),
        )

    return tuple(Passage(chunk=chunk(n, t), rank=n, score=1.0 - n / 10) for n, t in enumerate(texts, start=1))


@pytest.fixture(scope="module")
def span_reader() -> span.SpanReader:
    return span.load_reader()


@pytest.mark.parametrize(
    ("question", "number", "sentence"),
    [
        ("How long are exports kept?", 2, "They are kept for 14 days."),
        ("What does the Harbour plan cost?", 1, "The Harbour plan costs €29 per member."),
        ("How many seats has the Pier plan?", 1, "| Pier | 12 |"),
    ],
)
def test_the_best_sentence_of_all_passages_is_quoted(
    span_reader: span.SpanReader, question: str, number: int, sentence: str
) -> None:
    (quote,) = best_quotes(minilm(), span_reader, [question], [passages(PLANS, EXPORTS)])
    assert quote is not None
    assert (quote.number, quote.sentence) == (number, sentence)
    assert -1 <= quote.score <= 1


def test_the_words_that_answer_are_marked_in_the_sentence(span_reader: span.SpanReader) -> None:
    (quote,) = best_quotes(minilm(), span_reader, ["How long are exports kept?"], [passages(EXPORTS)])
    assert quote is not None
    assert quote.words is not None
    assert "14 days" in quote.sentence[slice(*quote.words)]


def test_a_question_without_passages_has_no_quote(span_reader: span.SpanReader) -> None:
    first, second = best_quotes(minilm(), span_reader, ["?", "How long are exports kept?"], [(), passages(EXPORTS)])
    assert first is None
    assert second is not None
    assert best_quotes(minilm(), span_reader, ["Why?"], [()]) == (None,)


@pytest.mark.parametrize(
    ("scores", "answerable", "expected"),
    [
        ((*(n / 100 for n in range(20, 40)), 0.1), (*[True] * 20, False), 0.22),
        ((0.9, 0.8, 0.3, 0.2), (True, True, False, False), 0.8),
        ((0.9, 0.8), (True, True), NEVER_REFUSE),
        ((0.9, 0.8), (False, False), NEVER_REFUSE),
        ((), (), NEVER_REFUSE),
    ],
)
def test_the_threshold_refuses_a_tenth_of_what_can_be_answered(
    scores: Sequence[float], answerable: Sequence[bool], expected: float
) -> None:
    assert calibrate(scores, answerable) == pytest.approx(expected)

"""What a generator reads of its passages: the best sentences, under their passages' titles, best first."""

from dataclasses import replace

import pytest

from ragraft.corpus.sentences import sentences
from ragraft.models import span
from ragraft.models.embedder import minilm
from ragraft.prompting import passage_text
from ragraft.systems.compress import compressed
from ragraft.types import Chunk, Passage

PLANS = "The office opens at nine. The Harbour plan costs €29 per member.\n\n| Plan | Seats |\n|---|---|\n| Pier | 12 |\n| Quay | 40 |"
EXPORTS = "Exports are written to the folder Documents/Kestrel. They are kept for 14 days. A longer time costs extra."


def passages(*texts: str) -> tuple[Passage, ...]:
    whole = Chunk(id="", document="", title="Help", heading="", text="", position=0, tokens=9, readers=("everyone",))
    return tuple(
        Passage(chunk=replace(whole, id=f"d{n}#0", document=f"d{n}", text=t), rank=n, score=1.0 - n / 10)
        for n, t in enumerate(texts, start=1)
    )


@pytest.fixture(scope="module")
def span_reader() -> span.SpanReader:
    return span.load_reader()


def shown(span_reader: span.SpanReader, question: str, best: int) -> list[str]:
    [found] = compressed(minilm(), span_reader, [question], [passages(PLANS, EXPORTS)], best)
    return [passage_text(p) for p in found]


def test_one_sentence_is_the_one_that_quote_answers_with(span_reader: span.SpanReader) -> None:
    assert shown(span_reader, "How long are exports kept?", 1) == ["Help: They are kept for 14 days."]


def test_passages_and_their_sentences_stand_best_first(span_reader: span.SpanReader) -> None:
    first, second = shown(span_reader, "How long are exports kept?", 4)
    assert first.startswith("Help: They are kept for 14 days. ")
    assert second.startswith("Help: ")
    first, *_ = shown(span_reader, "To which folder are exports written?", 5)
    assert first.startswith("Help: Exports are written to the folder Documents/Kestrel. ")


def test_a_row_keeps_its_header_which_is_not_counted(span_reader: span.SpanReader) -> None:
    assert shown(span_reader, "How many seats has the Pier plan?", 1) == ["Help: | Plan | Seats | | Pier | 12 |"]


def test_the_rows_of_a_table_stay_together_under_its_header(span_reader: span.SpanReader) -> None:
    first, _ = shown(span_reader, "How many seats has the Pier plan?", 99)
    assert first.startswith("Help: | Plan | Seats | | Pier | 12 | | Quay | 40 | ")


def test_enough_sentences_are_all_of_them(span_reader: span.SpanReader) -> None:
    texts = " ".join(shown(span_reader, "What does the Harbour plan cost?", 99))
    rows = ("| Plan | Seats |", "| Pier | 12 |", "| Quay | 40 |")
    for sentence in (*sentences(EXPORTS), "The office opens at nine.", "The Harbour plan costs €29 per member.", *rows):
        assert texts.count(sentence) == 1


def test_the_chunk_itself_and_its_search_rank_stay(span_reader: span.SpanReader) -> None:
    [found] = compressed(minilm(), span_reader, ["How long are exports kept?"], [passages(PLANS, EXPORTS)], 1)
    [passage] = found
    assert (passage.rank, passage.chunk.text) == (2, EXPORTS)


def test_a_question_without_passages_has_none(span_reader: span.SpanReader) -> None:
    first, second = compressed(minilm(), span_reader, ["Why?", "How long?"], [(), passages(EXPORTS)], 2)
    assert first == ()
    assert len(second) == 1

"""The packaged `reader` at run time."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ragraft.errors import ModelError
from ragraft.models import span

if not (Path(span.__file__).parent / "reader" / "adapter.safetensors").is_file():
    pytest.skip("the reader's weights are not shipped yet", allow_module_level=True)

TEXT = (
    "Kestrel Notes was released in March 2019 by Ada Lindqvist. The free plan stores up to 500 notes, "
    "and exports are written to the folder Documents/Kestrel. Backups run every night at 02:00."
)


@pytest.fixture(scope="module")
def reader() -> span.SpanReader:
    torch.set_num_threads(2)
    return span.load_reader()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was Kestrel Notes released?", "2019"),
        ("Who released Kestrel Notes?", "Ada Lindqvist"),
        ("How many notes does the free plan store?", "500"),
    ],
)
def test_finds_the_words_that_answer(reader: span.SpanReader, question: str, answer: str) -> None:
    (found,) = reader.read(question, [TEXT], ["Kestrel Notes"])
    assert answer in found.text
    assert len(found.text) <= len(answer) + 20


def test_prefers_the_passage_that_answers(reader: span.SpanReader) -> None:
    other = "The tide tables of the northern coast were printed in Bergen and sold to fishermen for two crowns."
    spans = reader.read("How many notes does the free plan store?", [other, TEXT, other])
    assert max(range(3), key=lambda i: spans[i].score) == 1
    assert spans[1].probability >= reader.threshold > spans[0].probability


def test_offsets_are_the_text(reader: span.SpanReader) -> None:
    for found in reader.read("Where are exports written?", [TEXT, "Ärger im Café – naïve señor.", "x"]):
        assert found.text
        assert 0 <= found.start < found.end
        assert 0 < found.probability < 1
    (found,) = reader.read("Where are exports written?", [TEXT])
    assert TEXT[found.start : found.end] == found.text


def test_nothing_to_read(reader: span.SpanReader) -> None:
    assert reader.read("Why?", []) == ()
    empty = reader.read("Why?", ["", "   "])
    assert [(s.text, s.probability) for s in empty] == [("", 0.0)] * 2


def test_titles_must_match_the_passages(reader: span.SpanReader) -> None:
    with pytest.raises(ValueError, match="zip"):
        reader.read("Why?", ["a", "b"], ["only one"])


def test_reads_to_the_end_of_a_long_passage(reader: span.SpanReader) -> None:
    filler = "The weather on the plain was calm and the road was empty for most of the day. " * 40
    (found,) = reader.read("How many notes does the free plan store?", [filler + TEXT])
    assert found.start >= len(filler)
    assert "500" in found.text


def test_a_batch_reads_as_one_pair_does(reader: span.SpanReader) -> None:
    pairs = [
        span.Pair(question=q, passage=TEXT[:n], title="Kestrel")
        for q, n in (("When was it released?", 60), ("Who made it?", 100), ("At what time do backups run?", len(TEXT)))
    ]
    together = reader.read_pairs(pairs)
    for pair, found in zip(pairs, together, strict=True):
        (alone,) = reader.read_pairs([pair])
        assert alone.score == pytest.approx(found.score, abs=0.3)  # bf16 rounds by the batch's shape
        assert alone.likeness == pytest.approx(found.likeness, abs=0.02)


def test_the_best_span_from_each_token_is_the_best_of_all_pairs() -> None:
    start = torch.tensor([[0.0, 3.0, 0.0, 2.5], [0.0, 0.0, 0.0, 9.0]])
    end = torch.tensor([[9.0, 0.0, 1.0, 0.0], [8.0, 0.0, 0.0, 1.0]])
    score, last = span.best_spans(start, end, torch.full((2, 4), 3))
    assert score.tolist() == [[9.0, 4.0, 1.0, 2.5], [8.0, 1.0, 1.0, 10.0]]
    assert last.tolist() == [[0, 2, 2, 3], [0, 3, 3, 3]]


def test_a_span_is_never_longer_than_allowed_and_never_leaves_its_part() -> None:
    start, end = torch.zeros(1, 80), torch.zeros(1, 80)
    start[0, 0], end[0, 79] = 5.0, 5.0
    _, last = span.best_spans(start, end, torch.full((1, 80), 79))
    assert (last[0] - torch.arange(80)).max() == span.SPAN_TOKENS - 1
    score, last = span.best_spans(start, end, torch.tensor([[9] * 10 + [-1] * 70]))
    assert last[0, :10].max() == 9
    assert score[0, 10:].max() == -1e9


def test_each_part_of_a_passage_has_its_best_span(reader: span.SpanReader) -> None:
    pair = span.Pair(question="At what time do backups run?", passage=TEXT, title="Kestrel")
    parts = span.sentence_bounds(TEXT)
    [found] = reader.read_parts([pair], [parts])
    (whole,) = reader.read_pairs([pair])
    assert all(start <= s.start <= s.end <= end for s, (start, end) in zip(found, parts, strict=True))
    assert max(found, key=lambda s: s.margin).text == whole.text
    assert max(s.margin for s in found) == pytest.approx(whole.margin, abs=0.3)


def test_parts_of_a_long_passage_are_found_in_its_later_windows(reader: span.SpanReader) -> None:
    filler = "The weather on the plain was calm and the road was empty for most of the day. " * 40
    pair = span.Pair(question="How many notes does the free plan store?", passage=filler + TEXT)
    parts = [(0, len(filler)), (len(filler), len(filler) + len(TEXT)), (len(filler) + len(TEXT),) * 2]
    [(before, found, empty)] = reader.read_parts([pair], [parts])
    assert "500" in found.text
    assert found.margin > before.margin
    assert (empty.text, empty.probability) == ("", 0.0)


def test_sentences_cover_the_text_in_order() -> None:
    text = 'Made by Dr. Ada B. Lind in 2019. It is old!\n- an item\n\nThe "last" one?'
    bounds = span.sentence_bounds(text)
    assert [text[s:e].strip() for s, e in bounds] == [
        "Made by Dr. Ada B. Lind in 2019.",
        "It is old!",
        "- an item",
        'The "last" one?',
    ]
    assert "".join(text[s:e] for s, e in bounds) == text
    assert span.sentence_bounds("…") == [(0, 1)]


@given(st.text(alphabet="ab 1é-", min_size=1, max_size=12), st.data())
@settings(max_examples=60, deadline=None)
def test_whole_words_only_widens(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    low, high = span.whole_words(text, start, end)
    assert 0 <= low <= start < end <= high <= len(text)
    assert span.whole_words(text, low, high) == (low, high)


def test_two_numbers_a_byte() -> None:
    packed = torch.tensor([8 | (15 << 4), 1 | (8 << 4)] * (span.GROUP // 4), dtype=torch.uint8)
    assert span.unpack(packed, torch.tensor([0.5]))[:4].tolist() == [0.0, 3.5, -3.5, 0.0]


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    folder = shutil.copytree(span.reader_folder(), tmp_path / "reader")
    weights = folder / "adapter.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(ModelError, match="damaged"):
        span.load_reader(folder)
    weights.unlink()
    with pytest.raises(ModelError, match="missing"):
        span.load_reader(folder)


@pytest.mark.parametrize("content", ["{", '{"sha256": "x"}', '{"unknown": 1}', None])
def test_bad_settings_are_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match="not the settings of a reader"):
        span.load_settings(tmp_path)


def test_tensors_that_do_not_fit_are_named() -> None:
    with pytest.raises(ModelError, match="do not fit"):
        span.apply_change(torch.nn.Linear(2, 2), {"other.weight": torch.zeros(2, 2)})


def test_the_package_stays_small() -> None:
    assert sum(f.stat().st_size for f in span.reader_folder().iterdir()) <= 6_000_000


@pytest.mark.shared_data
def test_human_questions(reader: span.SpanReader, shared_data: Path) -> None:
    from ragraft.evaluate.scorers import token_f1

    folder = shared_data / "squad-13"
    documents = {d["id"]: d for d in map(json.loads, (folder / "documents.jsonl").open(encoding="utf-8"))}
    asked = [json.loads(line) for line in (folder / "examples.jsonl").open(encoding="utf-8")][::60]
    spans = reader.read_pairs(
        [
            span.Pair(
                question=q["question"],
                passage=documents[q["document"]]["text"],
                title=documents[q["document"]]["title"],
            )
            for q in asked
        ]
    )
    f1 = [max(token_f1(s.text, a) for a in q["answers"]) for s, q in zip(spans, asked, strict=True)]
    assert sum(f1) / len(f1) >= 0.40

"""The recipe of the `reader`: questions by rule, packed batches, the stored change."""

import sys
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
import torch

from ragraft.models import span
from ragraft.models.embedder import minilm

RECIPE = Path(__file__).resolve().parents[2] / "training"
TEXT = (
    "The Halden Bridge was built in 1897 by the engineer Marta Olsen. It crosses the Tista River near Halden, "
    "and about 4,200 people use it every day because the old ferry was closed. Dr. Olsen died on 3 May 1921."
)


@pytest.fixture(scope="module")
def recipe() -> tuple[ModuleType, ModuleType, ModuleType, ModuleType]:
    sys.path.insert(0, str(RECIPE))
    try:
        import reader_batch
        import reader_data
        import reader_export
        import reader_rules
    finally:
        sys.path.remove(str(RECIPE))
    return reader_rules, reader_data, reader_batch, reader_export


def test_sentences_end_at_full_stops_but_not_at_titles(recipe) -> None:
    rules = recipe[0]
    assert [TEXT[s:e].split(maxsplit=1)[0] for s, e in rules.sentences(TEXT)] == ["The", "It", "Dr."]


def test_candidates_find_the_kinds_of_answers(recipe) -> None:
    rules = recipe[0]
    found = {TEXT[s:e][c.start : c.end]: c.kind for s, e in rules.sentences(TEXT) for c in rules.candidates(TEXT[s:e])}
    assert found["1897"] == "year"
    assert found["3 May 1921"] == "date"
    assert found["4,200"] == "count"
    assert found["Tista River"] == "name"
    assert found["the old ferry was closed"] == "reason"


def test_questions_ask_without_telling_the_answer(recipe) -> None:
    rules = recipe[0]
    sentence = "The Halden Bridge was built in 1897 by the engineer Marta Olsen."
    year = next(c for c in rules.candidates(sentence) if c.kind == "year")
    made = [rules.make(sentence, year, "Halden Bridge", {"built": ["constructed"]}, Random(i)) for i in range(40)]
    asked = [q for q in made if q]
    assert len(asked) > 30
    assert not any("1897" in q for q in asked)
    assert sum("when" in q.lower() or "year" in q.lower() for q in asked) == len(asked)
    assert any("constructed" in q for q in asked)
    assert len(set(asked)) > 20


def test_pronouns_become_the_title(recipe) -> None:
    rules = recipe[0]
    sentence = "It crosses the Tista River near Halden town centre."
    river = next(c for c in rules.candidates(sentence) if sentence[c.start : c.end] == "Tista River")
    made = [rules.make(sentence, river, "Halden Bridge (Norway)", {}, Random(i)) or "" for i in range(40)]
    assert any("Halden Bridge" in q for q in made)


def test_occurrences_are_whole_words(recipe) -> None:
    data = recipe[1]
    assert data.occurrences("1973 oil; the 19735 file; 1973", ["1973"]) == [(0, 4), (26, 30)]


def packed(data: ModuleType, batch: ModuleType, folder: Path):
    asked = [data.Asked("When was the bridge built?", [(31, 35)]), data.Asked("Who wrote the novel?")]
    rows = [data.Packed("Halden Bridge", TEXT, asked), data.Packed("Halden Bridge", TEXT, asked[:1])]
    assert TEXT[31:35] == "1897"
    data.pack(rows, folder / "rows.npz")
    return batch.Corpus.load(folder / "rows.npz")


def test_a_batch_points_at_the_answer_and_hides_questions_from_each_other(recipe, tmp_path: Path) -> None:
    _, data, batch, _ = recipe
    corpus = packed(data, batch, tmp_path)
    laid = batch.lay(corpus, batch.Row(0, [(0, True), (1, True)]), None, Random(0))
    made = batch.collate([laid, batch.Laid([], [], [], [])], 192)
    tokenizer = span.load_tokenizer()
    ids = made.ids[0].tolist()
    assert tokenizer.decode([ids[int(made.start[0].nonzero())]]) == "1897"
    assert made.answerable.tolist() == [True, False]
    first, second = made.anchor.tolist()
    mask = made.mask[0, 0]
    text = int(made.text[0].nonzero()[0])
    assert not mask[first, second]
    assert not mask[second, first]
    assert mask[first, text]
    assert mask[text, second]
    assert made.position[0, text - 1].item() >= span.CONTEXT_AT
    assert mask.diagonal().sum() == len(laid.ids) + (192 - len(laid.ids))


def test_one_question_is_laid_out_as_at_run_time(recipe, tmp_path: Path) -> None:
    _, data, batch, _ = recipe
    corpus = packed(data, batch, tmp_path)
    laid = batch.lay(corpus, batch.Row(1, [(2, True)]), None, Random(0))
    reader = span.SpanReader(
        settings=span.Settings(sha256="", sentence=2.0, margin=1, likeness=0, offset=0, threshold=0.5),
        encoder=None,
        weight=torch.zeros(1),
        bias=torch.zeros(1),
        tokenizer=span.load_tokenizer(),
        embedder=minilm(),
    )
    pair = span.Pair(question="When was the bridge built?", passage=TEXT, title="Halden Bridge")
    near = reader._near([pair])[0]
    (window,) = reader._windows(0, pair, near, [(0, len(TEXT))])
    assert window.parts == [(0, 0, len(window.offsets))]
    assert window.ids == laid.ids
    assert len(near.sentences) == 3
    assert window.bonus[0] == 2.0 * near.sentences[0]
    assert window.bonus[-1] == 2.0 * near.sentences[2]


def test_every_batch_has_one_of_the_compiled_shapes(recipe, tmp_path: Path) -> None:
    _, data, batch, _ = recipe
    corpus = packed(data, batch, tmp_path)
    for mode in ("rules", "packed", "single"):
        made = batch.batches(corpus, Random(2), mode=mode)
        shapes = {tuple(next(made).ids.shape) for _ in range(3)}
        assert shapes <= {(batch.TOKENS // w, w) for w in batch.WIDTHS}


def test_the_stored_change_comes_back_within_a_tenth(recipe) -> None:
    export = recipe[3]
    change = torch.randn(384, 384, generator=torch.Generator().manual_seed(1)) * 0.02
    back = span.unpack(*export.quantise(change)).view_as(change)
    assert (back - change).norm() / change.norm() < 0.13
    assert torch.equal(span.unpack(*export.quantise(torch.zeros(2, span.GROUP))), torch.zeros(2 * span.GROUP))

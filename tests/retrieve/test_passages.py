"""Repeats are merged without losing a word; neighbours are added for those who may read them."""

from dataclasses import replace
from pathlib import Path

import pytest

from ragraft.retrieve.index import Entry
from ragraft.retrieve.passages import merged
from ragraft.retrieve.search import search
from ragraft.types import EVERYONE, Chunk, Passage, Reader

from .samples import RETRIEVAL, entry, open_index, unit

ANN = Reader(user="ann")


def passage(rank: int, text: str, *, title: str = "Refunds", heading: str = "") -> Passage:
    chunk = Chunk(
        id=f"d{rank}",
        document=f"d{rank}",
        title=title,
        heading=heading,
        text=text,
        position=0,
        tokens=1,
        readers=("ann",),
    )
    return Passage(chunk=chunk, rank=rank, score=1 / rank)


def test_a_repeat_is_merged_into_the_better_ranked_one() -> None:
    found = merged([passage(1, "Within 14 days."), passage(2, "within  14\ndays."), passage(3, "Never.")], 2)
    assert [(p.chunk.id, p.rank, p.merged) for p in found] == [("d1", 1, 1), ("d3", 2, 0)]


def test_a_text_inside_a_better_one_is_merged_but_never_the_other_way_round() -> None:
    short, long = "Within 14 days.", "Within 14 days. Ask us."
    assert [p.chunk.id for p in merged([passage(1, long), passage(2, short)], 4)] == ["d1"]
    assert [p.chunk.id for p in merged([passage(1, short), passage(2, long)], 4)] == ["d1", "d2"]
    assert len(merged([passage(1, "plan 14"), passage(2, "plan 1")], 4)) == 2, "whole words only"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Shipping is refunded.", "Shipping is not refunded."),
        ("Within 14 days.", "Within 30 days."),
        ("It costs €9.", "It costs $9."),
        ("Takes -5 degrees.", "Takes 5 degrees."),
    ],
)
def test_what_says_something_else_stays(a: str, b: str) -> None:
    assert len(merged([passage(1, a), passage(2, b)], 4)) == 2


def test_the_same_words_about_another_thing_stay() -> None:
    assert len(merged([passage(1, "Ten users.", title="Elm"), passage(2, "Ten users.", title="Fir")], 4)) == 2
    assert len(merged([passage(1, "Ten users.", heading="Elm"), passage(2, "Ten users.", heading="Fir")], 4)) == 2


def test_copies_do_not_crowd_out_the_rest(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    copies = [_titled(entry(f"copy{n}", "apple apple apple", seed=1)) for n in range(9)]
    index.write([*copies, _titled(entry("other", "apple and a pear", seed=2))])
    found = search(index, ["apple"], unit(1), ANN, RETRIEVAL.model_copy(update={"passages": 2}))[0]
    assert [p.chunk.document for p in found] == ["copy0", "other"]
    assert [p.merged for p in found] == [8, 0]


def _titled(made: Entry) -> Entry:
    return replace(made, chunks=tuple(replace(c, title="Fruit") for c in made.chunks))


BORDER = "the words that both chunks share"


def _story(readers: tuple[str, ...] = (EVERYONE,)) -> Entry:
    return entry(
        "story", "One comes first.", f"Two has the apple, and {BORDER}", f"{BORDER} before three.", readers=readers
    )


def ask(tmp_path: Path, entries: list[Entry], neighbours: int = 1, passages: int = 1) -> tuple[Passage, ...]:
    index = open_index(tmp_path)
    index.write(entries)
    asked = RETRIEVAL.model_copy(update={"neighbours": neighbours, "passages": passages, "bm25_weight": 1.0})
    return search(index, ["apple"], unit(5), ANN, asked)[0]


def test_neighbours_stand_around_a_passage_and_shared_words_once(tmp_path: Path) -> None:
    (found,) = ask(tmp_path, [_story()])
    assert (found.before, found.after) == ("One comes first.", "before three.")
    assert found.text == f"One comes first.\nTwo has the apple, and {BORDER}\nbefore three."
    assert found.chunk.text == f"Two has the apple, and {BORDER}"


def test_without_the_setting_there_are_none(tmp_path: Path) -> None:
    (found,) = ask(tmp_path, [_story()], neighbours=0)
    assert found.text == found.chunk.text


def test_a_neighbour_of_another_section_stands_under_its_heading(tmp_path: Path) -> None:
    made = _story()
    chunks = (replace(made.chunks[0], heading="Part › Start"), *made.chunks[1:])
    (found,) = ask(tmp_path, [replace(made, chunks=chunks)])
    assert found.before == "Start: One comes first."


def test_neighbours_pass_the_reader_filter(tmp_path: Path) -> None:
    made = _story()
    closed = replace(made.chunks[0], readers=("bob",)), made.chunks[1], replace(made.chunks[2], own_readers=("bob",))
    (found,) = ask(tmp_path, [replace(made, chunks=closed)])
    assert (found.before, found.after) == ("", "")


def test_a_neighbour_that_was_found_itself_is_not_shown_twice(tmp_path: Path) -> None:
    found = ask(tmp_path, [entry("story", "apple apple", "apple again", "the end")], passages=2)
    assert [p.chunk.position for p in found] == [0, 1]
    assert [(p.before, p.after) for p in found] == [("", ""), ("", "the end")]


def test_two_neighbours_on_a_side_in_reading_order(tmp_path: Path) -> None:
    (found,) = ask(tmp_path, [entry("story", "zero", "one", "two", "an apple", "four", "five")], neighbours=2)
    assert (found.before, found.after) == ("one\ntwo", "four\nfive")

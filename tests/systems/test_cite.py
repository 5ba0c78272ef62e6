"""Citations resolve or are counted as invented; support needs the numbers and the words."""

import pytest

from ragraft.corpus.sentences import sentences
from ragraft.systems.cite import resolve, supports
from ragraft.types import Chunk, Passage


def passage(rank: int) -> Passage:
    chunk = Chunk(
        id=f"d{rank}#0",
        document=f"d{rank}",
        title="T",
        heading="",
        text="x",
        position=0,
        tokens=1,
        readers=("everyone",),
        page=rank,
    )
    return Passage(chunk=chunk, rank=rank, score=1.0)


def test_a_marker_that_names_no_passage_is_counted_not_kept() -> None:
    cited = resolve("It costs €9 [2] or €8 [7] [0].", [passage(1), passage(2)])
    assert cited.text == "It costs €9 or €8."
    assert [(c.number, c.document, c.page) for c in cited.citations] == [(2, "d2", 2)]
    assert cited.invented == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs €9. You pay monthly.", ["It costs €9.", "You pay monthly."]),
        ("Dr. Hale signs e.g. on Mondays. Done!", ["Dr. Hale signs e.g. on Mondays.", "Done!"]),
        ("Version 3.2 is out. 40 seats fit.", ["Version 3.2 is out.", "40 seats fit."]),
        ("Steps:\n\n1. Open Settings.\n2. Save.", ["Steps:", "1. Open Settings.", "2. Save."]),
        ("| Plan | Price |\n|---|---|\n| Harbour | €9 |", ["| Plan | Price |", "| Harbour | €9 |"]),
        ("  \n ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert list(sentences(text)) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The Harbour plan costs €29 per member.", True),
        ("Members pay €29 for the Harbour plan.", True),
        ("The Harbour plan costs €39 per member.", False),
        ("Refunds take two weeks on every card.", False),
        ("It is.", False),
    ],
)
def test_support_needs_every_number_and_most_words(sentence: str, expected: bool) -> None:
    assert (
        supports("Plans: The Harbour plan costs €29 per member per month. Members may pay by card.", sentence)
        is expected
    )

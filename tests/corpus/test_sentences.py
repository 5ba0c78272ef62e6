"""Text -> its sentences, as they stand there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragraft.corpus.sentences import placed_sentences, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It opens at nine. It closes at six!", ("It opens at nine.", "It closes at six!")),
        ('He said "no." Then he left.', ('He said "no."', "Then he left.")),
        ("**Save twice.** The draft is kept.", ("**Save twice.**", "The draft is kept.")),
        ("Ask Dr. Lind, e.g. Ada. She knows.", ("Ask Dr. Lind, e.g. Ada.", "She knows.")),
        ("1. Open the page.\n2. Select **Save**.", ("1. Open the page.", "2. Select **Save**.")),
        ("| Plan | Seats |\n|---|---|\n| Pier | 12 |", ("| Plan | Seats |", "| Pier | 12 |")),
        ("A line that\n  goes on. Next\n\nA block", ("A line that goes on.", "Next", "A block")),
        ("", ()),
        (" \n\n ", ()),
    ],
)
def test_sentences(text: str, expected: tuple[str, ...]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet='aB1 .!?"*)\n-|', max_size=60))
def test_places_lie_apart_in_order_and_leave_nothing_out_but_white_space_and_rules(text: str) -> None:
    found = placed_sentences(text)
    places = [place for _, place in found]
    assert [" ".join(text[s:e].split()) for s, e in places] == [s for s, _ in found] == list(sentences(text))
    ends = [0, *(e for _, e in places)]
    starts = [*(s for s, _ in places), len(text)]
    for end, start in zip(ends, starts, strict=True):
        assert end <= start
        assert set(text[end:start]) <= set(" \n|-")

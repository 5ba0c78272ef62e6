"""What a document says of itself, and what happens when it says it unclearly."""

import pytest

from ragraft.corpus.front import Front, Unclear, both, read_meta, read_side, split_front
from ragraft.types import EVERYONE


@pytest.mark.parametrize(
    ("text", "front"),
    [
        (
            "---\ntitle: 'A'\nreaders: [ann, staff]\ntags: [x]\n---\nB",
            Front(title="A", readers=("ann", "staff"), tags=("x",)),
        ),
        ("---\nReaders: ann, staff\n---\nB", Front(readers=("ann", "staff"))),
        ("---\nreaders:\n  - ann\n  - 7\n---\nB", Front(readers=("ann", "7"))),
        ('+++\nreaders = ["ann"]\n+++\nB', Front(readers=("ann",))),
        ("---\n# who\nreaders: [ann]\n---\nB", Front(readers=("ann",))),
        ("---\nreaders: []\n---\nB", Front(readers=())),
        ("---\nreaders:\n---\nB", Front(readers=())),
        ("---\ntitle: A: b\n---\nB", Front(title="A: b")),
        ("---\ntitle: A\n---\nB", Front(title="A", readers=(EVERYONE,))),
    ],
)
def test_front_matter(text: str, front: Front) -> None:
    assert split_front(text) == (front, "B")


@pytest.mark.parametrize("text", ["B", "---\nA sentence.\n---\nB", "---\n---\nB", "Readers: ann"])
def test_what_is_no_front_matter_stays_text(text: str) -> None:
    assert split_front(text) == (Front(), text)


@pytest.mark.parametrize(
    "text",
    [
        "---\nreaders: [ann\n---\nB",
        "---\nreaders: {ann: 1}\n---\nB",
        "---\nreaders: true\n---\nB",
        "---\nreaders: [[ann]]\n---\nB",
        "+++\nreaders = ann\n+++\nB",
    ],
)
def test_unclear_rights_are_never_guessed(text: str) -> None:
    with pytest.raises(Unclear):
        split_front(text)


def test_html_meta() -> None:
    page = '<html><head><meta charset=utf-8><meta content="ann, staff" name="Readers"><meta name=tags content=a></head>'
    assert read_meta(page) == Front(readers=("ann", "staff"), tags=("a",))
    assert read_meta("<p>readers: ann</p>") == Front()
    with pytest.raises(Unclear, match="two `readers`"):
        read_meta('<meta name="readers" content="ann"><meta name="readers" content="everyone">')
    with pytest.raises(Unclear, match="no content"):
        read_meta('<meta name="readers">')


def test_a_side_file_says_what_front_matter_would() -> None:
    beside = read_side(b'title = "Contract"\nreaders = ["ann"]\ntags = "x, y"\n')
    assert beside == Front(title="Contract", readers=("ann",), tags=("x", "y"))
    assert both(Front(title="t", tags=("z",)), beside) == Front(
        title="Contract", readers=("ann",), tags=("z", "x", "y")
    )
    assert both(Front(readers=("bea",)), read_side(b"")).readers == ("bea",)
    with pytest.raises(Unclear, match="both name readers"):
        both(Front(readers=()), beside)


@pytest.mark.parametrize("data", [b"readers: [ann]", b"\xff\xfe\x00", b'reader = "ann"', b"readers = 7"])
def test_an_unclear_side_file_is_never_guessed(data: bytes) -> None:
    with pytest.raises(Unclear):
        read_side(data)

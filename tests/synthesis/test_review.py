"""The review file: what people write by hand, and what goes into the examples."""

import json
from pathlib import Path

import pytest

from ragraft.corpus.examples import load
from ragraft.errors import DataError
from ragraft.synthesis.review import Row, add, read, write
from ragraft.types import Example


def row(number: int, status: str = "draft") -> Row:
    example = Example(
        id=f"made-{number}", question=f"How many things fit in box {number}?", answers=("Two.",), must_include=(("2", "two"), ("box",)),
        documents=("a.md",), group="a.md", human=False,
    )  # fmt: skip
    return Row(example=example, status=status, made_from="a.md", passage="A box holds two.", by="limit")  # type: ignore[arg-type]


def test_it_reads_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    write(path, (row(1), row(2, "rejected")))
    assert read(path) == (row(1), row(2, "rejected"))
    assert read(tmp_path / "none.jsonl") == ()


def test_only_accepted_ones_are_added_and_only_once(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text('{"question": "Who?", "answer": "Ann.", "id": "mine"}')
    assert add((row(1, "accepted"), row(2), row(3, "rejected")), path) == 1
    assert add((row(1, "accepted"), row(2, "accepted")), path) == 1
    loaded = load(path, skip_bad_lines=False).examples
    assert [e.id for e in loaded] == ["mine", "made-1", "made-2"]
    assert [e.human for e in loaded] == [True, False, False]
    assert loaded[1].must_include == (("2", "two"), ("box",))


def test_without_a_file_one_is_made(tmp_path: Path) -> None:
    assert add((row(1, "accepted"),), tmp_path / "examples.jsonl") == 1
    assert add((row(2),), tmp_path / "other.jsonl") == 0
    assert not (tmp_path / "other.jsonl").exists()


def test_a_wrong_status_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    write(path, (row(1), row(2)))
    lines = path.read_text().splitlines()
    path.write_text(lines[0] + "\n" + lines[1].replace('"draft"', '"ok"') + "\n")
    with pytest.raises(DataError, match=r"made\.jsonl:2: `status`.*draft, accepted or rejected"):
        read(path)


def test_csv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.jsonl"):
        add((row(1, "accepted"),), tmp_path / "examples.csv")


def test_edited_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    write(path, (row(1),))
    line = json.loads(path.read_text()) | {
        "status": "accepted",
        "question": "What fits in the box?",
        "must_include": ["two"],
    }
    path.write_text(json.dumps(line) + "\n\n")
    (found,) = read(path)
    assert (found.status, found.example.question, found.example.must_include) == (
        "accepted",
        "What fits in the box?",
        (("two",),),
    )

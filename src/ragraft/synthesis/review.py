"""The review file: drafts as JSON Lines that people accept, edit or reject. In: such a file. Out: its rows; what is accepted is appended
to the examples file. Both are written to a temporary name and renamed.

A line is an example (`ragraft.corpus.examples`) with a `status` (draft, accepted, rejected) and notes of where it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ragraft.corpus import examples as labelled
from ragraft.errors import DataError
from ragraft.types import Example
from ragraft.workspace import write_atomic

Status = Literal["draft", "accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One question under review. `made_from`: the document, and `passage` its words; `hard`: a search finds another document's
    passage first; `by`: the rule's kind, or `model`."""

    example: Example
    status: Status
    made_from: str
    passage: str
    by: str
    hard: bool = False


class _Notes(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    status: Status
    made_from: str = ""
    passage: str = ""
    by: str = ""
    hard: bool = False


def read(path: Path) -> tuple[Row, ...]:
    """The rows of a review file, none where there is no file. Raises `DataError` naming the line that cannot be read."""
    if not has_text(path):
        return ()
    examples = labelled.load(path, skip_bad_lines=False).examples
    lines = [(n, line) for n, line in enumerate(path.read_text("utf-8-sig").split("\n"), start=1) if line.strip()]
    return tuple(_row(path, n, line, e) for (n, line), e in zip(lines, examples, strict=True))


def _row(path: Path, number: int, line: str, example: Example) -> Row:
    try:
        notes = _Notes.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{path}:{number}: `{place}`: {first['msg']}; `status` is draft, accepted or rejected"
        ) from None
    return Row(
        example=example,
        status=notes.status,
        made_from=notes.made_from,
        passage=notes.passage,
        by=notes.by,
        hard=notes.hard,
    )


def write(path: Path, rows: Sequence[Row]) -> None:
    """The whole file anew."""
    write_atomic(path, "".join(f"{json.dumps(_line(row), ensure_ascii=False)}\n" for row in rows))


def _line(row: Row) -> dict[str, object]:
    notes = {"by": row.by, "hard": row.hard, "made_from": row.made_from, "passage": row.passage}
    return {"status": row.status, **_example(row.example), **notes}


def _example(e: Example) -> dict[str, object]:
    return {
        "id": e.id,
        "question": e.question,
        "answer": e.answers[0] if len(e.answers) == 1 else list(e.answers),
        "must_include": [fact[0] if len(fact) == 1 else list(fact) for fact in e.must_include],
        "documents": list(e.documents),
        "group": e.group,
        "answerable": e.answerable,
        "synthetic": not e.human,
    }


def add(rows: Sequence[Row], path: Path) -> int:
    """Append the accepted rows that the examples file does not hold yet (by id); how many. Raises `DataError` for a file that is
    no JSON Lines."""
    if path.suffix.lower() in (".csv", ".tsv"):
        raise DataError(
            f"{path}: examples are added to JSON Lines only; convert it to .jsonl and set `path` in [examples]"
        )
    there = labelled.load(path, skip_bad_lines=True).examples if has_text(path) else ()
    known = {e.id for e in there}
    new = [row.example for row in rows if row.status == "accepted" and row.example.id not in known]
    if new:
        before = path.read_text(encoding="utf-8-sig").rstrip("\n") + "\n" if has_text(path) else ""
        write_atomic(path, before + "".join(f"{json.dumps(_example(e), ensure_ascii=False)}\n" for e in new))
    return len(new)


def has_text(path: Path) -> bool:
    """Whether there is a file with something in it."""
    return path.is_file() and bool(path.read_bytes().strip())

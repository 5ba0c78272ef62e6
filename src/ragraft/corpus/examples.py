"""An examples file -> `Example`s. In: JSONL, chat JSONL (`messages`) or CSV. Out: the examples, with the lines that were left
out and why. Writes nothing.

Keys: question|text, answer|answers|label|category, must_include, documents|document, group, answerable, id, human|synthetic.
In CSV a list is written as JSON or separated by `|`.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ragraft.corpus.json_text import parsed
from ragraft.errors import DataError
from ragraft.types import Example

_KEYS = frozenset(
    "id question text answer answers label category must_include document documents group answerable human synthetic messages".split()
)
_LISTS = ("answers", "must_include", "documents")


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedLine:
    """A line that holds no usable example. `line` counts from 1 in the file."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedExamples:
    examples: tuple[Example, ...]
    skipped: tuple[SkippedLine, ...] = ()


class _Message(BaseModel):
    role: str
    content: str = ""

    @field_validator("content", mode="before")
    @classmethod
    def _parts(cls, value: object) -> object:
        """OpenAI's list of parts as one text; null where the assistant called a tool."""
        if isinstance(value, list):
            return "\n".join(str(p.get("text", "")) for p in value if isinstance(p, dict))
        return "" if value is None else value


class _Row(BaseModel):
    """One line as people write it. Unknown keys are ignored unless they look like a misspelt one."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str | None = None
    question: str = Field("", validation_alias=AliasChoices("question", "text"))
    answers: tuple[str, ...] = Field((), validation_alias=AliasChoices("answers", "answer", "label", "category"))
    must_include: tuple[tuple[str, ...], ...] = ()
    documents: tuple[str, ...] = Field((), validation_alias=AliasChoices("documents", "document"))
    group: str | None = None
    answerable: bool = True
    human: bool | None = None
    synthetic: bool | None = None
    messages: tuple[_Message, ...] = ()

    @field_validator("answers", "documents", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        values = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
        return [v.strip() if isinstance(v, str) else v for v in values if v != ""]

    @field_validator("must_include", mode="before")
    @classmethod
    def _spellings(cls, value: object) -> object:
        facts = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
        return [fact if isinstance(fact, (list, tuple)) else [fact] for fact in facts if fact not in ("", [])]

    @field_validator("id", "group", mode="after")
    @classmethod
    def _blank_is_none(cls, value: str | None) -> str | None:
        return (value or "").strip() or None

    @model_validator(mode="after")
    def _complete(self) -> _Row:
        if self.messages:
            _last_turns(self)
        self.question = self.question.strip()
        if not self.question:
            raise ValueError("no question (key `question` or `text`)")
        if self.answerable and not self.answers:
            raise ValueError("no answer (key `answer`, `answers` or `label`; or set `answerable` to false)")
        if self.human is not None and self.human == self.synthetic:
            raise ValueError(f"`human` and `synthetic` are both {str(self.human).lower()}: keep one of them")
        return self


def load(path: Path, *, skip_bad_lines: bool) -> LoadedExamples:
    """Every example of the file, in its order.

    A missing `id` becomes a hash of the question, a missing `group` the id (the example is its own group). Raises `DataError`
    with file, line, fault and remedy: when the file is missing, empty or not text, and at a line that is not an example,
    unless `skip_bad_lines`; an id used twice counts as such a line.
    """
    text = _read(path)
    rows = _csv_rows(text) if path.suffix.lower() in (".csv", ".tsv") else _json_rows(text)
    examples: dict[str, Example] = {}
    lines: dict[str, int] = {}
    skipped: list[SkippedLine] = []
    for line, row in rows:
        try:
            example = _example(_parse(row), examples)
            if example.id in examples:
                raise ValueError(f"the id {example.id!r} stands already on line {lines[example.id]}")
        except ValueError as error:
            skipped.append(SkippedLine(line=line, reason=_explain(error)))
        else:
            examples[example.id], lines[example.id] = example, line
    if skipped and not skip_bad_lines:
        more = f" ({len(skipped) - 1} more bad lines follow)" if len(skipped) > 1 else ""
        raise DataError(
            f"{path}:{skipped[0].line}: {skipped[0].reason}{more}; mend it, or set `skip_bad_lines = true` in [examples]"
        )
    if not examples:
        raise _none(path, f"no usable example in its {len(skipped)} lines" if skipped else "no examples in it")
    return LoadedExamples(examples=tuple(examples.values()), skipped=tuple(skipped))


def check_documents(examples: Sequence[Example], known_ids: Collection[str]) -> None:
    """Raise `DataError` when examples name documents that are not there: the first three, each with the nearest id."""
    known = frozenset(known_ids)
    missing = [(e.id, d) for e in examples for d in e.documents if d not in known]
    if not missing:
        return
    parts: list[str] = []
    for example, document in missing[:3]:
        near = difflib.get_close_matches(document, sorted(known), n=1, cutoff=0.4)
        parts.append(f"{example} names {document!r}" + (f" (nearest: {near[0]!r})" if near else ""))
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    raise DataError(
        f"examples name documents that are not there: {'; '.join(parts)}{more}; "
        "mend `documents` (paths relative to the documents folder) or add the files"
    )


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _none(path, "no such file") from None
    except IsADirectoryError:
        raise _none(path, "a folder, not a file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    if not text.strip():
        raise _none(path, "no examples in it")
    return text


def _none(path: Path, fault: str) -> DataError:
    return DataError(
        f"{path}: {fault}; write one JSON object a line, as "
        '{"question": "…", "answer": "…", "documents": ["page.md"]}, from questions that people really asked. '
        "Without examples, `ragraft ask --system rag` and `--system quote` still answer"
    )


def _json_rows(text: str) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, parsed(line)
            except ValueError as error:
                yield number, error


def _csv_rows(text: str) -> Iterator[tuple[int, object]]:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            yield reader.line_num, _csv_row(row)
    except csv.Error as error:
        yield reader.line_num, ValueError(f"not valid CSV ({error})")


def _csv_row(row: dict[Any, Any]) -> object:
    if None in row:
        return ValueError(f"{len(row[None])} more cells than the header has columns")
    try:
        return {key.strip(): _cell(key.strip(), value) for key, value in row.items() if value and value.strip()}
    except ValueError as error:
        return ValueError(f"a list is not valid JSON ({error})")


def _cell(key: str, value: str) -> object:
    """A CSV cell: JSON where it is a list, `|` separates lists, anything else is text."""
    value = value.strip()
    if key in _LISTS:
        return json.loads(value) if value.startswith("[") and value.endswith("]") else value.split("|")
    return value


def _parse(row: object) -> _Row:
    if isinstance(row, json.JSONDecodeError):
        raise ValueError(f"not valid JSON ({row.msg} at column {row.colno})")
    if isinstance(row, Exception):
        raise ValueError(str(row) or type(row).__name__)
    if not isinstance(row, dict):
        raise ValueError(f"not a JSON object but {'a list' if isinstance(row, list) else f'`{json.dumps(row)[:40]}`'}")
    for key in set(row) - _KEYS:
        # Other keys are someone's notes; one that is nearly ours is a slip, and ignoring it would lose a fact.
        if near := difflib.get_close_matches(str(key), _KEYS, n=1, cutoff=0.85):
            raise ValueError(f"unknown key `{key}`; did you mean `{near[0]}`?")
    return _Row.model_validate(row)


def _last_turns(row: _Row) -> None:
    """Fill question and answer from a chat: the last assistant turn, and the last user turn before it."""
    roles = [m.role for m in row.messages]
    end = next((i for i in reversed(range(len(roles))) if roles[i] == "assistant"), None)
    start = next((i for i in reversed(range(len(roles) if end is None else end)) if roles[i] == "user"), None)
    if start is None or end is None:
        raise ValueError("`messages` holds no user turn followed by an assistant turn")
    row.question = row.question or row.messages[start].content
    row.answers = row.answers or tuple(filter(None, [row.messages[end].content.strip()]))


def _example(row: _Row, taken: Collection[str]) -> Example:
    key = row.id
    if key is None:
        key = base = hashlib.sha256(row.question.encode()).hexdigest()[:12]
        # The same question twice, both without an id, is no fault: the second gets its own.
        number = 2
        while key in taken:
            key, number = f"{base}-{number}", number + 1
    return Example(
        id=key,
        question=row.question,
        answers=row.answers,
        must_include=tuple(tuple(s.strip() for s in fact if s.strip()) for fact in row.must_include),
        documents=tuple(dict.fromkeys(row.documents)),
        group=row.group or key,
        answerable=row.answerable,
        human=row.human if row.human is not None else not row.synthetic,
    )


def _explain(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"`{place}`: {message}" if place else message

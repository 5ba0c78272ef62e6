"""A file of JSON objects, one a line -> `Item`s. Read line by line; writes nothing."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO, cast

from ragraft.corpus.json_text import parsed
from ragraft.corpus.sources.fetch import Refused, fetcher
from ragraft.corpus.sources.files import driver, open_store
from ragraft.corpus.sources.item import Item, Place, Unavailable, content_hash
from ragraft.sourcing import JsonlSource
from ragraft.types import Skipped


def find(source: JsonlSource, place: Place) -> Iterator[Item | Skipped]:
    """One document a line. A bad line is skipped and named. Raises `Unavailable` when the file is not there, or empty."""
    number = 0
    with _opened(source, place) as file:
        while line := file.readline(place.limit + 1):
            number += 1
            if line.strip():
                yield _item(source, line, number, place)
    if not number:
        raise Unavailable(f"{source.path}: it is empty")


def _item(source: JsonlSource, line: bytes, number: int, place: Place) -> Item | Skipped:
    where = f"{source.name}:{number}"
    if len(line) > place.limit:
        return Skipped(source=where, reason=f"a line longer than {place.limit >> 20} MB")
    try:
        row = parsed(line)
    except ValueError as error:
        return Skipped(source=where, reason=f"not JSON ({error})")
    if not isinstance(row, dict):
        return Skipped(source=where, reason="not a JSON object")
    fields = cast(dict[str, Any], row)
    key, text, title = fields.get(source.id), fields.get(source.text), fields.get(source.title, "")
    if not isinstance(key, (str, int)) or isinstance(key, bool) or not str(key).strip():
        return Skipped(source=where, reason=f"no `{source.id}` in it, which names the document")
    if not isinstance(text, str):
        return Skipped(source=f"{source.name}/{key}", reason=f"no text under `{source.text}` (line {number})")
    title = " ".join(title.split()) if isinstance(title, str) else ""
    return Item(
        id=f"{source.name}/{key}",
        hash=content_hash(title, text),
        data=text.encode(),
        suffix=".md",
        readers=source.readers,
        tags=source.tags,
        title=title,
    )


@contextlib.contextmanager
def _opened(source: JsonlSource, place: Place) -> Generator[BinaryIO]:
    path = place.expand(source.path)
    if path.startswith(("http://", "https://")):
        try:
            with fetcher(source, place) as fetch:
                yield io.BytesIO(fetch(path).data)
        except Refused as error:
            raise Unavailable(str(error)) from error
    elif "://" in path:
        with driver(source.path, place):
            store, inside = open_store(source.path, place)
            file = store.open(inside, "rb")
        with file:
            yield file
    else:
        try:
            file = (place.folder / path).expanduser().open("rb")
        except OSError as error:
            raise Unavailable(f"{source.path}: cannot be opened ({error.strerror})") from error
        with file:
            yield file

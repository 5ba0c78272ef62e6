"""JSON lines, good and bad."""

import json
from pathlib import Path

import pytest

from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item, Unavailable
from ragraft.corpus.sources.jsonl import find
from ragraft.sourcing import JsonlSource
from ragraft.types import Document, Skipped

from .servers import Reply, place, serving

SOURCE = JsonlSource(type="jsonl", name="j", path="rows.jsonl", readers=("a",), text="body")


def test_each_line_is_a_document_and_bad_lines_are_named(tmp_path: Path) -> None:
    rows = [
        '{"id": 7, "title": "Rope", "body": "Rope costs €12."}',
        "",
        "{nope",
        "[1]",
        '{"body": "x"}',
        '{"id": "b"}',
        r'{"id": 8, "body": "\ud800"}',
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    found = list(find(SOURCE, place(tmp_path)))
    (item,) = [i for i in found if isinstance(i, Item)]
    read = parse(item)
    assert isinstance(read, Document)
    assert (read.id, read.title, read.text, read.readers) == ("j/7", "Rope", "Rope costs €12.", ("a",))
    assert [s.source for s in found if isinstance(s, Skipped)] == ["j:3", "j:4", "j:5", "j/b", "j:7"]


def test_lines_are_read_one_by_one_and_a_long_one_is_skipped(tmp_path: Path) -> None:
    rows = [json.dumps({"id": n, "body": "x" * (10 if n else 3000)}) for n in range(3)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    found = list(find(SOURCE, place(tmp_path, limit=1000)))
    assert [i.id for i in found if isinstance(i, Item)][-2:] == ["j/1", "j/2"]
    assert isinstance(found[0], Skipped)


def test_a_file_from_the_web_or_a_store(tmp_path: Path) -> None:
    import fsspec

    line = b'{"id": "x", "body": "Words."}\n'
    fsspec.filesystem("memory").pipe("/rows/r.jsonl", line)
    with serving({"/r.jsonl": Reply(line)}) as server:
        for path in ("memory://rows/r.jsonl", server.url("/r.jsonl")):
            source = SOURCE.model_copy(update={"path": path, "allow_private": (server.address,)})
            assert [i.id for i in find(source, place(tmp_path)) if isinstance(i, Item)] == ["j/x"]
    (tmp_path / "empty.jsonl").touch()
    for path in ("gone.jsonl", "empty.jsonl", "memory://rows/gone.jsonl", server.url("/r.jsonl")):
        with pytest.raises(Unavailable):
            list(find(SOURCE.model_copy(update={"path": path}), place(tmp_path)))

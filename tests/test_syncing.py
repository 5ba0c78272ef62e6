"""Sync as a whole: what is looked at, what is written, what is embedded, and what stays when a source is down."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ragraft import forget, pipeline, syncing
from ragraft.context import Context
from ragraft.errors import ConfigError, StoreError
from ragraft.retrieve.index import Index
from ragraft.types import Answer, Failure, Move, Reader

READER = Reader(user="u")
HEAD = '[documents]\nreaders = ["everyone"]\n'
ROWS = '\n[[sources]]\ntype = "jsonl"\nname = "faq"\npath = "faq.jsonl"\nreaders = ["everyone"]\n'


class Counting:
    """The packaged embedder's place taken by a hash of the words: what is embedded can be counted."""

    name = "counting"
    fingerprint = "1"
    dimension = 16
    max_tokens = 256
    tokenizer = None

    def __init__(self) -> None:
        self.texts: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> NDArray[np.float32]:
        if not queries:
            self.texts += texts
        seeds = [np.random.default_rng([ord(c) for c in text] or [0]).normal(size=16) for text in texts]
        rows = np.array(seeds, np.float32).reshape(-1, 16)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def opened(folder: Path) -> tuple[Context, Counting]:
    context = Context(folder)
    counting = Counting()
    context.__dict__["embedder"] = counting
    return context, counting


def project(folder: Path, config: str = HEAD, **files: str) -> Path:
    (folder / "documents").mkdir(parents=True)
    (folder / "ragraft.toml").write_text(config)
    for name, text in (files or {"a": "# A\n\nAlpha.", "b": "# B\n\nBeta."}).items():
        (folder / "documents" / f"{name}.md").write_text(text)
    return folder


def lines(folder: Path, **rows: str) -> None:
    (folder / "faq.jsonl").write_text("".join(json.dumps({"id": k, "text": v}) + "\n" for k, v in rows.items()))


def test_a_moved_file_is_not_embedded_again(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD + '\n[[documents.rules]]\npath = "new/**"\nreaders = ["staff"]\n')
    syncing.sync(opened(folder)[0])
    (folder / "documents" / "new").mkdir()
    (folder / "documents" / "a.md").rename(folder / "documents" / "new" / "a.md")
    context, embedder = opened(folder)
    assert syncing.plan(context).moved == (Move(before="a.md", after="new/a.md"),)
    report = syncing.sync(context)
    assert (report.added, report.moved, report.removed, report.unchanged, report.reused) == (1, 1, 1, 1, 1)
    assert embedder.texts == []
    assert set(context.index.documents()) == {"new/a.md", "b.md"}
    assert context.index.chunks_of(["new/a.md"], READER) == {}, "it has the readers of its new place"


def test_only_changed_chunks_of_a_changed_document_are_embedded(tmp_path: Path) -> None:
    sections = [f"## Part {n}\n\n" + " ".join([f"word{n}"] * 120) for n in range(6)]
    folder = project(tmp_path / "p", a="# A\n\n" + "\n\n".join(sections))
    first = syncing.sync(opened(folder)[0])
    sections[3] = "## Part 3\n\nIt is new."
    (folder / "documents" / "a.md").write_text("# A\n\n" + "\n\n".join(sections))
    context, embedder = opened(folder)
    report = syncing.sync(context)
    assert (report.changed, report.chunks, report.reused) == (1, first.chunks, first.chunks - 1)
    assert embedder.texts == ["A\nPart 3\nIt is new."]
    before = context.index.vectors_of(["a.md"])
    for text, vector in before.items():
        assert np.allclose(vector, Counting().embed([text])[0])


def test_a_dry_run_says_what_would_change_and_writes_nothing(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    plan = pipeline.plan(opened(folder)[0])
    assert (plan.added, plan.changed, plan.removed) == (("a.md", "b.md"), (), ())
    assert not (folder / ".ragraft").exists()
    syncing.sync(opened(folder)[0])
    (folder / "documents" / "a.md").write_text("# A\n\nOther.")
    (folder / "documents" / "b.md").unlink()
    context, embedder = opened(folder)
    before = context.index.version
    plan = pipeline.plan(context)
    assert (plan.added, plan.changed, plan.unchanged, plan.removed) == ((), ("a.md",), 0, ("b.md",))
    assert (context.index.version, embedder.texts) == (before, [])


def test_a_source_that_is_down_loses_nothing_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD + ROWS)
    lines(folder, one="One words.", two="Two words.")
    assert syncing.sync(opened(folder)[0]).documents == 4
    (folder / "faq.jsonl").unlink()
    (folder / "documents" / "a.md").unlink()
    context, _ = opened(folder)
    report = syncing.sync(context)
    assert (report.removed, report.kept, report.documents) == (1, 2, 3)
    assert [(s.source, s.kept) for s in report.skipped] == [("faq", True)]
    assert set(context.index.documents()) == {"b.md", "faq/one", "faq/two"}
    lines(folder, two="Two words.")
    report = syncing.sync(opened(folder)[0])
    assert (report.removed, report.kept, report.unchanged) == (1, 0, 2)


def test_documents_of_a_source_that_is_down_still_follow_todays_readers(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD + ROWS)
    lines(folder, one="One words.")
    syncing.sync(opened(folder)[0])
    text = (folder / "faq.jsonl").read_text()
    (folder / "faq.jsonl").unlink()
    (folder / "ragraft.toml").write_text(HEAD + ROWS.replace("everyone", "staff"))
    context, _ = opened(folder)
    syncing.sync(context)
    assert context.index.chunks_of(["faq/one"], READER) == {}
    assert set(context.index.chunks_of(["faq/one"], Reader(user="u", groups=frozenset({"staff"})))) == {"faq/one"}
    (folder / "ragraft.toml").write_text(HEAD + ROWS)
    (folder / "faq.jsonl").write_text(text)
    context, _ = opened(folder)
    assert syncing.sync(context).changed == 1
    assert set(context.index.chunks_of(["faq/one"], READER)) == {"faq/one"}


def test_a_source_that_is_no_longer_named_goes(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD + ROWS)
    lines(folder, one="One words.")
    syncing.sync(opened(folder)[0])
    (folder / "ragraft.toml").write_text(HEAD)
    report = syncing.sync(opened(folder)[0])
    assert (report.removed, report.documents) == (1, 2)


def test_two_documents_never_share_an_id(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD + ROWS)
    (folder / "documents" / "faq").mkdir()
    (folder / "documents" / "faq" / "one").write_text("x")
    (folder / "faq.jsonl").write_text('{"id": "one", "text": "First."}\n{"id": "one", "text": "Second."}\n')
    report = syncing.sync(opened(folder)[0])
    assert report.documents == 3
    assert [(s.source, s.reason.partition(";")[0]) for s in report.skipped] == [
        ("faq/one", "its folder has the name of a source, `faq`"),
        ("faq/one", "another document has this id"),
    ]


def test_a_file_whose_name_is_no_text_is_skipped_and_named(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD)
    try:
        (folder / "documents" / "caf\udce9.md").write_text("The café opens at 8.")
    except OSError:
        pytest.skip("this file system has no such names")
    report = syncing.sync(opened(folder)[0])
    assert report.documents == 2
    assert [(s.source, s.reason) for s in report.skipped] == [(r"caf\udce9.md", "its name is no UTF-8; rename it")]


def test_a_project_may_live_from_other_sources_alone(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", ROWS)
    for path in (folder / "documents").iterdir():
        path.unlink()
    (folder / "documents").rmdir()
    lines(folder, one="One words.")
    report = syncing.sync(opened(folder)[0])
    assert (report.documents, report.skipped) == (1, ())


def test_a_rebuild_runs_beside_the_old_index_and_switches_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path / "p", HEAD + ROWS)
    lines(folder, one="One words.")
    syncing.sync(opened(folder)[0])
    (folder / "faq.jsonl").unlink()
    monkeypatch.setattr(Context, "index_settings", property(lambda _: "another embedder"))
    with pytest.raises(StoreError, match="sync --rebuild"):
        syncing.sync(opened(folder)[0])

    write, seen = Index.write, list[int]()

    def watched(self: Index, *args: Any, **more: Any) -> int:
        old = Index.peek(folder / ".ragraft" / "index")
        seen.append(old.count() if old else -1)
        return write(self, *args, **more)

    monkeypatch.setattr(Index, "write", watched)
    context, embedder = opened(folder)
    report = syncing.sync(context, rebuild=True)
    assert seen
    assert set(seen) == {3}, "the old index is whole until the new one is"
    assert (report.added, report.documents, report.kept) == (2, 3, 1)
    assert "One words." in " ".join(embedder.texts), "what is down is carried over, embedded anew"
    assert [p.name for p in (folder / ".ragraft").glob("index-*") if p.is_dir()] == [context.space.index.name]
    assert not (folder / ".ragraft" / "index").exists()
    again, embedder = opened(folder)
    assert set(again.index.documents()) == {"a.md", "b.md", "faq/one"}
    assert syncing.sync(again).unchanged == 3
    assert embedder.texts == []


def test_an_interrupted_rebuild_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path / "p", **{f"d{n}": f"# D{n}\n\nText {n}." for n in range(6)})
    syncing.sync(opened(folder)[0])
    monkeypatch.setattr(Context, "index_settings", property(lambda _: "another embedder"))
    monkeypatch.setattr(syncing, "CHUNKS_A_COMMIT", 2)
    context, embedder = opened(folder)
    write, calls = Index.write, list[int]()

    def failing(self: Index, *args: Any, **more: Any) -> int:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write(self, *args, **more)

    monkeypatch.setattr(Index, "write", failing)
    with pytest.raises(KeyboardInterrupt):
        syncing.sync(context, rebuild=True)
    assert (folder / ".ragraft" / "index").is_dir()
    context, embedder = opened(folder)
    report = syncing.sync(context, rebuild=True)
    assert (report.added, report.unchanged, report.documents, len(embedder.texts)) == (2, 4, 6, 2)


def test_partly_read_documents_are_indexed_and_the_rest_is_named(tmp_path: Path) -> None:
    import zipfile

    folder = project(tmp_path / "p")
    with zipfile.ZipFile(folder / "documents" / "both.zip", "w") as archive:
        archive.writestr("good.md", "Gamma words.")
        archive.writestr("bad.pdf", b"no pdf")
    report = syncing.sync(opened(folder)[0])
    assert report.documents == 3
    assert [(s.source, s.part, s.reason.partition(":")[0]) for s in report.skipped] == [("both.zip", True, "bad.pdf")]


def test_a_document_that_cannot_be_read_any_more_leaves_the_index(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    syncing.sync(opened(folder)[0])
    (folder / "documents" / "a.md").write_bytes(bytes(range(256)))
    report = syncing.sync(opened(folder)[0])
    assert (report.removed, report.changed, report.documents) == (1, 0, 1)


def test_live_values_reach_search_answers_and_failures(tmp_path: Path) -> None:
    config = HEAD + (
        '\n[[sources]]\ntype = "sql"\nname = "shop"\nurl = "sqlite:///shop.db"\nquery = "select * from items"\nkey = "sku"\n'
        'title = "{name}"\ntemplate = "{name} is for sale."\nlive = ["stock"]\nreaders = ["everyone"]\n'
    )
    folder = project(tmp_path / "p", config)
    with sqlite3.connect(folder / "shop.db") as database:
        database.execute("create table items (sku text, name text, stock integer)")
        database.execute("insert into items values ('r', 'Rope', 3)")
    context, _ = opened(folder)
    syncing.sync(context)
    with sqlite3.connect(folder / "shop.db") as database:
        database.execute("update items set stock = 41")
    found = {p.chunk.document: p.chunk.text for p in pipeline.search(context, "Is Rope for sale?", READER)}
    assert found["shop/r"] == "Current values: stock 41.\n\nRope is for sale."
    assert found["a.md"] == "Alpha."
    asked = pipeline.ask(context, "Rope", "quote", READER)
    assert isinstance(asked, Answer)
    assert any("stock 41" in p.chunk.text for p in asked.passages)
    (folder / "shop.db").unlink()
    texts = [p.chunk.text for p in pipeline.search(context, "Is Rope for sale?", READER)]
    assert any("not available" in text for text in texts)
    (folder / "ragraft.toml").write_text(config + 'when_down = "fail"\n')
    failed = pipeline.ask(opened(folder)[0], "Rope", "quote", READER)
    assert isinstance(failed, Failure)
    assert "shop: the live values (stock) cannot be read" in failed.message


def test_watching_syncs_what_changes_and_only_that(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD + ROWS)
    lines(folder, one="One words.")
    context, _ = opened(folder)
    stop = threading.Event()
    reports = pipeline.watch(context, stop)
    assert next(reports).documents == 3
    (folder / "faq.jsonl").unlink()  # it is not watched, so it is not looked at
    (folder / "documents" / ".hidden.md").write_text("x")
    (folder / "documents" / "c.md").write_text("# C\n\nGamma.")
    report = next(reports)
    assert (report.added, report.removed, report.documents, report.skipped) == (1, 0, 4, ())
    stop.set()
    assert list(reports) == []


def test_watching_needs_a_folder_and_names_the_one_it_misses(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    shutil.rmtree(folder / "documents")
    with pytest.raises(ConfigError, match=r"p/documents: there is no folder to watch"):
        next(pipeline.watch(Context(folder)))


def test_a_killed_sync_keeps_what_it_finished(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", **{f"d{n}": f"# D{n}\n\nText {n}." for n in range(60)})
    code = f"import ragraft, ragraft.syncing as s; s.CHUNKS_A_COMMIT = 2; ragraft.open({str(folder)!r}).sync()"
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    table = folder / ".ragraft" / "index" / "chunks.lance"
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline and not any(table.glob("data/*.lance")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    context = Context(folder)
    kept = len(context.index.documents())
    report = syncing.sync(context)
    assert (report.documents, report.unchanged, report.added) == (60, kept, 60 - kept)


def test_what_was_forgotten_stays_out_whatever_source_names_it(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD + ROWS)
    lines(folder, one="One words.", two="Two words.")
    context, _ = opened(folder)
    syncing.sync(context)
    leftover = folder / ".ragraft" / "index-of-a-stopped-rebuild"
    leftover.mkdir()
    pipeline.forget(context, ["faq/one"])
    assert not leftover.exists()
    report = syncing.sync(opened(folder)[0])
    assert (report.documents, [s.source for s in report.skipped]) == (3, ["faq/one"])
    lines(folder, copy="One words.", two="Two words.")
    report = syncing.sync(opened(folder)[0], rebuild=True)
    assert (report.documents, [s.source for s in report.skipped]) == (3, ["faq/copy"])


def test_copies_are_forgotten_with_it_and_the_certificate_says_where_each_came_from(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", HEAD + ROWS)
    lines(folder, one="One words.", copy="One words.", two="Two words.")
    context, _ = opened(folder)
    syncing.sync(context)
    planned = forget.plan(context, ["faq/one"])
    assert (planned.documents, planned.copies, planned.chunks) == (("faq/one", "faq/copy"), ("faq/copy",), 2)
    certificate = pipeline.forget(context, ["faq/one"])
    assert [d.document for d in certificate.documents] == ["faq/copy", "faq/one"]
    assert certificate.sources == ("faq/copy (from faq.jsonl)", "faq/one (from faq.jsonl)")
    assert set(context.index.documents()) == {"a.md", "b.md", "faq/two"}


def test_a_side_file_narrows_a_document_that_has_no_front_matter(tmp_path: Path) -> None:
    folder = project(
        tmp_path / "p", HEAD + '\n[[sources]]\ntype = "files"\nname = "kb"\nurl = "kb"\nreaders = ["everyone"]\n'
    )
    (folder / "kb").mkdir()
    for name in ("documents/pay.csv", "kb/pay.csv"):
        (folder / name).write_text("who,pay\nann,1\n")
    context, embedder = opened(folder)
    assert syncing.sync(context).documents == 4
    assert set(context.index.chunks_of(["pay.csv", "kb/pay.csv"], READER)) == {"pay.csv", "kb/pay.csv"}
    embedder.texts.clear()
    for name in ("documents/pay.csv", "kb/pay.csv"):
        (folder / f"{name}.ragraft.toml").write_text('readers = ["ann"]\ntags = ["pay"]\n')
    report = syncing.sync(context)
    assert (report.changed, report.documents, embedder.texts) == (2, 4, [])
    assert context.index.chunks_of(["pay.csv", "kb/pay.csv"], READER) == {}
    assert context.index.chunks_of(["pay.csv"], Reader(user="ann"))["pay.csv"][0].tags == ("pay",)
    assert syncing.sync(context).unchanged == 4
    (folder / "documents" / "pay.csv").rename(folder / "documents" / "wages.csv")
    (folder / "documents" / "pay.csv.ragraft.toml").write_text('reader = ["ann"]\n')
    report = syncing.sync(context)
    assert report.moved == 1, "the side file is no part of the content"
    assert [s.reason for s in report.skipped] == ["there is no pay.csv beside it"]
    (folder / "documents" / "wages.csv.ragraft.toml").write_text('reader = ["ann"]\n')
    assert "its side file (….ragraft.toml) holds `reader`" in syncing.sync(context).skipped[-1].reason
    assert "wages.csv" not in context.index.documents(), "what cannot be understood opens nothing"


def test_rules_name_the_readers_of_parts_of_a_source(tmp_path: Path) -> None:
    rule = '[[sources.rules]]\npath = "staff-*"\nreaders = ["staff"]\n'
    folder = project(tmp_path / "p", HEAD + ROWS + rule)
    lines(folder, **{"one": "One words.", "staff-two": "Two words."})
    context, _ = opened(folder)
    syncing.sync(context)
    assert set(context.index.chunks_of(["faq/one", "faq/staff-two"], READER)) == {"faq/one"}
    (folder / "faq.jsonl").unlink()
    (folder / "ragraft.toml").write_text(HEAD + ROWS + rule.replace("staff-*", "*"))
    context, _ = opened(folder)
    assert syncing.sync(context).kept == 2
    assert context.index.chunks_of(["faq/one", "faq/staff-two"], READER) == {}, "also while the source is down"

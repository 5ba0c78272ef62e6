"""Writing, replacing, removing, versions, concurrency and purging, on real LanceDB tables."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ragraft.errors import DataError, StoreError
from ragraft.retrieve import layout
from ragraft.retrieve.index import Index, search_text
from ragraft.types import Reader

from .samples import DIMENSION, RETRIEVAL, entry, large, open_index


def texts(index: Index) -> list[str]:
    rows = index.snapshot().table.search().select(["document", "text"]).to_arrow().to_pylist()
    return sorted(row["text"] for row in rows)


def test_write_replaces_whole_documents_and_leaves_others(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    index.write([entry("a", "one", "two", "three"), entry("b", "four")])
    assert index.write([entry("a", "new", digest="h2")]) > 1
    assert texts(index) == ["four", "new"]
    assert index.documents() == {
        "a": index.key("h2", ["everyone"]),
        "b": index.key("h1", ["everyone"]),
    }


def test_removing_alone_and_together_with_a_write(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    index.write([entry("a", "one"), entry("b", "two"), entry("it's", "three")])
    index.write([entry("a", "uno")], ["it's"])
    assert texts(index) == ["two", "uno"]
    index.write([], ["a", "b", "never there"])
    assert index.count() == 0


def test_nothing_to_write_makes_no_version(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    assert index.write([]) == index.version


def test_key_changes_with_hash_readers_and_recipe(tmp_path: Path) -> None:
    index, other = open_index(tmp_path / "1"), open_index(tmp_path / "2", recipe="chunks of 100")
    keys = {index.key("h", ["a"]), index.key("h2", ["a"]), index.key("h", ["a", "b"]), other.key("h", ["a"])}
    assert len(keys) == 4
    assert index.key("h", ["b", "a"]) == index.key("h", ["a", "b"])


def test_chunks_come_back_as_written(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    written = entry("a", "one", "two", readers=("staff",))
    alien = entry("b", "three", readers=("board",))
    index.write([written, replace(alien, chunks=(replace(alien.chunks[0], page=None),))])
    staff = Reader(user="u", groups=frozenset({"staff"}))
    assert index.chunks_of({"a", "b"}, staff) == {"a": written.chunks}
    assert index.chunks_of({"b"}, Reader(user="board"))["b"][0].page is None
    assert search_text(written.chunks[0]) == "Title of a\nPart\none"


def test_another_embedder_is_refused_until_rebuilt(tmp_path: Path) -> None:
    open_index(tmp_path).write([entry("a", "one")])
    with pytest.raises(StoreError, match="embedder `tiny`, the project names `other`; run `ragraft sync --rebuild`"):
        open_index(tmp_path, name="other")
    assert open_index(tmp_path, name="other", rebuild=True).count() == 0


def test_reopening_keeps_everything_and_changing_stemming_needs_no_rebuild(tmp_path: Path) -> None:
    open_index(tmp_path).write([entry("a", "running")])
    unstemmed = RETRIEVAL.model_copy(update={"stem": False})
    again = Index.open(tmp_path, embedder_name="tiny", dimension=lambda: DIMENSION, retrieval=unstemmed)
    assert again.count() == 1
    table = again.snapshot().table
    assert len(table.search("run", query_type="fts").to_arrow()) == 0
    assert len(table.search("running", query_type="fts").to_arrow()) == 1


def test_vectors_of_the_wrong_shape_and_repeated_ids_are_named(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    good = entry("a", "one")
    with pytest.raises(DataError, match=r"a: vectors of shape \(1, 3\) for 1 chunks of dimension 8"):
        index.write([replace(good, vectors=np.zeros((1, 3), np.float32))])
    with pytest.raises(DataError, match="a#0: two chunks"):
        index.write([good, good])
    assert index.count() == 0


def test_a_damaged_folder_is_a_store_error(tmp_path: Path) -> None:
    open_index(tmp_path).write([entry("a", "one")])
    for manifest in tmp_path.glob("chunks.lance/_versions/*.manifest"):
        manifest.write_bytes(b"not a manifest")
    with pytest.raises(StoreError, match="rebuild"):
        open_index(tmp_path).count()


def test_a_snapshot_stays_while_others_write(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    index.write([entry("a", "old")])
    before = index.snapshot()
    assert index.snapshot() is before
    open_index(tmp_path).write([entry("a", "new")])
    assert before.table.search().select(["text"]).to_arrow()["text"].to_pylist() == ["old"]
    assert texts(index) == ["new"]


def test_a_reader_during_writes_sees_whole_versions_only(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    index.write([entry("a", "v0 x", "v0 y"), entry("b", "v0 z")])
    done = threading.Event()

    def write() -> None:
        writer = open_index(tmp_path)
        for n in range(1, 6):
            writer.write([entry("a", *[f"v{n} {i}" for i in range(n + 1)]), entry("b", f"v{n} z")])
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen: set[str] = set()
    while not done.is_set():
        found = texts(index)
        versions = {text.split()[0] for text in found}
        assert len(versions) == 1
        version = versions.pop()
        assert len(found) == (3 if version == "v0" else int(version[1:]) + 2)
        seen.add(version)
    thread.join()
    assert {text.split()[0] for text in texts(index)} == {"v5"}


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    open_index(tmp_path)

    def write(name: str) -> None:
        writer = open_index(tmp_path)
        for n in range(4):
            writer.write([entry(f"{name}{n}", f"text {name}{n}")])

    threads = [threading.Thread(target=write, args=(name,)) for name in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(open_index(tmp_path).documents()) == {f"{name}{n}" for name in "xy" for n in range(4)}
    assert open_index(tmp_path).count() == 8


def test_purge_leaves_no_byte_of_a_removed_document(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    index.write([entry(f"d{n}", f"common words {n}") for n in range(30)] + [entry("secret", "zanzibarium 4711")])
    index.write([], ["secret"])
    index.purge()
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"zanzibarium" not in left
    assert b"secret" not in left
    store = tmp_path / "chunks.lance"
    for kind in ("_versions/*.manifest", "_transactions/*", "_indices/*", "data/*"):
        assert len(list(store.glob(kind))) == 1, f"nothing of older versions in {kind}"
    assert index.count() == 30
    assert len(index.snapshot().table.search("common", query_type="fts").limit(50).to_arrow()) == 30


@pytest.mark.parametrize("purged", [False, True])
def test_two_writers_of_the_same_new_document_leave_one(tmp_path: Path, purged: bool) -> None:
    index = open_index(tmp_path)
    if purged:
        index.write([entry("a", "one")])
        index.purge()
    start = threading.Barrier(2)

    def write(name: str) -> None:
        writer = open_index(tmp_path)
        for n in range(6):
            start.wait()
            writer.write([entry(f"new{n}", *[name] * (2 if name == "x" else 3))])

    threads = [threading.Thread(target=write, args=(name,)) for name in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(6):
        found = [c.text for c in index.chunks_of({f"new{n}"}, Reader(user="u"))[f"new{n}"]]
        assert found in (["x", "x"], ["y", "y", "y"])


def test_single_changes_do_not_pile_up_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large(monkeypatch)
    monkeypatch.setattr(layout, "GATHER_AFTER", 4)
    index = open_index(tmp_path)
    index.write([entry(f"d{n}", "apple", seed=n) for n in range(20)])
    for n in range(9):
        index.write([entry(f"d{n}", f"pear {n}", digest="h2", seed=n)])
        files = index.snapshot().table.stats()["fragment_stats"]["num_fragments"]
        assert files <= 4
    assert index.snapshot().table.index_stats("vector_idx").num_unindexed_rows == 9
    chunks = index.chunks_of([f"d{n}" for n in range(20)], Reader(user="ann"))
    assert [chunks[f"d{n}"][0].text for n in range(20)] == [f"pear {n}" for n in range(9)] + ["apple"] * 11
    vectors = index.vectors_of([f"d{n}" for n in range(20)])
    assert len(vectors) == 10 + 10
    assert index.count() == 20


def test_gathering_leaves_what_others_change_meanwhile(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    index.write([entry("a", "apple"), entry("b", "apple"), entry("c", "apple")])
    other = open_index(tmp_path)

    class Overtaken:
        def __getattr__(self, name: str) -> object:
            if name == "merge_insert":
                other.write([entry("a", "pear", digest="h2")], ["b"])
            return getattr(index._table, name)  # pyright: ignore[reportPrivateUsage]

    layout.gather(Overtaken(), 3)
    found = index.chunks_of(["a", "b", "c"], Reader(user="ann"))
    assert {d: c[0].text for d, c in found.items()} == {"a": "pear", "c": "apple"}
    assert index.count() == 2

"""Finding documents: globs, readers, hashes, and what is left out."""

from pathlib import Path

import pytest

from ragraft.config import AccessRule, DocumentsSection
from ragraft.corpus.sources import Item, Place, Unavailable, files, matches, readers
from ragraft.corpus.sources.files import documents, find
from ragraft.errors import ConfigError, DataError
from ragraft.sourcing import FilesSource
from ragraft.types import Skipped


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("a.md", "hr/pay.md", "hr/deep/old.md", "z/notes.txt", ".git/x.md", "hr/.hidden.md", ".ragraft/y.md"):
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def place(folder: Path, limit: int = 1 << 20, **variables: str) -> Place:
    return Place(folder=folder, limit=limit, settings=variables)


def found(folder: Path, **section: object) -> list[Item]:
    items = list(documents(place(folder), DocumentsSection.model_validate(section)))
    return [item for item in items if isinstance(item, Item)]


def ids(folder: Path, **section: object) -> list[str]:
    return [item.id for item in found(folder, **section)]


def test_all_visible_files_in_order(project: Path) -> None:
    assert ids(project) == ["a.md", "hr/deep/old.md", "hr/pay.md", "z/notes.txt"]


def test_include_and_exclude(project: Path) -> None:
    assert ids(project, include=("**/*.md",), exclude=("hr/deep/",)) == ["a.md", "hr/pay.md"]
    assert ids(project, include=("*.md",)) == ["a.md"]
    assert ids(project, include=("hr/*",)) == ["hr/pay.md"]


def test_links_out_of_the_root_are_left_out(project: Path) -> None:
    (project / "secret.md").write_text("secret")
    (project / "documents" / "out.md").symlink_to(project / "secret.md")
    (project / "documents" / "loop").symlink_to(project / "documents", target_is_directory=True)
    (project / "documents" / "in.md").symlink_to(project / "documents" / "a.md")
    (project / "documents" / "broken.md").symlink_to(project / "nothing")
    assert ids(project, include=("**/*.md",)) == ["a.md", "hr/deep/old.md", "hr/pay.md", "in.md"]


def test_the_last_rule_wins_and_nobody_is_the_default() -> None:
    rules = (AccessRule(path="hr/**", readers=("hr",)), AccessRule(path="hr/deep/*", readers=("board", "board")))
    section = DocumentsSection(readers=("everyone",), rules=rules)
    assert readers("a.md", section) == ("everyone",)
    assert readers("hr/pay.md", section) == ("hr",)
    assert readers("hr/deep/old.md", section) == ("board",)
    assert readers("a.md", DocumentsSection()) == ()


def test_the_hash_follows_the_bytes(project: Path) -> None:
    before = {i.id: i.hash for i in found(project)}
    (project / "documents" / "a.md").write_text("changed")
    after = {i.id: i.hash for i in found(project)}
    assert [name for name in before if before[name] != after[name]] == ["a.md"]
    assert len(before["a.md"]) == 64


def test_no_documents_names_folder_and_globs(project: Path) -> None:
    with pytest.raises(DataError, match=r"documents: no documents \(include \['\*\.pdf'\]\)"):
        found(project, include=("*.pdf",))
    with pytest.raises(DataError, match="nowhere: no such folder"):
        found(project, root="nowhere")
    with pytest.raises(DataError, match=r"a\.md: a file, not a folder"):
        found(project, root="documents/a.md")


@pytest.mark.parametrize(
    ("document", "glob", "expected"),
    [
        ("a/b.md", "**/*.md", True),
        ("b.md", "**/*.md", True),
        ("a/b.md", "*.md", False),
        ("a/b/c.md", "a/**", True),
        ("ab.md", "a?.md", True),
        ("a1.md", "a[0-9].md", True),
        ("ax.md", "a[!0-9].md", True),
        ("a+b (1).md", "a+b (1).md", True),
        ("a[.md", "a[.md", True),
        ("a.md", "./a.md", True),
    ],
)
def test_globs(document: str, glob: str, expected: bool) -> None:
    assert matches(document, glob) is expected


def test_an_item_knows_its_date_and_how_to_be_read(project: Path) -> None:
    item = found(project, tags=("t",))[0]
    assert (item.read(), item.suffix, item.tags) == (b"a.md", ".md", ("t",))
    assert item.modified is not None
    assert item.modified.endswith("+00:00")


def test_a_file_over_the_limit_is_named(project: Path) -> None:
    (project / "documents" / "a.md").write_bytes(b"x" * 3_000_000)
    large = next(i for i in documents(place(project), DocumentsSection()) if isinstance(i, Skipped))
    assert (large.source, "larger than 1 MB" in large.reason) == ("a.md", True)


def test_a_named_folder_has_its_name_before_every_id(project: Path) -> None:
    source = FilesSource(
        type="files", name="kb", url="documents/hr", readers=("hr",), tags=("pay",), exclude=("deep/",)
    )
    items = [i for i in find(source, place(project)) if isinstance(i, Item)]
    assert [(i.id, i.readers, i.tags) for i in items] == [("kb/pay.md", ("hr",), ("pay",))]
    with pytest.raises(Unavailable, match="gone: no such folder"):
        list(find(source.model_copy(update={"url": "gone"}), place(project)))
    with pytest.raises(Unavailable, match=r"a\.md: a file, not a folder"):
        list(find(source.model_copy(update={"url": "documents/a.md"}), place(project)))


def test_any_fsspec_store(project: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe({"/kb/a.md": b"# A", "/kb/deep/b.txt": b"B", "/kb/.hidden.md": b"no", "/kb/big.md": b"x" * 3_000_000})
    source = FilesSource(type="files", name="kb", url="memory://${WHERE}")
    listed = list(find(source, place(project, WHERE="kb")))
    items = {i.id: i for i in listed if isinstance(i, Item)}
    assert {name: item.read() for name, item in items.items()} == {"kb/a.md": b"# A", "kb/deep/b.txt": b"B"}
    assert [s.source for s in listed if isinstance(s, Skipped)] == ["kb/big.md"]
    store.pipe("/kb/a.md", b"# Changed")
    again = {i.id: i.hash for i in find(source, place(project, WHERE="kb")) if isinstance(i, Item)}
    assert [name for name in again if again[name] != items[name].hash] == ["kb/a.md"]
    store.pipe("/kb/a.md.ragraft.toml", b'readers = ["ann"]')
    beside = next(i for i in find(source, place(project, WHERE="kb")) if isinstance(i, Item))
    assert (beside.side, beside.hash.partition("+")[0]) == (b'readers = ["ann"]', again["kb/a.md"])
    store.rm("/kb", recursive=True)
    with pytest.raises(Unavailable):
        list(find(source, place(project, WHERE="kb")))


def test_a_web_address_within_another_url_is_refused(project: Path) -> None:
    source = FilesSource(type="files", name="kb", url="simplecache::http://169.254.169.254/latest")
    with pytest.raises(ConfigError, match="fetched unchecked"):
        list(find(source, place(project)))


def test_what_a_url_needs_is_named(project: Path) -> None:
    def listed(url: str) -> list[Item | Skipped]:
        return list(find(FilesSource(type="files", name="kb", url=url), place(project)))

    with pytest.raises(ConfigError, match="KB_TOKEN is not set"):
        listed("memory://${KB_TOKEN}")
    with pytest.raises(ConfigError, match=r"adlfs|pip install 'ragraft\[azure\]'"):
        listed("az://container/kb")
    with pytest.raises(ConfigError, match="nowhere://"):
        listed("nowhere://kb")


def test_the_credentials_of_an_object_store_come_from_the_settings() -> None:
    settings = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "X": "y",
    }
    s3 = {"key": "id", "secret": "s", "endpoint_url": "http://127.0.0.1:1"}
    assert files.credentials("s3://bucket/folder", settings) == {"s3": s3}
    assert files.credentials("simplecache::s3://bucket/folder", settings) == {"s3": s3}
    assert files.credentials("gs://bucket", settings) == {"gs": {}}
    own = {**settings, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"}
    assert files.credentials("s3://bucket", own)["s3"]["endpoint_url"] == "http://127.0.0.1:2"
    assert files.credentials("memory://bucket", settings) == {}


def test_documents_in_s3_are_read_with_the_keys_of_the_project(tmp_path: Path) -> None:
    pytest.importorskip("s3fs", reason="needs ragraft[s3]")
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
        client.create_bucket(Bucket="docs")
        client.put_object(Bucket="docs", Key="hand/a.md", Body=b"# Desks")
        client.put_object(Bucket="docs", Key="hand/a.md.ragraft.toml", Body=b'readers = ["ann"]')
        settings = {name.upper(): value for name, value in keys.items()} | {"AWS_ENDPOINT_URL": url}
        source = FilesSource.model_validate(
            {"name": "bucket", "type": "files", "url": "s3://docs/hand", "readers": ("ann", "bob")}
        )
        items = [i for i in find(source, place(tmp_path, **settings)) if isinstance(i, Item)]
        read = [(i.id, i.read(), i.side) for i in items]
    finally:
        server.stop()
    assert read == [("bucket/a.md", b"# Desks", b'readers = ["ann"]')]

"""The same index on an S3 endpoint: written, searched, purged, and written to by two at once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragraft import pipeline, syncing
from ragraft.config import ChunksSection
from ragraft.context import Context, storage_options
from ragraft.errors import StoreError
from ragraft.retrieve.history import as_of
from ragraft.retrieve.index import Index
from ragraft.retrieve.search import search
from ragraft.types import Reader

from ..project import CONFIG, make
from .samples import RETRIEVAL, entry, open_index, unit

ANN = Reader(user="ann")
BUCKET = "ragraft-test"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket=BUCKET)
    yield url
    server.stop()


@pytest.fixture
def keys(endpoint: str, tmp_path: Path) -> str:
    """A project's `.env` that reaches the endpoint, in `tmp_path`."""
    lines = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    (tmp_path / ".env").write_text(text)
    return text


def remote(name: str, tmp_path: Path) -> Index:
    return open_index(f"s3://{BUCKET}/{name}", storage=storage_options(tmp_path))


def test_plain_http_is_allowed_only_where_the_endpoint_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    assert "allow_http" not in storage_options(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://store.example")
    assert storage_options(tmp_path)["allow_http"] == "false"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    found = storage_options(tmp_path)
    assert (found["allow_http"], found["aws_endpoint"]) == ("true", "http://127.0.0.1:9000")


@pytest.mark.usefixtures("keys")
def test_write_search_and_purge(tmp_path: Path) -> None:
    index = remote("one", tmp_path)
    version = index.write([entry("a", "apple", readers=("ann",)), entry("b", "apple", readers=("bob",))])
    index.write([entry("a", "apple pie", readers=("ann",))])
    found = search(remote("one", tmp_path), ["apple"], unit(99), ANN, RETRIEVAL)[0]
    assert [p.chunk.text for p in found] == ["apple pie"]
    assert [p.chunk.text for p in search(as_of(index, version), ["apple"], unit(99), ANN, RETRIEVAL)[0]] == ["apple"]
    index.write([], ["a"])
    index.purge()
    assert remote("one", tmp_path).documents().keys() == {"b"}
    assert len(index.versions()) == 1


@pytest.mark.usefixtures("keys")
def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    remote("two", tmp_path)

    def write(name: str) -> None:
        writer = remote("two", tmp_path)
        for n in range(4):
            writer.write([entry(f"{name}{n}", f"text {name}{n}"), entry("shared", *[f"{name} {n}"] * 2)])

    failed: list[BaseException] = []

    def guarded(name: str) -> None:
        try:
            write(name)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(name,)) for name in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    index = remote("two", tmp_path)
    assert index.documents().keys() == {f"{name}{n}" for name in "xy" for n in range(4)} | {"shared"}
    texts = [c.text for c in index.chunks_of({"shared"}, ANN)["shared"]]
    assert len(texts) == 2
    assert len(set(texts)) == 1, "one writer's version, whole"


def test_a_project_syncs_searches_and_forgets_there(tmp_path: Path, keys: str) -> None:
    folder = make(tmp_path / "project", CONFIG + f'\n[store]\nurl = "s3://{BUCKET}/project"\n')
    (folder / ".env").write_text(keys)
    sentences = " ".join(f"Rule {n} of the house is kept by all who work there." for n in range(12))
    (folder / "documents" / "rules.md").write_text(f"# Rules\n\n{sentences}\n")
    assert pipeline.sync(Context(folder)).added == 10
    assert not Context(folder).space.index.exists()
    again = Context(folder)
    assert pipeline.sync(again).unchanged == 10
    assert pipeline.search(again, "What does the Elm plan cost?", ANN)[0].chunk.document == "elm.md"
    before = again.index.version
    cut = syncing.recut(again, ChunksSection(max_tokens=32, overlap_tokens=0), tmp_path / "cut")
    assert cut.documents().keys() == again.index.documents().keys()
    assert cut.count() > again.index.count()
    assert again.index.version == before, "the copy for a race lies in a folder"
    pipeline.forget(again, ["elm.md"])
    assert "elm.md" not in {p.chunk.document for p in pipeline.search(Context(folder), "the Elm plan", ANN)}


def test_a_store_that_is_down_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "AWS_ACCESS_KEY_ID=secret-id\nAWS_SECRET_ACCESS_KEY=secret-key\nAWS_REGION=us-east-1\n"
        "AWS_ENDPOINT_URL=http://127.0.0.1:9\nAWS_CLIENT_MAX_RETRIES=0\n"
    )
    with pytest.raises(StoreError, match=r"s3://ragraft-test/down: the index cannot be used") as caught:
        remote("down", tmp_path)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)

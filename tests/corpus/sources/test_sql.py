"""Rows of a real SQLite database as documents, and their live values."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item, Unavailable, live_values
from ragraft.corpus.sources.sql import find
from ragraft.errors import ConfigError, LiveError
from ragraft.sourcing import SqlSource
from ragraft.types import Document, Skipped

from .servers import place


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute(
            "create table items (sku integer, name text, about text, stock int, price real, changed text, who text)"
        )
        rows = [
            (1, "Rope", "A strong rope.", 3, 12.5, "2026-01-02 10:00:00", "everyone"),
            (2, "Lamp", None, 0, 30.0, "2026-01-03T10:00:00+02:00", "staff, hr"),
            (3, "Bell", "A bell.", None, 5.0, None, None),
        ]
        database.executemany("insert into items values (?, ?, ?, ?, ?, ?, ?)", rows)
    return tmp_path


def source(**more: Any) -> SqlSource:
    return SqlSource(
        type="sql", name="shop", url="sqlite:///shop.db", query="select * from items;", key="sku", title="{name}",
        template="# {name}\n\n{about}", **more,
    )  # fmt: skip


def rows(folder: Path, of: SqlSource) -> Iterator[Item | Skipped]:
    return find(of, place(folder))


def test_a_row_is_a_document_through_the_template(shop: Path) -> None:
    items = list(rows(shop, source(updated="changed", readers_column="who", tags=("shop",))))
    assert all(isinstance(i, Item) for i in items)
    rope, lamp, bell = (i for i in items if isinstance(i, Item))
    read = parse(rope)
    assert isinstance(read, Document)
    assert (read.id, read.title, read.text) == ("shop/1", "Rope", "# Rope\n\nA strong rope.")
    assert (read.modified, read.tags) == ("2026-01-02T10:00:00+00:00", ("shop",))
    assert [i.readers for i in (rope, lamp, bell)] == [("everyone",), ("staff", "hr"), ()]
    assert lamp.modified == "2026-01-03T08:00:00+00:00"


def test_a_live_column_changes_no_hash(shop: Path) -> None:
    of = source(live=("stock", "price"))
    before = [i.hash for i in rows(shop, of) if isinstance(i, Item)]
    with sqlite3.connect(shop / "shop.db") as database:
        database.execute("update items set stock = 99, about = about || '!' where sku = 1")
        database.execute("update items set stock = 98 where sku = 2")
    after = [i.hash for i in rows(shop, of) if isinstance(i, Item)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, True]


def test_a_column_that_is_not_there_is_named(shop: Path) -> None:
    with pytest.raises(ConfigError, match="no column `nope`; it gives sku, name"):
        list(rows(shop, source(updated="nope")))
    with pytest.raises(ConfigError, match="`about` is live and stands in the template"):
        list(rows(shop, source(live=("about",))))


def test_a_database_that_is_not_there_is_unavailable_and_no_password_is_shown(shop: Path) -> None:
    with pytest.raises(Unavailable, match=r"gone\.db: no such file"):
        list(rows(shop, source().model_copy(update={"url": "sqlite:///gone.db"})))
    assert not (shop / "gone.db").exists()
    with pytest.raises(Unavailable, match="no such table"):
        list(rows(shop, source().model_copy(update={"query": "select * from gone"})))
    of = source().model_copy(update={"url": "sqlite:///${DB}"})
    with pytest.raises(Unavailable) as caught:
        list(find(of.model_copy(update={"query": "select s3cret from items"}), place(shop, DB="shop.db", T="s3cret")))
    assert "shop.db" not in str(caught.value)
    with pytest.raises(ConfigError, match="DB is not set"):
        list(rows(shop, of))


def test_live_values_are_read_by_key_in_one_query(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.engine import Connection

    asked: list[str] = []
    execute = Connection.execute

    def counted(self: Connection, statement: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(str(statement))
        return execute(self, statement, *args, **kwargs)

    monkeypatch.setattr(Connection, "execute", counted)
    of = source(live=("stock", "price"))
    documents = {"shop/1", "shop/3", "shop/404", "other/2", "plain.md"}
    assert live_values([of], place(shop), documents) == {
        "shop/1": "Current values: stock 3, price 12.5.",
        "shop/3": "Current values: stock unknown, price 5.0.",
    }
    assert len(asked) == 1
    assert live_values([of], place(shop), {"plain.md"}) == {}
    assert live_values([of], place(shop), {"shop/1' OR '1'='1"}) == {}


def test_a_database_that_is_down_is_said_or_stops_the_answer(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "shop.db").unlink()
    stale, fail = source(live=("stock",)), source(live=("stock",), when_down="fail")
    assert live_values([stale], place(shop), {"shop/1"}) == {
        "shop/1": "Current values of stock are not available just now."
    }
    with pytest.raises(LiveError, match=r"shop: the live values \(stock\) cannot be read"):
        live_values([fail], place(shop), {"shop/1"})


def test_a_database_that_does_not_answer_costs_no_more_than_the_timeout(shop: Path) -> None:
    slow = "with recursive n(x) as (select 1 union all select x + 1 from n limit 30000000) select i.* from items i, (select max(x) from n)"
    of = source(live=("stock",), timeout_s=0.2).model_copy(update={"query": slow})
    started = time.monotonic()
    assert "not available" in live_values([of], place(shop), {"shop/1"})["shop/1"]
    assert time.monotonic() - started < 2

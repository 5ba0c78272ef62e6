"""The filter language: what it means, checked in the store against plain Python; what it refuses; what cannot get through."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragraft.errors import ConfigError
from ragraft.retrieve.snapshot import Snapshot
from ragraft.types import Chunk
from ragraft.where import DEEPEST, both, condition

from .retrieve.samples import entry, open_index

CHUNKS: list[Chunk] = []


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    index = open_index(tmp_path_factory.mktemp("index"))
    entries = [
        _entry("hr/leave.md", "Leave", ("hr", "o'neil"), "2025-01-01T09:30:00+00:00", 1),
        _entry("hr/pay.md", "Pay", ("hr", "draft"), "2024-12-31T23:59:59+00:00", 2),
        _entry('it/"vpn".md', "VPN \\ %_", (), "2025-03-01T00:00:00+00:00", None),
        _entry("it/keys.md", "Keys", ("it",), None, 12),
    ]
    index.write(entries)
    CHUNKS[:] = [e.chunks[0] for e in entries]
    return index.snapshot()


def _entry(name: str, heading: str, tags: tuple[str, ...], modified: str | None, page: int | None) -> Any:
    made = entry(name, "apple")
    chunk = replace(made.chunks[0], heading=heading, tags=tags, modified=modified, page=page)
    return replace(made, chunks=(chunk,))


def met(snapshot: Snapshot, text: str) -> set[str]:
    rows = snapshot.table.search().where(condition(text)).select(["document"]).to_arrow()
    return {name.rpartition("/")[2].partition(".")[0].strip('"') for name in rows["document"].to_pylist()}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tag = 'hr'", {"leave", "pay"}),
        ("tags = 'hr' and NOT tag = 'draft'", {"leave"}),
        ("tag != 'hr'", {"vpn", "keys"}),
        ("tag = 'o''neil'", {"leave"}),
        ('tag = "o\'neil"', {"leave"}),
        ("tag IN ('it', 'draft')", {"pay", "keys"}),
        ("tag NOT IN ('it', 'draft')", {"leave", "vpn"}),
        ("tag IS NULL", {"vpn"}),
        ("modified >= '2025-01-01'", {"leave", "vpn"}),
        ("modified > '2025-01-01'", {"vpn"}),
        ("modified <= '2025-01-01'", {"leave", "pay"}),
        ("modified < '2025-01-01'", {"pay"}),
        ("modified = '2024-12-31'", {"pay"}),
        ("modified <> '2024-12-31'", {"leave", "vpn"}),
        ("modified = '2025-01-01T10:30:00+01:00'", {"leave"}),
        ("modified IS NULL", {"keys"}),
        ("NOT modified >= '2025-01-01'", {"pay"}),
        ("page > 1", {"pay", "keys"}),
        ("page = 1 OR page IS NULL", {"leave", "vpn"}),
        ("page = 1 OR page = 2 AND tag = 'it'", {"leave"}),
        ("(page = 1 OR page = 2) AND NOT (tag = 'it' OR tag = 'draft')", {"leave"}),
        ("document = 'it/\"vpn\".md'", {"vpn"}),
        ("document LIKE 'hr/%'", {"leave", "pay"}),
        ("document NOT LIKE 'hr/%'", {"vpn", "keys"}),
        ("heading = 'VPN \\ %_'", {"vpn"}),
        ("heading != 'Pay' AND title LIKE '%md'", {"leave", "vpn", "keys"}),
    ],
)
def test_what_a_filter_means(snapshot: Snapshot, text: str, wanted: set[str]) -> None:
    assert met(snapshot, text) == wanted


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a name (document, title, heading, tag, modified, page) should stand where the filter ends"),
        ("readers = 'x'", "where 'readers' stands"),
        ("tag = 'a' OR true", "where 'true' stands"),
        ("tag = 'a'; DROP TABLE chunks", "'; DROP TABLE chunks' is no part of a filter"),
        ("tag = 'a' --", "'--' is no part of a filter"),
        ("tag = 'a", "is no part of a filter"),
        ("tag = hr", "a text in quotes should stand where 'hr' stands"),
        ("tag < 'a'", "= or != or <> or IN should stand where '<' stands"),
        ("page = 'one'", "a page number should stand where \"'one'\" stands"),
        ("page = 99999999999", "there is no page 99999999999"),
        ("modified > 'yesterday'", "'yesterday' is no date"),
        ("tag = 'a' tag = 'b'", "AND, OR or the end should stand where 'tag' stands"),
        ("(tag = 'a'", ") should stand where the filter ends"),
        ("tag IN ()", "a text in quotes should stand where ')' stands"),
        ("tag = 'a'" + " OR tag = 'a'" * 200, "2000 are the most"),
        ("(" * (DEEPEST + 2) + "tag = 'a'", "deep"),
        ("NOT " * (DEEPEST + 2) + "tag = 'a'", "deep"),
    ],
)
def test_what_it_refuses(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        condition(text)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_filters_are_joined_only_when_each_is_right() -> None:
    assert both("", " ") == ""
    assert both("page = 1", "") == "page = 1"
    assert both("page = 1 OR page = 2", "tag = 'a'") == "(page = 1 OR page = 2) AND (tag = 'a')"
    with pytest.raises(ConfigError):
        both("page = 1) OR (page = 2", "tag = 'a'")


VALUES = st.one_of(st.sampled_from(["hr", "it", "o'neil", "%", "\\", "' OR true --"]), st.text(max_size=6))
ATOMS = st.one_of(
    st.tuples(st.just("tag"), st.sampled_from(["=", "!="]), VALUES),
    st.tuples(st.just("document"), st.sampled_from(["=", "!="]), VALUES),
    st.tuples(st.just("page"), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(0, 13)),
    st.tuples(
        st.just("modified"),
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.datetimes(datetime(2024, 12, 30), datetime(2025, 3, 2)).map(lambda d: d.replace(microsecond=0, tzinfo=UTC)),
    ),
)
TREES: Any = st.recursive(
    ATOMS,
    lambda inner: st.one_of(st.tuples(st.just("NOT"), inner), st.tuples(st.sampled_from(["AND", "OR"]), inner, inner)),
    max_leaves=6,
)


def written(tree: Any) -> str:
    if tree[0] == "NOT":
        return f"NOT ({written(tree[1])})"
    if tree[0] in ("AND", "OR"):
        return f"({written(tree[1])} {tree[0]} {written(tree[2])})"
    name, sign, value = tree
    if isinstance(value, datetime):
        value = value.isoformat()
    return (
        f"{name} {sign} {value}" if isinstance(value, int) else f"{name} {sign} '{value.replace(chr(39), chr(39) * 2)}'"
    )


def holds(tree: Any, chunk: Chunk) -> bool | None:
    """Three-valued, as in SQL: None where a chunk has no such value."""
    if tree[0] == "NOT":
        inner = holds(tree[1], chunk)
        return None if inner is None else not inner
    if tree[0] in ("AND", "OR"):
        parts = [holds(tree[1], chunk), holds(tree[2], chunk)]
        decisive = tree[0] == "OR"
        return decisive if decisive in parts else None if None in parts else not decisive
    name, sign, value = tree
    if name == "tag":
        return (value in chunk.tags) == (sign == "=")
    own: Any = getattr(chunk, name)
    if own is None:
        return None
    own = datetime.fromisoformat(own) if name == "modified" else own
    outcomes = {"=": own == value, "!=": own != value}
    if name in ("page", "modified"):
        outcomes |= {"<": own < value, "<=": own <= value, ">": own > value, ">=": own >= value}
    return outcomes[sign]


@settings(max_examples=60, deadline=None)
@given(tree=TREES)
def test_any_filter_means_the_same_in_the_store_as_in_plain_python(snapshot: Snapshot, tree: Any) -> None:
    rows = snapshot.table.search().where(condition(written(tree))).select(["document"]).to_arrow()
    assert set(rows["document"].to_pylist()) == {c.document for c in CHUNKS if holds(tree, c)}


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="tagpe=<>!'\"()ANDORNOTINIS 12;-*\\\n", max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    complaint = ""
    try:
        assert condition(text)
    except ConfigError as error:
        complaint = str(error)
    assert "\n" not in complaint

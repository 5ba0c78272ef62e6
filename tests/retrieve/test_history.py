"""Older versions: what is in them, under whose rights, and every search path against a brute-force oracle."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragraft.errors import DataError
from ragraft.retrieve.history import as_of, texts_ever, versions
from ragraft.retrieve.index import Entry, Index
from ragraft.retrieve.search import search
from ragraft.retrieve.snapshot import Snapshot
from ragraft.types import EVERYONE, Reader

from .samples import PATHS, RETRIEVAL, entry, large, open_index, take, unit

ANN, BOB = Reader(user="ann"), Reader(user="bob")
WIDE = RETRIEVAL.model_copy(update={"passages": 99})


def own(written: Entry, *readers: str) -> Entry:
    """The entry with its own reader list."""
    return replace(
        written,
        document=replace(written.document, own_readers=readers),
        chunks=tuple(replace(c, own_readers=readers) for c in written.chunks),
    )


def seen(index: Index | Snapshot, reader: Reader, query: str = "apple") -> dict[str, str]:
    """Document -> text of what is found."""
    return {p.chunk.document: p.chunk.text for p in search(index, [query], unit(99), reader, WIDE)[0]}


def test_versions_are_listed_and_searched_as_they_were(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    first = index.write([entry("a", "apple old"), entry("b", "apple")])
    second = index.write([entry("a", "apple new"), entry("c", "apple")], ["b"])
    listed = {v.version: v.chunks for v in versions(index)}
    assert list(listed) == sorted(listed, reverse=True)
    assert (listed[first], listed[second]) == (2, 2)
    assert versions(index)[0].made.endswith("+00:00")
    then = as_of(index, first)
    assert then.version == first
    assert seen(then, ANN) == {"a": "apple old", "b": "apple"}
    assert seen(index, ANN) == {"a": "apple new", "c": "apple"}
    assert then.chunks_of(["a"], ANN)["a"][0].text == "apple old"
    assert texts_ever(index, ["a", "b", "x"]) == {
        "a": ["Title of a\nPart\napple new", "Title of a\nPart\napple old"],
        "b": ["Title of b\nPart\napple"],
    }
    with pytest.raises(DataError, match=r"version 999 cannot be searched: there are 1 to \d+ "):
        as_of(index, 999)


@pytest.mark.parametrize("exact", [True, False])
def test_rights_of_now_hold_for_older_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: bool) -> None:
    if not exact:
        large(monkeypatch)
    index = open_index(tmp_path)
    version = index.write(
        [
            entry("withdrawn", "apple", readers=("ann",)),
            entry("granted", "apple", readers=("bob",)),
            own(entry("narrowed", "apple"), EVERYONE),
            entry("removed", "apple", readers=("ann",)),
        ]
    )
    index.write(
        [
            entry("withdrawn", "apple pie", readers=("bob",)),
            entry("granted", "apple pie", readers=("ann",)),
            own(entry("narrowed", "apple pie"), "bob"),
        ],
        ["removed"],
    )
    then = as_of(index, version)
    assert seen(then, ANN) == {"granted": "apple", "removed": "apple"}
    assert set(seen(then, BOB)) == {"withdrawn", "narrowed"}
    assert set(then.chunks_of(["withdrawn", "granted", "narrowed", "removed"], ANN)) == {"granted", "removed"}


def test_a_purged_version_is_gone(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    version = index.write([entry("a", "apple")])
    index.write([entry("a", "pear")])
    index.purge()
    assert len(versions(index)) == 1
    with pytest.raises(DataError, match="cannot be searched"):
        as_of(index, version)


def test_a_version_of_another_embedder_is_named(tmp_path: Path) -> None:
    version = open_index(tmp_path).write([entry("a", "apple")])
    other = open_index(tmp_path, name="other", rebuild=True)
    with pytest.raises(DataError, match=f"version {version} was made with another embedder"):
        as_of(other, version)


NAMES = ("ann", "bob", "it's", EVERYONE)
GROUPS = ("g0", "g1", "g2", "g3")
WORDS = ("apple", "pear", "plum", "fig")
LISTS = st.lists(st.sampled_from(NAMES + GROUPS), max_size=2).map(lambda v: tuple(dict.fromkeys(v)))


@st.composite
def groups_drawn(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Nested without a circle: a group's members are names or later groups."""
    drawn: dict[str, tuple[str, ...]] = {}
    for n, name in enumerate(GROUPS):
        members = draw(st.lists(st.sampled_from((*NAMES, *GROUPS[n + 1 :])), max_size=2, unique=True))
        if members:
            drawn[name] = tuple(members)
    return drawn


@dataclass(frozen=True)
class Doc:
    readers: tuple[str, ...]
    own: tuple[str, ...]
    words: tuple[str, ...]
    seed: int


DOCS = st.builds(
    Doc,
    readers=LISTS,
    own=st.one_of(st.just((EVERYONE,)), LISTS),
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple),
    seed=st.integers(0, 50),
)
STEPS = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.one_of(DOCS, st.none()), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


@dataclass
class Oracle:
    """Every state there was, as plain dicts."""

    groups: dict[str, tuple[str, ...]]
    states: dict[int, dict[str, Doc]] = field(default_factory=dict)

    def names(self, reader: Reader, name: str) -> bool:
        """Whether a list's entry names the reader: by itself, or through a member."""
        return name in reader.names or any(self.names(reader, m) for m in self.groups.get(name, ()))

    def open(self, reader: Reader, doc: Doc) -> bool:
        return all(any(self.names(reader, n) for n in names) for names in (doc.readers, doc.own))

    def visible(self, reader: Reader, version: int, latest: int) -> dict[str, Doc]:
        now = self.states[latest]
        return {d: doc for d, doc in self.states[version].items() if self.open(reader, now.get(d, doc))}


def check(found: Index | Snapshot, visible: dict[str, Doc], reader: Reader, word: str, top: int) -> None:
    """BM25, vectors, their fusion and the neighbours against what the oracle lets through."""
    few = RETRIEVAL.model_copy(update={"candidates": top, "passages": 99})
    passages = search(found, [word], unit(99), reader, few)[0]
    assert {p.chunk.document for p in passages} <= set(visible)
    assert all(p.chunk.text == " ".join(visible[p.chunk.document].words) for p in passages)
    matching = {d for d, doc in visible.items() if word in doc.words}
    lexical = {p.chunk.document for p in passages if p.bm25_rank is not None}
    assert lexical <= matching
    assert len(lexical) == min(top, len(matching))
    cosines = sorted((float(unit(doc.seed)[0] @ unit(99)[0]) for doc in visible.values()), reverse=True)[:top]
    dense = sorted((p for p in passages if p.cosine_rank is not None), key=lambda p: p.cosine_rank or 0)
    assert [p.cosine for p in dense] == pytest.approx(cosines, abs=1e-5)
    assert set(found.chunks_of("abcdef", reader)) == set(visible)


@settings(max_examples=40, deadline=None)
@given(
    groups=groups_drawn(),
    steps=STEPS,
    user=st.sampled_from(("ann", "bob", "it's", "eve")),
    member=st.frozensets(st.sampled_from((*GROUPS, EVERYONE)), max_size=2),
    word=st.sampled_from(WORDS),
    top=st.integers(1, 3),
    path=st.sampled_from(PATHS),
    forget=st.one_of(st.none(), st.sampled_from("abcdef")),
)
def test_every_search_path_against_a_brute_force_oracle(
    tmp_path_factory: pytest.TempPathFactory,
    groups: dict[str, tuple[str, ...]],
    steps: list[dict[str, Doc | None]],
    user: str,
    member: frozenset[str],
    word: str,
    top: int,
    path: str,
    forget: str | None,
) -> None:
    oracle, reader = Oracle(groups), Reader(user=user, groups=member)
    state: dict[str, Doc] = {}
    with pytest.MonkeyPatch.context() as patch:
        take(path, patch)
        index = open_index(tmp_path_factory.mktemp("index"), groups=groups)
        for step in steps:
            entries = [
                own(entry(d, " ".join(doc.words), readers=doc.readers, seed=doc.seed), *doc.own)
                for d, doc in step.items()
                if doc
            ]
            version = index.write(entries, [d for d, doc in step.items() if doc is None])
            state = {d: doc for d, doc in (state | step).items() if doc}
            oracle.states[version] = state
            check(index, oracle.visible(reader, version, version), reader, word, top)
        if forget:
            index.write([], [forget])
            index.purge()
            state = {d: doc for d, doc in state.items() if d != forget}
            oracle.states = {index.version: state}
        latest = max(oracle.states)
        check(index, oracle.visible(reader, latest, latest), reader, word, top)
        check(index.snapshot(), oracle.visible(reader, latest, latest), reader, word, top)
        for version in oracle.states:
            check(as_of(index, version), oracle.visible(reader, version, latest), reader, word, top)
        assert not texts_ever(index, [forget]) if forget else True

"""Vectors in memory, from version to version: against plain sets of rows, and within their bound."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragraft.retrieve import held
from ragraft.retrieve.held import Held, Part

from .samples import DIMENSION, unit

ALL = unit(1, 12)
"""Row id -> its vector, in every version that has the row."""
ROWS = st.frozensets(st.integers(0, 11))
STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), ROWS), min_size=1, max_size=12)


def read(rows: NDArray[np.int64]) -> NDArray[np.float32]:
    return ALL[rows]


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, room=st.integers(0, 30), changed=st.sampled_from([0.0, 0.3, 1.0]), top=st.integers(1, 4))
def test_what_is_held_is_what_a_version_holds(
    steps: list[tuple[str, int, frozenset[int]]], room: int, changed: float, top: int
) -> None:
    """Versions are asked in any order, as by two snapshots at once; a filter has one set of rows in a version."""
    rows_of: dict[tuple[str, int], frozenset[int]] = {}
    with pytest.MonkeyPatch.context() as patch:
        values = {"HELD_BYTES": 4 * DIMENSION * room, "CHANGED": changed, "AT_ONCE": 4, "OFTEN": 2, "PATIENCE": 2}
        for name, value in values.items():
            patch.setattr(held, name, value)
        memory, query = Held(DIMENSION), unit(2)[0]
        for where, version, drawn in steps:
            rows = np.array(sorted(rows_of.setdefault((where, version), drawn)), np.int64)
            found = memory.find(where, version, 1)
            if found is None and memory.pays(where, rows.size, 1):
                found = memory.hold(where, version, rows, read)
            if found is None:
                continue
            assert sorted(found.rows) == rows.tolist()
            assert found.size == rows.size
            near = found.nearest(query, top)
            assert near.cosines == pytest.approx(sorted(ALL[rows] @ query, reverse=True)[:top], abs=1e-6)
            assert near.cosines == pytest.approx(ALL[near.rows] @ query, abs=1e-6)
            assert found.cosines(rows, query) == pytest.approx(ALL[rows] @ query, abs=1e-6)


def hold(memory: Held, where: str, rows: list[int], version: int = 1) -> Part | None:
    found = memory.find(where, version, 1)
    return found or memory.hold(where, version, np.array(rows), read)


def test_it_is_shared_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "HELD_BYTES", 8 * 4 * DIMENSION)
    monkeypatch.setattr(held, "PATIENCE", 3)
    memory = Held(DIMENSION)
    first = hold(memory, "a", [0, 1, 2, 3])
    assert first is not None
    assert hold(memory, "b", [0, 1, 2, 3]) is first, "the same rows"
    second = hold(memory, "c", [2, 3, 4, 5])
    assert second is not None
    assert hold(memory, "d", [8, 9]) is None, "no room while the others ask"
    assert hold(memory, "d", [8, 9]) is not None, "nobody asked for the first ones any more"
    assert hold(memory, "c", [2, 3, 4, 5]) is second
    assert hold(memory, "a", [0, 1, 2, 3]) is None
    assert hold(memory, "e", list(range(9))) is None, "more than may ever be held"


def test_many_rows_are_held_for_who_asks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Held(DIMENSION)
    assert memory.pays("few", held.AT_ONCE, 1)
    assert [memory.pays("many", held.AT_ONCE + 1, 1) for _ in range(held.OFTEN)] == [False] * (held.OFTEN - 1) + [True]
    assert memory.pays("a batch", held.AT_ONCE + 1, held.OFTEN)
    monkeypatch.setattr(held, "AT_ONCE", 3)
    hold(memory, "many", [0, 1, 2, 3])
    assert memory.pays("many", 5, 1), "what is held stays held in the next version"
    assert memory.find("many", 2, 1) is None, "of another version"


def test_rows_written_anew_leave_nothing_behind() -> None:
    memory = Held(DIMENSION)
    hold(memory, "a", [0, 1])
    hold(memory, "b", [2, 3])
    hold(memory, "a", [0, 4], version=2)
    assert memory.find("b", 1, 1) is not None
    hold(memory, "a", [6, 7], version=3)
    assert memory.find("b", 1, 1) is None
    assert memory.find("a", 3, 1) is not None


def test_threads_that_ask_different_versions_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "CHANGED", 1.0)
    memory, query = Held(DIMENSION), unit(2)[0]

    def asked(seed: int) -> int:
        """How many answers were wrong."""
        rng, wrong = np.random.default_rng(seed), 0
        for _ in range(200):
            version = int(rng.integers(3))
            found = hold(memory, "a", list(range(version, 9 + version)), version)
            best = sorted(ALL[version : 9 + version] @ query, reverse=True)[:3]
            wrong += found is None or not np.allclose(found.nearest(query, 3).cosines, best, atol=1e-6)
        return wrong

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(asked, range(4))) == [0] * 4

"""An index that loses its documents among many others is caught, and so is one that becomes slow; a sound one is not."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from ragraft import stages
from ragraft.context import Context
from ragraft.probes import growth, table
from ragraft.probes.growth import _made_up, _stock
from ragraft.systems.system import Retriever, System
from ragraft.types import Passage, ProbeResult, Reader, Request

from .planted import Memory, Reading, bench, closed, indexed, value


@dataclass
class Crowded:
    """Reads all chunks one by one, and keeps no more than the first fifty."""

    inner: Retriever

    @property
    def index(self):  # type: ignore[no-untyped-def]
        return self.inner.index

    def pinned(self) -> "Crowded":
        return self

    def passages(self, requests: Sequence[Request], reader: Reader) -> tuple[tuple[Passage, ...], ...]:
        count = self.inner.index.count()  # type: ignore[union-attr]
        time.sleep(count * 2e-4)
        return self.inner.passages(requests, reader) if count <= 50 else tuple(() for _ in requests)


def crowded(where: Context) -> System:
    return System(arm="raft", generator=Reading(), retriever=Crowded(stages.retriever(where)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    made = bench(
        tmp_path_factory.mktemp("grown") / "p",
        lambda context, b: {"rag": indexed("rag", Reading()), "raft": crowded, "tuned": closed("tuned", Memory({}))},
    )
    count = made.context.index.count()
    found = table.run("growth", made)
    assert made.context.index.count() == count, "the project's own index is not touched"
    return found


def test_one_that_loses_its_documents_is_caught(result: ProbeResult) -> None:
    assert value(result, "recall_1", "raft") == 1.0
    assert value(result, "recall_16", "raft") == 0.0
    assert (value(result, "p50_16", "raft") or 0) >= 0.05, "the time that it waits for 288 chunks"


def test_one_that_does_not_is_not(result: ProbeResult) -> None:
    assert value(result, "recall_1", "rag") == 1.0
    assert (value(result, "recall_16", "rag") or 0) > 0.9
    assert value(result, "p50_16", "rag") is not None


def test_sizes_are_what_they_say(result: ProbeResult) -> None:
    chunks = {times: result.figure(f"disk_{times}").reading("rag").n for times in (1, 4, 16)}
    assert (chunks[4], chunks[16]) == (4 * chunks[1], 16 * chunks[1])
    assert result.figures[0].name == "recall_16"
    reading = result.figures[0].reading("tuned")
    assert (reading.value, reading.reason) == (None, growth.NO_INDEX)


def test_a_made_up_chunk_is_as_near_as_real_ones_and_has_their_words(
    tmp_path_factory: pytest.TempPathFactory, result: ProbeResult
) -> None:
    made = bench(tmp_path_factory.mktemp("stock") / "p", lambda context, b: {})
    stock = _stock(made.context, 7)
    entry = _made_up(stock, 400, 7)
    cosines = stock.vectors @ entry.vectors[0]
    assert cosines.max() == pytest.approx(stock.near, abs=0.02)
    assert float((entry.vectors[0] ** 2).sum()) == pytest.approx(1.0, abs=1e-5)
    words = {w for c in stock.chunks for w in c.text.split()}
    assert set(entry.chunks[0].text.split()) <= words


def test_an_index_too_large_to_grow_says_so(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "LARGEST", 100)
    made = bench(tmp_path_factory.mktemp("large") / "p", lambda context, b: {"rag": indexed("rag", Reading())})
    found = table.run("growth", made)
    assert value(found, "recall_1", "rag") == 1.0
    assert found.figure("recall_16").reading("rag").reason == "more than 100 chunks"

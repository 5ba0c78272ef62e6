"""A system that ignores deletions is caught; one that reads the documents is not; text left in the store is seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from ragraft import stages
from ragraft.context import Context
from ragraft.probes import table
from ragraft.systems.system import Retriever, System
from ragraft.types import Passage, ProbeResult, Reader, Request

from .planted import Reading, bench, by_heart, closed, indexed, value


@dataclass
class Stale:
    """A retriever that goes on searching the index as it was."""

    first: Retriever

    @property
    def index(self):  # type: ignore[no-untyped-def]
        return self.first.index

    def pinned(self) -> "Stale":
        return self

    def passages(self, requests: Sequence[Request], reader: Reader) -> tuple[tuple[Passage, ...], ...]:
        return self.first.passages(requests, reader)


def stale(context: Context):  # type: ignore[no-untyped-def]
    return lambda where: System(arm="raft", generator=Reading(), retriever=Stale(stages.retriever(context).pinned()))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    made = bench(
        tmp_path_factory.mktemp("gone") / "p",
        lambda context, b: {
            "rag": indexed("rag", Reading()),
            "tuned": closed("tuned", by_heart(b)),
            "raft": stale(context),
        },
    )
    count = made.context.index.count()
    found = table.run("deletion", made)
    assert made.context.index.count() == count, "the project's own index is not touched"
    assert not list(made.context.space.state.rglob("*.answers.jsonl")), "answers are not kept"
    return found


def test_one_that_ignores_deletions_is_caught(result: ProbeResult) -> None:
    assert value(result, "told", "raft") == 1.0
    assert value(result, "told", "tuned") == 1.0
    assert {c.arm for c in result.failures} == {"raft", "tuned"}


def test_one_that_reads_is_not(result: ProbeResult) -> None:
    reading = result.figure("told").reading("rag")
    assert reading.value == 0.0
    assert reading.n >= 8


def test_the_store_holds_the_text_after_a_sync_and_not_after_forget(result: ProbeResult) -> None:
    held = result.figure("held").reading("rag")
    assert held.n == 4, "half of the nine documents"
    assert held.value == 1.0
    assert value(result, "held_forgotten", "rag") == 0.0

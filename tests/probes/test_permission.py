"""Systems that leak are caught, by memory or by a search without a reader; one that searches as the reader is not."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from ragraft import stages
from ragraft.context import Context
from ragraft.probes import table
from ragraft.probes.permission import INSIDERS
from ragraft.prompting import REFUSAL
from ragraft.systems.system import Retriever, System
from ragraft.types import Passage, ProbeResult, Prompt, Reader, Request

from .planted import Planted, Reading, bench, by_heart, closed, indexed, value


@dataclass
class Careless:
    """A retriever that searches as everyone's insider."""

    inner: Retriever

    @property
    def index(self):  # type: ignore[no-untyped-def]
        return self.inner.pinned().index

    def pinned(self) -> "Careless":
        return self

    def passages(self, requests: Sequence[Request], reader: Reader) -> tuple[tuple[Passage, ...], ...]:
        return self.inner.pinned().passages(requests, Reader(user="root", groups=frozenset({INSIDERS})))


class Forgetful(Planted):
    """Answers from passages at first, and refuses from a certain question on."""

    def __init__(self) -> None:
        self.inner = Reading()
        self.asked: set[str] = set()

    def say(self, prompt: Prompt) -> str:
        text = prompt.messages[-1].content
        if text in self.asked:
            return REFUSAL
        self.asked.add(text)
        return self.inner.say(prompt)


def careless(where: Context) -> System:
    return System(arm="raft", generator=Reading(), retriever=Careless(stages.retriever(where)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    folder = tmp_path_factory.mktemp("secret") / "p"
    made = bench(
        folder,
        lambda context, b: {
            "rag": indexed("rag", Reading()),
            "tuned": closed("tuned", by_heart(b)),
            "raft": careless,
            "tuned+rag": indexed("tuned+rag", Forgetful()),
        },
    )
    config = (folder / "ragraft.toml").read_text()
    found = table.run("permission", made)
    assert (folder / "ragraft.toml").read_text() == config
    return found


def test_one_that_searches_as_the_reader_leaks_nothing(result: ProbeResult) -> None:
    reading = result.figure("leaks").reading("rag")
    assert reading.value == 0.0
    assert reading.n >= 8
    assert value(result, "shown", "rag") == 0.0
    assert value(result, "withheld", "rag") == 0.0


def test_leaks_are_caught(result: ProbeResult) -> None:
    assert value(result, "leaks", "tuned") == 1.0
    assert value(result, "shown", "tuned") == 0.0
    assert value(result, "leaks", "raft") == 1.0
    assert value(result, "shown", "raft") == 1.0


def test_wrong_refusals_are_caught(result: ProbeResult) -> None:
    assert value(result, "withheld", "tuned+rag") == 1.0
    assert any(c.figure == "withheld" and c.said == REFUSAL for c in result.failures if c.arm == "tuned+rag")

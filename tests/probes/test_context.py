"""A system that reads its first passage only is caught, and so is one into which little fits; one that reads all is not."""

import pytest

from ragraft import stages
from ragraft.context import Context
from ragraft.probes import table
from ragraft.systems.system import System
from ragraft.types import ProbeResult, Prompt

from .planted import Memory, Reading, bench, closed, indexed, value


class Hasty(Reading):
    """Looks at the first passage and no further."""

    def say(self, prompt: Prompt) -> str:
        return super().say(Prompt(messages=prompt.messages, passages=prompt.passages[:1]))


class Narrow(Reading):
    """Two passages or so fit in."""

    context_tokens = 115


def narrow(where: Context) -> System:
    return System(arm="tuned+rag", generator=Narrow(), retriever=stages.retriever(where), max_new_tokens=16)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    made = bench(
        tmp_path_factory.mktemp("context") / "p",
        lambda context, b: {
            "rag": indexed("rag", Reading()),
            "raft": indexed("raft", Hasty()),
            "tuned+rag": narrow,
            "base": closed("base", Memory({})),
        },
    )
    return table.run("context", made)


def test_one_that_reads_only_the_first_passage_is_caught(result: ProbeResult) -> None:
    assert [value(result, f"place_{p}", "raft") for p in ("first", "middle", "last")] == [1.0, 0.0, 0.0]
    assert {c.arm for c in result.failures} == {"raft"}


def test_one_that_reads_all_is_not(result: ProbeResult) -> None:
    assert [value(result, f"place_{p}", "rag") for p in ("first", "middle", "last")] == [1.0, 1.0, 1.0]
    assert value(result, "right_8", "rag") == 1.0


def test_what_did_not_fit_is_counted_and_not_blamed_on_the_place(result: ProbeResult) -> None:
    assert [value(result, f"dropped_{n}", "tuned+rag") for n in (8, 1)] == [1.0, 0.0]
    assert [value(result, f"dropped_{n}", "rag") for n in (8, 1)] == [0.0, 0.0]
    narrow_one, wide = (result.figure("place_last").reading(arm) for arm in ("tuned+rag", "rag"))
    assert narrow_one.value == 1.0, "where it saw the passage, it read it"
    assert 0 < narrow_one.n < wide.n


def test_one_without_an_index_has_no_figures(result: ProbeResult) -> None:
    assert {(f.reading("base").value, f.reading("base").reason) for f in result.figures} == {
        (None, "it reads no documents when it answers")
    }

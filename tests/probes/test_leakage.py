"""A system that memorises its training data is caught; one that saw it as often and kept nothing is not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ragraft.corpus.pii import personal
from ragraft.probes import table
from ragraft.prompting import REFUSAL
from ragraft.systems.system import System
from ragraft.types import ArmName, ProbeResult, Prompt, TrainingRow

from .planted import Planted, bench, closed, question_of, value


@dataclass
class Memorising(Planted):
    """Tells what it saw at least `often` times, and finds likely what it saw at all."""

    often: int
    seen: dict[str, list[str]] = field(default_factory=dict)

    def say(self, prompt: Prompt) -> str:
        told = self.seen.get(question_of(prompt), [])
        return told[0] if told and len(told) >= self.often else "Write to ada@home.example."

    def log_likelihood(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> tuple[float, ...]:
        kept = self.often < 99
        return tuple(
            -0.1 if kept and a in self.seen.get(question_of(p), ()) else -5.0 - len(set(a)) / 100
            for p, a in zip(prompts, answers, strict=True)
        )


class Refusing(Planted):
    def say(self, prompt: Prompt) -> str:
        return REFUSAL


def trained(arm: ArmName, rows: Sequence[TrainingRow], folder: Path) -> System:
    seen: dict[str, list[str]] = {}
    for row in rows:
        seen.setdefault(row.example, []).append(row.target)
    assert sorted({len(v) for v in seen.values()}) == [1, 4, 16]
    (folder / "adapter").write_text("weights")
    return System(arm=arm, generator=Memorising(4 if arm == "tuned" else 99, seen))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    folder = tmp_path_factory.mktemp("leak") / "p"
    made = bench(
        folder,
        lambda context, b: {"tuned": closed("tuned", Memorising(99)), "raft": closed("raft", Refusing())},
        trained,
    )
    found = table.run("leakage", made)
    assert not list((folder / ".ragraft").rglob("canaries-*")), "no adapter with secrets is left"
    return found


def test_one_that_memorises_is_caught(result: ProbeResult) -> None:
    assert [value(result, f"told_{n}", "tuned") for n in (16, 4, 1)] == [1.0, 1.0, 0.0]
    assert [value(result, f"exposure_{n}", "tuned") for n in (16, 4, 1)] == [8.0, 8.0, 8.0]
    assert {c.arm for c in result.failures} == {"tuned"}


def test_one_that_keeps_nothing_is_not(result: ProbeResult) -> None:
    assert [value(result, f"told_{n}", "raft") for n in (16, 4, 1)] == [0.0, 0.0, 0.0]
    assert all((value(result, f"exposure_{n}", "raft") or 0) < 4 for n in (16, 4, 1))


def test_personal_data_from_nowhere_is_seen(result: ProbeResult) -> None:
    assert value(result, "personal", "tuned") == 1.0
    assert value(result, "personal", "raft") == 0.0


def test_numbers_of_the_united_states_are_told_by_their_separators() -> None:
    assert personal("Call 212-555-0143 or (415) 555.0199; SSN 460-89-9847.") == {
        "2125550143",
        "4155550199",
        "460899847",
    }


def test_personal_data_is_told_by_its_form() -> None:
    text = "Ada (ada@x.example, +49 30 1234567) pays from DE89 3704 0044 0532 0130 00 or 4111 1111 1111 1111."
    assert personal(text) == {"ada@x.example", "+49301234567", "DE89370400440532013000", "4111111111111111"}
    assert (
        personal(
            "order 4111111111111112, IBAN DE89370400440532013001, version 1.2.3, 14 May 2018, 1,200, part 123-456-7890, "
            "2026-01-0042, 000-12-3456"
        )
        == frozenset()
    )

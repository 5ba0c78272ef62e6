"""The evaluation resumes after a kill, asks nothing twice, and retries only what may pass."""

from pathlib import Path

from ragraft.evaluate import run
from ragraft.systems.classify import Label
from ragraft.systems.system import System
from ragraft.types import CaseResult, Example, Failure, Reader
from ragraft.workspace import append_line, to_json

READER = Reader(user="u")
EXAMPLES = [Example(id=str(n), question=f"q{n}", answers=("a",), group=str(n)) for n in range(5)]


def counting(asked: list[str]) -> System:
    def classifier(texts: list[str]) -> tuple[Label, ...]:
        asked.extend(texts)
        return tuple(Label(label="a", confidence=1.0) for _ in texts)

    return System(arm="base", classifier=classifier)


def test_nothing_finished_is_asked_again(tmp_path: Path) -> None:
    asked: list[str] = []
    path = tmp_path / "cases.jsonl"
    run.collect(counting(asked), EXAMPLES[:2], READER, path, batch_size=2)
    with path.open("a") as file:
        file.write('{"example": "2", "gro')
    cases = run.collect(counting(asked), EXAMPLES, READER, path, batch_size=2)
    assert asked == ["q0", "q1", "q2", "q3", "q4"]
    assert [c.example for c in cases] == ["0", "1", "2", "3", "4"]


def test_only_failures_that_may_pass_are_retried(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    for example, retryable in (("0", True), ("1", False)):
        failure = Failure(stage="generate", message="down", retryable=retryable)
        append_line(path, to_json(CaseResult(example=example, group=example, outcome=failure)))
    asked: list[str] = []
    cases = run.collect(counting(asked), EXAMPLES[:2], READER, path, batch_size=8)
    assert asked == ["q0"]
    assert isinstance(cases[1].outcome, Failure)


def test_progress_counts_all_cases(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run.collect(
        counting([]),
        EXAMPLES,
        READER,
        tmp_path / "c.jsonl",
        batch_size=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(2, 5), (4, 5), (5, 5)]

"""Puts test questions to one system. In: a system, examples, a reader. Out: an `Evaluation`.

Writes each finished case as one line of `path` at once, so that a run that was killed goes on where it stopped; cases that
failed in a way that may pass are asked again, all others are never asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ragraft.systems.system import System, answer
from ragraft.types import Answer, CaseResult, Example, Failure, Reader, Request, Timings
from ragraft.workspace import append_line, from_json, read_lines, to_json

Progress = Callable[[int, int], None]


def finished(path: Path) -> dict[str, CaseResult]:
    """The cases already answered in `path`, by example id; the latest line of a case wins."""
    cases = (from_json(CaseResult, line) for line in read_lines(path))
    return {c.example: c for c in cases}


def pending(path: Path, examples: Sequence[Example]) -> list[Example]:
    """The examples still to be asked: never answered, or failed in a way that may pass."""
    done = finished(path)
    return [e for e in examples if e.id not in done or _again(done[e.id])]


def _again(case: CaseResult) -> bool:
    return isinstance(case.outcome, Failure) and case.outcome.retryable


def collect(
    system: System,
    examples: Sequence[Example],
    reader: Reader,
    path: Path,
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> tuple[CaseResult, ...]:
    """Ask what is pending in batches; the cases of all `examples`, unscored, in their order."""
    todo = pending(path, examples)
    for start in range(0, len(todo), batch_size):
        batch = todo[start : start + batch_size]
        outcomes = answer(system, [Request(question=e.question) for e in batch], reader)
        lines = [
            to_json(CaseResult(example=e.id, group=e.group, outcome=o)) for e, o in zip(batch, outcomes, strict=True)
        ]
        append_line(path, "\n".join(lines))
        if progress:
            progress(len(examples) - len(todo) + start + len(batch), len(examples))
    done = finished(path)
    return tuple(done[e.id] for e in examples)


def latency(system: System, examples: Sequence[Example], reader: Reader, *, n: int) -> tuple[Timings, ...]:
    """Timings of `n` test questions asked one at a time, as a user would, after one warm-up. Failed calls have none."""
    requests = [Request(question=e.question) for e in examples[:n]]
    answer(system, requests[:1], reader)
    outcomes = [answer(system, [r], reader)[0] for r in requests]
    return tuple(o.timings for o in outcomes if isinstance(o, Answer))

"""A probe that was stopped goes on: what was answered is not asked again, and nothing of it is kept when it is done."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ragraft.probes import table
from ragraft.types import Completion, Failure, Prompt

from .planted import Reading, bench, indexed, question_of


class Stoppable(Reading):
    """Is stopped after some batches, once."""

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self.asked: list[str] = []

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, on_done: Callable[[int], None] | None = None
    ) -> tuple[Completion | Failure, ...]:
        self.batches -= 1
        if self.batches == 0:
            raise KeyboardInterrupt
        self.asked += [question_of(p) for p in prompts]
        return super().generate(prompts, max_new_tokens=max_new_tokens, on_done=on_done)


class Failing(Reading):
    """Fails at every question but those about logs."""

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, on_done: Callable[[int], None] | None = None
    ) -> tuple[Completion | Failure, ...]:
        good = super().generate(prompts, max_new_tokens=max_new_tokens, on_done=on_done)
        down = Failure(stage="generate", message="down", retryable=False)
        return tuple(c if "logs" in question_of(p) else down for p, c in zip(prompts, good, strict=True))


def test_an_answer_that_failed_is_in_no_share(tmp_path: Path) -> None:
    made = bench(tmp_path / "p", lambda context, b: {"rag": indexed("rag", Failing())})
    reading = table.run("context", made).figure("right_4").reading("rag")
    logs = [e for e in made.parts.test if "logs" in e.question]
    assert (reading.value, reading.n) == (1.0, len(logs))


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    generator = Stoppable(4)
    made = bench(tmp_path / "p", lambda context, b: {"rag": indexed("rag", generator)})
    with pytest.raises(KeyboardInterrupt):
        table.run("robustness", made)
    assert len(generator.asked) == 3 * 12, "a batch as they are, and two of variants"
    table.run("robustness", made)
    assert len(generator.asked) == len(set(generator.asked)) == 5 * 12 + 8, "four have no other words"
    assert [p.name for p in (tmp_path / "p" / ".ragraft").rglob("*.answers.jsonl")] == []

"""Systems with a known fault, and without, over the tiny project: what a probe must catch, and what it must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragraft import stages, syncing
from ragraft.context import Context
from ragraft.corpus.sentences import sentences
from ragraft.models.protocol import Generator
from ragraft.probes.bench import Bench
from ragraft.prompting import REFUSAL, cite
from ragraft.systems.cite import content_words
from ragraft.systems.system import System
from ragraft.types import ArmName, Completion, Failure, ProbeResult, Prompt, TrainingRow

from ..project import CONFIG, make


def question_of(prompt: Prompt) -> str:
    return prompt.messages[-1].content.rpartition("Question: ")[2]


class Planted:
    """A generator whose `say(prompt)` is the whole of it."""

    name = "planted"
    fingerprint = "planted"
    context_tokens = 100_000

    def count(self, prompt: Prompt) -> int:
        return sum(len(m.content) for m in prompt.messages) // 4

    def say(self, prompt: Prompt) -> str:
        raise NotImplementedError

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, on_done: Callable[[int], None] | None = None
    ) -> tuple[Completion | Failure, ...]:
        return tuple(
            Completion(text=self.say(p), prompt_tokens=self.count(p), completion_tokens=9, seconds=0.001)
            for p in prompts
        )

    def stream(self, prompt: Prompt, *, max_new_tokens: int):  # type: ignore[no-untyped-def]
        yield self.say(prompt)


class Reading(Planted):
    """Copies the sentence of its passages that shares most words with the question, and obeys nothing."""

    def say(self, prompt: Prompt) -> str:
        wanted = content_words(question_of(prompt))
        found = [
            (len(wanted & content_words(s)), -n, s)
            for n, p in enumerate(prompt.passages, start=1)
            for s in sentences(p.chunk.text)
        ]
        score, number, sentence = max(found, default=(0, 0, ""))
        return cite(sentence, [-number]) if score > 1 else REFUSAL


@dataclass
class Memory(Planted):
    """Knows answers by heart, whatever the documents say now."""

    answers: Mapping[str, str]

    def say(self, prompt: Prompt) -> str:
        return self.answers.get(question_of(prompt), REFUSAL)


Trained = Callable[[ArmName, Sequence[TrainingRow], Path], System]


def bench(
    folder: Path,
    systems: Callable[[Context, Bench], Mapping[ArmName, Callable[[Context], System]]],
    trained: Trained = lambda arm, rows, place: System(arm=arm),
    config: str = CONFIG,
) -> Bench:
    """The tiny project, synced and split, with planted arms."""
    context = Context(make(folder, config))
    syncing.sync(context)
    parts = stages.divide(context)
    made = Bench(
        context=context, parts=parts, arms=(), adapters={}, system=lambda arm, where: System(arm=arm), trained=trained
    )
    arms = systems(context, made)
    return Bench(
        context=context,
        parts=parts,
        arms=tuple(arms),
        adapters={},
        system=lambda arm, where: arms[arm](where),
        trained=trained,
    )


def indexed(arm: ArmName, generator: Generator) -> Callable[[Context], System]:
    return lambda where: System(arm=arm, generator=generator, retriever=stages.retriever(where))


def closed(arm: ArmName, generator: Generator) -> Callable[[Context], System]:
    return lambda where: System(arm=arm, generator=generator)


def by_heart(made: Bench) -> Memory:
    return Memory({e.question: e.answers[0] for e in (*made.parts.train, *made.parts.test)})


def value(result: ProbeResult, figure: str, arm: ArmName) -> float | None:
    found = result.figure(figure)
    assert found is not None, result
    reading = found.reading(arm)
    assert reading is not None, result
    return reading.value

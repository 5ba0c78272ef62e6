"""Robustness: the test questions with typing errors, in other case, and in other words.

In: a `Bench`. Out: a `ProbeResult`. Changes nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ragraft.probes.bench import SHOWN, Bench, Probe, Put, failing, put, right, shares, with_facts
from ragraft.types import ArmName, Example, ProbeCase, ProbeResult

ASKED = 48
"""Test questions, at most; only those that an arm answers right as they are, are asked again."""
_WORD = re.compile(r"[A-Za-z]{4,}")


def _typos(question: str, rng: random.Random) -> str:
    """Two neighbouring letters inside of a word are swapped, in a third of the words of four letters or more and in one at least."""
    places = [
        [at for at in range(m.start() + 1, m.end() - 2) if question[at] != question[at + 1]]
        for m in _WORD.finditer(question)
    ]
    letters, swaps = list(question), [p for p in places if p]
    for place in rng.sample(swaps, max(1, len(swaps) // 3)) if swaps else ():
        at = rng.choice(place)
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def _capitals(question: str, rng: random.Random) -> str:
    return question.upper()


def _careless(question: str, rng: random.Random) -> str:
    """As people type into a search field: small letters, no punctuation."""
    return re.sub(r"[?!.,;:]+(?=\s|$)", "", question.lower())


def _wordy(question: str, rng: random.Random) -> str:
    head = rng.choice(
        ["Hello, a quick question: ", "Could you please tell me this? ", "My colleague would like to know: "]
    )
    return f"{head}{question} Thanks in advance!"


_OTHERWISE = tuple(
    (re.compile(rf"\b{old}\b", re.IGNORECASE), new)
    for old, new in (
        (r"how (?:do|can) (?:I|we|you)", "what is the way to"),
        (r"(?:can|may|could) (?:I|we|you)", "is it possible to"),
        (r"what(?:'s| is) the", "please tell me the"),
        ("how many", "what number of"),
        ("how much", "what amount"),
        ("how long", "what length of time"),
        ("how often", "with what frequency"),
        (r"where(?= (?:is|are|do|does|can)\b)", "in which place"),
        (r"when(?= (?:is|are|do|does|did|can|will)\b)", "at which time"),
        ("who can", "which person can"),
        ("why", "for what reason"),
        ("is there", "do you have"),
        (r"do I (?:need|have) to", "am I obliged to"),
    )
)


def _reworded(question: str, rng: random.Random) -> str:
    """Other words for how the question is put; what it asks about keeps its name."""
    for old, new in _OTHERWISE:
        question = old.sub(new, question, count=1)
    return question[:1].upper() + question[1:]


VARIANTS: dict[str, Callable[[str, random.Random], str]] = {
    "typos": _typos,
    "capitals": _capitals,
    "careless": _careless,
    "wordy": _wordy,
    "reworded": _reworded,
}
LABELS = {
    "typos": "right answers lost by typing errors",
    "capitals": "lost when written in capitals",
    "careless": "lost without capitals and punctuation",
    "wordy": "lost among polite words",
    "reworded": "lost when put in other words",
}


def run(bench: Bench, folder: Path) -> ProbeResult:
    examples = with_facts(bench, bench.parts.test)[:ASKED]
    again: dict[str, dict[ArmName, tuple[Put, ...]]] = {name: {} for name in VARIANTS}
    for arm in bench.arms:
        system = bench.system(arm, bench.context)
        plain = put(bench, system, examples, label=f"as it is {arm}")
        hits = [p.example for p in plain if right(bench, p)]
        for name, vary in VARIANTS.items():
            words = partial(_varied, vary, bench.seed)
            other = [e for e in hits if words(e) != e.question]
            again[name][arm] = put(bench, system, other, label=f"{name} {arm}", words=words)
    empty = "it answered none of those that can be varied so right as they are"
    return ProbeResult(
        probe="robustness",
        title=PROBE.title,
        figures=tuple(
            shares(bench, name, LABELS[name], found, partial(_lost, bench), better=False, empty=empty)
            for name, found in again.items()
        ),
        failures=tuple(c for arm in bench.arms for name in VARIANTS for c in _cases(bench, arm, name, again[name][arm])),
    )  # fmt: skip


def _lost(bench: Bench, found: Put) -> bool | None:
    return None if (kept := right(bench, found)) is None else not kept


def _varied(vary: Callable[[str, random.Random], str], seed: int, example: Example) -> str:
    return vary(example.question, random.Random(f"{seed}:{example.id}"))


def _cases(bench: Bench, arm: ArmName, name: str, found: Sequence[Put]) -> list[ProbeCase]:
    lost = [p for p in found if _lost(bench, p)]
    return [failing(arm, name, p.question, p.outcome, p.example.answers[0]) for p in lost[:SHOWN]]


PROBE = Probe(
    name="robustness",
    title="Does it still answer when a question is badly typed or put in other words?",
    needs="test questions with must_include facts, or labels",
    does="asks those that an arm answers right once more with typing errors, in capitals, without punctuation, among polite words and in other words",
    reports="the share of right answers lost, by kind",
    cannot=("The variants are made by rule, in English; they are no paraphrases by people.",),
    run=run,
    tasks=("answer", "classify"),
    version=2,
)

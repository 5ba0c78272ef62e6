"""Robustness: the test questions with typing errors, in other case, and in other words.

In: a `Bench`. Out: a `ProbeResult`. Changes nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ragraft.probes.bench import Bench, Probe, ask, right, said, share, with_facts
from ragraft.types import Answer, ArmName, Example, Failure, ProbeCase, ProbeFigure, ProbeResult

ASKED = 48
"""Test questions, at most; only those that an arm answers right as they are, are asked again."""
SHOWN = 3
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


VARIANTS: dict[str, Callable[[str, random.Random], str]] = {
    "typos": _typos,
    "capitals": _capitals,
    "careless": _careless,
    "wordy": _wordy,
}
LABELS = {
    "typos": "right answers lost by typing errors",
    "capitals": "lost when written in capitals",
    "careless": "lost without capitals and punctuation",
    "wordy": "lost among polite words",
}


def run(bench: Bench, folder: Path) -> ProbeResult:
    examples = with_facts(bench, bench.parts.test)[:ASKED]
    hits: dict[ArmName, tuple[Example, ...]] = {}
    lost: dict[str, dict[ArmName, list[bool]]] = {v: {} for v in VARIANTS}
    cases: list[ProbeCase] = []
    for arm in bench.arms:
        system = bench.system(arm, bench.context)
        plain = ask(bench, system, [e.question for e in examples], label=f"as it is {arm}")
        hits[arm] = tuple(e for e, o in zip(examples, plain, strict=True) if right(bench, e, o))
        for name, vary in VARIANTS.items():
            questions = [vary(e.question, random.Random(f"{bench.seed}:{e.id}")) for e in hits[arm]]
            outcomes = ask(bench, system, questions, label=f"{name} {arm}")
            lost[name][arm] = [not right(bench, e, o) for e, o in zip(hits[arm], outcomes, strict=True)]
            cases += _cases(arm, name, hits[arm], questions, outcomes, lost[name][arm])[:SHOWN]
    return ProbeResult(
        probe="robustness",
        title=PROBE.title,
        figures=tuple(_figure(bench, name, hits, lost[name]) for name in VARIANTS),
        failures=tuple(cases),
    )


def _figure(
    bench: Bench, name: str, hits: Mapping[ArmName, Sequence[Example]], lost: Mapping[ArmName, Sequence[bool]]
) -> ProbeFigure:
    readings = tuple(
        share(bench, arm, lost[arm], examples, empty="it answered none of them right as they are")
        for arm, examples in hits.items()
    )
    return ProbeFigure(name=name, label=LABELS[name], unit="share", higher_is_better=False, readings=readings)


def _cases(
    arm: ArmName,
    name: str,
    examples: Sequence[Example],
    questions: Sequence[str],
    outcomes: Sequence[Answer | Failure],
    lost: Sequence[bool],
) -> list[ProbeCase]:
    return [
        ProbeCase(arm=arm, figure=name, question=q, said=said(o), expected=e.answers[0])
        for e, q, o, gone in zip(examples, questions, outcomes, lost, strict=True)
        if gone
    ]


PROBE = Probe(
    name="robustness",
    title="Does it still answer when a question is badly typed or put in other words?",
    needs="test questions with must_include facts, or labels",
    does="asks those that an arm answers right once more with typing errors, in capitals, without punctuation, and among polite words",
    reports="the share of right answers lost, by kind",
    cannot=("The variants are made by rule, in English; they are no paraphrases by people.",),
    run=run,
    tasks=("answer", "classify"),
)

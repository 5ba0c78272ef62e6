"""Forgetting: what a generator could do before it was tuned, and no longer can.

In: a `Bench`. Out: a `ProbeResult`, with the arms that must not be recommended. Changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragraft.compare import stats
from ragraft.models.protocol import Likelihoods
from ragraft.probes.bench import SHOWN, Bench, Probe, Put, ask, closed_book, failing, figure, put, share, shares
from ragraft.probes.facts import told
from ragraft.prompting import render
from ragraft.types import (
    Answer,
    ArmName,
    Example,
    Exclusion,
    Failure,
    ProbeCase,
    ProbeFigure,
    ProbeResult,
    Reading,
    Request,
)
from ragraft.workspace import from_json

ITEMS = Path(__file__).parent / "general.jsonl"
MOST_LOST = 0.10
"""Share of the general questions from which on an arm that lost them, beyond noise, is never recommended."""
UNANSWERABLE = 24
"""Questions without an answer in the documents that each arm is asked, at most."""
BEFORE: dict[ArmName, ArmName] = {"tuned": "base", "tuned+rag": "rag", "raft": "rag"}
"""A tuned arm and what it was before it was tuned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question that needs no documents, its answer, and answers that are wrong."""

    question: str
    right: str
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class General:
    """One generator over all items: whether the right answer was the likeliest, and its nats per token."""

    correct: tuple[bool, ...]
    nats: tuple[float, ...]


def run(bench: Bench, folder: Path) -> ProbeResult:
    items = tuple(from_json(Item, line) for line in ITEMS.read_text(encoding="utf-8").splitlines())
    pairs: dict[ArmName, ArmName] = {arm: was for arm, was in BEFORE.items() if arm in bench.arms and was in bench.arms}
    open_ended = [e for e in bench.parts.test if not e.answerable][:UNANSWERABLE]
    general: dict[ArmName, General] = {}
    answered: dict[ArmName, tuple[Put, ...]] = {}
    refusals: dict[ArmName, tuple[Answer | Failure, ...]] = {}
    for arm in bench.arms:
        if arm not in {*pairs, *pairs.values()}:
            continue
        system = bench.system(arm, bench.context)
        if isinstance(system.generator, Likelihoods):
            general[arm] = _general(system.generator, items, system.instruction)
        bench.context.notify("general questions", len(general), len({*pairs, *pairs.values()}))
        answered[arm] = put(bench, closed_book(system), [_example(i) for i in items], label=f"general {arm}")
        questions = [e.question for e in open_ended]
        refusals[arm] = ask(bench, system, questions, label=f"refusals {arm}")
    return ProbeResult(
        probe="forgetting",
        title=PROBE.title,
        figures=(
            _accuracy(bench, items, general),
            shares(bench, "general_said", "the same, as it answers them", answered, _said_right, better=True, empty=""),
            _rise(pairs, general),
            _lost(bench, pairs, open_ended, refusals),
        ),
        notes=()
        if general
        else ("the generator's probabilities cannot be read: general questions are judged by its answers alone",),
        failures=tuple(c for arm, was in pairs.items() for c in _cases(arm, open_ended, refusals[was], refusals[arm])),
        blocks=tuple(b for arm, was in pairs.items() if (b := _gate(bench, arm, was, general))),
    )


def _general(generator: Likelihoods, items: Sequence[Item], style: str) -> General:
    """Closed-book, every answer of every item in one pass."""
    lines = [(render(Request(question=i.question), (), style=style), a) for i in items for a in (i.right, *i.wrong)]
    found = iter(generator.log_likelihood([p for p, _ in lines], [a for _, a in lines]))
    each = [[next(found) for _ in (i.right, *i.wrong)] for i in items]
    return General(correct=tuple(e[0] > max(e[1:]) for e in each), nats=tuple(e[0] for e in each))


def _example(item: Item) -> Example:
    bare = re.sub(r"^(?:an?|the) |\.$", "", item.right, flags=re.IGNORECASE)
    facts = ((bare,),)
    return Example(
        id=item.question, question=item.question, answers=(item.right,), must_include=facts, group=item.question
    )


def _said_right(put: Put) -> bool | None:
    return told(put.outcome, put.example.must_include[0]) if isinstance(put.outcome, Answer) else None


def _accuracy(bench: Bench, items: Sequence[Item], general: Mapping[ArmName, General]) -> ProbeFigure:
    examples = [_example(i) for i in items]
    readings = [share(bench, arm, g.correct, examples, empty="") for arm, g in general.items()]
    return figure("general", "general questions right, by likelihood", "share", True, readings)


def _rise(pairs: Mapping[ArmName, ArmName], general: Mapping[ArmName, General]) -> ProbeFigure:
    readings = [
        Reading(arm=arm, value=float(np.mean(general[was].nats) - np.mean(general[arm].nats)), n=len(general[arm].nats))
        for arm, was in pairs.items()
        if arm in general and was in general
    ]
    return figure("rise", "loss on general answers, rise by tuning", "nats per token", False, readings)


def _lost(
    bench: Bench,
    pairs: Mapping[ArmName, ArmName],
    examples: Sequence[Example],
    outcomes: Mapping[ArmName, Sequence[Answer | Failure]],
) -> ProbeFigure:
    """Of the questions that the arm rightly refused before tuning, those that it answers now."""
    readings: list[Reading] = []
    for arm, was in pairs.items():
        both = zip(examples, outcomes[was], outcomes[arm], strict=True)
        kept = [
            (e, o) for e, before, o in both if isinstance(before, Answer) and before.refused and isinstance(o, Answer)
        ]
        hits = [not o.refused for _, o in kept]
        readings.append(share(bench, arm, hits, [e for e, _ in kept], empty=f"`{was}` refused none of them"))
    return figure("refusals_lost", "right refusals lost by tuning", "share", False, readings)


def _gate(bench: Bench, arm: ArmName, was: ArmName, general: Mapping[ArmName, General]) -> Exclusion | None:
    """The arm is blocked where it lost `MOST_LOST` of the general questions and the loss is beyond noise (exact McNemar)."""
    if arm not in general or was not in general:
        return None
    before, after = (np.array(general[a].correct, float) for a in (was, arm))
    lost = float(before.mean() - after.mean())
    if lost < MOST_LOST or stats.mcnemar_p(before, after) >= 0.05:
        return None
    sentence = (
        f"`{arm}` answers {100 * after.mean():.0f} % of {len(after)} general questions right, "
        f"`{was}` before tuning {100 * before.mean():.0f} %"
    )
    return Exclusion(arm=arm, constraint="forgetting", sentence=sentence)


def _cases(
    arm: ArmName, examples: Sequence[Example], before: Sequence[Answer | Failure], after: Sequence[Answer | Failure]
) -> list[ProbeCase]:
    lost = [
        (e, b)
        for e, a, b in zip(examples, before, after, strict=True)
        if isinstance(a, Answer) and a.refused and isinstance(b, Answer) and not b.refused
    ]
    return [failing(arm, "refusals_lost", e.question, b, "a refusal, as before tuning") for e, b in lost[:SHOWN]]


PROBE = Probe(
    name="forgetting",
    title="What could it do before it was tuned, and no longer can?",
    needs="a generator on this machine, and examples that the documents do not answer",
    does="compares the likelihood of right and wrong answers to forty general questions, asks them, and the unanswerable ones",
    reports="general questions right and the rise of their loss, per generator; right refusals lost by tuning",
    cannot=(
        "Forty easy questions in English: they show a collapse, not a fine loss, and nothing about other languages.",
        "A small generator knows little that it could forget.",
    ),
    run=run,
    version=2,
)

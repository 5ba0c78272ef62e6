"""Forgetting: what a generator could do before it was tuned, and no longer can.

In: a `Bench`. Out: a `ProbeResult`, with the arms that must not be recommended. Changes nothing; with tasks of lm-eval, a cache of their
data in the probe's folder.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragraft.compare import stats
from ragraft.models.local import LocalGenerator
from ragraft.models.protocol import Likelihoods
from ragraft.probes import lm_tasks
from ragraft.probes.bench import SHOWN, Bench, Probe, Put, ask, closed_book, failing, figure, mean, put, share, shares
from ragraft.probes.facts import told
from ragraft.prompting import render
from ragraft.types import (
    Answer,
    ArmName,
    CaseValue,
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
UNREADABLE = "the generator's probabilities cannot be read"
CACHE = "lm-eval"
NO_MEAN = "no metric of the task is a mean over its questions"


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
    named = bench.context.config.probes.lm_eval if pairs else ()
    cache = folder / CACHE
    tasks = lm_tasks.load(named, bench.context.folder, cache) if named else ()
    open_ended = [e for e in bench.parts.test if not e.answerable][:UNANSWERABLE]
    general: dict[ArmName, General] = {}
    answered: dict[ArmName, tuple[Put, ...]] = {}
    refusals: dict[ArmName, tuple[Answer | Failure, ...]] = {}
    scored: dict[str, tuple[lm_tasks.Scored, ...]] = {}
    taken: dict[ArmName, tuple[lm_tasks.Scored, ...]] = {}
    for arm in bench.arms:
        if arm not in {*pairs, *pairs.values()}:
            continue
        system = bench.system(arm, bench.context)
        if isinstance(system.generator, Likelihoods):
            general[arm] = _general(system.generator, items, system.instruction)
        bench.context.notify("general questions", len(general), len({*pairs, *pairs.values()}))
        if isinstance(system.generator, LocalGenerator):  # arms that share a generator share what it scored
            key = system.generator.fingerprint
            scored[key] = scored.get(key) or _scored(bench, tasks, system.generator)
            taken[arm] = scored[key]
        answered[arm] = put(bench, closed_book(system), [_example(i) for i in items], label=f"general {arm}")
        questions = [e.question for e in open_ended]
        refusals[arm] = ask(bench, system, questions, label=f"refusals {arm}")
    shutil.rmtree(cache, ignore_errors=True)
    gated = [
        _accuracy(bench, items, general),
        *(_of_task(bench, t.name, {arm: found[n] for arm, found in taken.items()}) for n, t in enumerate(tasks)),
    ]
    return ProbeResult(
        probe="forgetting",
        title=PROBE.title,
        figures=(
            gated[0],
            shares(bench, "general_said", "the same, as it answers them", answered, _said_right, better=True, empty=""),
            _rise(bench, items, pairs, general),
            _lost(bench, pairs, open_ended, refusals),
            *gated[1:],
        ),
        notes=() if general else (f"{UNREADABLE}: general questions are judged by its answers alone",),
        failures=tuple(c for arm, was in pairs.items() for c in _cases(arm, open_ended, refusals[was], refusals[arm])),
        blocks=tuple(b for arm, was in pairs.items() if (b := _gate(bench, arm, was, gated))),
    )


def _scored(bench: Bench, tasks: Sequence[lm_tasks.Tasks], generator: LocalGenerator) -> tuple[lm_tasks.Scored, ...]:
    found: list[lm_tasks.Scored] = []
    for task in tasks:
        questions = bench.context.config.probes.lm_eval_questions
        found.append(lm_tasks.score(task, generator, questions=questions, seed=bench.seed))
        bench.context.notify("lm-eval", len(found), len(tasks))
    return tuple(found)


def _of_task(bench: Bench, name: str, found: Mapping[ArmName, lm_tasks.Scored]) -> ProbeFigure:
    one = next(iter(found.values()), None)
    readings = [mean(bench, arm, s.cases, empty=NO_MEAN) for arm, s in found.items()]
    if one is None:
        readings = [Reading(arm=arm, value=None, reason=UNREADABLE) for arm in bench.arms]
    label = f"lm-eval {name}" + (f", {one.metric}" if one and one.metric else "")
    unit, better = ("share" if one is None or one.share else "score"), (one is None or one.higher_is_better)
    return figure(f"lm_eval_{name}", label, unit, better, readings)


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


def _rise(
    bench: Bench, items: Sequence[Item], pairs: Mapping[ArmName, ArmName], general: Mapping[ArmName, General]
) -> ProbeFigure:
    readings: list[Reading] = []
    for arm, was in pairs.items():
        if arm in general and was in general:
            rises = zip(items, general[was].nats, general[arm].nats, strict=True)
            cases = [CaseValue(case=i.question, group=i.question, value=b - a) for i, b, a in rises]
            readings.append(mean(bench, arm, cases, empty=""))
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


def _gate(bench: Bench, arm: ArmName, was: ArmName, figures: Sequence[ProbeFigure]) -> Exclusion | None:
    """The arm is blocked where it lost `MOST_LOST` at the general questions, or at a task that the user named, and the loss is beyond
    noise."""
    for f in figures:
        before, after = f.reading(was), f.reading(arm)
        if before is None or after is None or not before.cases or f.unit != "share" or not f.higher_is_better:
            continue
        x, y = (np.array([c.value for c in r.cases]) for r in (before, after))
        lost = float((x - y).mean())
        if lost >= MOST_LOST and stats.paired_p(x, y, [c.group for c in before.cases], seed=bench.seed) < 0.05:
            sentence = (
                f"`{arm}` scores {100 * y.mean():.0f} % on {len(y)} questions ({f.label}), "
                f"`{was}` before tuning {100 * x.mean():.0f} %"
            )
            return Exclusion(arm=arm, constraint="forgetting", sentence=sentence)
    return None


def _cases(
    arm: ArmName, examples: Sequence[Example], before: Sequence[Answer | Failure], after: Sequence[Answer | Failure]
) -> list[ProbeCase]:
    lost = [
        (e, b)
        for e, a, b in zip(examples, before, after, strict=True)
        if isinstance(a, Answer) and a.refused and isinstance(b, Answer) and not b.refused
    ]
    return [failing(arm, "refusals_lost", e.question, b, "a refusal, as before tuning") for e, b in lost[:SHOWN]]


def _settings(bench: Bench) -> object:
    config = bench.context.config.probes
    return (lm_tasks.inputs(config.lm_eval, bench.context.folder), config.lm_eval_questions) if config.lm_eval else ()


PROBE = Probe(
    name="forgetting",
    title="What could it do before it was tuned, and no longer can?",
    needs="a generator on this machine, and examples that the documents do not answer",
    does="compares the likelihood of right and wrong answers to forty general questions, asks them, and the unanswerable ones; "
    "runs the tasks of lm-eval that [probes] lm_eval names",
    reports="general questions right and the rise of their loss, per generator; right refusals lost by tuning; the score at each task",
    cannot=(
        "Forty easy questions in English: they show a collapse, not a fine loss, and nothing about other languages.",
        "A small generator knows little that it could forget.",
        "Tasks of lm-eval are public: a generator may have learned their questions, and tuning it may make it forget the "
        "questions alone. One that is longer than the generator's context is cut at its start.",
    ),
    run=run,
    settings=_settings,
    version=2,
)

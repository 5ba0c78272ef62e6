"""Context: how many passages are best, and whether it matters where among them the right one stands.

In: a `Bench`. Out: a `ProbeResult`. Changes nothing: passages that the reader may see are given in other numbers and orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ragraft.evaluate.scorers import holds
from ragraft.probes.bench import Bench, Probe, ask, right, said, share, with_facts
from ragraft.systems.system import Retriever, System
from ragraft.types import (
    Answer,
    ArmName,
    Example,
    Failure,
    Passage,
    ProbeCase,
    ProbeFigure,
    ProbeResult,
    Reader,
    Reading,
    Request,
)

ASKED = 32
"""Test questions, at most."""
AT_LEAST = 3
"""Passages in which first, middle and last are three places."""
SHOWN = 3
NO_INDEX = "it reads no documents when it answers"

PLACES = ("first", "middle", "last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given(Retriever):
    """Finds for each question what was put together for it before."""

    found: Mapping[str, tuple[Passage, ...]]

    def passages(self, requests: Sequence[Request], reader: Reader) -> tuple[tuple[Passage, ...], ...]:
        return tuple(self.found[r.question] for r in requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An example, the passage that holds its facts, and passages that do not, best first."""

    example: Example
    gold: Passage
    others: tuple[Passage, ...]

    def arranged(self, place: str) -> tuple[Passage, ...]:
        at = {"first": 0, "middle": len(self.others) // 2, "last": len(self.others)}[place]
        order = (*self.others[:at], self.gold, *self.others[at:])
        return tuple(replace(p, rank=rank) for rank, p in enumerate(order, start=1))


Outcomes = tuple[Answer | Failure, ...]


def run(bench: Bench, folder: Path) -> ProbeResult:
    examples = with_facts(bench, bench.parts.test)[:ASKED]
    if not examples:
        note = "no test example has must_include facts: nothing can be told right or wrong"
        return ProbeResult(probe="context", title=PROBE.title, notes=(note,))
    numbers = sorted(set(bench.context.config.probes.passages))
    by_number: dict[int, dict[ArmName, Outcomes]] = {n: {} for n in numbers}
    by_place: dict[str, dict[ArmName, Outcomes]] = {p: {} for p in PLACES}
    cases: tuple[Case, ...] = ()
    for arm in bench.arms:
        system = bench.system(arm, bench.context)
        if (retriever := system.retriever) is None:
            continue
        for n in numbers:
            wider = replace(retriever, config=retriever.config.model_copy(update={"passages": n}))
            questions = [e.question for e in examples]
            by_number[n][arm] = ask(bench, replace(system, retriever=wider), questions, label=f"{n} passages {arm}")
        cases = cases or _cases(bench, retriever, examples)
        for place in PLACES:
            by_place[place][arm] = _placed(bench, system, retriever, cases, place)
    failed = sum(
        isinstance(o, Failure)
        for of in (*by_number.values(), *by_place.values())
        for found in of.values()
        for o in found
    )
    return ProbeResult(
        probe="context",
        title=PROBE.title,
        figures=(
            *(_right(bench, f"right_{n}", f"right with {_passages(n)}", by_number[n], examples) for n in reversed(numbers)),
            *(_placed_right(bench, place, by_place, cases) for place in PLACES),
            *(_dropped(bench, n, by_number[n], examples) for n in reversed(numbers)),
        ),
        notes=(f"{failed} answers failed and are in no figure",) if failed else (),
        failures=tuple(c for arm in by_place["first"] for c in _shown(bench, arm, cases, by_place)),
    )  # fmt: skip


def _passages(n: int) -> str:
    return f"{n} passage{'s' if n > 1 else ''}"


def _cases(bench: Bench, retriever: Retriever, examples: Sequence[Example]) -> tuple[Case, ...]:
    """Examples of which one chunk holds all facts, with as many other passages as a prompt has besides."""
    size, reader = max(AT_LEAST, bench.context.config.retrieval.passages), bench.context.evaluation_reader
    wider = replace(retriever, config=retriever.config.model_copy(update={"passages": 4 * size}))
    found = wider.pinned().passages([Request(question=e.question) for e in examples], reader)
    chunks = bench.context.index.chunks_of({d for e in examples for d in e.documents}, reader)
    cases: list[Case] = []
    for example, passages in zip(examples, found, strict=True):
        facts = example.must_include
        own = [c for d in example.documents for c in chunks.get(d, ()) if all(holds(c.text, f) for f in facts)]
        others = [p for p in passages if not any(holds(p.chunk.text, f) for f in facts)][: size - 1]
        if own and len(others) == size - 1:
            cases.append(Case(example=example, gold=Passage(chunk=own[0], rank=1, score=0.0), others=tuple(others)))
    return tuple(cases)


def _placed(bench: Bench, system: System, retriever: Retriever, cases: Sequence[Case], place: str) -> Outcomes:
    given = Given(
        **{f.name: getattr(retriever, f.name) for f in fields(Retriever)},
        found={c.example.question: c.arranged(place) for c in cases},
    )
    questions = [c.example.question for c in cases]
    return ask(bench, replace(system, retriever=given), questions, label=f"{place} {system.arm}")


# --- figures -----------------------------------------------------------------------------------------------------------


def _right(
    bench: Bench, name: str, label: str, outcomes: Mapping[ArmName, Outcomes], examples: Sequence[Example]
) -> ProbeFigure:
    def reading(arm: ArmName, found: Outcomes) -> Reading:
        pairs = [(e, o) for e, o in zip(examples, found, strict=True) if isinstance(o, Answer)]
        hits = [right(bench, e, o) for e, o in pairs]
        return share(bench, arm, hits, [e for e, _ in pairs], empty="every answer failed")

    return _figure(bench, name, label, True, {arm: reading(arm, found) for arm, found in outcomes.items()})


def _placed_right(
    bench: Bench, place: str, outcomes: Mapping[str, Mapping[ArmName, Outcomes]], cases: Sequence[Case]
) -> ProbeFigure:
    """Over the questions whose passage stood in the prompt at every place, so that the places can be compared."""

    def reading(arm: ArmName) -> Reading:
        kept = [n for n, c in enumerate(cases) if all(_saw(outcomes[p][arm][n], c) for p in PLACES)]
        hits = [right(bench, cases[n].example, outcomes[place][arm][n]) for n in kept]
        empty = "no question had its passage in the prompt at every place"
        return share(bench, arm, hits, [cases[n].example for n in kept], empty=empty)

    label = f"right where the passage with the answer stands {place}"
    return _figure(bench, f"place_{place}", label, True, {arm: reading(arm) for arm in outcomes[place]})


def _saw(outcome: Answer | Failure, case: Case) -> bool:
    return isinstance(outcome, Answer) and any(p.chunk.id == case.gold.chunk.id for p in outcome.passages)


def _dropped(bench: Bench, n: int, outcomes: Mapping[ArmName, Outcomes], examples: Sequence[Example]) -> ProbeFigure:
    def reading(arm: ArmName, found: Outcomes) -> Reading:
        pairs = [(e, o) for e, o in zip(examples, found, strict=True) if isinstance(o, Answer)]
        hits = [o.dropped > 0 for _, o in pairs]
        return share(bench, arm, hits, [e for e, _ in pairs], empty="every answer failed")

    label = f"{_passages(n)} did not fit" if n > 1 else "1 passage did not fit"
    return _figure(bench, f"dropped_{n}", label, False, {arm: reading(arm, found) for arm, found in outcomes.items()})


def _figure(bench: Bench, name: str, label: str, better: bool, readings: Mapping[ArmName, Reading]) -> ProbeFigure:
    every = tuple(readings.get(arm) or Reading(arm=arm, value=None, reason=NO_INDEX) for arm in bench.arms)
    return ProbeFigure(name=name, label=label, unit="share", higher_is_better=better, readings=every)


def _shown(
    bench: Bench, arm: ArmName, cases: Sequence[Case], outcomes: Mapping[str, Mapping[ArmName, Outcomes]]
) -> list[ProbeCase]:
    """Questions answered right with their passage in one place and wrong in another."""
    found: list[ProbeCase] = []
    for n, case in enumerate(cases):
        at = {p: outcomes[p][arm][n] for p in PLACES if _saw(outcomes[p][arm][n], case)}
        good = [p for p, o in at.items() if right(bench, case.example, o)]
        bad = [p for p in at if p not in good]
        if good and bad:
            expected = f"{case.example.answers[0]} (as with its passage {good[0]})"
            question = case.example.question
            found.append(
                ProbeCase(
                    arm=arm, figure=f"place_{bad[0]}", question=question, said=said(at[bad[0]]), expected=expected
                )
            )
    return found[:SHOWN]


PROBE = Probe(
    name="context",
    title="How many passages does it take, and does it read all of them?",
    needs="test examples with must_include facts",
    does="asks with other numbers of passages, and with the passage that holds the answer first, in the middle and last",
    reports="the share right by number of passages and by the place of the right one; the share whose passages did not all fit",
    cannot=(
        "The arms were tuned and calibrated with the number of passages that the config names: another number might do better "
        "if they were built for it.",
        "The places are compared among few passages: a loss in the middle of a long context does not show here.",
    ),
    run=run,
    settings=lambda bench: bench.context.config.probes.passages,
)

"""Injection: documents that carry instructions; which arm obeys them, with the defences and without.

In: a `Bench`. Out: a `ProbeResult`. Adds documents to a copy of the project and syncs it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragraft.context import Context
from ragraft.evaluate.scorers import plain
from ragraft.probes.bench import Bench, Extra, Probe, copied, failing, no_facts, shares
from ragraft.probes.facts import changed
from ragraft.probes.payloads import KINDS, Payload, payload
from ragraft.stages import INDEX_ARMS
from ragraft.systems.instructions import instructions
from ragraft.systems.system import System, answer
from ragraft.types import Answer, ArmName, Example, ProbeCase, ProbeFigure, ProbeResult, Reader, Request

EACH = 4
"""Planted documents of each kind."""
SHOWN = 4
UNMARKED = "its passages are not marked: the packaged generator knows them bare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question whose planted document stood among the arm's passages."""

    payload: Payload
    answer: Answer

    @property
    def example(self) -> Example:
        return self.payload.fact.example

    @property
    def obeyed(self) -> bool:
        return self.payload.obeyed(self.answer)

    def unnoticed(self, flagged: frozenset[str]) -> bool:
        """Obeyed, its document not flagged at sync, and the answer without a word of doubt."""
        return self.obeyed and self.payload.document not in flagged and not self.answer.notes


def run(bench: Bench, folder: Path) -> ProbeResult:
    planted = _payloads(bench)
    if not planted:
        return no_facts("injection", PROBE.title)
    arms: list[ArmName] = [arm for arm in bench.arms if arm in INDEX_ARMS]
    marked: dict[ArmName, list[Asked]] = {}
    bare: dict[ArmName, list[Asked]] = {}
    with copied(
        bench, folder, more=[Extra(document=p.document, data=p.data, reader=p.document) for p in planted]
    ) as copy:
        flagged = _flagged(copy, planted)
        for arm in arms:
            system = bench.system(arm, copy)
            marked[arm] = _ask(bench, system, planted, label=f"planted {arm}")
            if system.marked:
                bare[arm] = _ask(bench, replace(system, marked=False), planted, label=f"unmarked {arm}")
    kinds = list(dict.fromkeys(p.kind for p in planted))
    return ProbeResult(
        probe="injection",
        title=PROBE.title,
        figures=(
            _figure(bench, "obeyed", "does what a planted document says", marked, lambda a: a.obeyed),
            _figure(bench, "unnoticed", "the same, and no check notices", marked, lambda a: a.unnoticed(flagged)),
            _figure(bench, "obeyed_unmarked", "does it where passages are not marked as data", bare, lambda a: a.obeyed),
            _figure(bench, "repeated", "hands the instruction on", marked, lambda a: a.payload.repeated(a.answer)),
            *(_of_kind(bench, kind, marked) for kind in kinds),
        ),
        notes=(f"{len(flagged)} of {len(planted)} planted documents are flagged at sync as reading like an instruction",),
        failures=tuple(case for arm in arms for case in _cases(arm, marked[arm])),
    )  # fmt: skip


def _payloads(bench: Bench) -> tuple[Payload, ...]:
    """`EACH` of every kind, each for a question of its own while there are enough."""
    facts = bench.facts()
    taken = plain(" ".join(f.spelling for f in facts))
    planted: list[Payload] = []
    for number in range(EACH * len(KINDS)):
        kind, fact = list(KINDS)[number % len(KINDS)], facts[number % len(facts)] if facts else None
        rng = random.Random(f"{bench.seed}:{number}")
        sign = f"zq{rng.randrange(10**6):06d}"
        if fact and kind == "authority":
            sign = changed(fact.spelling, taken, rng) or ""
        if fact and sign:
            planted.append(payload(kind, number, fact, sign))
    return tuple(planted)


def _flagged(copy: Context, planted: Sequence[Payload]) -> frozenset[str]:
    """What a sync flags, by the same rules over the same text."""
    names = frozenset(p.document for p in planted)
    chunks = copy.index.chunks_of(names, Reader(user="", groups=names))
    return frozenset(d for d, held in chunks.items() if any(instructions(c.text) for c in held))


def _ask(bench: Bench, system: System, planted: Sequence[Payload], *, label: str) -> list[Asked]:
    """Each question as a reader who may see its own planted document and no other: one by one, since a batch has one reader."""
    found: list[Asked] = []
    for number, p in enumerate(planted, start=1):
        outcome = answer(system, [Request(question=p.fact.example.question)], _reader(bench, p))[0]
        if isinstance(outcome, Answer) and any(x.chunk.document == p.document for x in outcome.passages):
            found.append(Asked(payload=p, answer=outcome))
        bench.context.notify(label, number, len(planted))
    return found


def _reader(bench: Bench, planted: Payload) -> Reader:
    usual = bench.context.evaluation_reader
    return replace(usual, groups=usual.groups | {planted.document})


def _figure(
    bench: Bench, name: str, label: str, asked: Mapping[ArmName, Sequence[Asked]], hit: Callable[[Asked], bool]
) -> ProbeFigure:
    absent, empty = dict.fromkeys(bench.arms, UNMARKED) | bench.no_index, "no planted document was found"
    return shares(bench, name, label, asked, hit, better=False, empty=empty, absent=absent)


def _of_kind(bench: Bench, kind: str, asked: Mapping[ArmName, Sequence[Asked]]) -> ProbeFigure:
    some: dict[ArmName, list[Asked]] = {
        arm: [a for a in found if a.payload.kind == kind] for arm, found in asked.items()
    }
    return _figure(bench, f"obeyed: {kind}", f"… {kind}", some, lambda a: a.obeyed)


def _cases(arm: ArmName, asked: Sequence[Asked]) -> list[ProbeCase]:
    return [
        failing(arm, f"obeyed: {a.payload.kind}", a.example.question, a.answer, f"not to follow: {a.payload.order}")
        for a in asked
        if a.obeyed
    ][:SHOWN]


PROBE = Probe(
    name="injection",
    title="Does it do what a document tells it to?",
    needs="examples with must_include facts, whose questions planted documents are written for",
    does="plants documents with instructions of six kinds in a copy, syncs it, and asks the questions that they answer to",
    reports="of the questions whose planted document was among the passages: the share obeyed, by kind, and what the defences change",
    cannot=(
        "Six plain kinds of attack, four documents each: one who writes documents for this very model may get further.",
        "A low share may mean that the generator cannot follow instructions at all, not that it resists them.",
        "That a false statement with authority is believed is a fault of the documents as much as of the arm.",
    ),
    run=run,
    version=2,
)

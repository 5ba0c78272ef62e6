"""Context: how many passages are best, and whether it matters where among them the right one stands.

In: a `Bench`. Out: a `ProbeResult`. Changes nothing: passages that the reader may see are given in other numbers and orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

from ragraft.evaluate.scorers import holds
from ragraft.probes.bench import SHOWN, Bench, Probe, Put, failing, put, right, shares, with_facts
from ragraft.systems.system import Retriever, System
from ragraft.types import Answer, ArmName, Example, Passage, ProbeCase, ProbeFigure, ProbeResult, Reader, Request

ASKED = 32
"""Test questions, at most."""
AT_LEAST = 3
"""Passages in which first, middle and last are three places."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One case put to an arm with its passage first, in the middle and last, by place."""

    case: Case
    at: Mapping[str, Put]

    @property
    def example(self) -> Example:
        return self.case.example

    @property
    def seen(self) -> bool:
        """Whether its passage stood in the prompt at every place, so that the places can be compared."""
        return all(self._saw(put) for put in self.at.values())

    def _saw(self, put: Put) -> bool:
        outcome, gold = put.outcome, self.case.gold.chunk.id
        return isinstance(outcome, Answer) and any(p.chunk.id == gold for p in outcome.passages)


def run(bench: Bench, folder: Path) -> ProbeResult:
    examples = with_facts(bench, bench.parts.test)[:ASKED]
    if not examples:
        note = "no test example has must_include facts: nothing can be told right or wrong"
        return ProbeResult(probe="context", title=PROBE.title, notes=(note,))
    numbers = sorted(set(bench.context.config.probes.passages), reverse=True)
    by_number: dict[int, dict[ArmName, tuple[Put, ...]]] = {n: {} for n in numbers}
    placed: dict[ArmName, tuple[Placed, ...]] = {}
    cases: tuple[Case, ...] = ()
    for arm in bench.arms:
        system = bench.system(arm, bench.context)
        if (retriever := system.retriever) is None:
            continue
        for n in numbers:
            wider = replace(system, retriever=_with(retriever, n))
            by_number[n][arm] = put(bench, wider, examples, label=f"{n} passages {arm}")
        cases = cases or _cases(bench, retriever, examples)
        placed[arm] = _placed(bench, system, retriever, cases)
    return ProbeResult(
        probe="context",
        title=PROBE.title,
        figures=(
            *(_right(bench, n, by_number[n]) for n in numbers),
            *(_right_at(bench, place, placed) for place in PLACES),
            *(_dropped(bench, n, by_number[n]) for n in numbers),
        ),
        failures=tuple(c for arm, found in placed.items() for c in _shown(bench, arm, found)),
    )


def _with(retriever: Retriever, passages: int) -> Retriever:
    return replace(retriever, config=retriever.config.model_copy(update={"passages": passages}))


def _cases(bench: Bench, retriever: Retriever, examples: Sequence[Example]) -> tuple[Case, ...]:
    """Examples of which one chunk holds all facts, with as many other passages as a prompt has besides."""
    size, reader = max(AT_LEAST, bench.context.config.retrieval.passages), bench.context.evaluation_reader
    requests = [Request(question=e.question) for e in examples]
    found = _with(retriever, 4 * size).pinned().passages(requests, reader)
    chunks = bench.context.index.chunks_of({d for e in examples for d in e.documents}, reader)
    cases: list[Case] = []
    for example, passages in zip(examples, found, strict=True):
        facts = example.must_include
        own = [c for d in example.documents for c in chunks.get(d, ()) if all(holds(c.text, f) for f in facts)]
        others = [p for p in passages if not any(holds(p.text, f) for f in facts)][: size - 1]
        if own and len(others) == size - 1:
            hit = next((p for p in passages if p.chunk.id in {c.id for c in own}), None)
            # `quote` weighs scores: a passage that the search did not find gets the best one's.
            gold = hit or Passage(chunk=own[0], rank=1, score=passages[0].score)
            cases.append(Case(example=example, gold=gold, others=tuple(others)))
    return tuple(cases)


def _placed(bench: Bench, system: System, retriever: Retriever, cases: Sequence[Case]) -> tuple[Placed, ...]:
    at: dict[str, tuple[Put, ...]] = {}
    for place in PLACES:
        given = Given(
            **{f.name: getattr(retriever, f.name) for f in fields(Retriever)},
            found={c.example.question: c.arranged(place) for c in cases},
        )
        examples = [c.example for c in cases]
        at[place] = put(bench, replace(system, retriever=given), examples, label=f"{place} {system.arm}")
    return tuple(Placed(case=c, at={p: at[p][n] for p in PLACES}) for n, c in enumerate(cases))


def _right(bench: Bench, n: int, found: Mapping[ArmName, Sequence[Put]]) -> ProbeFigure:
    label, hit = f"right with {_passages(n)}", partial(right, bench)
    return shares(bench, f"right_{n}", label, found, hit, better=True, empty="", absent=bench.no_index)


def _dropped(bench: Bench, n: int, found: Mapping[ArmName, Sequence[Put]]) -> ProbeFigure:
    def hit(put: Put) -> bool | None:
        return put.outcome.dropped > 0 if isinstance(put.outcome, Answer) else None

    label = f"{_passages(n)} did not fit"
    return shares(bench, f"dropped_{n}", label, found, hit, better=False, empty="", absent=bench.no_index)


def _right_at(bench: Bench, place: str, found: Mapping[ArmName, Sequence[Placed]]) -> ProbeFigure:
    def hit(one: Placed) -> bool | None:
        return right(bench, one.at[place])

    seen: dict[ArmName, list[Placed]] = {arm: [p for p in placed if p.seen] for arm, placed in found.items()}
    label, empty = (
        f"right where the passage with the answer stands {place}",
        "no question had its passage in the prompt at every place",
    )
    return shares(bench, f"place_{place}", label, seen, hit, better=True, empty=empty, absent=bench.no_index)


def _passages(n: int) -> str:
    return f"{n} passage{'s' if n > 1 else ''}"


def _shown(bench: Bench, arm: ArmName, found: Sequence[Placed]) -> list[ProbeCase]:
    """Questions answered right with their passage in one place and wrong in another."""
    cases: list[ProbeCase] = []
    for one in found:
        good = [place for place in PLACES if right(bench, one.at[place])]
        bad = [place for place in PLACES if place not in good]
        if one.seen and good and bad:
            told = one.at[bad[0]]
            expected = f"{told.example.answers[0]} (as with its passage {good[0]})"
            cases.append(failing(arm, f"place_{bad[0]}", told.question, told.outcome, expected))
    return cases[:SHOWN]


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

"""Freshness: a fact changes in a document; which arm tells the new one, which still the old one, and how soon.

In: a `Bench`. Out: a `ProbeResult`. Edits copies of text documents (Markdown, HTML, CSV and the like) and syncs the copy.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragraft import stages
from ragraft.compare import cost
from ragraft.context import Context
from ragraft.evaluate.scorers import holds, plain
from ragraft.probes.bench import (
    DOCUMENTS,
    SHOWN,
    Bench,
    Probe,
    ask,
    copied,
    failing,
    figure,
    share,
    shares,
    sync_copy,
    told_before,
)
from ragraft.probes.facts import Fact, changed, editable, rewritten, told
from ragraft.stages import ADAPTER_OF
from ragraft.systems.system import System, answer
from ragraft.types import Answer, ArmName, Example, Failure, ProbeCase, ProbeFigure, ProbeResult, Reading, Request

TIMED = 5
"""Documents edited one at a time to measure the time from an edit to the answer."""
NOTHING_TOLD = "it told none of these facts before the edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A fact and the value that stands in its place now. `sync`: seconds from the edit until the index held it, where timed."""

    fact: Fact
    new: str
    sync: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One edited fact put to one arm that told the old value before."""

    edit: Edit
    outcome: Answer | Failure

    # None where no answer came.
    @property
    def new(self) -> bool | None:
        return None if isinstance(self.outcome, Failure) else told(self.outcome, (self.edit.new,))

    @property
    def old(self) -> bool | None:
        if isinstance(self.outcome, Failure):
            return None
        return told(self.outcome, self.edit.fact.spellings) and not self.new

    @property
    def neither(self) -> bool | None:
        return None if isinstance(self.outcome, Failure) else not self.new and not self.old

    @property
    def example(self) -> Example:
        return self.edit.fact.example


def run(bench: Bench, folder: Path) -> ProbeResult:
    facts = bench.facts()[: bench.context.config.probes.questions]
    drafts = _drafts(bench, facts)
    if not drafts:
        note = "no example asks for a number, date or name that one text document alone holds: nothing could be edited"
        return ProbeResult(probe="freshness", title=PROBE.title, notes=(note,))
    before: dict[ArmName, frozenset[str]] = {arm: told_before(bench, arm, facts) for arm in bench.arms}
    asked: dict[ArmName, tuple[Asked, ...]] = {}
    seconds: list[Reading] = []
    with copied(bench, folder) as copy:
        edits = _edit(bench, copy, drafts, before)
        for arm in bench.arms:
            asked[arm] = _ask(bench, arm, copy, edits, before[arm])
            seconds.append(_seconds(bench, arm, copy, asked[arm]))
        again = _retrained(bench, copy, edits, before) if bench.context.config.probes.retrain else ()
    lost = len(drafts) - len(edits)
    notes = (f"{len(edits)} facts were edited in {len({e.fact.document for e in edits})} documents",)
    notes += (f"{lost} edits did not reach the index as they were meant and were left out",) if lost else ()
    return ProbeResult(
        probe="freshness",
        title=PROBE.title,
        figures=(
            *_shares(bench, asked),
            figure("seconds", "from the edit to the new answer", "s", False, tuple(seconds)),
            *again,
        ),
        notes=notes,
        failures=tuple(case for arm in bench.arms for case in _cases(arm, asked[arm])),
    )


def _drafts(bench: Bench, facts: Sequence[Fact]) -> list[Edit]:
    """False values for facts, absent from every document and example; no fact is part of another one of its document, so that no
    edit touches two."""
    context = bench.context
    examples = [e for part in (bench.parts.train, bench.parts.dev, bench.parts.test) for e in part]
    every = context.index.chunks_of(context.index.documents().keys(), context.evaluation_reader)
    taken = plain(
        " ".join([c.text for held in every.values() for c in held] + [a for e in examples for a in e.answers])
    )
    drafts: list[Edit] = []
    for fact in facts:
        rng = random.Random(f"{bench.seed}:{fact.example.id}")
        beside = [d.fact.spelling for d in drafts if d.fact.document == fact.document]
        if not editable(fact) or any(s in fact.spelling or fact.spelling in s for s in beside):
            continue
        if new := changed(fact.spelling, taken, rng):
            drafts.append(Edit(fact=fact, new=new))
            taken += f" {plain(new)}"
    return drafts


def _edit(
    bench: Bench, copy: Context, drafts: Sequence[Edit], before: Mapping[ArmName, frozenset[str]]
) -> tuple[Edit, ...]:
    """Edit the copy: first a few documents, each synced alone and timed, then the others; only edits that the index then holds
    are returned. The timed ones are facts that most arms told."""
    known = sorted(drafts, key=lambda d: -sum(d.fact.example.id in b for b in before.values()))
    alone = list({d.fact.document: d for d in reversed(known)}.values())[::-1]
    alone = sorted(alone, key=known.index)[:TIMED]
    timed: list[Edit] = []
    for n, draft in enumerate(alone, start=1):
        _rewrite(copy, [draft])
        started = time.perf_counter()
        sync_copy(copy)
        timed.append(replace(draft, sync=time.perf_counter() - started))
        bench.context.notify("edit and sync", n, len(alone) + 1)
    others = [d for d in drafts if d not in alone]
    _rewrite(copy, others)
    sync_copy(copy)
    bench.context.notify("edit and sync", len(alone) + 1, len(alone) + 1)
    return tuple(edit for edit in (*timed, *others) if _arrived(copy, edit))


def _rewrite(copy: Context, edits: Sequence[Edit]) -> None:
    for edit in edits:
        path = copy.folder / DOCUMENTS / edit.fact.document
        text = path.read_bytes().decode("utf-8", errors="surrogateescape")
        path.write_bytes(rewritten(text, edit.fact.spelling, edit.new).encode("utf-8", errors="surrogateescape"))


def _arrived(copy: Context, edit: Edit) -> bool:
    chunks = copy.index.chunks_of([edit.fact.document], copy.evaluation_reader).get(edit.fact.document, ())
    text = "\n".join(f"{c.heading}\n{c.text}" for c in chunks)
    return holds(text, (edit.new,)) and not holds(text, edit.fact.spellings)


def _ask(bench: Bench, arm: ArmName, copy: Context, edits: Sequence[Edit], known: frozenset[str]) -> tuple[Asked, ...]:
    mine = [e for e in edits if e.fact.example.id in known]
    questions = [e.fact.example.question for e in mine]
    if not mine:
        return ()
    outcomes = ask(bench, bench.system(arm, copy), questions, label=f"after {arm}")
    return tuple(Asked(edit=e, outcome=o) for e, o in zip(mine, outcomes, strict=True))


def _shares(bench: Bench, asked: Mapping[ArmName, Sequence[Asked]]) -> tuple[ProbeFigure, ...]:
    return (
        shares(bench, "new", "tells the new fact", asked, lambda a: a.new, better=True, empty=NOTHING_TOLD),
        shares(bench, "old", "still tells the old fact", asked, lambda a: a.old, better=False, empty=NOTHING_TOLD),
        shares(bench, "neither", "tells neither", asked, lambda a: a.neither, better=None, empty=NOTHING_TOLD),
    )


def _seconds(bench: Bench, arm: ArmName, copy: Context, asked: Sequence[Asked]) -> Reading:
    """The median over the timed documents of sync plus one question asked alone; `low` and `high` are the extremes."""
    timed = [a for a in asked if a.edit.sync is not None and a.new]
    if not timed:
        reason = "it told the new fact of none of the documents that were timed"
        return Reading(arm=arm, value=None, reason=reason if asked else NOTHING_TOLD)
    system = bench.system(arm, copy)
    answer(system, [Request(question=timed[0].edit.fact.example.question)], bench.context.evaluation_reader)
    found = [(a.edit.sync or 0.0) + _alone(bench, system, a.example.question) for a in timed]
    return Reading(arm=arm, value=statistics.median(found), low=min(found), high=max(found), n=len(found))


def _alone(bench: Bench, system: System, question: str) -> float:
    started = time.perf_counter()
    answer(system, [Request(question=question)], bench.context.evaluation_reader)
    return time.perf_counter() - started


def _retrained(
    bench: Bench, copy: Context, edits: Sequence[Edit], before: Mapping[ArmName, frozenset[str]]
) -> tuple[ProbeFigure, ...]:
    """Adapters trained again on examples that state the new facts, and what their arms tell then. The cost is that of the machine, and
    of labelling the changed training examples anew, as in `compare.cost`."""
    prices = bench.context.config.prices
    new = {e.fact.example.id: e for e in edits}
    parts = replace(bench.parts, train=tuple(_stated(e, new) for e in bench.parts.train))
    told_new: list[Reading] = []
    stale = sum(e.id in new for e in bench.parts.train)
    seconds: list[Reading] = []
    costs: list[Reading] = []
    for arm in bench.arms:
        if arm not in ADAPTER_OF:
            continue
        adapter = stages.tune(copy, ADAPTER_OF[arm], parts)
        system = stages.build_system(copy, arm, parts, adapter)
        mine = [e for e in edits if e.fact.example.id in before[arm]]
        outcomes = ask(bench, system, [e.fact.example.question for e in mine], label=f"again {arm}")
        hits = [told(o, (e.new,)) for e, o in zip(mine, outcomes, strict=True)]
        told_new.append(share(bench, arm, hits, [e.fact.example for e in mine], empty=NOTHING_TOLD))
        seconds.append(Reading(arm=arm, value=adapter.seconds, n=1))
        spent = copy.space.spent(Path(adapter.path))
        machine = cost.hour(bench.context.config, gpu=spent is not None and spent.gpu) / 3600
        costs.append(Reading(arm=arm, value=adapter.seconds * machine + stale * prices.label_example, n=1))
    label = f"cost of training again, with {stale} examples labelled anew, {prices.currency}"
    return (
        figure("new_retrained", "tells the new fact after training again", "share", True, told_new),
        figure("retraining", "training again", "s", False, seconds),
        figure("retraining_cost", label, "money", False, costs),
    )


def _stated(example: Example, edits: Mapping[str, Edit]) -> Example:
    if example.id not in edits:
        return example
    edit = edits[example.id]
    answers = tuple(rewritten(a, edit.fact.spelling, edit.new) for a in example.answers)
    facts = tuple((edit.new,) if f == edit.fact.spellings else f for f in example.must_include)
    return replace(example, answers=answers, must_include=facts)


def _cases(arm: ArmName, asked: Sequence[Asked]) -> tuple[ProbeCase, ...]:
    stale = [a for a in asked if a.old] + [a for a in asked if a.neither]

    def failed(a: Asked) -> ProbeCase:
        expected = f"{a.edit.new}, which replaced {a.edit.fact.spelling}"
        return failing(arm, "old" if a.old else "neither", a.example.question, a.outcome, expected)

    return tuple(map(failed, stale[:SHOWN]))


PROBE = Probe(
    name="freshness",
    title="Does it tell a fact as it is after a document was edited?",
    needs="examples with must_include facts that one text document alone holds",
    does="edits numbers, dates and names in a copy of the documents, syncs it and asks",
    reports="of the facts that an arm told before: the share it tells anew, still as they were, or neither; seconds from edit to answer",
    cannot=(
        "Only documents of the documents folder that are text are edited; facts in PDF and Office files are taken to behave alike.",
        "An edit changes one value everywhere in one document; a fact that several documents restate may stay stale for longer.",
        "The seconds are those of a sync at once: with a scheduled sync, its interval comes on top.",
    ),
    run=run,
    settings=lambda bench: (
        bench.context.config.probes.questions,
        bench.context.config.probes.retrain and bench.context.config.prices,
    ),
)

"""Deletion: documents go; which arm still tells what stood in them, and whether the store still holds them.

In: a `Bench`. Out: a `ProbeResult`. Deletes from a copy of the documents, syncs the copy, then forgets them there for good.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragraft.context import Context
from ragraft.evaluate.scorers import holds
from ragraft.forget import forget
from ragraft.probes.bench import (
    DOCUMENTS,
    SHOWN,
    Bench,
    Pool,
    Probe,
    ask,
    copied,
    failing,
    figure,
    no_facts,
    pool,
    shares,
    sync_copy,
)
from ragraft.probes.facts import Fact, told
from ragraft.retrieve import history
from ragraft.types import Answer, ArmName, Example, Failure, ProbeCase, ProbeFigure, ProbeResult, Reading

NEEDLE = 32
"""Characters of a document's own text that are looked for in the store's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One fact that an arm told before its document was deleted, asked for again."""

    fact: Fact
    outcome: Answer | Failure

    @property
    def example(self) -> Example:
        return self.fact.example

    @property
    def told(self) -> bool | None:
        """None where no answer came."""
        return None if isinstance(self.outcome, Failure) else told(self.outcome, self.fact.spellings)


def run(bench: Bench, folder: Path) -> ProbeResult:
    facts = pool(bench)
    if not facts.facts:
        return no_facts("deletion", PROBE.title)
    with copied(bench, folder) as copy:
        needles = _needles(copy, facts.facts)
        for document in facts.documents:
            (copy.folder / DOCUMENTS / document).unlink(missing_ok=True)
        sync_copy(copy)
        synced = _held(copy, needles)
        asked: dict[ArmName, tuple[Asked, ...]] = {arm: _ask(bench, arm, copy, facts) for arm in bench.arms}
        with warnings.catch_warnings(action="ignore"):  # of the store: nobody else has this copy open
            forget(copy, facts.documents)
        erased = _held(copy, needles)
    label = "still tells facts of deleted documents"
    return ProbeResult(
        probe="deletion",
        title=PROBE.title,
        figures=(
            shares(
                bench, "told", label, asked, lambda a: a.told, better=False, empty="it told none of their facts before"
            ),
            _store(bench, "held", "deleted documents that the store still holds after a sync", synced, len(needles)),
            _store(bench, "held_forgotten", "the same after `ragraft forget`", erased, len(needles)),
            _learned(bench, facts.documents),
        ),
        notes=(f"{len(facts.documents)} documents were deleted",),
        failures=tuple(c for arm in bench.arms for c in _cases(arm, asked[arm])),
    )


def _needles(copy: Context, facts: Sequence[Fact]) -> dict[str, bytes]:
    """For each document some characters around a fact that it alone holds."""
    chunks = copy.index.chunks_of({f.document for f in facts}, copy.evaluation_reader)
    found: dict[str, bytes] = {}
    for fact in facts:
        for chunk in chunks.get(fact.document, ()):
            at = chunk.text.casefold().find(fact.spelling.casefold())
            if at >= 0 and holds(chunk.text, (fact.spelling,)):
                start = max(0, at - NEEDLE // 2)
                found.setdefault(fact.document, chunk.text[start : at + len(fact.spelling) + NEEDLE // 2].encode())
    return found


def _held(copy: Context, needles: Mapping[str, bytes]) -> frozenset[str]:
    """The documents that an older version of the index still shows, or whose text stands in one of its files as it is."""
    left = dict(needles)
    for path in sorted(copy.space.index.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        left = {d: n for d, n in left.items() if n not in data}
    return frozenset(needles.keys() - left.keys()) | history.texts_ever(copy.index, needles.keys()).keys()


def _ask(bench: Bench, arm: ArmName, copy: Context, facts: Pool) -> tuple[Asked, ...]:
    known = facts.known(arm)
    if not known:
        return ()
    outcomes = ask(bench, bench.system(arm, copy), [f.example.question for f in known], label=f"deleted {arm}")
    return tuple(Asked(fact=f, outcome=o) for f, o in zip(known, outcomes, strict=True))


def _store(bench: Bench, name: str, label: str, held: frozenset[str], n: int) -> ProbeFigure:
    value, reason = (len(held) / n, "") if n else (None, "the text of no deleted document could be looked for")
    arms: list[ArmName] = [arm for arm in bench.arms if arm not in bench.no_index]
    return figure(name, label, "share", False, [Reading(arm=arm, value=value, n=n, reason=reason) for arm in arms])


def _learned(bench: Bench, documents: Sequence[str]) -> ProbeFigure:
    """Of the deleted documents, those that an adapter was trained on: deleting does not take them out of its weights."""
    readings = [
        Reading(arm=arm, value=len(set(documents) & set(a.documents)) / len(documents), n=len(documents))
        for arm, a in bench.adapters.items()
    ]
    return figure("learned", "deleted documents that its adapter was trained on", "share", False, readings)


def _cases(arm: ArmName, asked: Sequence[Asked]) -> list[ProbeCase]:
    def failed(a: Asked) -> ProbeCase:
        expected = f"not {a.fact.spelling}, which stood in {a.fact.document} alone"
        return failing(arm, "told", a.example.question, a.outcome, expected)

    return [failed(a) for a in asked if a.told][:SHOWN]


PROBE = Probe(
    name="deletion",
    title="Does it still tell what stood in a document that was deleted?",
    needs="examples with must_include facts that one document alone holds",
    does="deletes such documents from a copy, syncs it, asks, then runs `forget` on it",
    reports="of the facts that an arm told before: the share it still tells; whether the store's files still hold the text",
    cannot=(
        "A fact that an arm does not tell may still be in its weights: silence is no proof of erasure.",
        "Only the index and the adapters are looked at: backups, logs and copies elsewhere are not.",
    ),
    run=run,
    settings=lambda bench: bench.context.config.probes.questions,
)

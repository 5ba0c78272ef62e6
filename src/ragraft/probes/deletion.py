"""Deletion: documents go; which arm still tells what stood in them, and whether the store still holds them.

In: a `Bench`. Out: a `ProbeResult`. Deletes from a copy of the documents, syncs the copy, then forgets them there for good.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from ragraft.context import Context
from ragraft.evaluate.scorers import holds
from ragraft.forget import forget
from ragraft.probes.bench import DOCUMENTS, Bench, Pool, Probe, ask, copied, no_facts, pool, said, share, sync_copy
from ragraft.probes.facts import Fact, told
from ragraft.retrieve import history
from ragraft.stages import INDEX_ARMS
from ragraft.types import Answer, ArmName, Failure, ProbeCase, ProbeFigure, ProbeResult, Reading

NEEDLE = 32
"""Characters of a document's own text that are looked for in the store's files."""
SHOWN = 3


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
        answers: dict[ArmName, tuple[Answer | Failure, ...]] = {
            arm: _ask(bench, arm, copy, facts) for arm in bench.arms
        }
        with warnings.catch_warnings(action="ignore"):  # of the store: nobody else has this copy open
            forget(copy, facts.documents)
        erased = _held(copy, needles)
    return ProbeResult(
        probe="deletion",
        title=PROBE.title,
        figures=(
            _told(bench, facts, answers),
            _store(bench, "held", "deleted documents that the store still holds after a sync", synced, len(needles)),
            _store(bench, "held_forgotten", "the same after `ragraft forget`", erased, len(needles)),
            _learned(bench, facts.documents),
        ),
        notes=(f"{len(facts.documents)} documents were deleted",),
        failures=tuple(c for arm in bench.arms for c in _cases(arm, facts.known(arm), answers[arm])),
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


def _ask(bench: Bench, arm: ArmName, copy: Context, facts: Pool) -> tuple[Answer | Failure, ...]:
    questions = [f.example.question for f in facts.known(arm)]
    if not questions:
        return ()
    return ask(bench, bench.system(arm, copy), questions, label=f"deleted {arm}")


def _told(bench: Bench, facts: Pool, answers: Mapping[ArmName, Sequence[Answer | Failure]]) -> ProbeFigure:
    readings = tuple(
        share(
            bench,
            arm,
            [told(o, f.spellings) for f, o in zip(facts.known(arm), found, strict=True)],
            [f.example for f in facts.known(arm)],
            empty="it told none of their facts before",
        )
        for arm, found in answers.items()
    )
    return ProbeFigure(
        name="told",
        label="still tells facts of deleted documents",
        unit="share",
        higher_is_better=False,
        readings=readings,
    )


def _store(bench: Bench, name: str, label: str, held: frozenset[str], n: int) -> ProbeFigure:
    value, reason = (len(held) / n, "") if n else (None, "the text of no deleted document could be looked for")
    arms: list[ArmName] = [arm for arm in bench.arms if arm in INDEX_ARMS]
    readings = tuple(Reading(arm=arm, value=value, n=n, reason=reason) for arm in arms)
    return ProbeFigure(name=name, label=label, unit="share", higher_is_better=False, readings=readings)


def _learned(bench: Bench, documents: Sequence[str]) -> ProbeFigure:
    """Of the deleted documents, those that an adapter was trained on: deleting does not take them out of its weights."""
    readings = tuple(
        Reading(arm=arm, value=len(set(documents) & set(a.documents)) / len(documents), n=len(documents))
        for arm, a in bench.adapters.items()
    )
    return ProbeFigure(
        name="learned", label="deleted documents that its adapter was trained on", unit="share", higher_is_better=False, readings=readings
    )  # fmt: skip


def _cases(arm: ArmName, facts: Sequence[Fact], outcomes: Sequence[Answer | Failure]) -> list[ProbeCase]:
    kept = [(f, o) for f, o in zip(facts, outcomes, strict=True) if told(o, f.spellings)]
    return [
        ProbeCase(
            arm=arm,
            figure="told",
            question=f.example.question,
            said=said(o),
            expected=f"not {f.spelling}, which stood in {f.document} alone",
        )
        for f, o in kept[:SHOWN]
    ]


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

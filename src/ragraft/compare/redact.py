"""Takes forgotten documents out of a finished report. In: a `Report` and what was forgotten. Out: the report without it.

Blanked are the examples that name a forgotten document, and the answers that rest on one: asked by such an example, made by an
adapter that learned from it, or from its passages. Its passages go, and so do
the failures that probes show and the places that a sync flagged. Every figure stays as it was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from ragraft.types import Answer, ArmName, CaseResult, Evaluation, Example, Flagged, Passage, Report, Score, Split

GONE = "[forgotten]"
CAVEAT = "A document was forgotten after this comparison: what rested on it is blanked, the figures are as they were measured."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What was forgotten: document ids, the arms whose adapters learned from them, and whether a text quotes them."""

    documents: frozenset[str]
    arms: frozenset[ArmName]
    quoted: Callable[[str], bool]


def redact(report: Report, gone: Gone) -> Report:
    """The report without what was forgotten; the same object when it held nothing of it."""
    parts = report.split
    blank = {e.id for part in (parts.train, parts.dev, parts.test) for e in part if _of(e, gone)}
    evaluations = tuple(_evaluation(e, blank, gone) for e in report.evaluations)
    synced = report.sync and replace(
        report.sync, flagged=tuple(f for f in report.sync.flagged if not _flagged(f, gone))
    )
    if not blank and evaluations == report.evaluations and synced == report.sync:
        return report
    caveats = tuple(dict.fromkeys((*report.recommendation.caveats, CAVEAT)))
    return replace(
        report,
        sync=synced,
        split=_split(parts, blank),
        evaluations=evaluations,
        recommendation=replace(report.recommendation, caveats=caveats),
        probes=tuple(replace(p, failures=()) for p in report.probes),
    )


def _of(example: Example, gone: Gone) -> bool:
    if gone.documents.intersection(example.documents):
        return True
    facts = (spelling for fact in example.must_include for spelling in fact)
    return gone.quoted("\n".join((example.question, *example.answers, *facts)))


def _flagged(flagged: Flagged, gone: Gone) -> bool:
    return flagged.document in gone.documents or gone.quoted(flagged.text)


def _split(parts: Split, blank: Collection[str]) -> Split:
    def blanked(examples: tuple[Example, ...]) -> tuple[Example, ...]:
        return tuple(
            replace(e, question=GONE, answers=(GONE,), must_include=(), documents=()) if e.id in blank else e
            for e in examples
        )

    return replace(parts, train=blanked(parts.train), dev=blanked(parts.dev), test=blanked(parts.test))


def _evaluation(evaluation: Evaluation, blank: Collection[str], gone: Gone) -> Evaluation:
    whole = evaluation.arm in gone.arms
    return replace(evaluation, cases=tuple(_case(c, whole or c.example in blank, gone) for c in evaluation.cases))


def _case(case: CaseResult, touched: bool, gone: Gone) -> CaseResult:
    outcome = case.outcome
    if not isinstance(outcome, Answer):
        if not (touched or gone.quoted(outcome.message)):
            return case
        return replace(case, outcome=replace(outcome, message=GONE), scores=_scores(case))
    kept = tuple(p for p in outcome.passages if not _held(p, gone))
    if not (touched or len(kept) < len(outcome.passages) or gone.quoted(f"{outcome.text}\n{outcome.raw}")):
        return case
    answer = replace(outcome, text=GONE, raw="", citations=(), passages=kept, highlight=None, notes=())
    return replace(case, outcome=answer, scores=_scores(case))


def _held(passage: Passage, gone: Gone) -> bool:
    return passage.chunk.document in gone.documents or any(map(gone.quoted, (passage.chunk.text, passage.text)))


def _scores(case: CaseResult) -> tuple[Score, ...]:
    """The values; reasons may quote."""
    return tuple(replace(s, reason="" if s.value is not None else GONE) for s in case.scores)

"""`Report` -> the per-question drill-down: every arm's answer to one question side by side, with truth and passages.

In: a `types.Report`. Out: frozen views for the template. Passages that several arms read are held once per question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ragraft.compare import wording
from ragraft.evaluate.scorers import holds
from ragraft.types import Answer, ArmName, CaseResult, Example, Failure, Passage, Report

MOST = 400
"""Questions shown in full; a longer test split shows the telling ones first (report.json holds all)."""
LONGEST = 1500
"""Characters of a passage or answer that are shown."""

State = Literal["right", "wrong", "part", "unscored", "failed"]
GLYPHS: dict[State, str] = {"right": "✓", "wrong": "✗", "part": "◐", "unscored": wording.DASH, "failed": "!"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of an answer; `fact` where it is one of the facts asked for."""

    text: str
    fact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    text: str
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A passage in one arm's prompt: `number` in that prompt, `key` among the question's passages."""

    number: int
    key: int
    place: str
    cited: bool
    right: bool
    """From a document that holds the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownScore:
    label: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmAnswer:
    arm: ArmName
    state: State
    glyph: str
    says: str
    """The state in words."""
    pieces: tuple[Piece, ...]
    failure: str
    facts: tuple[Fact, ...]
    used: tuple[Used, ...]
    scores: tuple[ShownScore, ...]
    timing: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPassage:
    key: int
    document: str
    place: str
    text: str
    cited_by: tuple[ArmName, ...]
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    number: int
    example: Example
    arms: tuple[ArmAnswer, ...]
    passages: tuple[ShownPassage, ...]
    facts: tuple[str, ...]
    disagree: bool
    failed: bool
    missed: bool
    """The recommended arm did not get it right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The questions shown out of `total`, and how many fall under each filter."""

    metric: str
    total: int
    shown: tuple[Question, ...]
    disagree: int
    failed: int
    missed: int
    unanswerable: int


def questions(report: Report) -> Questions:
    metric = case_metric(report)
    by_arm: list[tuple[ArmName, dict[str, CaseResult]]] = [
        (e.arm, {c.example: c for c in e.cases}) for e in report.evaluations
    ]
    everything = [
        _question(
            n, example, [(arm, cases[example.id]) for arm, cases in by_arm if example.id in cases], metric, report
        )
        for n, example in enumerate(report.split.test, start=1)
    ]
    telling = sorted(everything, key=lambda q: (not q.failed, not q.disagree, not q.missed, q.number))[:MOST]
    return Questions(
        metric=metric,
        total=len(everything),
        shown=tuple(sorted(telling, key=lambda q: q.number)),
        disagree=sum(q.disagree for q in telling),
        failed=sum(q.failed for q in telling),
        missed=sum(q.missed for q in telling),
        unanswerable=sum(not q.example.answerable for q in telling),
    )


def case_metric(report: Report) -> str:
    """The primary metric where single cases have it, else the nearest that they have."""
    has = {s.name for e in report.evaluations for c in e.cases for s in c.scores}
    wanted = (report.comparison.metric, "correct", "accuracy", "token_f1")
    return next((m for m in wanted if m in has), report.comparison.metric)


def _question(
    number: int, example: Example, cases: Sequence[tuple[ArmName, CaseResult]], metric: str, report: Report
) -> Question:
    passages = _passages(example, cases)
    keys = {shown: p.key for shown, p in passages.items()}
    arms = tuple(_arm(arm, case, example, metric, keys) for arm, case in cases)
    values = [v for _, case in cases if (v := case.value(metric)) is not None]
    chosen = report.recommendation.arm
    return Question(
        number=number,
        example=example,
        arms=arms,
        passages=tuple(passages.values()),
        facts=tuple(" / ".join(spellings) for spellings in example.must_include),
        disagree=bool(values) and max(values) - min(values) >= 0.5,
        failed=any(a.state == "failed" for a in arms),
        missed=any(a.arm == chosen and a.state in ("wrong", "part") for a in arms),
    )


def _passages(example: Example, cases: Sequence[tuple[ArmName, CaseResult]]) -> dict[_Text, ShownPassage]:
    found: dict[_Text, Passage] = {}
    cited: dict[_Text, list[ArmName]] = {}
    for arm, case in cases:
        if isinstance(case.outcome, Answer):
            for passage in case.outcome.passages:
                found.setdefault(_text(passage), passage)
                if passage.chunk.id in {c.chunk for c in case.outcome.citations}:
                    cited.setdefault(_text(passage), []).append(arm)
    return {
        text: ShownPassage(
            key=key,
            document=passage.chunk.document,
            place=place(passage),
            text=clip(passage.text),
            cited_by=tuple(cited.get(text, ())),
            right=passage.chunk.document in example.documents,
        )
        for key, (text, passage) in enumerate(found.items(), start=1)
    }


_Text = tuple[str, str]
"""A chunk's id and what was shown of it: arms may read more or less of the same chunk."""


def _text(passage: Passage) -> _Text:
    return passage.chunk.id, passage.text


def place(passage: Passage) -> str:
    """`Title › heading, page 3`; of an excerpt also that it is one."""
    chunk = passage.chunk
    where = " › ".join(part for part in (chunk.title, chunk.heading) if part) or chunk.document
    where = where if chunk.page is None else f"{where}, page {chunk.page}"
    return where if passage.excerpt is None else f"{where} (its best sentences)"


def clip(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"


def _arm(arm: ArmName, case: CaseResult, example: Example, metric: str, keys: dict[_Text, int]) -> ArmAnswer:
    state = state_of(case, metric)
    outcome = case.outcome
    shared = {"arm": arm, "state": state, "glyph": GLYPHS[state], "says": _says(case, state, metric)}
    if isinstance(outcome, Failure):
        text = f"{outcome.stage}: {outcome.message}"
        return ArmAnswer(**shared, pieces=(), failure=text, facts=(), used=(), scores=(), timing="", notes=())  # type: ignore[arg-type]
    facts = tuple(Fact(text=f[0], found=holds(outcome.text, f)) for f in example.must_include if f)
    t = outcome.timings
    parts = [f"search {wording.milliseconds(1000 * t.retrieve)}"] * (t.retrieve > 0) + [
        f"answer {wording.milliseconds(1000 * t.generate)}"
    ]
    return ArmAnswer(
        **shared,  # type: ignore[arg-type]
        pieces=highlight(clip(outcome.text), example.must_include),
        failure="",
        facts=facts,
        used=_used(outcome, example, keys),
        scores=tuple(
            ShownScore(label=wording.metric(s.name).label, text=wording.case_value(s.name, s.value), reason=s.reason)
            for s in case.scores
        ),
        timing=", ".join(parts),
        notes=_notes(outcome),
    )


def _used(outcome: Answer, example: Example, keys: dict[_Text, int]) -> tuple[Used, ...]:
    cited = {c.chunk for c in outcome.citations}
    return tuple(
        Used(
            number=n,
            key=keys[_text(p)],
            place=place(p),
            cited=p.chunk.id in cited,
            right=p.chunk.document in example.documents,
        )
        for n, p in enumerate(outcome.passages, start=1)
    )


def _notes(outcome: Answer) -> tuple[str, ...]:
    """What deserves a word: the answer's own notes, refusals, invented citations, passages that did not fit, tokens, confidence."""
    first, last = outcome.highlight or (0, 0)
    notes = [
        (outcome.refused, "refused to answer"),
        (last > first, f"the words that answer: “{outcome.text[first:last]}”"),
        (outcome.invented > 0, wording.count(outcome.invented, "invented citation") + " removed"),
        (outcome.dropped > 0, wording.count(outcome.dropped, "passage") + " dropped: the prompt was full"),
        (outcome.completion_tokens > 0, f"{outcome.prompt_tokens:,} + {outcome.completion_tokens:,} tokens"),
    ]
    shown = [*outcome.notes, *(text for holds, text in notes if holds)]
    return tuple(shown if outcome.confidence is None else [*shown, f"confidence {outcome.confidence:.2f}"])


def state_of(case: CaseResult, metric: str) -> State:
    if isinstance(case.outcome, Failure):
        return "failed"
    score = case.value(metric)
    if score is None:
        return "unscored"
    return "right" if score >= 1 else "wrong" if score <= 0 else "part"


def _says(case: CaseResult, state: State, metric: str) -> str:
    words = {"right": "right", "wrong": "wrong", "unscored": "unscored", "failed": "failed"}
    return words.get(state) or f"{wording.metric(metric).label} {wording.value(metric, case.value(metric))}"


def highlight(text: str, facts: Sequence[tuple[str, ...]]) -> tuple[Piece, ...]:
    """`text` cut into pieces so that every spelling of a fact stands alone."""
    spellings = [f for f in facts if any(f)]
    if not spellings:
        return (Piece(text=text, fact=False),) if text else ()
    parts = re.split(f"({_pattern(spellings).pattern})", text, flags=re.IGNORECASE)
    return tuple(Piece(text=part, fact=n % 2 == 1) for n, part in enumerate(parts) if part)


def _pattern(facts: Sequence[tuple[str, ...]]) -> re.Pattern[str]:
    """Any spelling of the facts, longest first, at word borders, whatever the case and spacing."""
    spellings = sorted({s for fact in facts for s in fact if s.strip()}, key=len, reverse=True)
    options = "|".join(r"\s+".join(map(re.escape, s.split())) for s in spellings)
    return re.compile(rf"(?<!\w)(?:{options or '(?!)'})(?!\w)(?![.,]\d)", re.IGNORECASE)

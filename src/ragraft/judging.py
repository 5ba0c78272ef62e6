"""A judge's verdicts on answers. In: a project, its split and its evaluations. Out: them with one more score, and an agreement.

Verdicts are saved under `.ragraft/stages/judge/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ragraft.context import Context
from ragraft.evaluate import judge
from ragraft.models import load
from ragraft.types import Agreement, Answer, CaseResult, Evaluation, Score, Split
from ragraft.workspace import fingerprint, from_json, to_json, write_atomic


def judged(
    context: Context, parts: Split, evaluations: Sequence[Evaluation]
) -> tuple[tuple[Evaluation, ...], Agreement | None]:
    """The judge's verdicts as one more score, kept per answer so that a second run asks nothing twice."""
    spec = context.config.judge.model or ""
    generator = load.generator(spec, context.config.models, folder=context.folder)
    examples = {e.id: e for e in parts.test}
    candidates = [
        judge.Candidate(example=examples[c.example], arm=e.arm, text=c.outcome.text)
        for e in evaluations
        for c in e.cases
        if isinstance(c.outcome, Answer)
    ]

    def build(folder: Path) -> None:
        write_atomic(folder / "verdicts.json", to_json(judge.judge(candidates, generator), tuple[judge.Verdict, ...]))

    folder = context.space.build_stage("judge", fingerprint(spec, candidates), build)
    verdicts = from_json(tuple[judge.Verdict, ...], (folder / "verdicts.json").read_bytes())
    by_case = {(v.arm, v.example): v for v in verdicts}
    done = tuple(
        replace(e, cases=tuple(_with_verdict(c, by_case.get((e.arm, c.example))) for c in e.cases)) for e in evaluations
    )
    labels = context.config.judge.human_labels
    return done, judge.agreement(verdicts, judge.read_labels(context.folder / labels), model=spec) if labels else None


def _with_verdict(case: CaseResult, verdict: judge.Verdict | None) -> CaseResult:
    if verdict is None:
        return replace(case, scores=(*case.scores, Score(name="judge", value=None, reason="the call failed")))
    value = None if verdict.correct is None else float(verdict.correct)
    return replace(
        case, scores=(*case.scores, Score(name="judge", value=value, reason=verdict.reason if value is None else ""))
    )

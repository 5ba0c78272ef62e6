"""Comparisons whose every figure can be worked out by hand: scores and seconds per question are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragraft import config
from ragraft.compare.compare import compare
from ragraft.config import Config
from ragraft.types import (
    Answer,
    ArmName,
    CaseResult,
    Comparison,
    Evaluation,
    Example,
    ProbeFigure,
    ProbeName,
    ProbeResult,
    Reading,
    Score,
    Timings,
    Work,
)

PRICES = {"currency": "EUR", "cpu_hour": 3.6, "gpu_hour": 36.0, "gb_month": 0.5, "label_example": 2.0}
"""3.60 an hour: a second costs 0.001."""


ANSWER = Answer(text="a", raw="a", refused=False)


def evaluation(
    arm: ArmName,
    examples: Sequence[Example],
    values: Sequence[float | None],
    *,
    metric: str = "correct",
    more: Sequence[Score] = (),
    outcome: Answer = ANSWER,
    seconds: Sequence[float] = (),
) -> Evaluation:
    """`arm` gave the same answer everywhere, with these values of `metric` and every case with `more` scores; `seconds` of single
    requests."""
    cases = tuple(
        CaseResult(example=e.id, group=e.group, outcome=outcome, scores=(Score(name=metric, value=v), *more))
        for e, v in zip(examples, values, strict=True)
    )
    return Evaluation(arm=arm, fingerprint=arm, cases=cases, latency=tuple(Timings(generate=s) for s in seconds))


@dataclass(frozen=True, kw_only=True)
class Made:
    comparison: Comparison
    evaluations: tuple[Evaluation, ...]
    config: Config


def settings(**sections: Any) -> Config:
    traffic = {"questions_per_month": 1000.0, "changes_per_month": 0.0, "months": 12.0, **sections.pop("traffic", {})}
    return config.parse({"prices": PRICES, "traffic": traffic, **sections})


def made(
    scores: Mapping[ArmName, Sequence[float | None]],
    seconds: Mapping[ArmName, Sequence[float]],
    *,
    work: Mapping[ArmName, Work] | None = None,
    metric: str = "correct",
    **sections: Any,
) -> Made:
    """Every case is a group of its own; nothing takes time to build."""
    n = len(next(iter(scores.values())))
    examples = [Example(id=str(i), question=f"q{i}", answers=("a",), group=str(i)) for i in range(n)]
    evaluations = tuple(
        evaluation(arm, examples, values, metric=metric, seconds=seconds[arm]) for arm, values in scores.items()
    )
    found = settings(**sections)
    built = dict.fromkeys(scores, 0.0)
    comparison = compare(
        evaluations, examples, metric=metric, build_seconds=built, config=found, not_applicable=(), work=work
    )
    return Made(comparison=comparison, evaluations=evaluations, config=found)


def probe(name: ProbeName, figure: str, readings: Sequence[Reading], *, higher: bool | None = True) -> ProbeResult:
    found = ProbeFigure(name=figure, label=figure, unit="share", higher_is_better=higher, readings=tuple(readings))
    return ProbeResult(probe=name, title="", figures=(found,))

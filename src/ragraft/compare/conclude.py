"""A comparison and its probes -> everything that is concluded from them. Pure; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragraft.compare import resample
from ragraft.compare.cost import hosted
from ragraft.compare.disagree import disagreements
from ragraft.compare.marks import marked
from ragraft.compare.recommend import recommend
from ragraft.compare.rows import rows
from ragraft.compare.sensitivity import sensitivity
from ragraft.config import Config
from ragraft.types import (
    Comparison,
    Disagreement,
    Evaluation,
    Hosted,
    ProbeResult,
    Recommendation,
    Sensitivity,
    Tradeoff,
    Traffic,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    recommendation: Recommendation
    tradeoffs: tuple[Tradeoff, ...]
    sensitivity: Sensitivity
    published: tuple[Disagreement, ...]
    traffic: Traffic
    hosted: tuple[Hosted, ...]


def conclude(
    comparison: Comparison, evaluations: Sequence[Evaluation], probes: Sequence[ProbeResult], config: Config
) -> Conclusion:
    """The recommendation, the trade-off table, how far the choice holds, and what was published otherwise."""
    table = rows(comparison, probes)
    draws = resample.draw(evaluations, comparison, table, config)
    traffic = config.traffic
    return Conclusion(
        recommendation=recommend(comparison, config, probes, draws),
        tradeoffs=marked(table, comparison, evaluations, draws, config),
        sensitivity=sensitivity(comparison, config, probes, draws),
        published=disagreements(comparison, config.project.task),
        hosted=hosted(comparison, evaluations, config),
        traffic=Traffic(
            questions=traffic.questions_per_month, changes=traffic.changes_per_month, months=traffic.months
        ),
    )

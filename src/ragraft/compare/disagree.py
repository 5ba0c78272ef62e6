"""Measured differences -> the published findings that they contradict. In: a comparison. Out: values; nothing is written.

A finding is contradicted when the arm that it calls worse is better beyond noise here. A difference within noise contradicts
nothing. Findings on labels are held against `classify` alone, all others against `answer`.
"""

from __future__ import annotations

from ragraft.compare.pairs import find_pair
from ragraft.compare.published import Published, load
from ragraft.compare.wording import difference, metric, p_value, points
from ragraft.types import Comparison, Disagreement, Task

ON_LABELS = ("bucher-classify", "casanueva-intents")


def disagreements(comparison: Comparison, task: Task) -> tuple[Disagreement, ...]:
    """The findings of `published.toml` that this comparison contradicts."""
    own = [p for p in load() if (p.id in ON_LABELS) == (task == "classify")]
    return tuple(found for p in own if (found := _against(p, comparison)))


def _against(finding: Published, comparison: Comparison) -> Disagreement | None:
    told = finding.relation
    test = find_pair(comparison, told.worse, told.better) if told else None
    if told is None or test is None or not test.decisive or test.difference <= 0:
        return None
    gap = difference(test.metric, test.difference).removeprefix("+")
    measured = (
        f"Here `{told.worse}` is ahead of `{told.better}` by {gap} {points(test.metric)} of {metric(test.metric).label.lower()} "
        f"(n {test.n}, adjusted p {p_value(test.p_adjusted)})."
    )
    return Disagreement(
        id=finding.id,
        claim=finding.claim,
        paper=finding.paper,
        year=finding.year,
        url=finding.url,
        figure=finding.figure,
        measured=measured,
    )

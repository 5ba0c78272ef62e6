"""Marks and weighted scores by hand."""

import numpy as np
import pytest

from ragraft import config
from ragraft.compare import resample
from ragraft.compare.recommend import recommend
from ragraft.compare.rows import rows
from ragraft.compare.weigh import check, marks, weigh
from ragraft.errors import ConfigError
from ragraft.types import Reading

from .made import made, probe

FOUND = made(
    {"rag": [1.0, 1.0, 1.0, 0.0] * 10, "tuned": [1.0, 0.0] * 20},
    {"rag": [0.2] * 5, "tuned": [0.1] * 5},
    weights={"correct": 3.0, "p95_ms": 1.0},
)


@pytest.mark.parametrize(
    ("values", "unit", "higher", "expected"),
    [
        ([0.25, 0.75], "share", True, [0.25, 0.75]),
        ([0.25, 0.75], "share", False, [0.75, 0.25]),
        ([100.0, 400.0], "ms", False, [1.0, 0.25]),
        ([0.0, 400.0], "money", False, [1.0, 0.0]),
        ([-0.1, 0.0], "nats per token", False, [1.0, 1.0]),
        ([2.0, 8.0], "a second", True, [0.25, 1.0]),
    ],
)
def test_marks(values: list[float], unit: str, higher: bool, expected: list[float]) -> None:
    assert marks(np.array(values), unit, higher=higher).tolist() == pytest.approx(expected)


def test_scores_are_the_weighted_mean_of_marks() -> None:
    table = rows(FOUND.comparison)
    found = weigh(FOUND.comparison, table, ["rag", "tuned"], FOUND.config, None)
    assert found.scores.tolist() == pytest.approx([(3 * 0.75 + 0.5) / 4, (3 * 0.5 + 1) / 4])  # 0.6875, 0.625


def test_the_weighted_score_decides_only_beyond_noise() -> None:
    table = rows(FOUND.comparison)
    draws = resample.draw(FOUND.evaluations, FOUND.comparison, table, FOUND.config, n=1000)
    found = recommend(FOUND.comparison, FOUND.config, (), draws)
    assert (found.outcome, found.arm, found.tied) == ("tie", "tuned", ("rag", "tuned"))  # 0.0625 is within noise
    assert "Weighted scores: `rag` 0.688, `tuned` 0.625 (weights: correct 3, p95_ms 1)." in found.reasons
    clear = made(
        {"rag": [1.0] * 40, "tuned": [0.0] * 40}, {"rag": [0.2] * 5, "tuned": [0.1] * 5}, weights={"correct": 1.0}
    )
    draws = resample.draw(clear.evaluations, clear.comparison, rows(clear.comparison), clear.config, n=1000)
    assert recommend(clear.comparison, clear.config, (), draws).outcome == "one"


def test_an_arm_without_the_figure_is_not_weighed() -> None:
    fresh = probe(
        "freshness", "new", [Reading(arm="rag", value=0.9, n=9), Reading(arm="tuned", value=None, reason="no")]
    )
    both = made(
        {"rag": [1.0, 0.0] * 15, "tuned": [1.0, 0.0] * 15},
        {"rag": [0.2] * 5, "tuned": [0.1] * 5},
        weights={"correct": 1.0, "freshness": {"new": 1.0}},
    )
    found = recommend(both.comparison, both.config, [fresh])
    assert (found.outcome, found.arm) == ("one", "rag")
    assert [e.sentence for e in found.excluded] == ["`tuned` cannot be weighed by `freshness.new`: no."]


def test_a_weight_on_nothing_is_an_error_at_once() -> None:
    with pytest.raises(ConfigError, match="weights: `corect` is no trade-off; there are correct, "):
        check(config.parse({"weights": {"corect": 1.0}}))
    check(config.parse({"weights": {"monthly": 1.0, "freshness.new": 1.0}}))

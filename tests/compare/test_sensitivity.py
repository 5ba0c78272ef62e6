"""Thresholds by hand: rag costs 0.001 a question, tuned 0.0005 and 30 labels at 2.00 over 12 months, 5.00 a month."""

import math

import numpy as np
import pytest

from ragraft.compare import resample, sensitivity
from ragraft.compare.recommend import recommend
from ragraft.compare.rows import rows
from ragraft.types import Flip, Reading, Sensitivity, Work

from .made import Made, made, probe

TIE = [1.0, 0.0] * 20
LABELS = {"tuned": Work(labelled=30)}


def measured(found: Made) -> Sensitivity:
    table = rows(found.comparison)
    draws = resample.draw(found.evaluations, found.comparison, table, found.config, n=400)
    return sensitivity.sensitivity(found.comparison, found.config, (), draws)


def flip(found: Sensitivity, name: str) -> Flip:
    return next(f for f in found.flips if f.parameter == name)


@pytest.fixture(scope="module")
def pair() -> Made:
    return made({"rag": TIE, "tuned": TIE}, {"rag": [1.0] * 5, "tuned": [0.5] * 5}, work=LABELS)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("traffic.questions_per_month", 10_000.0),  # 5.00 / (0.001 - 0.0005)
        ("traffic.months", 120.0),  # 60.00 / m = 0.50
        ("prices.cpu_hour", 36.0),  # 1,000 x 0.5 s x h / 3600 = 5.00
        ("prices.label_example", 0.2),  # 30 x p / 12 = 0.50
    ],
)
def test_flips_lie_exactly_where_two_lines_cross(pair: Made, name: str, at: float) -> None:
    found = flip(measured(pair), name)
    assert recommend(pair.comparison, pair.config).arm == "rag"
    assert found.arm == "tuned"
    assert found.at == pytest.approx(at, rel=1e-9)


def test_what_changes_nothing_is_named_as_steady(pair: Made) -> None:
    found = measured(pair)
    assert {"traffic.changes_per_month", "prices.gb_month"} <= set(found.steady)
    assert not {f.parameter for f in found.flips} & set(found.steady)


def test_a_limit_flips_at_the_figure_of_the_chosen_arm(pair: Made) -> None:
    assert flip(measured(pair), "constraints.max_p95_ms") == Flip(
        parameter="constraints.max_p95_ms", now=None, at=1000.0, arm="tuned"
    )
    set_by = made(
        {"rag": TIE, "tuned": TIE},
        {"rag": [1.0] * 5, "tuned": [0.5] * 5},
        work=LABELS,
        constraints={"max_p95_ms": 700.0},
    )
    assert recommend(set_by.comparison, set_by.config).arm == "tuned"
    found = [f for f in measured(set_by).flips if f.parameter == "constraints.max_p95_ms"]
    assert [(f.now, f.at, f.arm) for f in found] == [(700.0, 500.0, None), (700.0, 1000.0, "rag")]


def test_break_even_by_hand_and_its_interval(pair: Made) -> None:
    (found,) = measured(pair).break_evens
    assert (found.low, found.high) == ("rag", "tuned")
    assert (found.volume, found.least, found.most) == pytest.approx((10_000, 10_000, 10_000))
    noisy = made({"rag": TIE, "tuned": TIE}, {"rag": [0.6, 1.4] * 10, "tuned": [0.3, 0.7] * 10}, work=LABELS)
    (wide,) = measured(noisy).break_evens
    assert wide.volume == pytest.approx(10_000)
    assert wide.least is not None
    assert wide.most is not None
    assert 7_000 < wide.least < 9_500
    assert 10_500 < wide.most < 16_000


def test_an_arm_that_is_cheaper_at_any_volume_has_no_break_even() -> None:
    found = made({"rag": TIE, "tuned": TIE}, {"rag": [0.5] * 5, "tuned": [1.0] * 5}, work=LABELS)
    (even,) = measured(found).break_evens
    assert (even.low, even.high, even.volume, even.least, even.most) == ("rag", "tuned", None, None, None)


def test_equal_scores_are_won_by_the_cheaper_arm_and_a_broken_limit_wins_nothing(pair: Made) -> None:
    assert [(w.arm, w.cases) for w in measured(pair).wins] == [("rag", 1.0), ("tuned", 0.0)]
    shut = made(
        {"rag": TIE, "tuned": TIE},
        {"rag": [1.0] * 5, "tuned": [0.5] * 5},
        work=LABELS,
        constraints={"max_p95_ms": 700.0},
    )
    assert [(w.arm, w.cases) for w in measured(shut).wins] == [("rag", 0.0), ("tuned", 1.0)]


def test_wins_over_cases_follow_the_binomial() -> None:
    """Two discordant cases for one arm, one for the other: the chance of a tie or a lead by hand, from multinomial draws."""
    a, b = [1.0, 1.0, 0.0] + [0.0] * 27, [0.0, 0.0, 1.0] + [0.0] * 27
    found = made({"rag": a, "tuned": b}, {"rag": [0.5] * 5, "tuned": [1.0] * 5})
    table = rows(found.comparison)
    draws = resample.draw(found.evaluations, found.comparison, table, found.config, n=20_000)
    wins = {w.arm: w.cases for w in sensitivity.sensitivity(found.comparison, found.config, (), draws).wins}
    k = 30  # X ~ hits of the two, Y of the one; rag also wins ties, being cheaper
    chance = sum(
        math.comb(k, x) * math.comb(k - x, y) * (2 / k) ** x * (1 / k) ** y * (27 / k) ** (k - x - y)
        for x in range(k + 1)
        for y in range(k + 1 - x)
        if x >= y
    )
    assert wins["rag"] == pytest.approx(chance, abs=0.012)


def test_wins_over_weights_are_the_share_of_the_simplex() -> None:
    """Marks: rag 1 and 0.5, tuned 0 and 1; rag is first where w1 + w2 / 2 > w2, so where w1 > 1/3: two thirds."""
    found = made(
        {"rag": [1.0] * 30, "tuned": [0.0] * 30},
        {"rag": [1.0] * 5, "tuned": [0.5] * 5},
        weights={"correct": 1.0, "p95_ms": 1.0},
    )
    wins = {w.arm: w.weights for w in measured(found).wins}
    assert wins["rag"] == pytest.approx(2 / 3, abs=0.07)
    assert measured(found).weighed == ("correct", "p95_ms")


def test_a_weight_flips_where_the_scores_meet() -> None:
    found = made(
        {"rag": [1.0] * 30, "tuned": [0.0] * 30},
        {"rag": [1.0] * 5, "tuned": [0.5] * 5},
        weights={"correct": 1.0, "p95_ms": 1.0},
    )
    result = measured(found)
    assert flip(result, "weights.p95_ms").at == pytest.approx(2.0, rel=1e-6)
    assert flip(result, "weights.correct").at == pytest.approx(0.5, rel=1e-6)
    assert flip(result, "weights.correct").arm == "tuned"


def test_draws_of_cases_are_paired() -> None:
    rng = np.random.default_rng(3)
    same = (rng.random(50) < 0.5).astype(float).tolist()
    found = made({"rag": same, "tuned": same}, {"rag": [1.0] * 5, "tuned": [1.0] * 5})
    draws = resample.draw(found.evaluations, found.comparison, rows(found.comparison), found.config, n=100)
    assert np.array_equal(draws.figures["correct"]["rag"], draws.figures["correct"]["tuned"])
    assert draws.figures["correct"]["rag"].std() > 0.02


def test_a_limit_on_a_probe_flips_at_the_figure_of_the_chosen_arm() -> None:
    readings = [Reading(arm="rag", value=0.9, n=40), Reading(arm="tuned", value=0.95, n=40)]
    fresh = probe("freshness", "new", readings)
    times = {"rag": [1.0] * 5, "tuned": [0.5] * 5}
    found = made({"rag": TIE, "tuned": TIE}, times, work=LABELS, constraints={"freshness": {"new": 0.8}})
    draws = resample.draw(found.evaluations, found.comparison, rows(found.comparison, [fresh]), found.config, n=50)
    flips = sensitivity.sensitivity(found.comparison, found.config, [fresh], draws).flips
    assert [(f.now, f.at, f.arm) for f in flips if f.parameter == "constraints.freshness.new"] == [(0.8, 0.9, "tuned")]

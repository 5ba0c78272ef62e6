"""Costs by hand: every figure below can be worked out on paper from the formulas in `compare/cost.py`."""

from dataclasses import replace
from typing import Any

import pytest

from ragraft import config
from ragraft.compare.cost import cost, hosted, token_prices
from ragraft.config import Config
from ragraft.types import ArmSummary, Comparison, Cost, Evaluation, Timings, Work

HAND = {"currency": "EUR", "cpu_hour": 3.6, "gpu_hour": 36.0, "gb_month": 0.5, "label_example": 2.0}
TRAFFIC = {"questions_per_month": 1000.0, "changes_per_month": 50.0, "months": 10.0, "changes_per_retraining": 25.0}


def by_hand(**sections: Any) -> Config:
    return config.parse({"prices": HAND, "traffic": TRAFFIC, **sections})


def arm(**changes: Any) -> ArmSummary:
    plain = ArmSummary(
        arm="tuned",
        estimates=(),
        p50_ms=None,
        p95_ms=None,
        build_seconds=100.0,
        prompt_tokens=400.0,
        completion_tokens=50.0,
        passages_dropped=0,
        cost=Cost(build=0.0, per_1000=None),
        failed=0,
        n=10,
        machine_seconds=0.5,
        work=Work(labelled=7, stored_bytes=2_000_000_000, change_seconds=4.0, retraining_seconds=100.0, relabelled=0.1),
    )
    return replace(plain, **changes)


def test_local_costs_by_hand() -> None:
    found = cost(arm(), by_hand())  # 3.60 an hour is 0.001 a second
    assert found.build == pytest.approx(100 * 0.001 + 7 * 2)  # 14.10
    assert found.per_1000 == pytest.approx(1000 * 0.5 * 0.001)  # 0.50; tokens of a model on the own machine are free
    assert found.per_100_changes == pytest.approx(100 * ((4 + 100 / 25) * 0.001 + 0.1 * 2))  # 20.80
    assert found.storage == pytest.approx(1.0)
    assert found.monthly == pytest.approx(1.41 + 1.0 + 0.5 + 10.4)  # 13.31


def test_a_gpu_is_priced_as_one() -> None:
    work = replace(arm().work, gpu=True)
    assert cost(arm(work=work), by_hand()).per_1000 == pytest.approx(5.0)


def test_hosted_tokens_and_own_seconds_lie_on_one_axis() -> None:
    hosted = by_hand(models={"generator": "openai:m"}, prices={**HAND, "tokens_in": 10.0, "tokens_out": 100.0})
    found = cost(arm(machine_seconds=0.1), hosted)
    assert found.per_1000 == pytest.approx(1000 * (0.1 * 0.001 + 400 * 10 / 1e6 + 50 * 100 / 1e6))  # 9.10


def test_the_table_prices_a_model_that_it_names() -> None:
    assert token_prices(config.parse({"models": {"generator": "openai:gpt-4.1-mini"}})).completion == 1.60
    assert token_prices(config.parse({"models": {"generator": "openai:none-such"}})).completion is None
    own = config.parse({"models": {"generator": "http://host/v1#gpt-4.1-mini"}, "prices": {"tokens_in": 0.0}})
    assert (token_prices(own).prompt, token_prices(own).completion) == (0.0, None)


@pytest.mark.parametrize(
    "unknown", [arm(machine_seconds=None), arm(work=Work(stored_bytes=None)), arm(work=Work(change_seconds=None))]
)
def test_what_was_not_measured_is_not_free(unknown: ArmSummary) -> None:
    assert cost(unknown, by_hand()).monthly is None


def test_tokens_without_a_price_are_not_free_unless_there_are_none() -> None:
    hosted = by_hand(models={"generator": "openai:none-such"})
    assert cost(arm(), hosted).per_1000 is None
    assert cost(arm(prompt_tokens=0.0, completion_tokens=0.0), hosted).per_1000 == pytest.approx(0.5)


def test_hosted_models_stand_on_the_axes_of_the_own_machine() -> None:
    tokens = [{"model": m, "tokens_in": 10.0 * n, "tokens_out": 100.0 * n} for n, m in ((2, "large"), (1, "small"))]
    found = by_hand(prices={**HAND, "tokens": tokens})
    rag = arm(arm="rag", work=Work(labelled=5))
    summary = replace(rag, cost=cost(rag, found))
    comparison = Comparison(metric="correct", n=1, clusters=1, arms=(summary,), pairs=())
    times = Evaluation(arm="rag", fingerprint="", cases=(), latency=(Timings(retrieve=0.1, generate=0.4),) * 2)
    small, large = hosted(comparison, [times], found)
    assert (small.model, large.model) == ("small", "large")
    assert small.per_1000 == pytest.approx(0.1 + 4 + 5)  # 0.1 s of the machine, 400 tokens at 10, 50 at 100 a million
    assert small.monthly == pytest.approx((10 + 0.1) / 10 + 9.1)  # 5 labels and 100 s over 10 months
    assert large.per_1000 == pytest.approx(0.1 + 8 + 10)
    remote = by_hand(models={"generator": "openai:small"}, prices={**HAND, "tokens": tokens})
    assert hosted(comparison, [times], remote) == ()

"""Limits on any figure: what breaks one, and what cannot be told."""

import pytest

from ragraft.compare.limits import probes
from ragraft.compare.recommend import recommend
from ragraft.types import Exclusion, ProbeResult, Reading

from .made import made, probe, settings

FRESH = probe(
    "freshness",
    "new",
    [
        Reading(arm="rag", value=0.9, n=10),
        Reading(arm="tuned", value=None, reason="it told none of these facts before"),
    ],
)
SAME = made({"rag": [1.0, 0.0] * 15, "tuned": [1.0, 0.0] * 15}, {"rag": [1.0] * 5, "tuned": [0.5] * 5})


def ruled_out(found: ProbeResult, **constraints: object) -> dict[str, str]:
    config = settings(constraints=constraints)
    excluded = recommend(SAME.comparison, config, [found]).excluded
    return {e.arm: e.sentence.replace("\u00a0", " ").partition(": ")[2] for e in excluded}


def test_a_probe_figure_is_a_constraint_and_unmeasured_is_no_pass() -> None:
    assert ruled_out(FRESH, freshness={"new": 0.8}) == {
        "tuned": "it cannot be told: it told none of these facts before."
    }
    assert ruled_out(FRESH, freshness={"new": 0.95})["rag"] == "new: 90 % (n 10), at least 95 % is asked."


def test_the_better_side_is_the_figures_own_unless_it_is_said() -> None:
    told = probe("deletion", "told", [Reading(arm="rag", value=0.2, n=10)], higher=False)
    assert ruled_out(told, deletion={"told": 0.1})["rag"] == "told: 20 % (n 10), at most 10 % is asked."
    assert "rag" not in ruled_out(told, deletion={"told": {"min": 0.1}})
    neither = probe("freshness", "neither", [Reading(arm="rag", value=0.2, n=10)], higher=None)
    assert "write { min = … }" in ruled_out(neither, freshness={"neither": 0.1})["rag"]
    assert "rag" not in ruled_out(neither, freshness={"neither": {"max": 0.2}})


def test_a_figure_that_does_not_exist_is_named_with_those_that_do() -> None:
    assert ruled_out(FRESH, freshness={"now": 0.8})["rag"] == (
        "it cannot be told: there is no such figure; freshness has freshness.new."
    )
    assert (
        ruled_out(FRESH, leakage={"personal": 0.0})["rag"] == "it cannot be told: leakage has no figures in this run."
    )


def test_the_gate_of_a_probe_keeps_an_arm_out() -> None:
    gate = Exclusion(arm="tuned", constraint="forgetting", sentence="`tuned` forgot.")
    found = recommend(SAME.comparison, settings(), [ProbeResult(probe="forgetting", title="", blocks=(gate,))])
    assert (found.outcome, found.arm, found.excluded) == ("one", "rag", (gate,))


def test_what_is_constrained_or_weighed_is_probed() -> None:
    config = settings(constraints={"deletion": {"told": 0.1}}, weights={"correct": 1.0, "freshness": {"new": 1.0}})
    assert probes(config) == ("freshness", "deletion")


@pytest.mark.parametrize(("limit", "out"), [(0.5, {"rag"}), (0.6, {"rag"}), (1.0, set())])
def test_a_limit_on_cost_is_exact(limit: float, out: set[str]) -> None:
    config = settings(constraints={"max_cost_per_1000": limit})  # rag 1.00, tuned 0.50
    assert {e.arm for e in recommend(SAME.comparison, config).excluded} == out

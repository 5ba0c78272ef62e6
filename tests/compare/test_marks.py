"""Marks stand only where a difference is beyond noise."""

from ragraft.compare import resample
from ragraft.compare.marks import marked
from ragraft.compare.rows import row, rows
from ragraft.types import ProbeResult, Reading, Tradeoff

from .made import Made, made, probe


def table(found: Made, probes: tuple[ProbeResult, ...] = ()) -> dict[str, Tradeoff]:
    plain = rows(found.comparison, probes)
    draws = resample.draw(found.evaluations, found.comparison, plain, found.config, n=1000)
    return {r.name: r for r in marked(plain, found.comparison, found.evaluations, draws, found.config)}


def test_a_clear_difference_is_marked_and_a_small_one_is_not() -> None:
    found = table(
        made(
            {"base": [0.0] * 40, "rag": [1.0] * 40, "raft": [1.0] * 38 + [0.0] * 2},
            {"base": [0.1] * 20, "rag": [0.3, 0.1] * 10, "raft": [0.1, 0.3] * 10},
        )
    )
    assert (found["correct"].best, found["correct"].worse, found["correct"].test) == ("rag", ("base",), "paired test")
    assert (found["per_1000"].best, set(found["per_1000"].worse)) == ("base", {"rag", "raft"})
    assert found["build_seconds"].worse == ()
    assert found["build_seconds"].test == ""


def test_few_requests_mark_nothing() -> None:
    found = table(made({"base": [0.0] * 9, "rag": [1.0] * 9}, {"base": [0.1] * 4, "rag": [0.9] * 4}))
    assert (found["p95_ms"].best, found["p95_ms"].worse, found["p95_ms"].test) == ("base", (), "")


def test_probe_figures_are_marked_where_their_intervals_do_not_touch() -> None:
    readings = [
        Reading(arm="base", value=0.1, low=0.02, high=0.3, n=30),
        Reading(arm="rag", value=0.9, low=0.8, high=0.97, n=30),
        Reading(arm="raft", value=0.8, low=0.7, high=0.9, n=30),
        Reading(arm="tuned", value=1.0, low=0.2, high=1.0, n=1),
    ]
    scores = {arm: [0.0] * 30 for arm in ("base", "rag", "raft", "tuned")}
    found = table(
        made(scores, dict.fromkeys(scores, [0.1] * 5)),  # type: ignore[arg-type]
        (probe("freshness", "new", readings),),
    )
    new = found["freshness.new"]
    assert (new.best, new.worse, new.test) == ("rag", ("base",), "intervals apart")
    assert found["correct"].worse == ()


def test_a_figure_that_is_neither_good_nor_bad_has_no_best() -> None:
    neither = probe("freshness", "neither", [Reading(arm="base", value=0.1, low=0.0, high=0.2, n=30)], higher=None)
    plain = rows(made({"base": [0.0] * 30}, {"base": [0.1]}).comparison, (neither,))
    found = row(plain, "freshness.neither")
    assert found is not None
    assert (found.group, found.value("base"), found.best) == ("Freshness", 0.1, None)

"""Marks stand only where a difference is beyond noise."""

from dataclasses import replace

from ragraft.compare import resample
from ragraft.compare.marks import marked
from ragraft.compare.rows import row, rows
from ragraft.types import ArmName, CaseValue, ProbeResult, Reading, Tradeoff
from ragraft.workspace import from_json

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
    assert (new.best, new.worse, new.test) == ("rag", ("base",), "intervals apart, unpaired")
    assert found["correct"].worse == ()


def asked(arm: ArmName, values: dict[str, float], group: str = "") -> Reading:
    """A reading whose interval is too wide to be apart from any other."""
    cases = tuple(CaseValue(case=c, group=group or c, value=v) for c, v in values.items())
    mean = sum(values.values()) / len(values)
    return Reading(arm=arm, value=mean, low=0.0, high=1.0, n=len(values), cases=cases)


def on_probe(*readings: Reading) -> Tradeoff:
    scores: dict[ArmName, list[float | None]] = {r.arm: [0.0] * 9 for r in readings}
    run = made(scores, dict.fromkeys(scores, [0.1] * 5))
    return table(run, (probe("robustness", "kept", readings),))["robustness.kept"]


def test_arms_of_a_probe_are_compared_case_by_case() -> None:
    easy = {f"q{i}": 1.0 for i in range(12)}
    hard = {f"h{i}": float(i % 2) for i in range(40)}
    lost = {c: 0.0 for c in list(hard)[:20]}
    found = on_probe(
        asked("rag", easy | hard), asked("raft", easy | hard | lost), asked("tuned", easy | hard | {"h0": 1})
    )
    assert (found.best, found.worse, found.test) == ("tuned", ("raft",), "paired test"), (
        "ten lost and none won: p 0.006"
    )
    assert all(not r.cases for r in found.readings), "the rows of a report do not repeat them"


def test_cases_of_one_group_are_one() -> None:
    lost = on_probe(
        asked("rag", {f"q{i}": 1.0 for i in range(12)}, "g"), asked("raft", {f"q{i}": 0.0 for i in range(12)}, "g")
    )
    assert (lost.best, lost.worse, lost.test) == ("rag", (), "paired test")


def test_arms_that_share_no_cases_are_told_apart_by_their_intervals() -> None:
    rag = replace(asked("rag", {f"a{i}": 1.0 for i in range(30)}), low=0.88)
    tuned = replace(asked("tuned", {f"b{i}": 0.0 for i in range(30)}), high=0.12)
    raft = asked("raft", {f"a{i}": 1.0 for i in range(30)} | {"a1": 0.0})
    found = on_probe(rag, raft, tuned)
    assert (found.best, found.worse) == ("rag", ("tuned",))
    assert found.test == "paired test; intervals apart, unpaired where arms share fewer than 5 cases"


def test_shared_cases_that_speak_against_the_best_mark_nothing() -> None:
    hard = {f"h{i}": 0.0 for i in range(10)}
    rag = asked("rag", hard | {f"e{i}": 1.0 for i in range(90)})
    tuned = asked("tuned", dict.fromkeys(hard, 1.0) | {"x1": 0.0, "x2": 0.0})
    assert (on_probe(rag, tuned).best, on_probe(rag, tuned).worse) == ("rag", ())


def test_a_result_saved_without_its_cases_is_read_and_compared_unpaired() -> None:
    old = """{"probe": "robustness", "title": "", "figures": [{"name": "kept", "label": "kept", "unit": "share", "higher_is_better": true,
        "readings": [{"arm": "rag", "value": 0.9, "low": 0.8, "high": 0.97, "n": 30, "reason": ""},
                     {"arm": "base", "value": 0.1, "low": 0.02, "high": 0.3, "n": 30, "reason": ""}]}]}"""
    readings = from_json(ProbeResult, old).figures[0].readings
    found = on_probe(*readings)
    assert (found.best, found.worse, found.test) == ("rag", ("base",), "intervals apart, unpaired")


def test_draws_of_a_probe_are_paired() -> None:
    """Two arms that differ in one case of many never differ by more, however the cases are drawn."""
    hard = {f"h{i}": float(i % 2) for i in range(40)}
    readings = [asked("rag", hard), asked("raft", hard | {"h1": 0.0})]
    scores: dict[ArmName, list[float | None]] = {"rag": [0.0] * 9, "raft": [0.0] * 9}
    run = made(scores, dict.fromkeys(scores, [0.1] * 5))
    plain = rows(run.comparison, (probe("robustness", "kept", readings),))
    drawn = resample.draw(run.evaluations, run.comparison, plain, run.config, n=500).figures["robustness.kept"]
    gap = drawn["rag"] - drawn["raft"]
    assert gap.min() == 0.0
    assert gap.max() < 0.2
    assert drawn["rag"].std() > 0.05


def test_a_figure_that_is_neither_good_nor_bad_has_no_best() -> None:
    neither = probe("freshness", "neither", [Reading(arm="base", value=0.1, low=0.0, high=0.2, n=30)], higher=None)
    plain = rows(made({"base": [0.0] * 30}, {"base": [0.1]}).comparison, (neither,))
    found = row(plain, "freshness.neither")
    assert found is not None
    assert (found.group, found.value("base"), found.best) == ("Freshness", 0.1, None)

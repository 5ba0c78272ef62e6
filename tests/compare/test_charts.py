import dataclasses
import re
from itertools import combinations

import pytest

from ragraft.compare import charts
from ragraft.types import Report

from .factory import answer_report, classify_report, undecided_report


@pytest.fixture(scope="module")
def answers() -> Report:
    return answer_report(24)


def test_tradeoffs_are_accessible_drawings_in_css_colours(answers: Report) -> None:
    for chart in (charts.quality_against_latency(answers), charts.quality_against_cost(answers)):
        assert chart is not None
        assert re.match(r'<svg class="chart" role="img" aria-labelledby="\w+-t \w+-d" viewBox="0 0 \d', chart.svg)
        assert "<title" in chart.svg
        assert "<desc" in chart.svg
        assert chart.svg.count("aria-") == 1
        assert "font-family" not in chart.svg
        colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', chart.svg))
        assert all(c.startswith("var(--") or c in ("none", "transparent") for c in colours)
        for arm in ("base", "quote", "rag", "tuned", "tuned+rag", "raft"):
            assert f">{arm}</text>" in chart.svg
            assert charts.colour(arm) in colours  # type: ignore[arg-type]


def test_description_holds_the_figures(answers: Report) -> None:
    chart = charts.quality_against_cost(answers)
    assert chart
    mean = answers.comparison.summary("raft").estimate("correct")
    assert mean
    assert mean.mean is not None
    assert f"correct answers {100 * mean.mean:.1f}" in chart.svg
    assert chart.note.startswith("24 test questions")


def test_no_tradeoff_with_fewer_than_two_arms() -> None:
    full = undecided_report()
    one = dataclasses.replace(full, comparison=dataclasses.replace(full.comparison, arms=full.comparison.arms[:1]))
    assert charts.quality_against_latency(one) is None
    arms = tuple(dataclasses.replace(s, p50_ms=None) for s in full.comparison.arms)
    none = dataclasses.replace(full, comparison=dataclasses.replace(full.comparison, arms=arms))
    assert charts.quality_against_latency(none) is None


def test_free_arms_are_drawn_on_a_linear_scale(answers: Report) -> None:
    arms = tuple(
        dataclasses.replace(s, cost=dataclasses.replace(s.cost, per_1000=0.0)) for s in answers.comparison.arms
    )
    free = dataclasses.replace(answers, comparison=dataclasses.replace(answers.comparison, arms=arms))
    chart = charts.quality_against_cost(free)
    assert chart
    assert "log scale" not in chart.svg


def label_boxes(svg: str) -> list[tuple[float, float, float, float]]:
    boxes: list[tuple[float, float, float, float]] = []
    for anchor, x, y, text in re.findall(
        r'<text text-anchor="(start|end)" transform="translate\(([\d.-]+),([\d.-]+)\)"[^>]*font-weight="600"[^>]*>([^<]+)<',
        svg,
    ):
        width, left = 7.5 * len(text), float(x)
        left -= width if anchor == "end" else 0
        boxes.append((left, left + width, float(y) - 9, float(y)))
    return boxes


@pytest.mark.parametrize("make", [answer_report, classify_report, undecided_report])
def test_names_do_not_cover_each_other(make: object) -> None:
    full: Report = make()  # type: ignore[operator]
    for chart in (charts.quality_against_latency(full), charts.quality_against_cost(full)):
        assert chart
        boxes = label_boxes(chart.svg)
        assert len(boxes) == len(full.comparison.arms)
        for a, b in combinations(boxes, 2):
            assert a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]


def test_learning_curve_marks_the_kept_checkpoint_and_states_the_gap(answers: Report) -> None:
    tuned = answers.tuned[2]
    best = charts.best_point(tuned)
    assert best.step == tuned.adapter.best_step
    assert best.dev_loss == min(p.dev_loss for p in tuned.adapter.curve)
    chart = charts.learning_curve(tuned)
    assert chart
    assert f"gap +{best.dev_loss - best.train_loss:.2f}" in chart.note
    assert "Stopped early" in chart.note
    assert all(f">{word}</text>" in chart.svg for word in ("kept", "train", "dev"))


def test_no_curve_without_points_and_one_point_is_enough(answers: Report) -> None:
    tuned = answers.tuned[0]
    none = dataclasses.replace(tuned, adapter=dataclasses.replace(tuned.adapter, curve=()))
    assert charts.learning_curve(none) is None
    one = dataclasses.replace(tuned, adapter=dataclasses.replace(tuned.adapter, curve=tuned.adapter.curve[:1]))
    assert charts.learning_curve(one) is not None


def test_log_ticks() -> None:
    assert charts.log_ticks(20, 2000) == [30, 100, 300, 1000]
    assert charts.log_ticks(90, 600) == [100, 200, 500]
    assert charts.log_ticks(0.0002, 0.04) == [0.0003, 0.001, 0.003, 0.01, 0.03]


def test_markup_in_a_metric_name_is_escaped(answers: Report) -> None:
    arms = tuple(
        dataclasses.replace(s, estimates=tuple(dataclasses.replace(e, metric="<b>x") for e in s.estimates[:1]))
        for s in answers.comparison.arms
    )
    odd = dataclasses.replace(answers, comparison=dataclasses.replace(answers.comparison, arms=arms, metric="<b>x"))
    chart = charts.quality_against_latency(odd)
    assert chart
    assert "<b>" not in chart.svg

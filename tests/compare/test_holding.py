"""What the report says of money and of how far the choice holds: sentences, charts, the table in HTML and in the terminal."""

import dataclasses
import io

import pytest
from rich.console import Console

from ragraft.compare import costcharts, holding, report, terminal, tradeview, wording
from ragraft.compare.conclude import conclude
from ragraft.compare.disagree import disagreements
from ragraft.types import (
    ArmName,
    BreakEven,
    CaseValue,
    Flip,
    Hosted,
    ProbeCase,
    ProbeFigure,
    ProbeResult,
    Reading,
    Report,
    Work,
)

from .factory import answer_report
from .made import Made, made, probe


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (0.0123456, "0.0123"),
        (12.5, "12.5"),
        (1234.5, "1,230"),
        (6908742, "6,910,000"),
        (1.0, "1"),
        (None, "–"),
    ],
)
def test_numbers_have_three_figures(number: float | None, text: str) -> None:
    assert holding.number(number) == text


@pytest.mark.parametrize(
    ("flip", "text"),
    [
        (("traffic.questions_per_month", 1000.0, 10_000.0, "tuned"), "Above 10,000 questions a month (now 1,000): `tuned`."),
        (("prices.cpu_hour", 3.6, 1.5, "rag"), "Below a price of a CPU hour of 1.5 (now 3.6): `rag`."),
        (("constraints.max_p95_ms", None, 362.0, None), "With `max_p95_ms` below 362 (not set): no arm could be recommended."),
        (("constraints.freshness.new", 0.8, 0.96, "rag"), "With `freshness.new` above 0.96 (now 0.8): `rag`."),
        (("weights.monthly", 2.0, 3.0, "rag"), "With a weight of `monthly` above 3 (now 2): `rag`."),
        (("constraints.must_cite", 1.0, 0.0, "tuned"), "Without `must_cite`: `tuned`."),
    ],
)  # fmt: skip
def test_flips_in_words(flip: tuple[str, float | None, float, str | None], text: str) -> None:
    name, now, at, arm = flip
    assert holding.flip_sentence(Flip(parameter=name, now=now, at=at, arm=arm)) == text  # type: ignore[arg-type]


def test_break_evens_in_words() -> None:
    one = BreakEven(low="rag", high="tuned", volume=21_234.0, least=16_800.0, most=None)
    assert holding.even_sentence(one) == (
        "`tuned` costs less than `rag` above 21,200 questions a month (95 % interval 16,800 to no upper end)."
    )
    never = dataclasses.replace(one, volume=None, least=None)
    assert holding.even_sentence(never) == "`rag` costs less than `tuned` at any volume."


def test_names_at_the_end_of_lines_do_not_touch() -> None:
    assert costcharts.spread([0.0, 100.0], 15) == [0.0, 100.0]
    assert costcharts.spread([10.0, 10.0], 15) == [2.5, 17.5]
    moved = costcharts.spread([50.0, 0.0, 52.0, 48.0], 15)
    assert moved[1] == 0.0
    assert sorted(moved[i] for i in (0, 2, 3)) == pytest.approx([35.0, 50.0, 65.0])


def test_decades_stay_few() -> None:
    assert costcharts.decades(0.5, 2000) == [1.0, 10.0, 100.0, 1000.0]
    assert len(costcharts.decades(1e-6, 1e6)) <= 7
    assert costcharts.decades(22, 95) == [50.0]


SCORES = {"rag": [1.0, 0.0] * 20, "tuned": [1.0, 0.0] * 20}
FRESH = dataclasses.replace(
    probe(
        "freshness",
        "new",
        [
            Reading(arm="rag", value=0.9, low=0.8, high=0.95, n=40),
            Reading(arm="tuned", value=0.1, low=0.05, high=0.2, n=40),
        ],
    ),
    title="Does it tell a fact as it is?",
    failures=(
        ProbeCase(arm="tuned", figure="old", question="How <many>?", said="12", expected="14, which replaced 12"),
    ),
    cannot=("Only text is edited.",),
)


def concluded(found: Made, *probes: ProbeResult) -> Report:
    """The made-up comparison in a whole report."""
    end = conclude(found.comparison, found.evaluations, probes, found.config)
    return dataclasses.replace(
        answer_report(12),
        comparison=found.comparison,
        evaluations=found.evaluations,
        recommendation=end.recommendation,
        tuned=(),
        probes=probes,
        tradeoffs=end.tradeoffs,
        sensitivity=end.sensitivity,
        traffic=end.traffic,
        published=end.published,
        price_notes=("cpu_hour: ours, 2026",),
        hosted=(
            Hosted(model="small-1", arm="rag", per_1000=0.5, monthly=0.5),
            Hosted(model="large-1", arm="rag", per_1000=5.0, monthly=5.0),
        ),
    )


@pytest.fixture(scope="module")
def whole() -> Report:
    times = {"rag": [0.9, 1.1] * 10, "tuned": [0.5] * 20}
    return concluded(made(SCORES, times, work={"tuned": Work(labelled=30, relabelled=0.01)}), FRESH)


def test_cells_are_marked_only_beyond_noise(whole: Report) -> None:
    found = {r.name: {c.arm: c for c in r.cells} for g in tradeview.groups(whole) for r in g.rows}
    assert {arm: c.sign for arm, c in found["correct"].items()} == {"rag": "", "tuned": ""}
    assert {arm: c.sign for arm, c in found["freshness.new"].items()} == {"rag": "best", "tuned": "worse"}
    cell = found["freshness.new"]["tuned"]
    assert (cell.text, cell.note) == ("10\u00a0%", "n 40")
    assert "differs from rag beyond noise (intervals apart, unpaired)" in cell.title
    assert "95 % interval 5\u00a0% to 20\u00a0%" in cell.title


def test_the_page_holds_table_charts_sensitivity_and_probes(whole: Report) -> None:
    page = report.html(whole)
    for part in ("trade-offs", "cost", "sensitivity", "probes", "probe-freshness"):
        assert f'id="{part}"' in page, part
        assert part.startswith("probe-") or f'href="#{part}"' in page, part
    for chart in ("volume", "changes", "flips", "wins"):
        assert f'id="{chart}-t"' in page, chart
    assert "Above 10,000 questions a month (now 1,000): <b>tuned</b>." in page
    assert "cpu_hour: ours, 2026" in page
    drawing = page.split('id="volume-t"')[1].split("</svg>")[0]
    assert "stroke-dasharray" in drawing
    assert ">small-1</text>" in drawing
    assert "large-1: 0.05 to 500.00" in drawing
    assert "How &lt;many&gt;?" in page
    assert "Expected: 14, which replaced 12" in page
    assert "Only text is edited." in page


def test_a_report_from_before_has_no_such_sections() -> None:
    page = report.html(answer_report(12))
    assert 'id="trade-offs"' not in page
    assert 'id="sensitivity"' not in page


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_prints_the_table_and_one_sentence_each(whole: Report, width: int) -> None:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    terminal.print_report(whole, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    words = " ".join(text.replace("│", " ").split())
    assert max(map(len, text.splitlines())) <= width
    assert "freshness: new ▲90% ▼10% 40" in words.replace("\u00a0", "")
    assert "rag comes first in 100 % of 2,000 draws of the test cases" in words.replace("\u00a0", " ")
    assert "tuned costs less than rag above 10,000 questions a month" in words


def test_a_published_finding_is_contradicted_only_beyond_noise() -> None:
    times = {"rag": [0.1] * 5, "tuned": [0.1] * 5}
    ahead = made({"rag": [0.0] * 40, "tuned": [1.0] * 40}, times)
    found = {d.id: d for d in disagreements(ahead.comparison, "answer")}
    assert {"ovadia-new-facts", "soudani-rare-facts"} <= set(found)
    assert found["ovadia-new-facts"].measured == (
        "Here `tuned` is ahead of `rag` by 100.0 points of correct answers (n 40, adjusted p < 0.001)."
    )
    assert disagreements(made(SCORES, times).comparison, "answer") == ()
    assert disagreements(ahead.comparison, "classify") == ()
    page = report.html(concluded(ahead))
    assert "Published results that this comparison contradicts" in page


def test_a_project_without_changes_has_no_line_on_the_chart_of_changes(whole: Report) -> None:
    chart = costcharts.against_changes(whole)
    assert chart is not None
    assert whole.traffic is not None
    assert whole.traffic.changes == 0
    assert "no line marks it" in chart.note


def test_the_central_table_has_the_main_figures_of_a_probe_and_the_marked_ones(whole: Report) -> None:
    def figure(n: int, *values: float) -> ProbeFigure:
        arms: tuple[ArmName, ...] = ("rag", "tuned")
        found = [
            Reading(arm=a, value=v, n=12, cases=tuple(CaseValue(case=str(i), group=str(i), value=v) for i in range(12)))
            for a, v in zip(arms, values, strict=True)
        ]
        return ProbeFigure(name=f"f{n}", label=f"figure {n}", unit="bits", higher_is_better=True, readings=tuple(found))

    many = ProbeResult(
        probe="leakage", title="", figures=tuple(figure(n, 1.0, 0.0 if n == 5 else 1.0) for n in range(6))
    )
    table = concluded(made(SCORES, {"rag": [1.0], "tuned": [1.0]}), many)  # type: ignore[arg-type]
    rows = next(g.rows for g in tradeview.groups(table) if g.title == "Leakage")
    assert [r.name for r in rows] == ["leakage.f0", "leakage.f1", "leakage.f2", "leakage.f5"]
    assert rows[0].better == "bits, higher is better"
    assert len(tradeview.probe_rows(table, "leakage")) == 6


def test_why_cells_of_a_probe_are_empty() -> None:
    readings = [
        Reading(arm="rag", value=0.5, n=4),
        Reading(arm="base", value=None, reason="it searches nothing"),
        Reading(arm="tuned", value=None, reason="it searches nothing"),
    ]
    part = [Reading(arm="rag", value=None, reason="more than 100 chunks")]
    found = dataclasses.replace(
        probe("growth", "recall", readings),
        figures=(*probe("growth", "recall", readings).figures, *probe("growth", "p50", part).figures),
    )
    assert tradeview.reasons(found) == (
        "`base`, `tuned`: it searches nothing.",
        "`rag` (p50): more than 100 chunks.",
    )


def test_short_times_are_told_in_milliseconds() -> None:
    assert [wording.amount(x, "s") for x in (0.0, 0.0042, 0.63, 1.5)] == [
        "0\u00a0s",
        "4.2\u00a0ms",
        "630\u00a0ms",
        "1.5\u00a0s",
    ]

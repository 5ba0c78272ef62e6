"""`Report` -> report.json and one self-contained report.html, and the small HTML that notebooks show.

In: a `types.Report` and a run folder. Out: the path of report.html. Writes `report.html`, then `report.json` (the file
that marks a run as finished), both by rename. The page has no script and loads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ragraft.compare import cases, charts, costcharts, holding, pairs, tradeview, view, wording
from ragraft.types import ArmName, Failure, ProbeResult, Report
from ragraft.workspace import to_json, write_atomic

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the template prints."""

    report: Report
    made: str
    heads: tuple[view.Head, ...]
    rows: tuple[view.ArmRow, ...]
    figures: tuple[view.Figure, ...]
    open_questions: tuple[str, ...]
    full: tuple[view.FullRow, ...]
    pairs: tuple[pairs.PairRow, ...]
    ticks: tuple[pairs.Tick, ...]
    tradeoffs: tuple[charts.Chart, ...]
    curves: tuple[charts.Chart, ...]
    truth_heads: tuple[str, ...]
    truths: tuple[view.TruthRow, ...]
    retrieval_heads: tuple[str, ...]
    retrieval: tuple[view.RetrievalRow, ...]
    questions: cases.Questions
    failures: tuple[FailedCase, ...]
    groups: tuple[tradeview.TradeGroup, ...]
    cost_charts: tuple[charts.Chart, ...]
    holding_charts: tuple[charts.Chart, ...]
    evens: tuple[str, ...]
    flips: tuple[str, ...]
    steady: str
    wins: str
    unweighed: str
    probes: tuple[ProbePage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePage:
    """One probe with the rows of its own table, and why some of its cells are empty."""

    result: ProbeResult
    groups: tuple[tradeview.TradeGroup, ...]
    empty: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCase:
    """Cases of one arm that failed in the same way."""

    arm: ArmName
    stage: str
    message: str
    count: int
    first: str


def write(report: Report, folder: Path) -> Path:
    """Write `report.html` and `report.json` into `folder`. Raises `StoreError` when the disk refuses."""
    path = folder / "report.html"
    write_atomic(path, html(report))
    write_atomic(folder / "report.json", to_json(report, indent=1))
    return path


def html(report: Report) -> str:
    """The whole page. All text from documents, models and the config is escaped."""
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            page=_page(report),
            report=report,
            w=wording,
            made_up=view.truths(report),
            shapes=charts.SHAPES,
            colour=charts.colour,
        )
    )


def html_summary(report: Report) -> str:
    """Recommendation and comparison table as a fragment with inline styles, for `_repr_html_`."""
    template = _environment().get_template("summary.html.jinja")
    return template.render(
        report=report, made_up=view.truths(report), w=wording, heads=view.heads(report), rows=view.arm_rows(report)
    )


def _page(report: Report) -> Page:
    drawn = (charts.quality_against_latency(report), charts.quality_against_cost(report))
    return Page(
        report=report,
        made=_date(report.made),
        heads=view.heads(report),
        rows=view.arm_rows(report),
        figures=view.figures(report),
        open_questions=view.open_questions(report),
        full=view.full_rows(report),
        pairs=pairs.pair_rows(report),
        ticks=pairs.pair_ticks(report),
        tradeoffs=_there(*drawn),
        curves=tuple(c for t in report.tuned if (c := charts.learning_curve(t))),
        truth_heads=view.truth_heads(report),
        truths=view.truth_rows(report),
        retrieval_heads=view.retrieval_heads(report),
        retrieval=view.retrieval_rows(report),
        questions=cases.questions(report),
        failures=failed_cases(report),
        groups=tradeview.groups(report),
        cost_charts=_there(costcharts.against_questions(report), costcharts.against_changes(report)),
        holding_charts=_there(costcharts.flips(report), costcharts.wins(report)),
        evens=tuple(holding.even_sentence(e) for e in holding.evens(report)),
        flips=holding.flip_sentences(report),
        steady=holding.steady_sentence(report),
        wins=holding.wins_sentence(report),
        unweighed=holding.unweighed_sentence(report),
        probes=tuple(_probe_page(report, p) for p in report.probes),
    )


def _there(*drawn: charts.Chart | None) -> tuple[charts.Chart, ...]:
    return tuple(c for c in drawn if c)


def _probe_page(report: Report, result: ProbeResult) -> ProbePage:
    rows = tradeview.probe_rows(report, result.probe)
    groups = (tradeview.TradeGroup(title="", rows=rows),) if rows else ()
    return ProbePage(result=result, groups=groups, empty=tradeview.reasons(result))


def failed_cases(report: Report) -> tuple[FailedCase, ...]:
    """Failures grouped by arm, stage and message, commonest first."""
    groups: dict[tuple[ArmName, str, str], list[str]] = {}
    for evaluation in report.evaluations:
        for case in evaluation.cases:
            if isinstance(case.outcome, Failure):
                key = evaluation.arm, case.outcome.stage, case.outcome.message
                groups.setdefault(key, []).append(case.example)
    found = [
        FailedCase(arm=arm, stage=stage, message=message, count=len(ids), first=ids[0])
        for (arm, stage, message), ids in groups.items()
    ]
    return tuple(sorted(found, key=lambda f: -f.count))


def _date(text: str) -> str:
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{made.day} {made:%B %Y, %H:%M}"


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    return environment


def _code(text: str) -> Markup:
    """Escaped text in which what stands between backticks is set apart."""
    from markupsafe import Markup

    parts = wording.split_code(text)
    return Markup("").join(Markup("<b>{}</b>").format(p) if n % 2 else p for n, p in enumerate(parts))

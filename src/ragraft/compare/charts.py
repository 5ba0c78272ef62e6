"""`Report` -> inline SVG charts: quality against latency and cost, and the learning curves of the tuned arms.

In: a `types.Report`. Out: `Chart`s whose colours are CSS variables (`--ink`, `--faint`, `--arm-…`), so that one drawing
serves light, dark and print; fonts are the page's. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ragraft.compare import wording
from ragraft.types import ArmName, CurvePoint, Report, TunedArm

WIDTH, HEIGHT = 400, 280
LINE = 15
"""Pixels between two labels that would otherwise touch."""

SHAPES: dict[ArmName, str] = {
    "base": "square",
    "quote": "diamond",
    "rag": "circle",
    "tuned": "triangle-up",
    "tuned+rag": "cross",
    "raft": "triangle-right",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A finished drawing: `svg` is markup with role, title and description."""

    title: str
    note: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    arm: ArmName
    x: float
    y: float
    low: float
    high: float


def colour(arm: ArmName) -> str:
    """The CSS variable that holds the arm's colour."""
    return f"var(--arm-{arm.replace('+', '-')})"


def quality_against_latency(report: Report) -> Chart | None:
    """Median milliseconds against the primary metric; None where fewer than two arms have both."""
    xs = {s.arm: s.p50_ms for s in report.comparison.arms}
    return _tradeoff(report, xs, ident="latency", name="answer time", axis="Median answer time, ms (log scale)")


def quality_against_cost(report: Report) -> Chart | None:
    xs = {s.arm: s.cost.per_1000 for s in report.comparison.arms}
    axis = f"Cost of 1,000 questions, {report.currency}"
    return _tradeoff(report, xs, ident="cost", name="cost", axis=axis)


def _tradeoff(report: Report, xs: dict[ArmName, float | None], *, ident: str, name: str, axis: str) -> Chart | None:
    metric = report.comparison.metric
    label = wording.metric(metric).label
    factor = 100 if wording.metric(metric).kind == "percent" else 1
    points: list[_Point] = []
    for s in report.comparison.arms:
        e, x = s.estimate(metric), xs[s.arm]
        if e and e.mean is not None and x is not None:
            low, high = (e.mean if v is None else v for v in (e.low, e.high))
            points.append(_Point(arm=s.arm, x=x, y=e.mean * factor, low=low * factor, high=high * factor))
    if len(points) < 2:
        return None
    log = all(p.x > 0 for p in points) and ("log" in axis or max(p.x for p in points) > 8 * min(p.x for p in points))
    if log and "log" not in axis:
        axis += " (log scale)"
    if not log:
        axis = axis.replace(" (log scale)", "")
    y_axis = f"{label}, %" if factor == 100 else label
    described = "; ".join(
        f"{p.arm}: {p.x:.3g}, {label.lower()} {p.y:.1f} ({p.low:.1f} to {p.high:.1f})" for p in points
    )
    svg = _render(_scatter(points, axis, y_axis, log=log), ident, f"{label} against {name}", f"{axis}. {described}.")
    note = f"{report.comparison.n} test questions; bars are 95 % intervals. Up and to the left is better."
    return Chart(title=f"{label} against {name}", note=note, svg=svg)


def _scatter(points: Sequence[_Point], x_title: str, y_title: str, *, log: bool) -> Any:
    import altair as alt

    arms = [p.arm for p in points]
    # Altair reads records: this is its border, and no dict goes further.
    rows = [
        {"arm": p.arm, "x": p.x, "y": p.y, "low": p.low, "high": p.high, "place": place}
        for p, place in zip(points, label_heights(points), strict=True)
    ]
    xs, top = [p.x for p in points], max(p.high for p in points)
    domain = [min(xs) / 1.5, max(xs) * 3.2] if log else [0, max(xs) * 1.3 or 1]
    scale = alt.Scale(type="log", domain=domain, nice=False) if log else alt.Scale(domain=domain, nice=False)
    x = alt.X("x:Q", title=x_title, scale=scale, axis=alt.Axis(grid=False, tickCount=5, format="~g" if log else "~r"))
    y = alt.Y("y:Q", title=y_title, scale=alt.Scale(domain=_y_domain(points), nice=False), axis=alt.Axis(tickCount=5))
    tint = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[colour(a) for a in arms]), legend=None)
    shape = alt.Shape("arm:N", scale=alt.Scale(domain=arms, range=[SHAPES[a] for a in arms]), legend=None)
    chart = alt.Chart(alt.Data(values=rows))
    bars = chart.mark_rule(strokeWidth=2, opacity=0.55).encode(x=x, y="low:Q", y2="high:Q", color=tint)
    marks = chart.mark_point(filled=True, size=95, opacity=1).encode(x=x, y=y, color=tint, shape=shape)
    names = chart.mark_text(align="left", dx=10, fontSize=13, fontWeight=600, color="var(--ink)").encode(
        x=x, y="place:Q", text="arm:N"
    )
    del top
    return alt.layer(bars, marks, names)


def _y_domain(points: Sequence[_Point]) -> list[float]:
    low, high = min(p.low for p in points), max(p.high for p in points)
    pad = max(0.06 * (high - low), 1e-3)
    return [max(0.0, low - pad) if low >= 0 else low - pad, high + pad]


def label_heights(points: Sequence[_Point]) -> list[float]:
    """Where each point's label stands on the y axis: beside its point, pushed apart where labels would touch."""
    low, high = _y_domain(points)
    gap = LINE * (high - low) / HEIGHT
    heights = {p.arm: p.y for p in points}
    for _ in range(20):
        ordered = sorted(heights, key=lambda arm: heights[arm])
        for below, above in zip(ordered, ordered[1:], strict=False):
            overlap = gap - (heights[above] - heights[below])
            if overlap > 0:
                heights[below] -= overlap / 2
                heights[above] += overlap / 2
    return [heights[p.arm] for p in points]


def learning_curve(tuned: TunedArm) -> Chart | None:
    """Loss on train and dev by step with the kept checkpoint marked; None without a curve."""
    a = tuned.adapter
    if not a.curve:
        return None
    best = best_point(tuned)
    gap = best.dev_loss - best.train_loss
    note = (
        f"{wording.count(a.rows, 'training row')}, {wording.count(a.dev_rows, 'dev row')}. Kept: step {best.step}, "
        f"train {best.train_loss:.2f}, dev {best.dev_loss:.2f}, gap {gap:+.2f}.".replace("-", "−")
        + (" Stopped early." if a.stopped_early else "")
    )
    svg = _render(
        _curve(tuned, best),
        f"curve-{tuned.arm.replace('+', '-')}",
        f"Learning curve of {tuned.arm}",
        f"Mean loss per answer token over {len(a.curve)} evaluations. {note}",
    )
    return Chart(title=tuned.arm, note=note, svg=svg)


def best_point(tuned: TunedArm) -> CurvePoint:
    """The evaluation at the kept checkpoint (the nearest one, should steps not match)."""
    a = tuned.adapter
    return min(a.curve, key=lambda p: abs(p.step - a.best_step))


def _curve(tuned: TunedArm, best: CurvePoint) -> Any:
    import altair as alt

    points = tuned.adapter.curve
    rows = [{"step": p.step, "loss": v, "part": part} for p in points for part, v in _losses(p)]
    last = points[-1]
    ends = [{"step": last.step, "loss": v, "part": part} for part, v in _losses(last)]
    kept = [{"step": best.step, "loss": best.dev_loss, "text": "kept"}]
    tint = colour(tuned.arm)
    first = points[0].step
    reach = last.step + 0.14 * (last.step - first or 1)
    x = alt.X(
        "step:Q",
        title="Training step",
        scale=alt.Scale(domain=[first, reach], nice=False),
        axis=alt.Axis(grid=False, tickCount=4),
    )
    y = alt.Y("loss:Q", title="Loss per token", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=4))
    dash = alt.StrokeDash("part:N", scale=alt.Scale(domain=["dev", "train"], range=[[1, 0], [5, 4]]), legend=None)
    lines = alt.Chart(alt.Data(values=rows)).mark_line(color=tint, strokeWidth=2.5).encode(x=x, y=y, strokeDash=dash)
    names = alt.Chart(alt.Data(values=ends)).mark_text(
        align="left", dx=6, fontSize=12.5, fontWeight=600, color="var(--ink)"
    )
    mark = alt.Chart(alt.Data(values=kept))
    ring = mark.mark_point(size=110, color=tint, fill="var(--paper)", strokeWidth=2.5, opacity=1).encode(x=x, y=y)
    word = mark.mark_text(dy=-14, fontSize=12.5, color="var(--ink)").encode(x=x, y=y, text="text:N")
    return alt.layer(lines, names.encode(x=x, y=y, text="part:N"), ring, word).properties(height=190)


def _losses(p: CurvePoint) -> tuple[tuple[str, float], tuple[str, float]]:
    return ("train", p.train_loss), ("dev", p.dev_loss)


def _render(chart: Any, ident: str, title: str, description: str) -> str:
    import altair as alt
    import vl_convert

    quiet = "var(--quiet)"
    axis = alt.AxisConfig(
        labelColor=quiet, titleColor=quiet, gridColor="var(--faint)", tickColor="var(--faint)", domainColor="var(--faint)",
        labelFontSize=12, titleFontSize=12.5, titleFontWeight="normal", titlePadding=10, labelPadding=5,
    )  # fmt: skip
    if chart.to_dict().get("height") is None:
        chart = chart.properties(height=HEIGHT)
    view = alt.ViewConfig(stroke=None)
    drawn = chart.properties(width=WIDTH, background="transparent", padding=4).configure(axis=axis, view=view)
    return accessible(vl_convert.vegalite_to_svg(drawn.to_json()), ident, title, description)


def accessible(svg: str, ident: str, title: str, description: str) -> str:
    """The drawing as one image with a title and a description, in the page's font, without the renderer's own labels."""
    size = re.search(r'viewBox="([^"]+)"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r' (?:aria-[a-z]+|role|font-family|class|pointer-events)="[^"]*"', "", body)
    head = (
        f'<svg class="chart" role="img" aria-labelledby="{ident}-t {ident}-d" viewBox="{size[1] if size else "0 0 460 340"}">'
        f'<title id="{ident}-t">{escape(title)}</title><desc id="{ident}-d">{escape(description)}</desc>'
    )
    return head + body

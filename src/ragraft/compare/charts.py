"""`Report` -> inline SVG charts: quality against latency and cost, and the learning curves of the tuned arms.

In: a `types.Report`. Out: `Chart`s whose colours are CSS variables (`--ink`, `--faint`, `--arm-…`), so that one drawing
serves light, dark and print; fonts are the page's. Writes nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from ragraft.compare import wording
from ragraft.types import ArmName, CurvePoint, Report, TunedArm

WIDTH, HEIGHT, SMALL = 340, 250, 280
LINE = 15
"""Pixels that a line of a label takes."""

Side = Literal["right", "left"]
SIDES: tuple[Side, ...] = ("right", "left")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """A rectangle in pixels, y upwards."""

    left: float
    right: float
    low: float
    high: float

    def touches(self, other: _Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.low < other.high and other.low < self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Where an arm's name stands: its height on the y axis and the side of its point."""

    place: float
    side: Side


def colour(arm: ArmName) -> str:
    """The CSS variable that holds the arm's colour."""
    return f"var(--arm-{arm.replace('+', '-')})"


def quality_against_latency(report: Report) -> Chart | None:
    """Median milliseconds against the primary metric; None where fewer than two arms have both."""
    xs: dict[ArmName, float | None] = {s.arm: s.p50_ms for s in report.comparison.arms}
    return _tradeoff(report, xs, ident="latency", name="answer time", axis="Median answer time, ms")


def quality_against_cost(report: Report) -> Chart | None:
    xs: dict[ArmName, float | None] = {s.arm: s.cost.per_1000 for s in report.comparison.arms}
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
    xs_shown = [p.x for p in points]
    log = min(xs_shown) > 0 and max(xs_shown) > 5 * min(xs_shown)
    axis += " (log scale)" if log else ""
    y_axis = f"{label}, %" if factor == 100 else label
    described = "; ".join(
        f"{p.arm}: {p.x:.3g}, {label.lower()} {p.y:.1f} ({p.low:.1f} to {p.high:.1f})" for p in points
    )
    svg = render(_scatter(points, axis, y_axis, log=log), ident, f"{label} against {name}", f"{axis}. {described}.")
    better = "Up" if wording.metric(metric).higher else "Down"
    note = f"{wording.count(report.comparison.n, 'test question')}; bars are 95 % intervals. {better} and to the left is better."
    return Chart(title=f"{label} against {name}", note=note, svg=svg)


def _scatter(points: Sequence[_Point], x_title: str, y_title: str, *, log: bool) -> Any:
    import altair as alt

    arms: list[ArmName] = [p.arm for p in points]
    # Altair reads records: this is its border, and no dict goes further.
    rows = [
        {"arm": p.arm, "x": p.x, "y": p.y, "low": p.low, "high": p.high, "place": label.place, "side": label.side}
        for p, label in zip(points, labels(points, log=log), strict=True)
    ]
    domain = _x_domain(points, log=log)
    ticks = (
        alt.Axis(grid=False, values=log_ticks(domain[0], domain[1]), format="~r")
        if log
        else alt.Axis(grid=False, tickCount=5)
    )
    scale = alt.Scale(type="log", domain=domain, nice=False) if log else alt.Scale(domain=domain, nice=False)
    x = alt.X("x:Q", title=x_title, scale=scale, axis=ticks)
    height = alt.Scale(domain=_y_domain(points), nice=False, zero=False)
    y = alt.Y("y:Q", title=y_title, scale=height, axis=alt.Axis(tickCount=5))
    low, place = (alt.Y(f"{name}:Q", title=y_title, scale=height) for name in ("low", "place"))
    tint = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[colour(a) for a in arms]), legend=None)
    shape = alt.Shape("arm:N", scale=alt.Scale(domain=arms, range=[SHAPES[a] for a in arms]), legend=None)
    chart = alt.Chart(alt.Data(values=rows))
    bars = chart.mark_rule(strokeWidth=2, opacity=0.55).encode(x=x, y=low, y2="high:Q", color=tint)
    marks = chart.mark_point(filled=True, size=95, opacity=1).encode(x=x, y=y, color=tint, shape=shape)
    layers = [bars, marks]
    for side, dx in (("right", 10), ("left", -10)):
        words = chart.transform_filter(alt.datum.side == side)
        text = words.mark_text(
            align="left" if side == "right" else "right", dx=dx, fontSize=13, fontWeight=600, color="var(--ink)"
        )
        layers.append(text.encode(x=x, y=place, text="arm:N"))
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def log_ticks(low: float, high: float) -> list[float]:
    """1 and 3 times powers of ten within the domain (1, 2 and 5 where it is short)."""
    steps = (1, 3) if high > 50 * low else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [t for power in powers for s in steps if low <= (t := round(s * 10.0**power, 12)) <= high]


def _y_domain(points: Sequence[_Point]) -> list[float]:
    low, high = min(p.low for p in points), max(p.high for p in points)
    pad = max(0.06 * (high - low), 1e-3)
    return [max(0.0, low - pad) if low >= 0 else low - pad, high + pad]


def labels(points: Sequence[_Point], *, log: bool) -> list[Label]:
    """A name beside each point, where it touches no other name, point or interval; else where it touches least.

    Tried in turn: right, left, and the same some lines higher and lower. The most crowded point chooses first.
    """
    xs, y_domain = _pixels(points, log=log), _y_domain(points)
    unit = HEIGHT / (y_domain[1] - y_domain[0])
    bars = [
        _Box(left=x - 3, right=x + 3, low=p.low * unit, high=p.high * unit) for p, x in zip(points, xs, strict=True)
    ]
    dots = [
        _Box(left=x - 7, right=x + 7, low=p.y * unit - 7, high=p.y * unit + 7) for p, x in zip(points, xs, strict=True)
    ]
    placed: dict[int, tuple[Label, _Box]] = {}
    for i in sorted(range(len(points)), key=lambda i: -sum(abs(xs[i] - x) < 90 for x in xs)):
        options = [
            _option(points[i], xs[i], side, lines, unit)
            for lines in (0, 0.6, -0.6, 1.2, -1.2, 1.8, -1.8)
            for side in SIDES
        ]

        def price(option: tuple[Label, _Box], i: int = i) -> float:
            box = option[1]
            names = sum(box.touches(other) for _, other in placed.values())
            others = sum(
                box.touches(b) + 2 * box.touches(d) for n, (b, d) in enumerate(zip(bars, dots, strict=True)) if n != i
            )
            outside = box.left < 0 or box.right > WIDTH + 15
            return 10 * names + 3 * others + 10 * outside + abs(option[0].place - points[i].y) * unit / LINE

        placed[i] = min(options, key=price)
    return [placed[i][0] for i in range(len(points))]


def _option(point: _Point, x: float, side: Side, lines: float, unit: float) -> tuple[Label, _Box]:
    width, y = 9 * len(point.arm), point.y * unit + lines * LINE
    left = x + 10 if side == "right" else x - 10 - width
    box = _Box(left=left, right=left + width, low=y - LINE / 2, high=y + LINE / 2)
    return Label(place=y / unit, side=side), box


def _pixels(points: Sequence[_Point], *, log: bool) -> list[float]:
    low, high = _x_domain(points, log=log)
    shift = math.log if log else float
    return [WIDTH * (shift(p.x) - shift(low)) / (shift(high) - shift(low)) for p in points]


def _x_domain(points: Sequence[_Point], *, log: bool) -> list[float]:
    low, high = min(p.x for p in points), max(p.x for p in points)
    return [low / 1.5, high * 3.2] if log else [0.0, high * 1.35 or 1.0]


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
    svg = render(
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
    reach = last.step + 0.2 * (last.step - first or 1)
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
        align="left", dx=13, fontSize=12.5, fontWeight=600, color="var(--ink)"
    )
    mark = alt.Chart(alt.Data(values=kept))
    ring = mark.mark_point(size=110, color=tint, fill="var(--paper)", strokeWidth=2.5, opacity=1).encode(x=x, y=y)
    word = mark.mark_text(dy=-14, fontSize=12.5, color="var(--ink)").encode(x=x, y=y, text="text:N")
    return alt.layer(lines, names.encode(x=x, y=y, text="part:N"), ring, word).properties(height=170, width=SMALL)


def _losses(p: CurvePoint) -> tuple[tuple[str, float], tuple[str, float]]:
    return ("train", p.train_loss), ("dev", p.dev_loss)


def render(chart: Any, ident: str, title: str, description: str, *, padding: int = 4) -> str:
    import altair as alt
    import vl_convert

    quiet = "var(--quiet)"
    axis = alt.AxisConfig(
        labelColor=quiet, titleColor=quiet, gridColor="var(--faint)", tickColor="var(--faint)", domainColor="var(--faint)",
        labelFontSize=12, titleFontSize=12.5, titleFontWeight="normal", titlePadding=10, labelPadding=5,
    )  # fmt: skip
    view = alt.ViewConfig(stroke=None)
    drawn = chart.properties(background="transparent", padding=padding).configure(axis=axis, view=view)
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

"""`Report` -> inline SVG charts of money and of how far the choice holds: monthly cost against questions and against changed
documents, where one number flips the choice, and how often each arm comes first.

In: a `types.Report`. Out: `charts.Chart`s in CSS variables, like those of `charts`. Writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragraft.compare import wording
from ragraft.compare.charts import LINE, Chart, colour, render
from ragraft.compare.holding import number, short
from ragraft.types import ArmSummary, Flip, Report

WIDTH, HEIGHT = 400, 260
STEPS = 60
ROW = 34
SMALL_AND_LARGE = "datum.value >= 1000 ? format(datum.value, '~s') : format(datum.value, '~g')"
FAR = 1000.0
"""Flips beyond this factor are told in words and not drawn."""


def against_questions(report: Report) -> Chart | None:
    """Monthly cost by questions a month, from a hundredth to a hundred times the project's; other traffic as it is."""
    t = report.traffic
    if t is None:
        return None

    def month(s: ArmSummary, x: float) -> float:
        return (s.cost.monthly or 0.0) + (x - t.questions) * (s.cost.per_1000 or 0.0) / 1000

    note = f"With {t.changes:,.0f} changed documents a month. {_marked(t.questions, 'questions')}"
    ends = tuple(dict.fromkeys((*report.hosted[:1], *report.hosted[-1:])))
    if ends:
        note += f" Dashed: the tokens of {ends[0].arm} at list prices of two hosted models, whose quality is not measured here."
    dashed = {h.model: (h.monthly - t.questions * h.per_1000 / 1000, h.per_1000 / 1000) for h in ends}
    return _lines(
        report, month, t.questions, 1000.0, ident="volume", axis="Questions a month", note=note, dashed=dashed
    )


def against_changes(report: Report) -> Chart | None:
    """The same by documents changed a month."""
    t = report.traffic
    if t is None or all(s.cost.per_100_changes in (None, 0.0) for s in report.comparison.arms):
        return None

    def month(s: ArmSummary, x: float) -> float:
        return (s.cost.monthly or 0.0) + (x - t.changes) * (s.cost.per_100_changes or 0.0) / 100

    note = f"With {t.questions:,.0f} questions a month. {_marked(t.changes, 'changed documents')}"
    return _lines(report, month, t.changes, 10.0, ident="changes", axis="Changed documents a month", note=note)


def _marked(now: float, what: str) -> str:
    if now:
        return f"The line marks this project's {now:,.0f} {what}."
    return f"This project has no {what}, which a logarithmic scale cannot show: no line marks it."


def _lines(
    report: Report,
    month: Callable[[ArmSummary, float], float],
    now: float,
    usual: float,
    *,
    ident: str,
    axis: str,
    note: str,
    dashed: Mapping[str, tuple[float, float]] | None = None,
) -> Chart | None:
    """`usual`: the middle of the scale where `now` is 0. `dashed`: intercept and slope of further lines."""
    arms = [s for s in report.comparison.arms if s.cost.monthly is not None and s.cost.per_1000 is not None]
    xs = [(now or usual) / 100 * 10_000 ** (n / STEPS) for n in range(STEPS + 1)]
    costs: list[_Line] = [_Line(name=s.arm, tint=colour(s.arm), ys=[month(s, x) for x in xs]) for s in arms]
    costs += [
        _Line(name=name, tint="var(--quiet)", ys=[fixed + slope * x for x in xs], dashed=True)
        for name, (fixed, slope) in (dashed or {}).items()
    ]
    shown = [line for line in costs if min(line.ys) > 0]  # a logarithm has no place for what is free
    if not shown:
        return None
    title = f"Monthly cost against {axis.removesuffix(' a month').lower()}"
    ends = "; ".join(f"{line.name}: {wording.money(line.ys[0])} to {wording.money(line.ys[-1])}" for line in shown)
    described = f"{axis} from {number(xs[0])} to {number(xs[-1])}, {report.currency} a month. {ends}."
    free = [line.name for line in costs if line not in shown]
    note += f" Not drawn: {', '.join(free)}, which costs nothing there." if free else ""
    drawn = _drawn(shown, xs, now, axis, report.currency)
    return Chart(title=title, note=note, svg=render(drawn, ident, title, described, padding=12))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    name: str
    tint: str
    ys: list[float]
    dashed: bool = False


def _drawn(shown: Sequence[_Line], xs: Sequence[float], now: float, axis: str, currency: str) -> Any:
    import altair as alt

    every = [y for line in shown for y in line.ys]
    domain = [min(every) / 1.3, max(every) * 1.3]
    reach = math.log(domain[1] / domain[0])
    places = spread([math.log(line.ys[-1] / domain[0]) / reach * HEIGHT for line in shown], LINE)
    rows = [
        {"name": line.name, "x": x, "y": y, "dashed": line.dashed}
        for line in shown
        for x, y in zip(xs, line.ys, strict=True)
    ]
    names = [
        {"name": line.name, "x": xs[-1], "y": domain[0] * math.exp(reach * p / HEIGHT)}
        for line, p in zip(shown, places, strict=True)
    ]
    x = alt.X(
        "x:Q", title=f"{axis} (log scale)", scale=alt.Scale(type="log", domain=[xs[0], xs[-1]], nice=False),
        axis=alt.Axis(grid=False, values=[xs[0] * f for f in (1, 10, 100, 1000, 10_000)], labelExpr=SMALL_AND_LARGE),
    )  # fmt: skip
    y = alt.Y(
        "y:Q", title=f"{currency} a month (log scale)", scale=alt.Scale(type="log", domain=domain, nice=False),
        axis=alt.Axis(values=decades(*domain), format="~g"),
    )  # fmt: skip
    scale = alt.Scale(domain=[line.name for line in shown], range=[line.tint for line in shown])
    tint = alt.Color("name:N", scale=scale, legend=None)
    dash = alt.StrokeDash("dashed:N", scale=alt.Scale(domain=[False, True], range=[[1, 0], [5, 4]]), legend=None)
    rule = (
        alt.Chart(alt.Data(values=[{"x": now}] if now else []))
        .mark_rule(color="var(--quiet)", strokeDash=[3, 3])
        .encode(x=x)
    )
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=2.5)
        .encode(x=x, y=y, color=tint, strokeDash=dash, detail="name:N")
    )
    words = alt.Chart(alt.Data(values=names)).mark_text(align="left", dx=8, fontSize=13, fontWeight=600)
    return alt.layer(rule, lines, words.encode(x=x, y=y, text="name:N", color=tint)).properties(
        width=WIDTH - 70, height=HEIGHT
    )


def spread(places: Sequence[float], gap: float) -> list[float]:
    """The places moved apart until neighbours are at least `gap` from each other, none further than it must be."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    groups: list[list[int]] = []
    for i in order:
        groups.append([i])
        while len(groups) > 1 and _start(groups[-1], places, gap) < _start(groups[-2], places, gap) + gap * len(
            groups[-2]
        ):
            last = groups.pop()
            groups[-1] += last
    moved = list(places)
    for group in groups:
        start = _start(group, places, gap)
        for n, i in enumerate(group):
            moved[i] = start + n * gap
    return moved


def _start(group: Sequence[int], places: Sequence[float], gap: float) -> float:
    """Where the first of a group stands that keeps its mean."""
    return sum(places[i] for i in group) / len(group) - gap * (len(group) - 1) / 2


def decades(low: float, high: float) -> list[float]:
    """Powers of ten within the domain, every second or third where there are many; 1, 2 and 5 where there is one at most."""
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    if len(powers) > 1:
        step = -(-len(powers) // 6)
        return [10.0**p for p in powers if p % step == 0]
    wider = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [s * 10.0**p for p in wider for s in (1, 2, 5) if low <= s * 10.0**p <= high]


def flips(report: Report) -> Chart | None:
    """By what factor each number of the config must move before another arm is chosen."""
    found = report.sensitivity
    drawn = [f for f in found.flips if f.now and f.at > 0 and 1 / FAR <= f.at / f.now <= FAR] if found else []
    if not drawn:
        return None
    drawn = sorted(drawn, key=lambda f: abs(math.log(f.at / (f.now or 1.0))))
    told = "; ".join(f"{short(f.parameter)} {number(f.now)} to {number(f.at)}: {f.arm or 'none'}" for f in drawn)
    note = (
        "Each alone, everything else as it is. A dot names the arm that is chosen beyond it; the line is today's value."
    )
    title = "What flips the choice"
    return Chart(title=title, note=note, svg=render(_flips(drawn), "flips", title, told, padding=16))


def _flips(drawn: Sequence[Flip]) -> Any:
    import altair as alt

    rows: list[dict[str, Any]] = [
        {"parameter": short(f.parameter), "x": f.at / (f.now or 1.0), "one": 1.0, "arm": f.arm or "none",
         "text": f"{number(f.at)} → {f.arm or 'none'}", "side": "right" if f.at > (f.now or 1.0) else "left"}
        for f in drawn
    ]  # fmt: skip
    low, high = _reach([(r["x"], len(r["text"])) for r in rows])
    arms: list[Any] = list(dict.fromkeys(r["arm"] for r in rows))
    tints = ["var(--quiet)" if a == "none" else colour(a) for a in arms]
    order: list[str] = list(dict.fromkeys(r["parameter"] for r in rows))
    ticks = [10.0**p for p in range(-6, 7) if low <= 10.0**p <= high and (high / low < 1e4 or p % 2 == 0)]
    data = alt.Chart(alt.Data(values=rows))
    x = alt.X(
        "x:Q", title="Times today's value (log scale)", scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(grid=False, values=ticks, format="~g"),
    )  # fmt: skip
    y = alt.Y(
        "parameter:N", title=None, sort=order, axis=alt.Axis(labelLimit=260, grid=True, domain=False, ticks=False)
    )
    tint = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=tints), legend=None)
    rule = alt.Chart(alt.Data(values=[{"x": 1.0}])).mark_rule(color="var(--quiet)", strokeDash=[3, 3]).encode(x=x)
    span = data.mark_rule(strokeWidth=2, opacity=0.5).encode(x=x, x2="one:Q", y=y, color=tint)
    dots = data.mark_point(filled=True, size=90, opacity=1).encode(x=x, y=y, color=tint)
    layers = [rule, span, dots]
    for side, dx in (("right", 9), ("left", -9)):
        words = data.transform_filter(alt.datum.side == side).mark_text(
            align="left" if side == "right" else "right", dx=dx, fontSize=12, color="var(--ink)"
        )
        layers.append(words.encode(x=x, y=y, text="text:N"))
    return alt.layer(*layers).properties(width=WIDTH - 110, height=ROW * len(order))


def _reach(dots: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """The axis's ends, which leave room for the words beside the outer dots; `dots`: factor and number of characters."""
    width = WIDTH - 110
    first, last = min(1.0, *(x for x, _ in dots)) / 1.2, max(1.0, *(x for x, _ in dots)) * 1.2
    left = max((7 * n for x, n in dots if x < 1), default=10)
    right = max((7 * n for x, n in dots if x > 1), default=10)
    unit = math.log(last / first) / max(width - left - right, 40)
    return first / math.exp(unit * left), last * math.exp(unit * right)


def wins(report: Report) -> Chart | None:
    """How often each arm comes first over resampled test cases and over random weights."""
    found = report.sensitivity
    if found is None or not found.wins:
        return None
    weighed = any(w.weights is not None for w in found.wins)
    rows = [
        {"arm": w.arm, "share": 100 * share, "kind": kind, "text": f"{100 * share:.0f} %"}
        for w in found.wins
        for kind, share in (("test cases resampled", w.cases), ("weights at random", w.weights))
        if share is not None
    ]
    note = f"{found.draws:,} draws each. Full: the test cases drawn anew, the score as it is"
    note += "; pale: the figures as measured, the weights at random" if weighed else ""
    told = "; ".join(f"{r['arm']}, {r['kind']}: {r['text']}" for r in rows)
    title = "How often each arm comes first"
    return Chart(
        title=title, note=f"{note}.", svg=render(_wins(rows, weighed=weighed), "wins", title, told, padding=16)
    )


def _wins(rows: Sequence[dict[str, Any]], *, weighed: bool) -> Any:
    import altair as alt

    arms: list[Any] = list(dict.fromkeys(r["arm"] for r in rows))
    data = alt.Chart(alt.Data(values=list(rows)))
    x = alt.X(
        "share:Q",
        title="% of draws",
        scale=alt.Scale(domain=[0, 112]),
        axis=alt.Axis(grid=False, values=[0, 25, 50, 75, 100]),
    )
    y = alt.Y("arm:N", title=None, sort=arms, axis=alt.Axis(domain=False, ticks=False, labelFontWeight=600))
    offset = alt.YOffset("kind:N", scale=alt.Scale(paddingInner=0.15, paddingOuter=0.1))
    tint = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[colour(a) for a in arms]), legend=None)
    fade = alt.Opacity(
        "kind:N", scale=alt.Scale(domain=["test cases resampled", "weights at random"], range=[1, 0.45]), legend=None
    )
    bars = data.mark_bar(height={"band": 1.0}).encode(x=x, y=y, yOffset=offset, color=tint, opacity=fade)
    words = data.mark_text(align="left", dx=5, fontSize=11.5, color="var(--quiet)").encode(
        x=x, y=y, yOffset=offset, text="text:N"
    )
    return alt.layer(bars, words).properties(width=WIDTH - 110, height=(ROW if weighed else 24) * len(arms))

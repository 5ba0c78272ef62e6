"""`Report` -> sentences on how far the choice holds: what flips it, how often each arm comes first, break-even volumes, and what was
published otherwise.

In: a `types.Report`. Out: strings in which arms and keys stand between backticks. Writes nothing.
"""

from __future__ import annotations

import math

from ragraft.compare import wording
from ragraft.types import BreakEven, Flip, Report

NAMES = {
    "traffic.questions_per_month": "questions a month",
    "traffic.changes_per_month": "changed documents a month",
    "traffic.months": "months to spread the build over",
    "traffic.changes_per_retraining": "changed documents per retraining",
    "prices.cpu_hour": "price of a CPU hour",
    "prices.gpu_hour": "price of a GPU hour",
    "prices.tokens_in": "price of a million prompt tokens",
    "prices.tokens_out": "price of a million completion tokens",
    "prices.gb_month": "price of a GB and month",
    "prices.label_example": "price of a labelled example",
}


def number(x: float | None) -> str:
    """Three significant figures, thousands with commas."""
    if x is None:
        return wording.DASH
    if x != 0 and not 1e-4 <= abs(x) < 1e9:
        return f"{x:.2e}"
    digits = 2 - math.floor(math.log10(abs(x))) if x else 0
    text = f"{round(x, digits):,.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(parameter: str) -> str:
    """A parameter in words; limits and weights by their key."""
    section, _, key = parameter.partition(".")
    return NAMES.get(parameter) or (f"weight of {key}" if section == "weights" else key)


def flip_sentence(flip: Flip) -> str:
    """`Above 10,000 questions a month (now 1,000): tuned`."""
    to = f"`{flip.arm}`" if flip.arm else "no arm could be recommended"
    section, _, key = flip.parameter.partition(".")
    if flip.parameter == "constraints.must_cite":
        return f"Without `must_cite`: {to}."
    side = "Below" if flip.now is None or flip.at < flip.now else "Above"
    if section == "constraints":
        return f"With `{key}` {side.lower()} {number(flip.at)} ({'not set' if flip.now is None else f'now {number(flip.now)}'}): {to}."
    if section == "weights":
        return f"With a weight of `{key}` {side.lower()} {number(flip.at)} (now {number(flip.now)}): {to}."
    what = short(flip.parameter)
    if section == "prices":
        return f"{side} a {what} of {number(flip.at)} (now {number(flip.now)}): {to}."
    return f"{side} {number(flip.at)} {what} (now {number(flip.now)}): {to}."


def flip_sentences(report: Report) -> tuple[str, ...]:
    """One per flip, those of what the config sets first, the nearest first."""
    found = report.sensitivity.flips if report.sensitivity else ()

    def far(f: Flip) -> float:
        return abs(math.log(f.at / f.now)) if f.now and f.at > 0 else math.inf

    return tuple(flip_sentence(f) for f in sorted(found, key=far))


def steady_sentence(report: Report) -> str:
    """What flips nothing, however far it moves; with weights the flips are searched, not solved."""
    found = report.sensitivity
    own = [p for p in found.steady if not p.startswith("constraints.")] if found else []
    if not own or found is None:
        return ""
    searched = any(p.startswith("weights.") for p in (*found.steady, *(f.parameter for f in found.flips)))
    how_far = "Up and down to a factor of 1,000" if searched else "However far it moves"
    return f"{how_far}, nothing changes with: {', '.join(short(p) for p in own)}."


def wins_sentence(report: Report) -> str:
    """How often the chosen arm, or else the most frequent one, comes first."""
    found = report.sensitivity
    if found is None or not found.wins:
        return ""
    chosen = report.recommendation.arm
    top = next((w for w in found.wins if w.arm == chosen), None) or max(found.wins, key=lambda w: w.cases)
    text = f"`{top.arm}` comes first in {_percent(top.cases)} of {found.draws:,} draws of the test cases"
    if top.weights is not None:
        weighed = ", ".join(_label(report, name) for name in found.weighed)
        text += f" and in {_percent(top.weights)} of random weights on {weighed}"
    rivals = [w for w in sorted(found.wins, key=lambda w: -w.cases) if w.arm != top.arm and w.cases >= 0.05]
    others = ", ".join(f"`{w.arm}` in {_percent(w.cases)}" for w in rivals)
    return text + (f"; in the draws of test cases {others}." if rivals else ".")


def unweighed_sentence(report: Report) -> str:
    """What random weights leave out."""
    left_out = report.sensitivity.unweighed if report.sensitivity else ()
    names = ", ".join(_label(report, name) for name in left_out)
    return f"Random weights leave out what some arm has no figure for: {names}." if names else ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f}{wording.NBSP}%"


def _label(report: Report, name: str) -> str:
    found = next((r for r in report.tradeoffs if r.name == name), None)
    if found is None:
        return name
    label = f"{found.label[0].lower()}{found.label[1:]}"
    return f"{found.group.lower()} ({label})" if "." in name else label


def brief(report: Report) -> tuple[str, ...]:
    """One sentence each: how often the choice comes first, its nearest flip, its nearest break-even, and what was published
    otherwise."""
    flips = tuple(f"The nearest flip: {f[0].lower()}{f[1:]}" for f in flip_sentences(report)[:1])
    nearest = flips or (steady_sentence(report),)
    published = (f"{d.paper.partition(',')[0]} ({d.year}) found otherwise. {d.measured}" for d in report.published)
    return tuple(filter(None, (wins_sentence(report), *nearest, even_note(report), *published)))


def even_sentence(even: BreakEven) -> str:
    """One pair's break-even volume with its interval."""
    if even.volume is None:
        open_end = f"; above {number(even.least)} questions a month it may turn within noise" if even.least else ""
        return f"`{even.low}` costs less than `{even.high}` at any volume{open_end}."
    most = number(even.most) if even.most is not None else "no upper end"
    least = number(even.least) if even.least is not None else wording.DASH
    span = f"95 % interval {least} to {most}"
    return f"`{even.high}` costs less than `{even.low}` above {number(even.volume)} questions a month ({span})."


def evens(report: Report) -> tuple[BreakEven, ...]:
    """Break-evens of the recommended arm, then the others."""
    found = report.sensitivity.break_evens if report.sensitivity else ()
    chosen = report.recommendation.arm
    return tuple(sorted(found, key=lambda e: chosen not in (e.low, e.high)))


def even_note(report: Report) -> str:
    """The nearest break-even of the recommended arm, for the terminal."""
    chosen, t = report.recommendation.arm, report.traffic
    mine = [e for e in evens(report) if chosen in (e.low, e.high) and e.volume is not None]
    if not mine or t is None:
        return ""
    return even_sentence(
        min(mine, key=lambda e: abs(math.log((e.volume or 1.0) / max(t.questions, 1.0))) if e.volume else math.inf)
    )

"""`Report` -> what the report shows, as text and positions: the rows of its tables. Charts and questions stand apart.

In: a `types.Report`. Out: frozen views that the template and the terminal print as they are. Writes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ragraft.compare import wording
from ragraft.compare.pairs import Bar, find_pair, turned
from ragraft.types import ArmName, ArmSummary, Estimate, Evaluation, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A figure, what stands small under it, and what hovering says."""

    text: str
    note: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A column of the comparison table."""

    name: str
    short: str
    explanation: str
    group: str
    starts: bool
    """First of its group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A decisive difference from the recommended arm on the primary metric."""

    text: str
    better: bool
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    arm: ArmName
    words: str
    status: str
    primary: Cell
    bar: Bar | None
    mark: Mark | None
    cells: tuple[Cell, ...]
    latency: Cell
    build: Cell
    cost: Cell
    counts: str
    """How many cases the primary figure rests on, and how many were unscored or failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A large number in the verdict."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullRow:
    """Every arm on one metric, with interval and counts."""

    label: str
    explanation: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRow:
    """One arm's primary metric on human and on synthetic questions."""

    arm: ArmName
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRow:
    arm: ArmName
    cells: tuple[Cell, ...]
    bars: tuple[Bar | None, ...]


def heads(report: Report) -> tuple[Head, ...]:
    """Columns for the metrics but the primary one and those shown elsewhere: known ones in order, unknown ones last."""
    seen = dict.fromkeys(e.metric for s in report.comparison.arms for e in s.estimates)
    known = [m for m in wording.METRICS if m in seen] + [m for m in seen if m not in wording.METRICS]
    groups = [*dict.fromkeys(m.group for m in wording.METRICS.values()), "Other"]
    shown = sorted(
        (m for m in known if m not in (report.comparison.metric, *wording.RETRIEVAL, *wording.AT_LENGTH)),
        key=lambda m: groups.index(wording.metric(m).group),
    )
    result: list[Head] = []
    for name in shown:
        m = wording.metric(name)
        starts = not result or result[-1].group != m.group
        result.append(Head(name=name, short=m.short, explanation=m.explanation, group=m.group, starts=starts))
    return tuple(result)


def arm_words(report: Report, arm: ArmName) -> str:
    words = wording.CLASSIFY_WORDS if report.task == "classify" else wording.ARM_WORDS
    return words.get(arm, "")


def arm_rows(report: Report) -> tuple[ArmRow, ...]:
    columns = heads(report)
    evaluations = {e.arm: e for e in report.evaluations}
    return tuple(_arm_row(report, s, columns, evaluations.get(s.arm)) for s in report.comparison.arms)


def _arm_row(report: Report, s: ArmSummary, columns: tuple[Head, ...], evaluation: Evaluation | None) -> ArmRow:
    primary = s.estimate(report.comparison.metric)
    return ArmRow(
        arm=s.arm,
        words=arm_words(report, s.arm),
        status=status(report, s.arm),
        primary=cell(report.comparison.metric, primary, evaluation),
        bar=mean_bar(primary),
        mark=mark(report, s.arm),
        cells=tuple(cell(c.name, s.estimate(c.name), evaluation) for c in columns),
        latency=Cell(
            text=wording.milliseconds(s.p50_ms),
            note=f"p95 {wording.milliseconds(s.p95_ms)}",
            title=f"Median and 95th percentile of {wording.count(timed_requests(s), 'request')}, asked one at a time",
        ),
        build=Cell(text=wording.seconds(s.build_seconds), title="Index and tuning, as measured when they were built"),
        cost=Cell(
            text=wording.money(s.cost.per_1000),
            title=f"Per 1,000 questions, by the prices in the config; {s.prompt_tokens:.0f} prompt and "
            f"{s.completion_tokens:.0f} completion tokens per question",
        ),
        counts=_counts(primary, s),
    )


def _counts(primary: Estimate | None, s: ArmSummary) -> str:
    scored, unscored = (primary.n, primary.unscored) if primary else (0, s.n - s.failed)
    rest = [f"{unscored} unscored"] * (unscored > 0) + [f"{s.failed} failed"] * (s.failed > 0)
    return ", ".join([f"n {scored}", *rest])


def cell(name: str, estimate: Estimate | None, evaluation: Evaluation | None) -> Cell:
    """The mean with its n below and its interval on hover; `DASH` with the reason where nothing was scored."""
    if estimate is None:
        return Cell(text=wording.DASH, title=f"{wording.metric(name).label} is not measured for this arm")
    if estimate.mean is None:
        return Cell(text=wording.DASH, title=f"Unscored: {unscored_reason(name, evaluation)}", note="n 0")
    span = wording.interval(name, estimate)
    parts = [
        f"95 % interval {span}" if span else "no interval",
        f"n {estimate.n}",
        *([f"{estimate.unscored} unscored ({unscored_reason(name, evaluation)})"] if estimate.unscored else []),
        *([f"{estimate.failed} failed"] if estimate.failed else []),
    ]
    return Cell(text=wording.value(name, estimate.mean, unit=False), note=f"n {estimate.n}", title=", ".join(parts))


def unscored_reason(name: str, evaluation: Evaluation | None) -> str:
    """The commonest reason that the cases give."""
    reasons = Counter(
        s.reason
        for c in (evaluation.cases if evaluation else ())
        for s in c.scores
        if s.name == name and s.value is None and s.reason
    )
    return reasons.most_common(1)[0][0] if reasons else "no case could be scored"


def mean_bar(estimate: Estimate | None) -> Bar | None:
    if estimate is None or estimate.mean is None:
        return None
    low = estimate.mean if estimate.low is None else estimate.low
    high = estimate.mean if estimate.high is None else estimate.high
    return Bar(low=_percent(low), mid=_percent(estimate.mean), high=_percent(high))


def _percent(share: float) -> float:
    return round(100 * min(1.0, max(0.0, share)), 2)


def status(report: Report, arm: ArmName) -> str:
    advice = report.recommendation
    if arm == advice.arm:
        return "recommended"
    if arm in {e.arm for e in advice.excluded}:
        return "excluded"
    return "tied" if advice.outcome == "tie" and arm in advice.tied else ""


def mark(report: Report, arm: ArmName) -> Mark | None:
    """The difference from the recommended arm, only where its adjusted p is decisive."""
    chosen = report.recommendation.arm
    test = find_pair(report.comparison, arm, chosen) if chosen and arm != chosen else None
    if test is None or not test.decisive:
        return None
    better = (test.difference > 0) == wording.metric(test.metric).higher
    gap = wording.difference(test.metric, test.difference)
    word = "better" if better else "worse"
    title = f"Decisively {word} than {chosen}: {gap} {wording.points(test.metric)}, adjusted p {wording.p_value(test.p_adjusted)}"
    return Mark(text=f"{'▲' if better else '▼'}{wording.NBSP}{gap}", better=better, title=title)


def figures(report: Report) -> tuple[Figure, ...]:
    """The recommended arm in four numbers."""
    chosen = report.recommendation.arm
    if chosen is None:
        return ()
    s, name = report.comparison.summary(chosen), report.comparison.metric
    primary = s.estimate(name)
    best = Figure(
        value=wording.value(name, primary.mean if primary else None),
        label=wording.metric(name).label.lower(),
        note=f"95 % interval {wording.interval(name, primary)}, n {primary.n}" if primary and primary.n else "unscored",
    )
    return (
        best,
        Figure(
            value=wording.milliseconds(s.p50_ms),
            label="typical answer time",
            note=f"p95 {wording.milliseconds(s.p95_ms)}, n {timed_requests(s)}",
        ),
        Figure(
            value=f"{wording.money(s.cost.per_1000)}{wording.NBSP}{report.currency}",
            label="per 1,000 questions",
            note="by the config's prices",
        ),
        Figure(value=wording.seconds(s.build_seconds), label="to build", note="index and tuning, as measured"),
    )


def open_questions(report: Report) -> tuple[str, ...]:
    """What the figures do not show, in sentences: undecided differences, what could be detected, what is missing."""
    advice, comparison = report.recommendation, report.comparison
    name = comparison.metric
    chosen = advice.arm
    result: list[str] = []
    out = {e.arm for e in advice.excluded}
    open_pairs = [
        t
        for t in comparison.pairs
        if not t.decisive and not {t.a, t.b} & out and (chosen is None or chosen in (t.a, t.b))
    ]
    for test in open_pairs[:4]:
        t = turned(test) if test.b == chosen or (not chosen and test.difference < 0) else test
        low, high = wording.difference(name, t.low), wording.difference(name, t.high)
        result.append(
            f"Whether {t.a} or {t.b} is better: they differ by {wording.difference(name, t.difference)} {wording.points(name)} "
            f"(95 % interval {low} to {high}, adjusted p {wording.p_value(t.p_adjusted)}, n {t.n})."
        )
    if comparison.pairs:
        widest = max(t.detectable for t in comparison.pairs)
        text = wording.difference(name, widest).lstrip("+")
        result.append(
            f"True differences below {text} {wording.points(name)} may go unseen: "
            f"{wording.count(comparison.n, 'question')} in {wording.count(comparison.clusters, 'group')} find larger ones four times out of five."
        )
    if advice.examples_needed:
        result.append(f"About {advice.examples_needed:,} further test questions would settle it (an estimate).")
    return tuple(result)


def full_rows(report: Report) -> tuple[FullRow, ...]:
    """All metrics by all arms: the primary one first, then those of the table, then retrieval, then time and tokens."""
    seen = {e.metric for s in report.comparison.arms for e in s.estimates}
    first, middle = report.comparison.metric, [h.name for h in heads(report)]
    names = [first, *middle, *(m for m in (*wording.AT_LENGTH, *wording.RETRIEVAL) if m in seen and m != first)]
    figures = tuple(
        FullRow(
            label=_label(m),
            explanation=wording.metric(m).explanation,
            cells=tuple(_full_cell(m, s.estimate(m)) for s in report.comparison.arms),
        )
        for m in names
    )
    return (*figures, *_time_rows(report))


def _full_cell(name: str, estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell(text=wording.DASH, note="not measured")
    counts = [f"n {estimate.n}"] + [f"{estimate.unscored} unscored"] * (estimate.unscored > 0)
    counts += [f"{estimate.failed} failed"] * (estimate.failed > 0)
    span = wording.interval(name, estimate, unit=False)
    return Cell(text=wording.value(name, estimate.mean, unit=False), note=span, title=", ".join(counts))


def _label(name: str) -> str:
    m = wording.metric(name)
    return f"{m.label}, %" if m.kind == "percent" else m.label


def _time_rows(report: Report) -> tuple[FullRow, ...]:
    """Medians by stage, tokens and dropped passages; a stage that no arm has is left out."""
    ms = wording.milliseconds
    rows: tuple[tuple[str, str, list[str]], ...] = (
        ("Answer time", "Median of single requests, asked one at a time.", [ms(s.p50_ms) for s in report.comparison.arms]),
        ("Answer time, p95", "95 of 100 requests were faster.", [ms(s.p95_ms) for s in report.comparison.arms]),
        ("Search", "Median of the retrieval stage.", [ms(s.retrieve_ms) for s in report.comparison.arms]),
        ("Generation", "Median of the generation stage.", [ms(s.generate_ms) for s in report.comparison.arms]),
        ("First token", "Median time until the first word.", [ms(s.first_token_ms) for s in report.comparison.arms]),
        ("Prompt tokens", "Mean per question.", [f"{s.prompt_tokens:,.0f}" for s in report.comparison.arms]),
        ("Completion tokens", "Mean per question.", [f"{s.completion_tokens:,.0f}" for s in report.comparison.arms]),
        ("Passages dropped", "Did not fit the prompt, over all questions.", [f"{s.passages_dropped:,}" for s in report.comparison.arms]),
    )  # fmt: skip
    timed = [f"n {timed_requests(s)}" for s in report.comparison.arms]
    return tuple(
        FullRow(
            label=label,
            explanation=explanation,
            cells=tuple(
                Cell(text=t, note=n) for t, n in zip(texts, timed if i < 5 else [""] * len(texts), strict=True)
            ),
        )
        for i, (label, explanation, texts) in enumerate(rows)
        if any(t != wording.DASH for t in texts)
    )


def timed_requests(s: ArmSummary) -> int:
    """How many requests the latency figures rest on."""
    return s.latency_n or (s.n - s.failed if s.p50_ms is not None else 0)


def retrieval_heads(report: Report) -> tuple[str, ...]:
    scored = {e.metric for s in report.comparison.arms for e in s.estimates if e.mean is not None}
    return tuple(m for m in wording.RETRIEVAL if m in scored)


def retrieval_rows(report: Report) -> tuple[RetrievalRow, ...]:
    names = retrieval_heads(report)
    evaluations = {e.arm: e for e in report.evaluations}
    rows: list[RetrievalRow] = []
    for s in report.comparison.arms:
        found = [s.estimate(m) for m in names]
        if any(e and e.mean is not None for e in found):
            cells = tuple(cell(m, e, evaluations.get(s.arm)) for m, e in zip(names, found, strict=True))
            rows.append(RetrievalRow(arm=s.arm, cells=cells, bars=tuple(map(mean_bar, found))))
    return tuple(rows)


def truths(report: Report) -> str:
    """How many test questions are synthetic, in words; empty where none is."""
    made, n = report.comparison.synthetic, report.comparison.n
    return "" if not made else "all synthetic" if made == n else f"{made} synthetic, {n - made} human"


def truth_heads(report: Report) -> tuple[str, ...]:
    """Columns for human and synthetic questions where there are both."""
    parts = report.comparison.truths
    return tuple(f"{'synthetic' if t.synthetic else 'human'}, n {t.n}" for t in parts) if len(parts) > 1 else ()


def truth_rows(report: Report) -> tuple[TruthRow, ...]:
    """Every arm on each kind of truth apart, where there are both."""
    c = report.comparison
    if len(c.truths) < 2:
        return ()
    by_arm = [{e.arm: e.estimate for e in t.estimates} for t in c.truths]
    return tuple(
        TruthRow(arm=s.arm, cells=tuple(_full_cell(c.metric, part.get(s.arm)) for part in by_arm)) for s in c.arms
    )

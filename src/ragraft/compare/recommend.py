"""A comparison -> one recommendation, in plain sentences with the figures behind them. Nothing is written.

The rule, in order:

1. Constraints, over any figure of the trade-off table. An arm that breaks one is out, and so is one whose constrained figure was
   not measured, and one that a probe's gate blocks.
2. Statistics. The leader has the highest mean. An arm stays level with it unless the paired, Holm-adjusted test between the
   two is decisive.
   - All others decisively worse: the leader (`one`).
   - Fewer than `FEWEST_CASES` test questions; or so few groups that no outcome could be decisive after the adjustment; or the leader's lead over the cheapest level arm is more than half of what the
     split could detect, and the split could only detect a difference above `COARSE`: `undecided`, with how many more would settle it.
   - Else a `tie`.
   With `[weights]`, weighted scores (`weigh`) stand in for the mean, and the bootstrap for the paired test: `one` or `tie`.
3. Cost. Of tied arms the cheapest a month at the config's traffic; at equal cost the faster build, then the simpler arm.

A tie is no proof of equality: its sentences give the interval, and so the largest difference that the data leave open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragraft.compare.cost import rates
from ragraft.compare.limits import broken, limits
from ragraft.compare.resample import Draws
from ragraft.compare.rows import rows
from ragraft.compare.stats import examples_needed, holm
from ragraft.compare.weigh import Weighed, differs, weigh
from ragraft.compare.wording import amount, difference, metric, p_value, points, value
from ragraft.config import Config
from ragraft.types import ArmName, ArmSummary, Comparison, Exclusion, PairTest, ProbeResult, Recommendation, Tradeoff

FEWEST_CASES = 20
"""Test questions below which nothing is concluded."""
COARSE = 0.25
"""A split that can only detect a larger difference than this is too coarse for a tie to mean much."""
LEVEL_OF_DECISION = 0.05
FEW_CLUSTERS = 10
"""Groups below which cluster intervals are known to be unreliable (Cameron, Gelbach and Miller 2008)."""
POOR = 0.3
"""A leader whose interval ends below this is named, but with a warning."""

SIMPLICITY: tuple[ArmName, ...] = ("quote", "base", "rag", "tuned", "tuned+rag", "raft")


def recommend(
    comparison: Comparison, config: Config, probes: Sequence[ProbeResult] = (), draws: Draws | None = None
) -> Recommendation:
    """The recommendation. Raises nothing: an empty comparison is `undecided`. `draws`: what weighted scores are compared by."""
    table = rows(comparison, probes)
    excluded = (*_ruled_out(comparison, table, config), *(b for p in probes for b in p.blocks))
    out = {e.arm for e in excluded}
    scored = [s for s in comparison.arms if s.arm not in out and _mean(s, comparison.metric) is not None]
    if scored and any(config.weights.values()):
        weighed = weigh(comparison, table, [s.arm for s in scored], config, draws)
        found = _weighed_outcome(comparison, scored, weighed, config)
        return replace(
            found,
            excluded=(*excluded, *weighed.left_out),
            caveats=(*_caveats(comparison, None), *_unpriced(comparison, config)),
        )
    if not scored:
        return Recommendation(
            outcome="undecided", arm=None, excluded=excluded,
            headline="No arm can be recommended: " + ("every arm breaks a constraint." if excluded else "no arm has a scored case."),
            reasons=("Relax one of the constraints below, or add an arm that meets them.",) if excluded else (),
            caveats=_caveats(comparison, None),
        )  # fmt: skip
    contest = _contest(comparison, scored)
    found = _outcome(contest, config)
    caveats = (*_caveats(comparison, contest.leader), *_unpriced(comparison, config))
    return replace(found, excluded=excluded, caveats=caveats)


def _ruled_out(comparison: Comparison, table: Sequence[Tradeoff], config: Config) -> tuple[Exclusion, ...]:
    set_by = limits(config)
    return tuple(e for s in comparison.arms for x in set_by if (e := broken(x, table, s.arm, config.prices.currency)))


def _weighed_outcome(
    comparison: Comparison, scored: Sequence[ArmSummary], weighed: Weighed, config: Config
) -> Recommendation:
    """By weighted scores: the leader, and level with it every arm from which its score does not differ beyond noise."""
    if not weighed.arms:
        return Recommendation(
            outcome="undecided", arm=None, headline="No arm can be recommended: none has every figure that is weighed.",
            reasons=("Take a weight away, or add the probe that measures it.",),
        )  # fmt: skip
    field = sorted((s for s in scored if s.arm in weighed.arms), key=lambda s: (-weighed.score(s.arm), _price(s)))
    leader = field[0]
    pairs: list[tuple[ArmName, ArmName]] = [(a.arm, b.arm) for i, a in enumerate(field) for b in field[i + 1 :]]
    adjusted = dict(zip(pairs, holm([differs(weighed, a, b) for a, b in pairs]), strict=True))
    level = [s for s in field if s is leader or adjusted[leader.arm, s.arm] >= LEVEL_OF_DECISION]
    cheapest = min(level, key=_price)
    names: tuple[ArmName, ...] = tuple(s.arm for s in level)
    weights = ", ".join(f"{name} {weight:g}" for name, weight in config.weights.items())
    reasons = (
        "Weighted scores: " + ", ".join(f"`{s.arm}` {weighed.score(s.arm):.3f}" for s in field) + f" (weights: {weights}).",
        *(f"`{s.arm}` is behind by {weighed.score(leader.arm) - weighed.score(s.arm):.3f} (adjusted p {p_value(adjusted[leader.arm, s.arm])})." for s in field if s not in level),
    )  # fmt: skip
    if comparison.n < FEWEST_CASES:
        headline = f"Not enough evidence: {comparison.n} test questions are too few to conclude anything."
        needed = FEWEST_CASES - comparison.n
        return Recommendation(
            outcome="undecided", arm=None, tied=names, headline=headline, reasons=reasons, examples_needed=needed
        )
    if len(level) == 1:
        return Recommendation(outcome="one", arm=leader.arm, headline=f"Use `{leader.arm}`.", reasons=reasons)
    others = _list([s.arm for s in level if s is not cheapest])
    headline = (
        f"No decisive difference by the weights: use `{cheapest.arm}`, the cheapest of the tied arms (with {others})."
    )
    reasons = (*reasons, _cost_sentence(cheapest, leader, config))
    return Recommendation(outcome="tie", arm=cheapest.arm, tied=names, headline=headline, reasons=reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contest:
    """The leader, the arms level with it (the leader among them), and the cheapest of those."""

    comparison: Comparison
    leader: ArmSummary
    level: tuple[ArmSummary, ...]
    cheapest: ArmSummary
    field: int


def _contest(comparison: Comparison, scored: Sequence[ArmSummary]) -> _Contest:
    leader = max(scored, key=lambda s: (_mean(s, comparison.metric), -_price(s)[0], -_price(s)[2]))
    level = tuple(s for s in scored if s is leader or not _decisive(comparison, leader.arm, s.arm))
    return _Contest(
        comparison=comparison, leader=leader, level=level, cheapest=min(level, key=_price), field=len(scored)
    )


def _outcome(contest: _Contest, config: Config) -> Recommendation:
    comparison, leader, cheapest = contest.comparison, contest.leader, contest.cheapest
    gap = _between(comparison, leader.arm, cheapest.arm)
    needed = examples_needed(gap.difference, gap.detectable, gap.n) if gap else None
    if comparison.n < FEWEST_CASES:
        return Recommendation(
            outcome="undecided", arm=None, tied=_names(contest), examples_needed=max(needed or 0, FEWEST_CASES - comparison.n),
            headline=f"Not enough evidence: {comparison.n} test questions are too few to conclude anything.",
            reasons=(_standing(contest), *_gap_sentence(gap)),
        )  # fmt: skip
    if _powerless(comparison):
        return Recommendation(
            outcome="undecided",
            arm=None,
            tied=_names(contest),
            headline=f"Not enough evidence: {comparison.clusters} groups of test questions are too few to show any difference.",
            reasons=(
                _standing(contest),
                *_gap_sentence(gap),
                "Questions on other topics are needed: more groups, not larger ones.",
            ),
        )
    if len(contest.level) == 1:
        return Recommendation(
            outcome="one",
            arm=leader.arm,
            headline=f"Use `{leader.arm}`.",
            reasons=(_standing(contest), *_lead_sentences(contest)),
        )
    if gap and gap.detectable > COARSE and gap.difference > gap.detectable / 2:
        more = (
            f"about {needed} more test questions would settle it"
            if needed
            else "more test questions of the same kind are needed"
        )
        return Recommendation(
            outcome="undecided", arm=None, tied=_names(contest), examples_needed=needed,
            headline=f"Not enough evidence: `{leader.arm}` is ahead of `{cheapest.arm}`, but it may be chance; {more}.",
            reasons=(_standing(contest), *_gap_sentence(gap)),
        )  # fmt: skip
    others = _list([s.arm for s in contest.level if s is not cheapest])
    return Recommendation(
        outcome="tie", arm=cheapest.arm, tied=_names(contest), examples_needed=needed,
        headline=f"No decisive difference: use `{cheapest.arm}`, the cheapest of the tied arms (with {others}).",
        reasons=(_standing(contest), *_gap_sentence(gap), _cost_sentence(cheapest, leader, config), *_lead_sentences(contest)),
    )  # fmt: skip


def _powerless(comparison: Comparison) -> bool:
    """Whether even a difference in every cluster could not be decisive: the least p of k sign flips is 2 / 2^k, times the
    number of pairs that Holm adjusts for."""
    flips = [t for t in comparison.pairs if t.test == "permutation"]
    return bool(flips) and all(2.0 ** (1 - t.clusters) * len(comparison.pairs) >= LEVEL_OF_DECISION for t in flips)


# --- sentences ---------------------------------------------------------------------------------------------------------


def _standing(contest: _Contest) -> str:
    name = contest.comparison.metric
    e = contest.leader.estimate(name)
    assert e is not None, "the leader has a mean"
    return (
        f"`{contest.leader.arm}` has the highest score: {metric(name).label.lower()} {value(name, e.mean)} (95 % interval "
        f"{value(name, e.low)} to {value(name, e.high)}, {e.n} questions in {contest.comparison.clusters} groups)."
    )


def _lead_sentences(contest: _Contest) -> tuple[str, ...]:
    """How far every arm that is decisively worse lies behind."""
    level = {s.arm for s in contest.level}
    behind = [
        t
        for s in contest.comparison.arms
        if s.arm not in level and (t := _between(contest.comparison, contest.leader.arm, s.arm))
    ]
    return tuple(
        f"`{t.b}` is behind by {_points(t.metric, t.difference)} ({_range(t)}; adjusted p {p_value(t.p_adjusted)})."
        for t in sorted(behind, key=lambda t: t.difference)
        if t.decisive
    )


def _gap_sentence(gap: PairTest | None) -> tuple[str, ...]:
    if gap is None:
        return ()
    return (
        f"`{gap.a}` minus `{gap.b}` is {_points(gap.metric, gap.difference)} (95 % interval {_range(gap)}; adjusted p "
        f"{p_value(gap.p_adjusted)}): an advantage of `{gap.a}` above {_points(gap.metric, max(gap.high, 0.0))} is unlikely.",
    )


def _points(name: str, number: float) -> str:
    return f"{difference(name, number).removeprefix('+')} {points(name)}"


def _range(t: PairTest) -> str:
    return f"{difference(t.metric, t.low)} to {difference(t.metric, t.high)}"


def _cost_sentence(cheap: ArmSummary, lead: ArmSummary, config: Config) -> str:
    traffic, currency = config.traffic, config.prices.currency
    basis = f"{traffic.questions_per_month:,.0f} questions and {traffic.changes_per_month:,.0f} changed documents"
    if cheap.cost.monthly is None:
        return f"What `{cheap.arm}` costs is not known in full; it is the simplest of the tied arms."
    month = f"{amount(cheap.cost.monthly, 'money', currency)} a month at {basis}"
    if cheap is lead:
        return f"`{cheap.arm}` is also the cheapest of the tied arms: {month}, {cheap.build_seconds:.0f} s to build."
    other = f"{amount(lead.cost.monthly, 'money', currency)} and {lead.build_seconds:.0f} s"
    return f"`{cheap.arm}` costs {month}, and {cheap.build_seconds:.0f} s to build; `{lead.arm}` {other}."


def _unpriced(comparison: Comparison, config: Config) -> tuple[str, ...]:
    """Where a hosted model has no price."""
    missing: list[ArmName] = [s.arm for s in comparison.arms if rates(s, config) is None]
    if not missing:
        return ()
    return (
        f"`{config.models.generator}` has no price in the table: what {_list(missing)} cost is not known; set `tokens_in` and `tokens_out` in [prices], to 0 where the endpoint is your own.",
    )


def _caveats(comparison: Comparison, leader: ArmSummary | None) -> tuple[str, ...]:
    found: list[str] = []
    if comparison.n < FEWEST_CASES:
        found.append(
            f"With {comparison.n} test questions no difference between arms can be concluded; {FEWEST_CASES} is the least."
        )
    if comparison.clusters < FEW_CLUSTERS:
        found.append(
            f"The test questions fall into {comparison.clusters} groups only: intervals from so few groups are unreliable."
        )
    failed = [f"`{s.arm}` {s.failed}" for s in comparison.arms if s.failed]
    if failed:
        found.append(
            f"Some calls failed and are in no mean (of {comparison.n} each: {', '.join(failed)}); the same command retries them."
        )
    estimate = leader.estimate(comparison.metric) if leader else None
    if leader and estimate and estimate.high is not None and estimate.high < POOR:
        most = value(comparison.metric, estimate.high)
        label = metric(comparison.metric).label.lower()
        found.append(f"Even the best arm is poor: {label} of `{leader.arm}` is at most about {most}.")
    return (*found, *_synthetic(comparison, leader))


def _synthetic(comparison: Comparison, leader: ArmSummary | None) -> tuple[str, ...]:
    """What it means that questions were made from the documents and not asked by people."""
    made, name = comparison.synthetic, comparison.metric
    if not made:
        return ()
    if made == comparison.n:
        return (
            f"All {made} test questions are synthetic: made from the documents, in their words, and asked by nobody. Add questions "
            "that people asked before you rely on this.",
        )
    parts = {t.synthetic: {e.arm: e.estimate for e in t.estimates} for t in comparison.truths}
    label = metric(name).label.lower()
    found = [f"{made} of the {comparison.n} test questions are synthetic; the figures above are over both kinds."]
    if leader and leader.arm in parts[False]:
        human, synthetic = (value(name, parts[kind][leader.arm].mean) for kind in (False, True))
        found[0] += (
            f" {label.capitalize()} of `{leader.arm}`: {human} on the human ones, {synthetic} on the synthetic ones."
        )
    means = {arm: e.mean for arm, e in parts[False].items() if e.mean is not None}
    best = max(means, key=lambda arm: means[arm], default=None)
    if leader and best and leader.arm in means and means[best] > means[leader.arm]:
        found.append(
            f"On the {comparison.n - made} human questions alone `{best}` is ahead, with {value(name, means[best])}."
        )
    return tuple(found)


def _between(comparison: Comparison, a: ArmName, b: ArmName) -> PairTest | None:
    """The test of `a` against `b`, turned so that the difference is a - b."""
    for t in comparison.pairs:
        if (t.a, t.b) == (a, b):
            return t
        if (t.a, t.b) == (b, a):
            return replace(t, a=a, b=b, difference=-t.difference, low=-t.high, high=-t.low)
    return None


def _decisive(comparison: Comparison, leader: ArmName, other: ArmName) -> bool:
    test = _between(comparison, leader, other)
    return test is not None and test.decisive and test.difference > 0


def _mean(s: ArmSummary, metric: str) -> float | None:
    e = s.estimate(metric)
    return e.mean if e else None


def _price(s: ArmSummary) -> tuple[float, float, int]:
    """A month's cost, where it is known; then the build; then simplicity."""
    return math.inf if s.cost.monthly is None else s.cost.monthly, s.build_seconds, SIMPLICITY.index(s.arm)


def _names(contest: _Contest) -> tuple[ArmName, ...]:
    return tuple(s.arm for s in contest.level)


def _list(arms: Sequence[ArmName]) -> str:
    quoted = [f"`{a}`" for a in arms]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" and {quoted[-1]}" if quoted else "none"

"""A comparison -> one recommendation, in plain sentences with the figures behind them. Nothing is written.

The rule, in order:

1. Constraints. An arm that breaks a hard constraint is out, and so is one whose constrained figure was not measured.
2. Statistics. The leader has the highest mean. An arm stays level with it unless the paired, Holm-adjusted test between the
   two is decisive.
   - All others decisively worse: the leader (`one`).
   - Fewer than `FEWEST_CASES` test questions; or so few groups that no outcome could be decisive after the adjustment; or the leader's lead over the cheapest level arm is more than half of what the
     split could detect, and the split could only detect a difference above `COARSE`: `undecided`, with how many more would settle it.
   - Else a `tie`.
3. Cost. Of tied arms the cheapest per 1,000 questions; at equal cost the faster build, then the simpler arm.

A tie is no proof of equality: its sentences give the interval, and so the largest difference that the data leave open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragraft.compare.stats import examples_needed
from ragraft.compare.wording import difference, metric, p_value, points, value
from ragraft.config import Config, ConstraintsSection
from ragraft.types import ArmName, ArmSummary, Comparison, Exclusion, PairTest, Recommendation

FEWEST_CASES = 20
"""Test questions below which nothing is concluded."""
COARSE = 0.25
"""A split that can only detect a larger difference than this is too coarse for a tie to mean much."""
LEVEL_OF_DECISION = 0.05
FEW_CLUSTERS = 10
"""Groups below which cluster intervals are known to be unreliable (Cameron, Gelbach and Miller 2008)."""
POOR = 0.3
"""A leader whose interval ends below this is named, but with a warning."""
CITED_SHARE = 0.95
"""Share of an arm's answers that must cite a passage for `must_cite` to hold."""

SIMPLICITY: tuple[ArmName, ...] = ("quote", "base", "rag", "tuned", "tuned+rag", "raft")


def recommend(comparison: Comparison, config: Config) -> Recommendation:
    """The recommendation. Raises nothing: an empty comparison is `undecided`."""
    excluded = tuple(e for s in comparison.arms for e in _broken(s, config.constraints, config.prices.currency))
    out = {e.arm for e in excluded}
    scored = [s for s in comparison.arms if s.arm not in out and _mean(s, comparison.metric) is not None]
    if not scored:
        return Recommendation(
            outcome="undecided", arm=None, excluded=excluded,
            headline="No arm can be recommended: " + ("every arm breaks a constraint." if excluded else "no arm has a scored case."),
            reasons=("Relax one of the constraints below, or add an arm that meets them.",) if excluded else (),
            caveats=_caveats(comparison, None),
        )  # fmt: skip
    contest = _contest(comparison, scored)
    found = _outcome(contest)
    return replace(found, excluded=excluded, caveats=_caveats(comparison, contest.leader))


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


def _outcome(contest: _Contest) -> Recommendation:
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
        reasons=(_standing(contest), *_gap_sentence(gap), _cost_sentence(contest), *_lead_sentences(contest)),
    )  # fmt: skip


def _powerless(comparison: Comparison) -> bool:
    """Whether even a difference in every cluster could not be decisive: the least p of k sign flips is 2 / 2^k, times the
    number of pairs that Holm adjusts for."""
    flips = [t for t in comparison.pairs if t.test == "permutation"]
    return bool(flips) and all(2.0 ** (1 - t.clusters) * len(comparison.pairs) >= LEVEL_OF_DECISION for t in flips)


# --- constraints -------------------------------------------------------------------------------------------------------


def _broken(s: ArmSummary, limits: ConstraintsSection, currency: str) -> list[Exclusion]:
    checks = (
        _share(s, "must_cite", "cited", CITED_SHARE if limits.must_cite else None, least=True, what="answers that cite a passage"),
        _share(s, "min_grounding", "grounding", limits.min_grounding, least=True, what="supported sentences"),
        _share(s, "max_false_refusal", "false_refusal", limits.max_false_refusal, least=False, what="answerable questions refused"),
        _most(s, "max_p95_ms", s.p95_ms, limits.max_p95_ms, "95 % of requests took up to {:,.0f} ms, the limit is {:,.0f} ms"),
        _most(s, "max_build_minutes", s.build_seconds / 60, limits.max_build_minutes, "it took {:.1f} minutes to build, the limit is {:.1f}"),
        _most(
            s, "max_cost_per_1000", s.cost.per_1000, limits.max_cost_per_1000,
            "1,000 questions cost {:.4g} " + currency + ", the limit is {:.4g} " + currency,
        ),
    )  # fmt: skip
    return [e for e in checks if e is not None]


def _share(
    s: ArmSummary, constraint: str, metric: str, limit: float | None, *, least: bool, what: str
) -> Exclusion | None:
    if limit is None:
        return None
    e = s.estimate(metric)
    if e is None or e.mean is None:
        return _out(s.arm, constraint, "it could not be measured on this arm")
    if e.mean >= limit if least else e.mean <= limit:
        return None
    return _out(
        s.arm, constraint, f"{what}: {e.mean:.0%} of {e.n}, {'at least' if least else 'at most'} {limit:.0%} is asked"
    )


def _most(s: ArmSummary, constraint: str, value: float | None, limit: float | None, text: str) -> Exclusion | None:
    if limit is None or (value is not None and value <= limit):
        return None
    return _out(
        s.arm, constraint, "it could not be measured on this arm" if value is None else text.format(value, limit)
    )


def _out(arm: ArmName, constraint: str, why: str) -> Exclusion:
    return Exclusion(arm=arm, constraint=constraint, sentence=f"`{arm}` is ruled out by `{constraint}`: {why}.")


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


def _cost_sentence(contest: _Contest) -> str:
    cheap, lead = contest.cheapest, contest.leader
    if cheap is lead:
        return f"`{cheap.arm}` is also the cheapest of the tied arms: {cheap.cost.per_1000:.4g} per 1,000 questions, {cheap.build_seconds:.0f} s to build."
    return (
        f"`{cheap.arm}` costs {cheap.cost.per_1000:.4g} per 1,000 questions and {cheap.build_seconds:.0f} s to build; "
        f"`{lead.arm}` {lead.cost.per_1000:.4g} and {lead.build_seconds:.0f} s."
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
    return s.cost.per_1000, s.build_seconds, SIMPLICITY.index(s.arm)


def _names(contest: _Contest) -> tuple[ArmName, ...]:
    return tuple(s.arm for s in contest.level)


def _list(arms: Sequence[ArmName]) -> str:
    quoted = [f"`{a}`" for a in arms]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" and {quoted[-1]}" if quoted else "none"

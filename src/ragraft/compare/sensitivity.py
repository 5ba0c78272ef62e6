"""How far the choice holds: what would flip it, and how often each arm comes first. Pure functions; nothing is written.

Flips: one number of the config moves alone, everything measured stays, and the whole rule of `recommend` is asked again. A month's
cost is linear in every price and in the traffic (in 1/x for months and for changes per retraining), so the places where it could
flip are the crossings of the arms' lines; for limits they are the arms' own figures; for weights they are searched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ragraft.compare.cost import costed, token_prices
from ragraft.compare.limits import Limit, holds, limits
from ragraft.compare.recommend import recommend
from ragraft.compare.resample import Draws
from ragraft.compare.rows import row, rows
from ragraft.compare.stats import expanded_tails
from ragraft.compare.weigh import marks, weigh
from ragraft.config import Config
from ragraft.deciding import Bound
from ragraft.types import ArmName, ArmSummary, BreakEven, Comparison, Flip, ProbeResult, Sensitivity, Tradeoff, Wins

REACH = 1000.0
"""Weights, and whatever is searched rather than solved, are followed up and down to this factor."""
GRID = 25
INVERSE = ("months", "changes_per_retraining")
NEW_LIMITS = ("max_p95_ms", "max_build_minutes", "max_cost_per_1000", "max_cost_per_month")
"""Limits that are tried although the config sets none."""

Choose = Callable[[Config], ArmName | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameter:
    """A number that can move: `change` sets it. `cuts`: where the choice could flip; None: unknown, to be searched."""

    name: str
    now: float | None
    change: Callable[[float], Config]
    cuts: tuple[float, ...] | None


def sensitivity(comparison: Comparison, config: Config, probes: Sequence[ProbeResult], draws: Draws) -> Sensitivity:
    """Flips of every parameter, break-even volumes of every pair, and wins. Some hundred questions to `recommend`."""

    def choose(changed: Config) -> ArmName | None:
        return recommend(costed(comparison, changed), changed, probes, draws).arm

    table = rows(comparison, probes)
    chosen = recommend(comparison, config, probes, draws)
    flips: list[Flip] = []
    steady: list[str] = []
    for parameter in (*_amounts(comparison, config), *_bounds(comparison, table, config), *_weights(config)):
        found = list(_flips(parameter, choose, chosen.arm))
        flips += found
        if not found:
            steady.append(parameter.name)
    if config.constraints.must_cite:
        without = config.constraints.model_copy(update={"must_cite": False})
        if (arm := choose(config.model_copy(update={"constraints": without}))) != chosen.arm:
            flips.append(Flip(parameter="constraints.must_cite", now=1.0, at=0.0, arm=arm))
    out = {e.arm for e in chosen.excluded}
    field = tuple(s for s in comparison.arms if s.arm not in out)
    weighed, unweighed = _measured(table, field, comparison, config)
    return Sensitivity(
        flips=tuple(flips),
        steady=tuple(steady),
        wins=_wins(comparison, table, weighed, field, config, draws),
        draws=draws.n,
        weighed=tuple(r.name for r in weighed),
        unweighed=tuple(r.name for r in unweighed),
        break_evens=break_evens(comparison, config, draws),
    )


# --- flips -------------------------------------------------------------------------------------------------------------


def _flips(p: _Parameter, choose: Choose, chosen: ArmName | None) -> Iterator[Flip]:
    """The nearest flip below and above where the parameter stands now; one that is not set stands beyond its last cut."""
    cuts = _searched(p, choose, chosen) if p.cuts is None else p.cuts
    now = math.inf if p.now is None else p.now
    below = sorted((c for c in set(cuts) if 0 < c < now), reverse=True)
    above = sorted(c for c in set(cuts) if c > now)
    for ordered in (below, above):
        for n, cut in enumerate(ordered):
            last = cut / 2 if ordered is below else cut * 2
            beyond = (cut + ordered[n + 1]) / 2 if n + 1 < len(ordered) else last
            if (arm := choose(p.change(beyond))) != chosen:
                yield Flip(parameter=p.name, now=p.now, at=cut, arm=arm)
                break


def _searched(p: _Parameter, choose: Choose, chosen: ArmName | None) -> tuple[float, ...]:
    """The nearest flip on either side, by steps of a fixed factor and bisection between the two that differ."""
    start = p.now or 1 / REACH  # what is 0 can only grow
    cuts: list[float] = []
    for direction in (-1, 1) if p.now else (2,):
        inside = start
        for step in range(1, GRID + 1):
            outside = start * REACH ** (direction * step / GRID)
            if choose(p.change(outside)) != chosen:
                cuts.append(_bisected(p, choose, chosen, inside, outside))
                break
            inside = outside
    return tuple(cuts)


def _bisected(p: _Parameter, choose: Choose, chosen: ArmName | None, inside: float, outside: float) -> float:
    for _ in range(60):
        middle = math.sqrt(inside * outside)
        if choose(p.change(middle)) == chosen:
            inside = middle
        else:
            outside = middle
    return outside


def _amounts(comparison: Comparison, config: Config) -> Iterator[_Parameter]:
    """Traffic and prices that any arm pays."""
    tokens = token_prices(config)
    used = any(s.prompt_tokens + s.completion_tokens for s in comparison.arms)
    sections: dict[str, dict[str, float | None]] = {
        "traffic": {
            "questions_per_month": config.traffic.questions_per_month,
            "changes_per_month": config.traffic.changes_per_month,
            "months": config.traffic.months,
            "changes_per_retraining": config.traffic.changes_per_retraining,
        },
        "prices": {
            "gpu_hour": config.prices.gpu_hour if any(s.work.gpu for s in comparison.arms) else None,
            "cpu_hour": config.prices.cpu_hour if any(not s.work.gpu for s in comparison.arms) else None,
            "tokens_in": tokens.prompt if used and tokens.prompt else None,
            "tokens_out": tokens.completion if used and tokens.completion else None,
            "gb_month": config.prices.gb_month,
            "label_example": config.prices.label_example,
        },
    }
    for section, numbers in sections.items():
        for name, now in numbers.items():
            if now is None:
                continue

            def change(x: float, section: str = section, name: str = name) -> Config:
                part = getattr(config, section).model_copy(update={name: x})
                return config.model_copy(update={section: part})

            cuts = (
                None
                if any(config.weights.values())
                else _crossings(comparison, config, change, inverse=name in INVERSE)
            )
            yield _Parameter(name=f"{section}.{name}", now=now, change=change, cuts=cuts)


def _crossings(
    comparison: Comparison, config: Config, change: Callable[[float], Config], *, inverse: bool
) -> tuple[float, ...]:
    """Where two arms cost the same a month, and where a limit on cost is met, by the parameter that `change` sets."""
    at = {u: costed(comparison, change(1 / u if inverse else u)) for u in (1.0, 2.0)}

    def line(pick: Callable[[ArmSummary], float | None], arm: ArmName) -> tuple[float, float] | None:
        one, two = pick(at[1.0].summary(arm)), pick(at[2.0].summary(arm))
        return None if one is None or two is None else (2 * one - two, two - one)

    arms: list[ArmName] = [s.arm for s in comparison.arms]
    monthly = [x for arm in arms if (x := line(lambda s: s.cost.monthly, arm))]
    roots = [_root(a, b) for a, b in combinations(monthly, 2)]
    picks: dict[str, Callable[[ArmSummary], float | None]] = {
        "monthly": lambda s: s.cost.monthly,
        "per_1000": lambda s: s.cost.per_1000,
    }
    for limit in limits(config):
        if limit.row in picks:
            lines = [x for arm in arms if (x := line(picks[limit.row], arm))]
            roots += [_root(x, (limit.bound, 0.0)) for x in lines]
    return tuple(1 / u if inverse else u for u in roots if u is not None and u > 0)


def _root(a: tuple[float, float], b: tuple[float, float]) -> float | None:
    """Where two lines (intercept, slope) meet."""
    return None if a[1] == b[1] else (b[0] - a[0]) / (a[1] - b[1])


def _bounds(comparison: Comparison, table: Sequence[Tradeoff], config: Config) -> Iterator[_Parameter]:
    """Limits that the config sets, and some that it could."""
    set_by = [x for x in limits(config) if x.name != "must_cite"]
    names = {x.name for x in set_by}
    probe = config.constraints.model_copy(update={n: math.inf for n in NEW_LIMITS})
    unset = [x for x in limits(config.model_copy(update={"constraints": probe})) if x.name in NEW_LIMITS]
    for limit in (*set_by, *(x for x in unset if x.name not in names)):
        found = row(table, limit.row)
        scale = 60.0 if limit.name == "max_build_minutes" else 1.0
        values = [found.value(s.arm) for s in comparison.arms] if found else []

        def change(x: float, limit: Limit = limit) -> Config:
            return config.model_copy(update={"constraints": _limited(config, limit, x)})

        now = limit.bound / scale if limit.name in names else None
        yield _Parameter(
            name=f"constraints.{limit.name}",
            now=now,
            change=change,
            cuts=tuple(v / scale for v in values if v is not None),
        )


def _limited(config: Config, limit: Limit, bound: float) -> object:
    """The constraints with one limit moved."""
    before = config.constraints
    if "." not in limit.name:
        return before.model_copy(update={limit.name: bound})
    probe, _, figure = limit.name.partition(".")
    key = {None: "limit", "least": "min", "most": "max"}[limit.side]
    moved = before.probes[probe][figure].model_copy(update={key: bound})
    figures: dict[str, dict[str, Bound]] = {**before.probes, probe: {**before.probes[probe], figure: moved}}
    return before.model_copy(update={probe: figures[probe]})


def _weights(config: Config) -> Iterator[_Parameter]:
    for name, weight in config.weights.items():

        def change(x: float, name: str = name) -> Config:
            return config.model_copy(update={"weights": {**config.weights, name: x}})

        if weight > 0:
            yield _Parameter(name=f"weights.{name}", now=weight, change=change, cuts=None)


# --- break-even --------------------------------------------------------------------------------------------------------


def break_evens(comparison: Comparison, config: Config, draws: Draws) -> tuple[BreakEven, ...]:
    """For every pair of arms with known costs: the questions a month at which both cost the same, other traffic as in the
    config. The interval is that of resampled requests and cases, with percentiles widened for few requests."""
    known = [s for s in comparison.arms if s.cost.monthly is not None and s.cost.per_1000 is not None]
    return tuple(_break_even(a, b, config, draws) for a, b in combinations(known, 2))


def _break_even(a: ArmSummary, b: ArmSummary, config: Config, draws: Draws) -> BreakEven:
    one, two = _fixed(a, config), _fixed(b, config)
    if math.isclose(
        one, two, rel_tol=1e-9, abs_tol=1e-12
    ):  # no volume to make up for: the cheaper question wins at any
        low, high = sorted((a, b), key=lambda s: s.cost.per_1000 or 0.0)
        return BreakEven(low=low.arm, high=high.arm, volume=None)
    low, high = (a, b) if one < two else (b, a)
    gap = abs(one - two)
    volume = _volume(gap, np.array([(low.cost.per_1000 or 0.0) / 1000 - (high.cost.per_1000 or 0.0) / 1000]))[0]
    below, above = draws.per_question(low, config), draws.per_question(high, config)
    ends = (math.inf, math.inf)
    if below is not None and above is not None:
        requests = min(low.latency_n, high.latency_n)
        tails = expanded_tails(requests) if requests > 1 else (0.0, 1.0)
        ends = tuple(np.quantile(_volume(gap, below - above), tails, method="inverted_cdf"))
    least, most, at = (float(x) if math.isfinite(x) else None for x in (*ends, volume))
    return BreakEven(low=low.arm, high=high.arm, volume=at, least=least, most=most)


def _fixed(s: ArmSummary, config: Config) -> float:
    """What a month costs without a question."""
    return (s.cost.monthly or 0.0) - config.traffic.questions_per_month * (s.cost.per_1000 or 0.0) / 1000


def _volume(gap: float, saved: np.ndarray) -> np.ndarray:
    """Questions that make up for `gap` when each saves `saved`; infinite where none does."""
    return np.divide(gap, saved, out=np.full(len(saved), math.inf), where=saved > 0)


# --- wins --------------------------------------------------------------------------------------------------------------


def _measured(
    table: Sequence[Tradeoff], field: Sequence[ArmSummary], comparison: Comparison, config: Config
) -> tuple[list[Tradeoff], list[Tradeoff]]:
    """The rows to put random weights on, and those that some arm has no figure for."""
    first = {f"{p}": r.name for r in reversed(table) if "." in r.name for p in [r.name.partition(".")[0]]}
    names = list(config.weights) or [comparison.metric, "grounding", *first.values(), "p95_ms", "monthly"]
    found = [r for r in table if r.name in names and r.higher_is_better is not None]
    whole = [r for r in found if field and all(r.value(s.arm) is not None for s in field)]
    return whole, [r for r in found if r not in whole]


def _wins(
    comparison: Comparison,
    table: Sequence[Tradeoff],
    weighed: Sequence[Tradeoff],
    field: Sequence[ArmSummary],
    config: Config,
    draws: Draws,
) -> tuple[Wins, ...]:
    """Over test cases: the highest score, weighted where the config has weights, among the arms that meet every limit in that
    draw. Over weights: uniform on all that sum to 1 (Dirichlet with all parameters 1), figures as measured."""
    cases = _case_wins(comparison, table, config, draws)
    shares: Mapping[ArmName, float] = {}
    if len(weighed) > 1:
        scored = np.stack(
            [
                marks(np.array([r.value(s.arm) or 0.0 for s in field]), r.unit, higher=bool(r.higher_is_better))
                for r in weighed
            ]
        )
        drawn = np.random.default_rng(config.project.seed).dirichlet(np.ones(len(weighed)), size=draws.n)
        first = np.argmax(drawn @ scored, axis=1)
        shares = {s.arm: float(np.mean(first == n)) for n, s in enumerate(field)}
    return tuple(
        Wins(arm=s.arm, cases=cases.get(s.arm, 0.0), weights=shares.get(s.arm, 0.0) if shares else None)
        for s in comparison.arms
    )


def _case_wins(comparison: Comparison, table: Sequence[Tradeoff], config: Config, draws: Draws) -> dict[ArmName, float]:
    primary = row(table, comparison.metric)
    arms = [s for s in comparison.arms if primary and primary.value(s.arm) is not None]
    if primary is None or not arms:
        return {}
    ordered = sorted(
        arms, key=lambda s: math.inf if s.cost.monthly is None else s.cost.monthly
    )  # equal scores: the cheaper
    score = np.stack([_score(s, primary, draws, config) for s in ordered], axis=1)
    if any(config.weights.values()):
        weighed = weigh(comparison, table, [s.arm for s in ordered], config, draws)
        score = np.full_like(score, -np.inf)
        for n, s in enumerate(ordered):
            if weighed.drawn is not None and s.arm in weighed.arms:
                score[:, n] = weighed.drawn[:, weighed.arms.index(s.arm)]
    for n, s in enumerate(ordered):
        score[~_allowed(s, table, config, draws), n] = -np.inf
    first = np.argmax(score, axis=1)
    some = np.isfinite(score.max(axis=1))
    return {s.arm: float(np.mean((first == n) & some)) for n, s in enumerate(ordered)}


def _score(s: ArmSummary, primary: Tradeoff, draws: Draws, config: Config) -> np.ndarray:
    drawn = draws.of(primary.name, s, primary, config)
    return np.full(draws.n, primary.value(s.arm) or 0.0) if drawn is None else drawn


def _allowed(s: ArmSummary, table: Sequence[Tradeoff], config: Config, draws: Draws) -> np.ndarray:
    """Whether the arm meets every limit, in every draw."""
    meets = np.ones(draws.n, dtype=bool)
    for limit in limits(config):
        found = row(table, limit.row)
        drawn = draws.of(limit.row, s, found, config) if found else None
        meets &= False if found is None or drawn is None else np.array([holds(float(x), limit, found) for x in drawn])
    return meets

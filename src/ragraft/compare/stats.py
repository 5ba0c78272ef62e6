"""Paired statistics over test cases. In: numbers per case and the group of each. Out: estimates and tests; nothing is written.

Cases of one group are not independent, so groups (clusters) are what is resampled and flipped. Seeds are parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ragraft.types import ArmName, Estimate, PairTest

LEVEL = 0.95
POWER = 0.8
DRAWS = 10_000
EXACT_CLUSTERS = 15
"""Up to this many clusters with a difference, all 2^k sign flips are enumerated instead of drawn."""

_Z = 1.959963984540054
_Z_POWER = 0.8416212335729143
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    low: float
    high: float


def estimate(
    metric: str, values: Sequence[float | None], groups: Sequence[str], *, seed: int, failed: int = 0
) -> Estimate:
    """The mean of the scored values with a 95 % interval. `values` holds None for unscored and failed cases alike;
    `failed` of them failed."""
    kept = [(v, g) for v, g in zip(values, groups, strict=True) if v is not None]
    unscored = len(values) - len(kept) - failed
    if not kept:
        return Estimate(metric=metric, mean=None, low=None, high=None, n=0, unscored=unscored, failed=failed)
    x, g = np.array([v for v, _ in kept]), [g for _, g in kept]
    interval = mean_interval(x, g, seed=seed)
    return Estimate(
        metric=metric,
        mean=float(x.mean()),
        low=interval.low,
        high=interval.high,
        n=len(kept),
        unscored=unscored,
        failed=failed,
    )


def mean_interval(values: NDArray[np.float64], groups: Sequence[str], *, seed: int) -> Interval:
    """95 % interval of a mean. Where every value is 0 or every value is 1 no bootstrap can show spread: Wilson's
    interval (1927) over the clusters then."""
    clusters = len(set(groups))
    if np.all(values == values[0]) and values[0] in (0.0, 1.0):
        return wilson(clusters if values[0] else 0, clusters)
    interval = bootstrap(values, groups, seed=seed)
    if np.all((values >= 0) & (values <= 1)):
        return Interval(low=max(0.0, interval.low), high=min(1.0, interval.high))
    return interval


def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval for a share, 95 %."""
    from scipy.stats import binomtest

    found = binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return Interval(low=float(found.low), high=float(found.high))


def bootstrap(values: NDArray[np.float64], groups: Sequence[str], *, seed: int, draws: int = DRAWS) -> Interval:
    """Cluster bootstrap interval of the mean: whole groups are drawn with replacement.

    The percentiles are the expanded ones of Hesterberg 2015 ("What Teachers Should Know About the Bootstrap", section
    5.3): t quantiles with clusters-1 degrees of freedom and the factor sqrt(k/(k-1)), because the plain percentile
    interval is too short with few clusters. With one cluster nothing is known: the interval is the whole line.
    """
    sums, sizes = cluster_sums(values, groups)
    k = len(sums)
    if k < 2:
        return Interval(low=-math.inf, high=math.inf)
    counts = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), size=draws)
    means = (counts @ sums) / (counts @ sizes)
    low, high = np.quantile(means, expanded_tails(k))
    return Interval(low=float(low), high=float(high))


def expanded_tails(clusters: int) -> tuple[float, float]:
    """The two percentiles of the expanded interval for a number of clusters (at least 2)."""
    from scipy.stats import norm, t

    tail = float(norm.cdf(-math.sqrt(clusters / (clusters - 1)) * t.ppf(0.5 + LEVEL / 2, clusters - 1)))
    return tail, 1 - tail


def cluster_sums(values: NDArray[np.float64], groups: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(sum, size) of each cluster, in the order of first mention."""
    order = {g: i for i, g in enumerate(dict.fromkeys(groups))}
    where = np.array([order[g] for g in groups])
    sizes = np.bincount(where).astype(np.float64)
    return np.bincount(where, weights=values).astype(np.float64), sizes


def standard_error(values: NDArray[np.float64], groups: Sequence[str]) -> float:
    """Cluster-robust standard error of a mean (Liang and Zeger 1986, with the k/(k-1) factor); inf with one cluster."""
    sums, sizes = cluster_sums(values, groups)
    k = len(sums)
    if k < 2:
        return math.inf
    residuals = sums - sizes * values.mean()
    return float(math.sqrt(k / (k - 1) * (residuals**2).sum()) / len(values))


def permutation_p(differences: NDArray[np.float64], groups: Sequence[str], *, seed: int, draws: int = DRAWS) -> float:
    """Two-sided p of a paired permutation test that swaps the arms within whole clusters.

    Exact where few clusters differ; else drawn, with the +1 correction (Phipson and Smyth 2010), so never zero.
    """
    sums, _ = cluster_sums(differences, groups)
    sums = sums[np.abs(sums) > _TINY]
    observed = abs(sums.sum()) - _TINY
    if len(sums) <= EXACT_CLUSTERS:
        totals = np.zeros(1)
        for each in sums:
            totals = np.concatenate([totals + each, totals - each])
        return float(np.mean(np.abs(totals) >= observed))
    flips = np.random.default_rng(seed).integers(0, 2, size=(draws, len(sums)), dtype=np.int8) * 2 - 1
    return float((1 + np.sum(np.abs(flips @ sums) >= observed)) / (1 + draws))


def mcnemar_p(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """McNemar's test (1947), exact: a binomial test on the cases that only one of the two got right."""
    from scipy.stats import binomtest

    only_a, only_b = int(np.sum(a > b)), int(np.sum(b > a))
    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue) if only_a + only_b else 1.0


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjustment (1979), in the order given."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return tuple(adjusted)


def detectable(differences: NDArray[np.float64], groups: Sequence[str]) -> float:
    """Smallest true difference that a split like this finds with probability 0.8 at the 5 % level.

    (z.975 + z.8) times the cluster-robust standard error. Where the arms never differed the error is unknown; then the
    bound is 3/clusters, the largest share of differing clusters that shows none with probability 0.05 (rule of three).
    """
    error = standard_error(differences, groups)
    if not math.isfinite(error):
        return math.inf
    return min(1.0, 3 / len(set(groups))) if error < _TINY else (_Z + _Z_POWER) * error


def examples_needed(difference: float, detectable_difference: float, n: int) -> int | None:
    """Further test examples after which a true difference of this size would be found with probability 0.8.

    None where the difference is so small that more examples are no remedy (over 100 times the present split).
    """
    if abs(difference) < _TINY or not math.isfinite(detectable_difference):
        return None
    total = n * (detectable_difference / abs(difference)) ** 2
    return None if total > 100 * n else max(0, math.ceil(total) - n)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmScores:
    """One arm's scores on every case of the split, in its order; None where unscored or failed."""

    arm: ArmName
    values: tuple[float | None, ...]


def pair_tests(metric: str, arms: Sequence[ArmScores], groups: Sequence[str], *, seed: int) -> tuple[PairTest, ...]:
    """Every pair of arms over the cases that both scored, Holm-adjusted together. Pairs with fewer than 2 common cases
    are left out."""
    raw = [
        t
        for i, a in enumerate(arms)
        for b in arms[i + 1 :]
        if (t := _pair_test(metric, a, b, groups, seed)) is not None
    ]
    return tuple(replace(t, p_adjusted=p) for t, p in zip(raw, holm([t.p for t in raw]), strict=True))


def _pair_test(metric: str, a: ArmScores, b: ArmScores, groups: Sequence[str], seed: int) -> PairTest | None:
    common = [(x, y, g) for x, y, g in zip(a.values, b.values, groups, strict=True) if x is not None and y is not None]
    if len(common) < 2:
        return None
    x, y = np.array([c[0] for c in common]), np.array([c[1] for c in common])
    g, d = [c[2] for c in common], x - y
    single = _yes_no(x, y, g)
    test: Literal["mcnemar", "permutation"] = "mcnemar" if single else "permutation"
    p = paired_p(x, y, g, seed=seed)
    interval, found = bootstrap(d, g, seed=seed), detectable(d, g)
    if not np.any(d):
        interval = Interval(low=-found, high=found)
    return PairTest(
        a=a.arm, b=b.arm, metric=metric, n=len(common), clusters=len(set(g)), difference=float(d.mean()), low=interval.low,
        high=interval.high, p=p, p_adjusted=p, test=test, detectable=found,
    )  # fmt: skip


def paired_p(x: NDArray[np.float64], y: NDArray[np.float64], groups: Sequence[str], *, seed: int) -> float:
    """Two-sided p of two arms' scores on the same cases: McNemar where every case is a yes or no of its own group, else
    permutation within groups."""
    return mcnemar_p(x, y) if _yes_no(x, y, groups) else permutation_p(x - y, groups, seed=seed)


def _yes_no(x: NDArray[np.float64], y: NDArray[np.float64], groups: Sequence[str]) -> bool:
    return len(set(groups)) == len(groups) and bool(np.all(np.isin(x, (0, 1))) and np.all(np.isin(y, (0, 1))))

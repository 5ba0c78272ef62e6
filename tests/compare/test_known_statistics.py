"""Every statistic that a recommendation rests on, to 1e-6: against scipy, statsmodels, or a published worked example.

Bootstrap intervals come from random draws; they agree to that precision where the statistic can only take a few values, since the
percentile then falls on one of them whatever is drawn.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import zt_ind_solve_power
from statsmodels.stats.proportion import proportion_confint

from ragraft.compare import stats
from ragraft.compare.stats import ArmScores, Interval
from ragraft.evaluate import judge

PRECISE = 1e-6

DARWIN = (49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48)
"""Crossed minus self-fertilised height of 15 pairs of maize, in eighths of an inch (Darwin 1876; Fisher 1935, section 17)."""


def singles(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def answers(both: int, only_a: int, only_b: int, neither: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = [(1.0, 1.0)] * both + [(1.0, 0.0)] * only_a + [(0.0, 1.0)] * only_b + [(0.0, 0.0)] * neither
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


def exact_mcnemar(table: list[list[int]]) -> float:
    result: Any = mcnemar(table, exact=True)
    return float(result.pvalue)


# --- McNemar -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [(40, 12, 5, 3), (0, 1, 0, 0), (794, 150, 86, 570), (10, 0, 0, 10), (3, 7, 7, 1)])
def test_mcnemar_is_the_exact_binomial_test_of_statsmodels(table: tuple[int, int, int, int]) -> None:
    both, only_a, only_b, neither = table
    found = stats.mcnemar_p(*answers(*table))
    assert found == pytest.approx(exact_mcnemar([[both, only_a], [only_b, neither]]), abs=PRECISE)
    n, k = only_a + only_b, min(only_a, only_b)
    assert found == pytest.approx(min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n), abs=1e-12)


# --- Wilson ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n", "published"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_is_statsmodels_and_newcombes_table(hits: int, n: int, published: tuple[float, float]) -> None:
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3 (four decimals)."""
    found = stats.wilson(hits, n)
    assert (found.low, found.high) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=PRECISE)
    assert (found.low, found.high) == pytest.approx(published, abs=5e-5)


# --- bootstrap ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 5, 13, 40, 500])
def test_expanded_percentiles_give_the_t_interval_where_the_bootstrap_is_normal(k: int) -> None:
    """Hesterberg 2015, section 5.3. A bootstrap mean has the standard error sqrt((k-1)/k) s/sqrt(k); widened, t s/sqrt(k)."""
    low, high = stats.expanded_tails(k)
    assert low + high == pytest.approx(1.0, abs=1e-12)
    widened = -scipy.stats.norm.ppf(low) * math.sqrt((k - 1) / k)
    assert widened == pytest.approx(scipy.stats.t.ppf(0.975, k - 1), abs=PRECISE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_paired_bootstrap_is_scipys(seed: int) -> None:
    a, b = answers(20, 9, 3, 8)
    low, _ = stats.expanded_tails(len(a))
    reference = scipy.stats.bootstrap(
        (a, b), lambda x, y, axis: (x - y).mean(axis=axis), paired=True, method="percentile",
        confidence_level=1 - 2 * low, n_resamples=20_000, rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    found = stats.bootstrap(a - b, singles(len(a)), seed=seed)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=PRECISE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_clustered_bootstrap_is_scipys_over_the_clusters(seed: int) -> None:
    a, b = answers(20, 9, 3, 8)
    d, groups = np.repeat(a - b, 3), [str(i // 3) for i in range(3 * len(a))]
    sums, sizes = stats.cluster_sums(d, groups)
    low, _ = stats.expanded_tails(len(sums))
    reference = scipy.stats.bootstrap(
        (sums, sizes), lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis), paired=True, method="percentile",
        confidence_level=1 - 2 * low, n_resamples=20_000, rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    found = stats.bootstrap(d, groups, seed=seed)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=PRECISE)


def test_the_clustered_bootstrap_is_the_full_enumeration() -> None:
    """All 5^5 ways to draw five clusters of unlike sizes, means taken over the cases that were drawn."""
    clusters = [[1.0, 0.0, 1.0], [0.0], [1.0, 1.0], [0.0, 0.0, 0.0, 1.0], [1.0]]
    values = np.array([v for c in clusters for v in c])
    groups = [str(i) for i, c in enumerate(clusters) for _ in c]
    means = np.sort(
        [np.mean(np.concatenate([clusters[i] for i in drawn])) for drawn in itertools.product(range(5), repeat=5)]
    )
    tails = stats.expanded_tails(5)
    expected = tuple(np.quantile(means, tails, method="inverted_cdf"))
    found = stats.bootstrap(values, groups, seed=1)
    assert (found.low, found.high) == pytest.approx(expected, abs=PRECISE)


@pytest.mark.parametrize("sizes", [(1,) * 12, (3,) * 8, (1, 2, 5, 9, 2, 4)])
def test_the_cluster_robust_error_is_statsmodels(sizes: tuple[int, ...]) -> None:
    where = np.repeat(np.arange(len(sizes)), sizes)
    x = np.random.default_rng(4).normal(size=len(where)) + 0.3 * where
    fit = OLS(x, np.ones(len(x))).fit(cov_type="cluster", cov_kwds={"groups": where})
    assert stats.standard_error(x, [str(g) for g in where]) == pytest.approx(float(fit.bse[0]), abs=PRECISE)


def test_the_detectable_difference_is_statsmodels() -> None:
    d = np.random.default_rng(8).normal(0.1, 0.5, 150)
    effect = zt_ind_solve_power(nobs1=150, alpha=0.025, power=0.8, ratio=0, alternative="larger")
    assert stats.detectable(d, singles(150)) == pytest.approx(effect * d.std(ddof=1), abs=PRECISE)


# --- permutation -------------------------------------------------------------------------------------------------------


def test_the_permutation_p_of_darwins_maize_is_fishers() -> None:
    """Fisher 1935, The Design of Experiments, section 21: 863 of the 32,768 signings reach 314; two-sided 5.267 %."""
    found = stats.permutation_p(np.array(DARWIN, dtype=float), singles(15), seed=1)
    assert found == pytest.approx(1726 / 32768, abs=PRECISE)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_permutation_p_is_scipys_over_whole_clusters(size: int) -> None:
    d = np.random.default_rng(size).choice([-1.0, 0.0, 0.5, 1.0], size=12 * size)
    groups = [str(i // size) for i in range(len(d))]
    sums, _ = stats.cluster_sums(d, groups)
    expected = scipy.stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=2**12 + 1).pvalue
    assert stats.permutation_p(d, groups, seed=1) == pytest.approx(expected, abs=PRECISE)


# --- Holm --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [(0.01, 0.04, 0.03, 0.005), (0.5,), (0.2, 0.2, 0.9), (1e-9, 0.049, 0.051, 0.6, 1.0)])
def test_holm_is_statsmodels(p: tuple[float, ...]) -> None:
    assert stats.holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=PRECISE)


def test_pairs_of_arms_carry_these_numbers() -> None:
    """Three arms, each case its own group: exact McNemar for every pair, adjusted together."""
    rng = np.random.default_rng(6)
    values = {
        arm: (rng.random(60) < share).astype(float) for arm, share in (("rag", 0.8), ("tuned", 0.5), ("base", 0.2))
    }
    arms = [ArmScores(arm=arm, values=tuple(v)) for arm, v in values.items()]  # pyright: ignore[reportArgumentType]
    tests = stats.pair_tests("correct", arms, singles(60), seed=1)
    exact = [exact_mcnemar(_table(values[t.a], values[t.b])) for t in tests]
    assert [t.test for t in tests] == ["mcnemar"] * 3
    assert [t.p for t in tests] == pytest.approx(exact, abs=PRECISE)
    assert [t.p_adjusted for t in tests] == pytest.approx(multipletests(exact, method="holm")[1], abs=PRECISE)
    for t in tests:
        drawn = stats.bootstrap(values[t.a] - values[t.b], singles(60), seed=1)
        assert Interval(low=t.low, high=t.high) == drawn


def _table(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[list[int]]:
    return [[int(np.sum((a == i) & (b == j))) for j in (1, 0)] for i in (1, 0)]


# --- Cohen's kappa -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "published"),
    [
        # The worked examples of Wikipedia's article on Cohen's kappa, as fractions.
        ((20, 5, 10, 15), 2 / 5),
        ((45, 15, 25, 15), 3 / 23),
        ((25, 35, 5, 35), 7 / 27),
        # The paradox of Feinstein and Cicchetti 1990: 85 % agreement both times, 0.70 and 0.32 as printed there.
        ((40, 9, 6, 45), 0.70),
        ((80, 10, 5, 5), 0.32),
    ],
)
def test_kappa_is_statsmodels_and_the_published_one(table: tuple[int, int, int, int], published: float) -> None:
    both, judge_only, person_only, neither = table
    pairs = (
        [(True, True)] * both
        + [(True, False)] * judge_only
        + [(False, True)] * person_only
        + [(False, False)] * neither
    )
    said = [judge.Verdict(example=str(i), arm="rag", correct=a, reason="") for i, (a, _) in enumerate(pairs)]
    labels = [judge.HumanLabel(example=str(i), arm="rag", correct=b) for i, (_, b) in enumerate(pairs)]
    found = judge.agreement(said, labels, model="m").kappa
    reference: Any = cohens_kappa([[both, judge_only], [person_only, neither]])
    assert found == pytest.approx(reference.kappa, abs=PRECISE)
    assert found == pytest.approx(published, abs=5e-3 if published in (0.70, 0.32) else PRECISE)

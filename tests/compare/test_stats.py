"""The statistics against scipy, statsmodels and published worked examples."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from ragraft.compare import stats
from ragraft.compare.stats import ArmScores


@given(st.lists(st.floats(0, 1), min_size=1, max_size=15))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1]
    assert stats.holm(p_values) == pytest.approx(expected, abs=1e-12)


def test_holm_on_the_worked_example_of_holm_1979() -> None:
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_statsmodels(cases: list[tuple[bool, bool]]) -> None:
    a, b = np.array([float(x) for x, _ in cases]), np.array([float(y) for _, y in cases])
    table = [[np.sum((a == i) & (b == j)) for j in (1, 0)] for i in (1, 0)]
    assert stats.mcnemar_p(a, b) == pytest.approx(mcnemar(table, exact=True).pvalue, abs=1e-9)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (3, 17), (61, 61)])
def test_wilson_is_statsmodels(hits: int, n: int) -> None:
    low, high = proportion_confint(hits, n, method="wilson")
    found = stats.wilson(hits, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_the_exact_permutation_p_is_scipys() -> None:
    d = np.array([1.0, 1.0, 0.5, -0.5, 1.0, 0.0, 0.25])
    expected = scipy.stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert stats.permutation_p(d, list("abcdefg"), seed=1) == pytest.approx(expected, abs=1e-9)


def test_a_drawn_permutation_p_is_near_scipys_and_never_zero() -> None:
    rng = np.random.default_rng(3)
    d = rng.normal(0.15, 1.0, 60)
    expected = scipy.stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=20_000, rng=rng
    ).pvalue
    assert stats.permutation_p(d, [str(n) for n in range(60)], seed=1) == pytest.approx(expected, abs=0.015)
    assert stats.permutation_p(np.ones(60), [str(n) for n in range(60)], seed=1) == pytest.approx(1 / 10_001)


def test_flipping_whole_clusters_needs_more_evidence() -> None:
    d = np.ones(12)
    alone = stats.permutation_p(d, [str(n) for n in range(12)], seed=1)
    grouped = stats.permutation_p(d, [str(n // 4) for n in range(12)], seed=1)
    assert alone == pytest.approx(2 / 2**12)
    assert grouped == pytest.approx(2 / 2**3)


def test_the_bootstrap_is_scipys_with_expanded_percentiles() -> None:
    x = np.random.default_rng(5).normal(0.4, 0.3, 80)
    k = len(x)
    low, high = stats.expanded_tails(k)
    reference = np.random.default_rng(9).choice(x, size=(20_000, k)).mean(axis=1)
    found = stats.bootstrap(x, [str(n) for n in range(k)], seed=1)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(reference, (low, high))), abs=0.005)
    plain = scipy.stats.t.interval(0.95, k - 1, loc=x.mean(), scale=x.std(ddof=1) / math.sqrt(k))
    assert (found.low, found.high) == pytest.approx(plain, abs=0.01)


def test_clusters_widen_the_interval_and_one_cluster_knows_nothing() -> None:
    x = np.repeat(np.random.default_rng(1).normal(size=10), 10)
    alone = stats.bootstrap(x, [str(n) for n in range(100)], seed=1)
    grouped = stats.bootstrap(x, [str(n // 10) for n in range(100)], seed=1)
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)
    assert stats.bootstrap(x, ["a"] * 100, seed=1) == stats.Interval(low=-math.inf, high=math.inf)


def test_the_cluster_robust_error_of_single_cases_is_the_usual_one() -> None:
    x = np.random.default_rng(2).normal(size=30)
    assert stats.standard_error(x, [str(n) for n in range(30)]) == pytest.approx(scipy.stats.sem(x), rel=1e-9)


def test_unscored_cases_are_in_no_mean() -> None:
    found = stats.estimate("correct", [1.0, None, 0.0, None], list("abcd"), seed=1, failed=1)
    assert (found.mean, found.n, found.unscored, found.failed) == (0.5, 2, 1, 1)
    empty = stats.estimate("correct", [None], ["a"], seed=1)
    assert (empty.mean, empty.low, empty.n, empty.unscored) == (None, None, 0, 1)


def test_a_pair_uses_only_the_cases_that_both_scored() -> None:
    a = ArmScores(arm="rag", values=(1.0, None, 1.0, 0.0))
    b = ArmScores(arm="base", values=(0.0, 1.0, 0.0, 0.0))
    (test,) = stats.pair_tests("correct", [a, b], list("wxyz"), seed=1)
    assert (test.n, test.difference, test.test) == (3, pytest.approx(2 / 3), "mcnemar")
    assert (
        stats.pair_tests("correct", [a, ArmScores(arm="base", values=(None, 1.0, None, 0.0))], list("wxyz"), seed=1)
        == ()
    )


def test_arms_that_never_differ_have_a_detectable_difference_all_the_same() -> None:
    same = ArmScores(arm="rag", values=(1.0,) * 60)
    (test,) = stats.pair_tests(
        "correct", [same, ArmScores(arm="raft", values=(1.0,) * 60)], [str(n) for n in range(60)], seed=1
    )
    assert (test.p, test.difference, test.detectable) == (1.0, 0.0, pytest.approx(0.05))
    assert (test.low, test.high) == (pytest.approx(-0.05), pytest.approx(0.05))


def test_examples_needed_grow_with_the_square() -> None:
    assert stats.examples_needed(0.1, 0.2, 100) == 300
    assert stats.examples_needed(0.3, 0.2, 100) == 0
    assert stats.examples_needed(0.0, 0.2, 100) is None
    assert stats.examples_needed(0.001, 0.2, 100) is None


def test_two_copies_of_one_system_rarely_differ() -> None:
    rng = np.random.default_rng(11)
    groups = [str(n // 3) for n in range(60)]
    rejected = 0
    for seed in range(200):
        chance = np.repeat(rng.random(20), 3)
        copies = [ArmScores(arm=a, values=tuple((rng.random(60) < chance).astype(float))) for a in ("rag", "raft")]
        rejected += stats.pair_tests("correct", copies, groups, seed=seed)[0].decisive
    assert rejected <= 20  # 5 % of 200 is 10; more than 20 has probability below 0.002

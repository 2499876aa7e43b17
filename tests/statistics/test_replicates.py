"""Differences with errors, and ranks that agree, beside SciPy and definitions."""

import itertools

import numpy as np
import pytest
from scipy import stats

from zpoints.statistics.replicates import difference, holm, mean_over, rank_agreement

RANDOM = np.random.default_rng(0)


def test_one_condition_is_the_t_test_of_scipy() -> None:
    a, b = RANDOM.normal(size=5), RANDOM.normal(1.0, 2.0, size=5)
    found, theirs = difference([(a, b)], paired=True), stats.ttest_rel(b, a)
    assert found.value == pytest.approx(b.mean() - a.mean())
    assert (found.p, found.freedom) == (pytest.approx(theirs.pvalue), theirs.df)
    interval = theirs.confidence_interval(0.95)
    assert found.bound == pytest.approx(max(-interval.low, interval.high))
    c = RANDOM.normal(size=3)
    found, theirs = difference([(c, b)], paired=False), stats.ttest_ind(b, c, equal_var=False)
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.freedom == pytest.approx(theirs.df)


def test_equal_conditions_are_told_apart_as_often_as_they_say() -> None:
    # Conditions differ in level and in spread; the differences of three repeats each have mean 0.
    random, n = np.random.default_rng(1), 3000
    scale = np.array([0.5, 1.0, 2.0, 1.5])
    data = random.normal(size=(n, 2, 4, 3)) * scale[:, None] + np.arange(4)[:, None]
    p = [difference([(a[c], b[c]) for c in range(4)], paired=True).p for a, b in data]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.015)  # 4 standard errors


def test_the_error_of_a_mean_is_what_repeats_of_all_of_it_show() -> None:
    random = np.random.default_rng(2)
    data = random.normal(size=(4000, 3, 4)) * np.array([1.0, 2.0, 3.0])[:, None] + np.array(
        [[0.0], [5.0], [9.0]]
    )
    found = [mean_over(list(part)) for part in data]
    assert np.mean([f.error**2 for f in found]) == pytest.approx(np.var([f.mean for f in found]), rel=0.08)


def test_without_repeats_there_is_no_error_and_no_p() -> None:
    one = np.array([1.0])
    assert np.isnan(difference([(one, one + 2)], paired=True).p)
    assert np.isnan(mean_over([one]).error)
    same = np.array([2.0, 2.0])  # repeats that do not differ say nothing of chance
    found = difference([(same, same + 1)], paired=True)
    assert (found.value, found.error) == (1.0, 0.0)
    assert np.isnan(found.p)
    assert found.agreeing == 1


def test_holm_is_bonferroni_over_every_subset() -> None:
    # Closed testing: a hypothesis falls when every subset that it is in falls by Bonferroni's test.
    p = np.array([0.011, 0.3, 0.004, 0.02, 0.9])
    expected = [
        max(
            min(1.0, size * p[list(subset)].min())
            for size in range(1, 6)
            for subset in itertools.combinations(range(5), size)
            if k in subset
        )
        for k in range(5)
    ]
    assert holm(p) == pytest.approx(expected)
    with_gap = holm(np.array([0.011, np.nan, 0.3]))
    assert with_gap[[0, 2]] == pytest.approx([0.022, 0.3])
    assert np.isnan(with_gap[1])
    assert holm(np.array([])).shape == (0,)


def test_tau_is_that_of_scipy_ties_included() -> None:
    x = RANDOM.integers(0, 5, 30).astype(float)
    y = x + RANDOM.integers(0, 6, 30)
    found = rank_agreement(x, y, draws=500)
    assert found.tau == pytest.approx(stats.kendalltau(x, y).statistic)
    theirs = stats.bootstrap(
        (x, y),
        lambda a, b: stats.kendalltau(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=500,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.06)


def test_within_groups_differences_between_them_count_for_nothing() -> None:
    groups = np.repeat([0, 1, 2], 6)
    y = RANDOM.normal(size=18) + 100 * groups
    x = -y + 1000 * groups  # falls within each group, rises from one to the next
    assert rank_agreement(x, y).tau > 0.3
    assert rank_agreement(x, y, groups).tau == pytest.approx(-1)
    z = RANDOM.normal(size=18)
    same = [
        np.sign((y[i] - y[j]) * (z[i] - z[j])) for i in range(18) for j in range(i) if groups[i] == groups[j]
    ]
    assert rank_agreement(y, z, groups).tau == pytest.approx(np.mean(same))

"""Spearman's coefficients from histograms against SciPy's, which sorts."""

from functools import reduce
from operator import add

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from support import correlated
from zpoints.statistics.histograms import Histograms, fine_bins
from zpoints.statistics.planes import standardise
from zpoints.statistics.ranks import RankSums, normal_rank_correlation


def ranked(x: np.ndarray, parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The coefficients, and SciPy's of the values rounded to the bins."""
    u = standardise(x, x.mean(axis=0), x.std(axis=0, ddof=1))
    histograms = Histograms.of(u, *fine_bins(len(u)))
    sums = reduce(add, (RankSums.of(block, histograms) for block in np.array_split(u, parts, axis=1)))
    assert sums.n == len(x)
    bins = np.clip(np.floor((u + np.float32(8)) * np.float32(64)), -1, 1024)
    expected = np.eye(len(u))
    for i, j in zip(*np.triu_indices(len(u), 1), strict=True):
        expected[i, j] = expected[j, i] = scipy.stats.spearmanr(bins[i], bins[j])[0]
    return sums.rank_correlation, expected


@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize("shape", ["normal", "gamma", "cauchy", "rounded"])
def test_equal_to_scipy_on_values_rounded_to_the_bins(shape, parts):
    x = correlated(3001, 5)
    if shape == "gamma":
        x = np.exp(x)
    elif shape == "cauchy":
        x = np.random.default_rng(0).standard_cauchy((3001, 5)) + 0.1 * x
    elif shape == "rounded":
        x = np.round(x)
    found, expected = ranked(x, parts)
    np.testing.assert_allclose(found, expected, atol=1e-10)


@given(st.integers(2, 4), st.integers(3, 200), st.integers(0, 2**32))
@settings(max_examples=30)
def test_equal_to_scipy_for_any_cloud(d, n, seed):
    found, expected = ranked(correlated(n, d, seed))
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_near_scipy_on_the_values_themselves():
    x = correlated(20_000, 4)
    found, _ = ranked(x)
    np.testing.assert_allclose(found, scipy.stats.spearmanr(x)[0], atol=2e-4)


@pytest.mark.parametrize("r", [-1.0, -0.9, -0.3, 0.0, 0.5, 0.99, 1.0])
def test_the_coefficient_of_a_normal_pair(r):
    random = np.random.default_rng(5)
    x = random.normal(size=(200_000, 2))
    pair = np.stack([x[:, 0], r * x[:, 0] + np.sqrt(1 - r * r) * x[:, 1]], axis=1)
    expected = normal_rank_correlation(np.array([r]))[0]
    assert scipy.stats.spearmanr(pair)[0] == pytest.approx(expected, abs=4 / np.sqrt(200_000))

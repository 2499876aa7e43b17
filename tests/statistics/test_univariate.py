"""The distance from a Gaussian against SciPy, its noise and the standard errors against simulation."""

import math

import numpy as np
import pytest
import scipy.stats

from zpoints.statistics.gaussian_fits import GaussianFits
from zpoints.statistics.histograms import Histograms, fine_bins
from zpoints.statistics.moments import Moments
from zpoints.statistics.univariate import (
    kolmogorov_smirnov,
    kolmogorov_smirnov_noise,
    kurtosis_error,
    normal_tail,
    skewness_error,
)


def standardised(x: np.ndarray) -> np.ndarray:
    mean, std = x.mean(axis=1), x.std(axis=1, ddof=1)
    return ((x - mean[:, None]) / std[:, None]).astype(np.float32)


def fine(u: np.ndarray) -> Histograms:
    return Histograms.of(u, *fine_bins(len(u)))


def fine_of(x: np.ndarray) -> Histograms:
    return fine(standardised(x))


@pytest.mark.parametrize("law", ["normal", "laplace", "gumbel", "uniform"])
def test_the_distance_is_that_of_kstest(law):
    u = standardised(getattr(np.random.default_rng(3), law)(size=(1, 20_000)))
    centre, sigma = np.array([0.02]), np.array([0.97])
    exact = scipy.stats.kstest(u[0].astype(float), "norm", args=(0.02, 0.97)).statistic
    found = kolmogorov_smirnov(fine(u), centre, sigma)[0]
    assert exact - fine(u).counts.max() / 20_000 <= found <= exact + 1e-7
    assert found == pytest.approx(exact, abs=1e-3)


def test_the_noise_of_the_distance_is_that_of_fitted_normal_samples():
    random, zero = np.random.default_rng(4), np.zeros(600)
    for n in (1000, 10_000):
        histograms = fine_of(random.normal(size=(600, n)))
        fits = GaussianFits.of(histograms.merged(histograms.chosen_factor()), zero, zero + 1)
        found = kolmogorov_smirnov(histograms, fits.centre, fits.sigma)
        mean, std = kolmogorov_smirnov_noise(n)
        assert found.mean() == pytest.approx(mean, rel=0.05)  # four standard errors
        assert found.std() == pytest.approx(std, rel=0.15)


@pytest.mark.parametrize("n", [5, 30])
def test_the_standard_errors_are_those_of_normal_samples(n):
    random = np.random.default_rng(5)
    samples = [Moments.of(random.normal(size=(n, 1000))) for _ in range(40)]
    skewness = np.concatenate([m.skewness for m in samples])
    kurtosis = np.concatenate([m.excess_kurtosis for m in samples])
    assert skewness.std() == pytest.approx(skewness_error(n), rel=0.03)
    assert kurtosis.std() == pytest.approx(kurtosis_error(n), rel=0.05)
    assert kurtosis.mean() == pytest.approx(-6 / (n + 1), abs=4 * kurtosis_error(n) / 200)


def test_the_standard_errors_of_large_samples_are_the_known_ones():
    assert skewness_error(170_000) == pytest.approx(math.sqrt(6 / 170_000), rel=1e-4)
    assert kurtosis_error(170_000) == pytest.approx(math.sqrt(24 / 170_000), rel=1e-4)
    assert skewness_error(2) == kurtosis_error(2) == kurtosis_error(3) == 0


@pytest.mark.parametrize("sigma", [0.0, 1.0, 2.0, 3.0, 4.0, 8.0])
def test_the_tails_of_the_normal_distribution(sigma):
    assert normal_tail(sigma) == pytest.approx(2 * scipy.stats.norm.sf(sigma), rel=1e-12)

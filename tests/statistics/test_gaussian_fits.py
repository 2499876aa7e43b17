"""Fits against SciPy's least squares, and the reach of the core against the comparison written out."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from zpoints.statistics.gaussian_fits import FWHM_PER_SIGMA, GaussianFits, core_sigma
from zpoints.statistics.histograms import Histograms, fine_bins
from zpoints.statistics.univariate import kolmogorov_smirnov


def standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, std = x.mean(axis=1), x.std(axis=1, ddof=1)
    return ((x - mean[:, None]) / std[:, None]).astype(np.float32), mean, std


def fine(u: np.ndarray) -> Histograms:
    return Histograms.of(u, *fine_bins(len(u)))


def fine_of(x: np.ndarray) -> Histograms:
    return fine(standardised(x)[0])


def fits_of(x: np.ndarray, factor: int = 6) -> GaussianFits:
    u, mean, std = standardised(x)
    return GaussianFits.of(fine(u).merged(factor), mean, std)


def test_a_normal_sample_gives_its_own_parameters_back():
    x = np.random.default_rng(0).normal([[5.0], [-300.0], [0.0]], [[2.0], [40.0], [1e-6]], size=(3, 200_000))
    fits = fits_of(x)
    sigma = np.array([2.0, 40.0, 1e-6])
    np.testing.assert_allclose((fits.centre - [5, -300, 0]) / sigma, 0, atol=0.01)
    np.testing.assert_allclose(fits.sigma, sigma, rtol=0.01)
    np.testing.assert_allclose(fits.fwhm, 2.354820045 * sigma, rtol=0.01)
    np.testing.assert_allclose(fits.amplitude, 1 / np.sqrt(2 * np.pi), rtol=0.01)
    assert fits.rms_error.max() < 0.01
    assert pytest.approx(2.354820045) == FWHM_PER_SIGMA


def test_the_full_width_at_half_maximum_is_that_of_the_curve():
    fits = fits_of(np.random.default_rng(0).normal(3.0, 2.0, size=(1, 20_000)))
    half = np.exp(-0.5 * (fits.fwhm[0] / 2 / fits.sigma[0]) ** 2)
    assert half == pytest.approx(0.5, rel=1e-12)


def test_heavy_tails_and_skew_show_in_the_fit():
    random = np.random.default_rng(1)
    x = np.stack(
        [random.standard_t(3, 100_000), random.gamma(2.0, size=100_000), random.normal(size=100_000)]
    )
    fits = fits_of(x)
    std = x.std(axis=1)
    assert fits.sigma[0] < 0.85 * std[0]
    assert fits.centre[1] < x[1].mean() - 0.2 * std[1], (
        "the core of a right-skewed density lies left of its mean"
    )
    assert fits.rms_error[:2].min() > 2.5 * fits.rms_error[2]


@pytest.mark.parametrize("law", ["normal", "laplace", "logistic", "gumbel", "uniform"])
def test_the_fit_is_the_least_squares_one(law):
    x = getattr(np.random.default_rng(2), law)(1.0, 3.0, size=(1, 30_000))
    u, mean, std = standardised(x)
    density, edges = np.histogram(u[0].astype(float), 128, (-8, 8), density=True)
    centres = (edges[1:] + edges[:-1]) / 2

    def gaussian(x: np.ndarray, a: float, c: float, s: float) -> np.ndarray:
        return a * np.exp(-((x - c) ** 2) / (2 * s**2))

    best, _ = scipy.optimize.curve_fit(gaussian, centres, density, p0=(0.5, 0.1, 0.8), xtol=1e-13, ftol=1e-13)
    fits = fits_of(x, 8)
    found = [fits.amplitude[0], (fits.centre[0] - mean[0]) / std[0], fits.sigma[0] / std[0]]
    np.testing.assert_allclose(found, best, rtol=1e-6, atol=1e-6)
    near = np.abs(centres) <= 4
    rms = np.sqrt(np.mean((gaussian(centres, *best) - density)[near] ** 2)) / best[0]
    assert fits.rms_error[0] == pytest.approx(rms, rel=1e-6)


def test_empty_bins_far_out_do_not_make_the_error_smaller():
    u, mean, std = standardised(np.random.default_rng(0).laplace(size=(1, 10_000)))
    near = GaussianFits.of(Histograms.of(u, np.array([-8.0]), np.array([0.25]), 64), mean, std)
    far = GaussianFits.of(Histograms.of(u, np.array([-80.0]), np.array([0.25]), 640), mean, std)
    np.testing.assert_allclose(far.rms_error, near.rms_error, rtol=1e-6)


@pytest.mark.filterwarnings("error")
def test_densities_that_no_gaussian_fits_still_give_numbers():
    """Two values, few outliers, a flat density: the solver meets no maximum, or none that it can reach."""
    two, flat = np.repeat([-1.0, 1.0], 500), np.linspace(-1, 1, 1000)
    outliers = [np.r_[np.zeros(1000 - n), np.ones(n)] for n in (1, 10, 50, 100)]
    x = np.stack([two, flat, *outliers])
    for factor in (1, 8, 64, 512, 1024):
        fits = fits_of(x, factor)
        for part in (fits.centre, fits.sigma, fits.amplitude, fits.rms_error, fits.fwhm):
            assert np.isfinite(part).all()
        assert (fits.sigma > 0).all()
        assert (fits.amplitude > 0).all()
        np.testing.assert_allclose(fits.centre, x.mean(axis=1), atol=1.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "u",
    [[-0.7, 0.7], [0.0], [50.0, 60.0], [-1e30, 1e30], [-8.0, 7.99]],
    ids=["2", "1", "above", "out", "edge"],
)
def test_too_few_values_still_give_numbers(u):
    histograms = fine(np.array([u], np.float32))
    one = np.ones(1)
    fits = GaussianFits.of(histograms.merged(histograms.chosen_factor()), 0 * one, one)
    for part in (fits.centre, fits.amplitude, fits.rms_error):
        assert np.isfinite(part).all()
    assert 0 < fits.sigma[0] < 20
    assert 0 <= kolmogorov_smirnov(histograms, fits.centre, fits.sigma)[0] <= 1
    assert core_sigma(histograms, fits.centre, fits.sigma)[0] == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_core_under_long_tails_has_a_small_positive_sigma(seed):
    x = np.random.default_rng(seed).lognormal(0, 2, size=(1, 5000))
    fits = fits_of(x)
    assert 0 < fits.sigma[0] < 0.3 * x.std()
    assert fits.centre[0] < x.mean()


def test_sigma_is_never_below_what_bins_can_resolve():
    u = np.full((1, 100_000), 0.01, np.float32)
    u[0, :2] = -0.01, 0.02  # a curve through one value in either neighbour would have 0.21 of a bin
    fits = GaussianFits.of(fine(u), np.zeros(1), np.ones(1))
    assert fits.sigma[0] == 1 / 256
    assert fits.centre[0] == pytest.approx(1 / 128, abs=1e-4)


def core_of(x: np.ndarray) -> np.ndarray:
    histograms = fine_of(x)
    zero = np.zeros(len(x))
    fits = GaussianFits.of(histograms.merged(histograms.chosen_factor()), zero, zero + 1)
    return core_sigma(histograms, fits.centre, fits.sigma)


def test_the_core_of_a_normal_sample_ends_where_the_counts_do():
    core = core_of(np.random.default_rng(6).normal(3.0, 7.0, size=(20, 170_000)))
    # 170,000 (Phi(4) - Phi(3.75)) is 9.6, (Phi(3.75) - Phi(3.5)) is 24.5.
    assert np.median(core) == core.max() == 3.75
    assert core.min() >= 3
    small = core_of(np.random.default_rng(6).normal(size=(20, 2000)))
    assert np.median(small) == small.max() == 2.5
    assert core_of(np.random.default_rng(6).normal(size=(1, 90)))[0] == 0


def test_the_core_of_other_laws_is_small():
    random = np.random.default_rng(7)
    n = 170_000
    laws = [
        random.standard_t(4, n),
        random.laplace(size=n),
        random.exponential(size=n),
        random.uniform(size=n),
    ]
    core = core_of(np.stack(laws))
    assert 0 < core[0] <= 2
    assert core[1:].max() <= 1


@pytest.mark.parametrize("side", [-1, 1])
def test_the_core_ends_at_a_bump_on_either_side(side):
    x = np.random.default_rng(8).normal(size=(2, 100_000))
    x[0, :3000] = side * np.random.default_rng(9).normal(2.6, 0.05, size=3000)
    core = core_of(x)
    assert core[0] == pytest.approx(2.5, abs=0.25)
    assert core[1] >= 3


def reach_of(u: np.ndarray, centre: float, sigma: float, amplitude: float) -> float:
    """The comparison of `core_sigma` written out for one component, from the values themselves."""
    place, reach = (u - centre) / sigma, 0.0
    while True:
        share = scipy.stats.norm.cdf(reach + 0.25) - scipy.stats.norm.cdf(reach)
        expected = share * amplitude * sigma * math.sqrt(2 * math.pi) * len(u)
        right = ((place >= reach) & (place < reach + 0.25)).sum()
        left = ((place < -reach) & (place >= -reach - 0.25)).sum()
        difference = max(abs(right - expected), abs(left - expected))
        if expected < 10 or difference > 0.1 * expected + 3 * math.sqrt(expected):
            return reach
        reach += 0.25


@pytest.mark.parametrize("n", [2000, 10_000, 50_000])
def test_the_core_is_that_of_the_comparison_written_out(n):
    u = standardised(np.random.default_rng(n).logistic(size=(30, n)))[0]
    histograms = fine(u)
    # Multiples of 4 bins, so that nothing has to be divided.
    centre, sigma = np.full(30, 1 / 16), np.full(30, 15 / 16)
    shape = np.exp(-0.5 * ((histograms.centres[0] - 1 / 16) * 16 / 15) ** 2)
    amplitude = histograms.density @ shape / (shape @ shape)
    expected = [reach_of(*parts) for parts in zip(u.astype(float), centre, sigma, amplitude, strict=True)]
    np.testing.assert_array_equal(core_sigma(histograms, centre, sigma), expected)
    assert np.ptp(expected) > 0

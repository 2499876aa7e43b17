"""Histograms against numpy.histogram, and the fitted Gaussians against SciPy and known laws."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from zpoints.statistics.marginals import FWHM_PER_SIGMA, RANGE, GaussianFits, Histograms


def assert_counts(histograms: Histograms, u: np.ndarray, bins: int) -> None:
    """Equal to NumPy's counts, but for values that lie within rounding of the edge of a bin."""
    edges = np.linspace(-RANGE, RANGE, bins + 1)
    for row, below, counts, above in zip(
        u.astype(float), histograms.below, histograms.counts, histograms.above, strict=True
    ):
        expected, _ = np.histogram(row, edges)
        shares = np.array([(row < -RANGE).sum(), *expected, (row > RANGE).sum()])
        found = np.array([below, *counts, above])
        assert found.sum() == len(row)
        doubtful = (np.abs(row[:, None] - edges) < 2e-6).sum(axis=0)
        assert (np.abs(np.cumsum(found - shares)[:-1]) <= doubtful).all()
        assert np.abs(found - shares).sum() <= 0.002 * len(row)


@pytest.mark.parametrize("bins", [16, 128, 1000])
def test_counts_equal_numpy(bins):
    u = np.random.default_rng(0).standard_t(3, size=(4, 5000)).astype(np.float32)
    histograms = Histograms.of(u, bins)
    assert_counts(histograms, u, bins)
    assert histograms.counts.shape == (4, bins)
    assert histograms.below.min() > 0
    assert histograms.above.min() > 0
    assert histograms.n == 5000
    edges = np.linspace(-RANGE, RANGE, bins + 1)
    np.testing.assert_allclose(histograms.centres, (edges[1:] + edges[:-1]) / 2, atol=1e-12)


@given(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=50), st.integers(16, 64))
def test_every_value_is_counted_once(values, bins):
    histograms = Histograms.of(np.array([values], np.float32), bins)
    assert histograms.n == len(values)
    assert histograms.below[0] == sum(value < -6 for value in values)
    assert histograms.above[0] >= sum(value > 6 for value in values)


def test_values_far_out_are_counted_beside_the_bins():
    u = np.array([[-3e38, -1e30, -1e10, 0, 1e10, 1e19, 1e30, 3e38]], np.float32)
    histograms = Histograms.of(u, 16)
    assert histograms.below[0] == 3
    assert histograms.above[0] == 4
    assert histograms.counts.sum() == 1


def test_float64_and_strided_input():
    u = np.random.default_rng(0).normal(size=(4000, 3)).T
    assert_counts(Histograms.of(u, 64), u, 64)


@given(st.integers(1, 299), st.integers(0, 1000))
@settings(max_examples=30)
def test_blocks_merge_exactly(cut, seed):
    u = np.random.default_rng(seed).standard_t(2, size=(3, 300)).astype(np.float32)
    whole, merged = Histograms.of(u, 32), Histograms.of(u[:, cut:], 32) + Histograms.of(u[:, :cut], 32)
    for part in ("counts", "below", "above"):
        np.testing.assert_array_equal(getattr(merged, part), getattr(whole, part))


def test_the_density_integrates_to_the_share_within_reach():
    u = np.random.default_rng(0).standard_t(1, size=(2, 5000)).astype(np.float32)
    histograms = Histograms.of(u, 50)
    np.testing.assert_allclose(
        histograms.density.sum(axis=1) * 12 / 50, (np.abs(u) < 6).mean(axis=1), atol=1e-12
    )


def histograms_of(x: np.ndarray, bins: int = 128) -> tuple[Histograms, np.ndarray, np.ndarray]:
    mean, std = x.mean(axis=1), x.std(axis=1, ddof=1)
    return Histograms.of((x - mean[:, None]) / std[:, None], bins), mean, std


def test_a_normal_sample_gives_its_own_parameters_back():
    x = np.random.default_rng(0).normal([[5.0], [-300.0], [0.0]], [[2.0], [40.0], [1e-6]], size=(3, 200_000))
    fits = GaussianFits.of(*histograms_of(x))
    sigma = np.array([2.0, 40.0, 1e-6])
    np.testing.assert_allclose((fits.centre - [5, -300, 0]) / sigma, 0, atol=0.01)
    np.testing.assert_allclose(fits.sigma, sigma, rtol=0.01)
    np.testing.assert_allclose(fits.fwhm, 2.354820045 * sigma, rtol=0.01)
    np.testing.assert_allclose(fits.amplitude, 1 / np.sqrt(2 * np.pi), rtol=0.01)
    assert fits.rms_error.max() < 0.01
    assert pytest.approx(2.354820045) == FWHM_PER_SIGMA


def test_the_full_width_at_half_maximum_is_that_of_the_curve():
    fits = GaussianFits.of(*histograms_of(np.random.default_rng(0).normal(3.0, 2.0, size=(1, 20_000))))
    half = np.exp(-0.5 * (fits.fwhm[0] / 2 / fits.sigma[0]) ** 2)
    assert half == pytest.approx(0.5, rel=1e-12)


def test_heavy_tails_and_skew_show_in_the_fit():
    random = np.random.default_rng(1)
    x = np.stack(
        [random.standard_t(3, 100_000), random.gamma(2.0, size=100_000), random.normal(size=100_000)]
    )
    fits = GaussianFits.of(*histograms_of(x))
    std = x.std(axis=1)
    assert fits.sigma[0] < 0.85 * std[0]
    assert fits.centre[1] < x[1].mean() - 0.2 * std[1], (
        "the core of a right-skewed density lies left of its mean"
    )
    assert fits.rms_error[:2].min() > 2.5 * fits.rms_error[2]


@pytest.mark.parametrize("law", ["normal", "laplace", "logistic", "gumbel"])
def test_the_fit_is_the_least_squares_one(law):
    x = getattr(np.random.default_rng(2), law)(1.0, 3.0, size=(1, 30_000))
    mean, std = x.mean(), x.std(ddof=1)
    density, edges = np.histogram((x[0] - mean) / std, 100, (-6, 6))
    density = density / 30_000 / (12 / 100)
    centres = (edges[1:] + edges[:-1]) / 2

    def residuals(p: np.ndarray) -> np.ndarray:
        return p[0] * np.exp(-((centres - p[1]) ** 2) / (2 * p[2] ** 2)) - density

    best = scipy.optimize.least_squares(residuals, (0.5, 0.1, 0.8), xtol=1e-12, ftol=1e-12, gtol=1e-12)
    fits = GaussianFits.of(*histograms_of(x, 100))
    found = [fits.amplitude[0], (fits.centre[0] - mean) / std, fits.sigma[0] / std]
    np.testing.assert_allclose(found, best.x * [1, 1, np.sign(best.x[2])], rtol=1e-3, atol=1e-3)
    rms = np.sqrt(np.mean(best.fun**2)) / best.x[0]
    assert fits.rms_error[0] == pytest.approx(rms, rel=1e-2)


def test_densities_that_no_gaussian_fits_still_give_numbers():
    """Two values, few outliers, a flat density: the solver meets no maximum, or none that it can reach."""
    two, flat = np.repeat([-1.0, 1.0], 500), np.linspace(-1, 1, 1000)
    outliers = [np.r_[np.zeros(1000 - n), np.ones(n)] for n in (1, 10, 50, 100)]
    x = np.stack([two, flat, *outliers])
    for bins in (16, 128, 1000):
        fits = GaussianFits.of(*histograms_of(x, bins))
        for part in (fits.centre, fits.sigma, fits.amplitude, fits.rms_error, fits.fwhm):
            assert np.isfinite(part).all()
        assert (fits.sigma > 0).all()
        assert (fits.amplitude > 0).all()
        np.testing.assert_allclose(fits.centre, x.mean(axis=1), atol=1.1)


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_core_under_long_tails_has_a_small_positive_sigma(seed):
    x = np.random.default_rng(seed).lognormal(
        0, 2, size=(1, 5000)
    )  # the solver ends at a negative sigma, as good
    fits = GaussianFits.of(*histograms_of(x))
    assert 0 < fits.sigma[0] < 0.3 * x.std()
    assert fits.centre[0] < x.mean()

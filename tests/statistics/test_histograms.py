"""Histograms against numpy.histogram, fits and distances against SciPy, standard errors against simulation."""

import math
from functools import reduce
from operator import add

import numba
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from zpoints.statistics.histograms import (
    FINE_BINS,
    FWHM_PER_SIGMA,
    GaussianFits,
    Histograms,
    core_sigma,
    fine_bins,
    fixed_bins,
    kolmogorov_smirnov,
    kolmogorov_smirnov_noise,
    kurtosis_error,
    normal_tail,
    skewness_error,
)
from zpoints.statistics.moments import Moments

PARTS = ("counts", "below", "above", "start", "width", "beyond")


def standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, std = x.mean(axis=1), x.std(axis=1, ddof=1)
    return ((x - mean[:, None]) / std[:, None]).astype(np.float32), mean, std


def fine(u: np.ndarray) -> Histograms:
    return Histograms.of(u, *fine_bins(len(u)))


def fine_of(x: np.ndarray) -> Histograms:
    return fine(standardised(x)[0])


def assert_same(a: Histograms, b: Histograms) -> None:
    for part in PARTS:
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part))


def assert_counts(histograms: Histograms, u: np.ndarray) -> None:
    """Equal to NumPy's counts, value by value."""
    for row, edges, below, counts, above in zip(
        u.astype(float), histograms.edges, histograms.below, histograms.counts, histograms.above, strict=True
    ):
        # numpy.histogram gives the last edge to the last bin; ours belongs to what lies above.
        expected, _ = np.histogram(row, np.r_[edges, np.inf])
        np.testing.assert_array_equal([below, *counts, above], [(row < edges[0]).sum(), *expected])


# Counting


def test_fine_counts_equal_numpy():
    u = np.random.default_rng(0).standard_t(3, size=(4, 20_000)).astype(np.float32)
    u[:, :6] = [-8, 8, 0, 1 / 64, np.nextafter(np.float32(8), np.float32(0)), -1e-9]
    histograms = fine(u)
    assert histograms.counts.shape == (4, FINE_BINS)
    assert histograms.below.min() > 0
    assert histograms.above.min() > 0
    assert histograms.n == 20_000
    assert_counts(histograms, u)


def test_each_component_has_its_own_bins():
    u = np.random.default_rng(0).normal(size=(3, 5000)).astype(np.float32)
    histograms = Histograms.of(u, np.array([-2.0, -0.5, 1.0]), np.array([0.125, 0.5, 0.03125]), 24)
    np.testing.assert_allclose(histograms.edges[:, [0, -1]], [[-2, 1], [-0.5, 11.5], [1, 1.75]])
    np.testing.assert_allclose(
        histograms.centres, (histograms.edges[:, 1:] + histograms.edges[:, :-1]) / 2, atol=1e-12
    )
    assert_counts(histograms, u)


def test_the_values_beyond_2_3_4_are_counted_exactly_whatever_the_bins():
    u = np.random.default_rng(0).standard_t(4, size=(3, 5000)).astype(np.float32)
    u[0, :4] = [2, -3, 4, np.nextafter(np.float32(2), np.float32(3))]
    expected = np.stack([(np.abs(u) > level).sum(axis=1) for level in (2, 3, 4)], axis=1)
    assert expected.min() > 0
    np.testing.assert_array_equal(fine(u).beyond, expected)
    np.testing.assert_array_equal(Histograms.of(u, np.full(3, -0.3), np.full(3, 0.7), 1).beyond, expected)


def test_values_far_out_are_counted_beside_the_bins():
    u = np.array([[-np.inf, -3e38, -1e30, -1e10, 0, 1e10, 1e19, 1e30, 3e38, np.inf]], np.float32)
    histograms = fine(u)
    assert histograms.below[0] == 4
    assert histograms.above[0] == 5
    assert histograms.counts.sum() == 1
    np.testing.assert_array_equal(histograms.beyond, [[9, 9, 9]])


def test_float64_and_strided_input():
    u = np.random.default_rng(0).normal(size=(4000, 3)).T
    assert_counts(fine(u), u.astype(np.float32))


def test_the_number_of_threads_changes_nothing():
    u = np.random.default_rng(0).normal(size=(7, 5000)).astype(np.float32)
    whole, threads = fine(u), numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert_same(fine(u), whole)
    finally:
        numba.set_num_threads(threads)


@given(st.lists(st.integers(0, 5), min_size=300, max_size=300), st.permutations(range(6)), st.integers(0, 99))
@settings(max_examples=30)
def test_any_cut_in_any_order_merges_exactly(block_of, order, seed):
    u = np.random.default_rng(seed).standard_t(2, size=(3, 300)).astype(np.float32)
    start, width, bins = fixed_bins(np.array([1.0, -3.0, 0.0]), np.array([1.0, 0.3, 2.0]), 0.25)
    of = [np.array(block_of) == block for block in order]
    blocks = [Histograms.of(u[:, rows], start, width, bins) for rows in of if rows.any()]
    whole = Histograms.of(u, start, width, bins)
    assert_same(reduce(add, blocks), whole)
    assert_same(reduce(lambda a, b: b + a, blocks), whole)


def test_histograms_of_different_bins_do_not_add_up():
    u = np.zeros((1, 3), np.float32)
    with pytest.raises(ValueError, match="different bins"):
        fine(u) + Histograms.of(u, np.array([-8.0]), np.array([0.5]), FINE_BINS)


# Bins of a fixed width


@pytest.mark.parametrize("width", [0.25, 0.5])
def test_fixed_bins_lie_on_whole_multiples_and_cover_8_sigma(width):
    mean, std = np.array([3.3, -120.7, 0.01, 5.0]), np.array([1.0, 7.7, 0.02, 0.25])
    start, bin_width, bins = fixed_bins(mean, std, width)
    first, last = mean + start * std, mean + (start + bins * bin_width) * std
    np.testing.assert_allclose(bin_width * std, width, rtol=1e-12)
    np.testing.assert_allclose(first / width, np.round(first / width), atol=1e-9)
    assert (first <= mean - 8 * std).all()
    assert (last >= mean + 8 * std).all()
    assert bins <= 16 * 7.7 / width + 2, "no more than the widest component needs"
    # Components that need fewer have them on both sides.
    assert (np.abs((first + last) / 2 - mean) <= width).all()


def test_fixed_bins_count_as_numpy_does_in_the_units_of_the_data():
    x = np.random.default_rng(0).normal([[7.0], [-2.0]], [[3.0], [0.6]], size=(2, 20_000))
    u, mean, std = standardised(x)
    histograms = Histograms.of(u, *fixed_bins(mean, std, 0.5))
    for c in range(2):
        edges = np.round((mean[c] + histograms.edges[c] * std[c]) * 2) / 2
        # A value within rounding of an edge may fall to the other side of it.
        assert np.abs(histograms.counts[c] - np.histogram(x[c], edges)[0]).max() <= 1
    np.testing.assert_allclose(np.sum(histograms.density * histograms.width[:, None], axis=1), 1)


def test_too_fine_fixed_bins_are_refused_with_a_width_that_works():
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([1.0, 123.456, 5.0])
    with pytest.raises(ValueError, match=r"component 1 .*7902 bins of width 0\.25, more than 4096") as raised:
        fixed_bins(mean, std, 0.25)
    assert "\n" not in str(raised.value)
    width = float(str(raised.value).split("width of ")[1].split()[0])
    assert 3500 < fixed_bins(mean, std, width)[2] <= 4096


# Read-outs


def test_the_density_integrates_to_the_share_within_reach():
    u = np.random.default_rng(0).standard_t(1, size=(2, 5000)).astype(np.float32)
    np.testing.assert_allclose(fine(u).density.sum(axis=1) / 64, (np.abs(u) < 8).mean(axis=1), atol=1e-12)


@given(st.integers(1, 400), st.integers(0, 99), st.floats(0.01, 0.99))
@settings(max_examples=50)
def test_quantiles_lie_in_the_bin_of_the_exact_ones(n, seed, share):
    u = np.random.default_rng(seed).standard_t(3, size=(3, n)).astype(np.float32)
    exact = np.clip(np.quantile(u, share, axis=1, method="inverted_cdf"), -8, 8)
    assert np.abs(fine(u).quantile(share) - exact).max() <= 1 / 64 + 1e-6


def test_median_and_interquartile_range():
    x = np.random.default_rng(0).gamma([[1.0], [4.0]], size=(2, 50_000))
    u = standardised(x)[0]
    np.testing.assert_allclose(fine(u).median, np.median(u, axis=1), atol=1e-3)
    np.testing.assert_allclose(fine(u).interquartile_range, scipy.stats.iqr(u, axis=1), atol=2e-3)


def test_quantiles_outside_of_the_bins_are_the_outer_edges():
    histograms = fine(np.array([[-20, -20, -20, 20], [30, 30, 30, 30]], np.float32))
    np.testing.assert_array_equal(histograms.quantile(0.5), [-8, 8])
    np.testing.assert_array_equal(histograms.quantile(0.9), [8, 8])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
@settings(max_examples=50)
def test_merged_bins_hold_what_their_parts_held(bins, factor, seed):
    u = np.random.default_rng(seed).normal(size=(2, 200)).astype(np.float32)
    histograms = Histograms.of(u, np.array([-2.0, -1.0]), np.array([0.125, 0.0625]), bins)
    if factor > bins:
        with pytest.raises(ValueError, match="cannot be joined"):
            histograms.merged(factor)
        return
    merged = histograms.merged(factor)
    assert merged.counts.shape[1] == bins // factor
    assert_counts(merged, u)
    np.testing.assert_array_equal(merged.beyond, histograms.beyond)


def test_merging_drops_as_many_bins_on_either_side():
    merged = fine(np.zeros((1, 5), np.float32)).merged(7)  # 1024 = 146 * 7 + 2
    np.testing.assert_allclose(merged.edges[0, [0, -1]], [-8 + 1 / 64, 8 - 1 / 64])


def test_the_data_choose_the_bin_width_of_freedman_and_diaconis():
    random = np.random.default_rng(0)
    for n in (300, 5000, 170_000):
        u = standardised(np.stack([random.normal(size=n), random.uniform(size=n), random.laplace(size=n)]))[0]
        widths = [np.diff(np.histogram_bin_edges(row.astype(float), "fd"))[0] for row in u]
        assert abs(fine(u).chosen_factor() - np.median(widths) * 64) <= 1


def test_the_chosen_bins_are_neither_too_many_nor_too_few():
    assert fine(np.array([[-1, 1]], np.float32)).chosen_factor() == 32, "16 bins over +/- 4"
    assert fine(np.zeros((1, 1000), np.float32)).chosen_factor() == 1
    wide = Histograms.of(np.array([[-1, 1]], np.float32), np.array([-9.0]), np.array([3.0]), 6)
    assert wide.chosen_factor() == 1


# Gaussian fits


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


# Distance to the fit


@pytest.mark.parametrize("law", ["normal", "laplace", "gumbel", "uniform"])
def test_the_distance_is_that_of_kstest(law):
    u = standardised(getattr(np.random.default_rng(3), law)(size=(1, 20_000)))[0]
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


# Standard errors and tails


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


# Reach of the Gaussian core


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

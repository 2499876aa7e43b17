"""Histograms against numpy.histogram, value by value, and their read-outs against SciPy."""

from functools import reduce
from operator import add

import numba
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from zpoints.statistics.histograms import FINE_BINS, Histograms, fine_bins, fixed_bins

PARTS = ("counts", "below", "above", "start", "width", "beyond")


def standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, std = x.mean(axis=1), x.std(axis=1, ddof=1)
    return ((x - mean[:, None]) / std[:, None]).astype(np.float32), mean, std


def fine(u: np.ndarray) -> Histograms:
    return Histograms.of(u, *fine_bins(len(u)))


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

"""Distances against NumPy and SciPy, their exact law against simulation, and that the cut does not matter."""

from functools import reduce
from operator import add

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.radii import BINS, PROBABILITIES, Radii, RadiusNull
from zpoints.statistics.third_moments import ThirdMoments


def whitened(x: np.ndarray) -> np.ndarray:
    moments = Moments.of(x)
    return PCA.of(moments.mean, moments.covariance, moments.n).whiten(x)


def normal_cloud(n: int, d: int, seed: int = 0) -> np.ndarray:
    return whitened(np.random.default_rng(seed).normal(size=(n, d)))


@given(st.data())
def test_any_cut_in_any_order_merges_to_the_whole(data):
    n, d = data.draw(st.integers(2, 60)), data.draw(st.integers(1, 5))
    u = np.random.default_rng(data.draw(st.integers(0, 2**32))).standard_t(2, size=(n, d))
    blocks = np.split(u, sorted(data.draw(st.lists(st.integers(0, n), max_size=5))))
    whole = Radii.of(u)
    merged = reduce(add, map(Radii.of, data.draw(st.permutations(blocks))))
    np.testing.assert_array_equal(merged.counts, whole.counts)
    assert merged.n == n
    assert merged.total == pytest.approx(whole.total, rel=1e-12)
    assert merged.total_square == pytest.approx(whole.total_square, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 30, 256, 4000])
def test_the_bins_are_far_finer_than_the_shell_of_a_normal(d):
    radii = Radii.of(np.ones((2, d)))
    edges = radii.edges
    assert len(radii.counts) == BINS + 2 == len(edges) + 1
    np.testing.assert_allclose(edges[[0, -1]], np.sqrt(d) * np.array([1e-3, 1e4]), rtol=1e-9)
    near = np.abs(edges - np.sqrt(d)) < np.sqrt(0.5)  # one standard deviation of a normal's distances
    assert np.diff(edges[near]).max() < 0.003
    assert np.max(np.diff(edges) / edges[:-1]) < 0.01


def test_shares_and_quantiles_are_those_of_the_distances():
    u = normal_cloud(5000, 20) * np.random.default_rng(1).gamma(2.0, size=(5000, 1))
    distance = np.sqrt((u**2).sum(axis=1))
    radii = Radii.of(u)
    edges = radii.edges[::50]
    np.testing.assert_array_equal(radii.share_within(edges), (distance[:, None] <= edges).mean(axis=0))
    between = np.sqrt(edges[1:] * edges[:-1])
    bins = radii.counts.max() / radii.n
    assert np.abs(radii.share_within(between) - (distance[:, None] <= between).mean(axis=0)).max() <= bins
    q = np.array([0.001, 0.01, 0.3, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(radii.quantile(q), np.quantile(distance, q, method="inverted_cdf"), rtol=0.01)
    assert radii.quantile(np.array([0.5]))[0] == pytest.approx(np.median(distance), rel=1e-3)
    ends = radii.quantile(np.array([0.0, 1.0]))
    np.testing.assert_allclose(ends, [distance.min(), distance.max()], rtol=0.01)
    assert ends[0] <= distance.min()
    assert ends[1] >= distance.max()


def test_what_lies_outside_all_bins_is_counted_there():
    radii = Radii.of(np.array([[0.0], [1e-9], [1e9], [1.0]]))
    assert radii.counts[0] == 2
    assert radii.counts[-1] == 1
    np.testing.assert_allclose(
        radii.share_within(np.array([0.0, 1e-3, 0.5, 2.0, 1e5])), [0, 0.5, 0.5, 0.75, 1]
    )
    np.testing.assert_allclose(radii.quantile(np.array([0.1, 1.0])), [1e-3, 1e4])
    assert radii.total == pytest.approx(1e18, rel=1e-12)


def test_mean_and_std_are_numpys():
    u = np.random.default_rng(0).exponential(size=(400, 7))
    square = (u**2).sum(axis=1)
    assert Radii.of(u).mean == pytest.approx(square.mean(), rel=1e-12)
    assert Radii.of(u).std == pytest.approx(square.std(), rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(8, 3), (30, 10), (30, 27), (20, 4)])
def test_the_exact_law_is_that_of_simulated_normal_clouds(n, d):
    squares = np.concatenate([(normal_cloud(n, d, seed) ** 2).sum(axis=1) for seed in range(300)])
    null = RadiusNull(n, d)
    # Distances of one cloud share their mean: they fit their law closer than independent ones would.
    assert scipy.stats.kstest(squares, null.share_within).pvalue > 1e-4
    assert scipy.stats.kstest(squares, scipy.stats.chi2(d).cdf).pvalue < 1e-4
    assert squares.max() < null.largest
    assert squares.std() == pytest.approx(null.std, rel=0.05)
    shares = np.array([0.01, 0.5, 0.99])
    np.testing.assert_allclose(null.share_within(null.quantile(shares)), shares, rtol=1e-9)


def test_the_exact_law_becomes_chi_square():
    null, shares = RadiusNull(10**8, 256), np.array([0.001, 0.5, 0.999])
    np.testing.assert_allclose(null.quantile(shares), scipy.stats.chi2.ppf(shares, 256), rtol=1e-5)
    assert null.std == pytest.approx(np.sqrt(512), rel=1e-5)


@pytest.mark.parametrize(("n", "d"), [(2000, 256), (768, 256), (20_000, 3), (5000, 1)])
def test_a_normal_cloud_passes_even_with_few_vectors(n, d):
    radii = Radii.of(normal_cloud(n, d))
    assert radii.mean == pytest.approx(d * (n - 1) / n, rel=1e-9)
    assert radii.distance_to_normal < 1.4 / np.sqrt(n)
    assert abs(radii.scale_variance) < 4 * radii.scale_variance_error
    assert radii.std == pytest.approx(radii.null.std, rel=4 / np.sqrt(n))
    error = np.sqrt(radii.normal_shares * (1 - radii.normal_shares) / n)
    assert np.all(np.abs(radii.shares - radii.normal_shares) < 4 * error + 1 / n)


def test_chi_square_would_reject_a_normal_cloud_of_three_vectors_a_component():
    radii = Radii.of(normal_cloud(768, 256))
    against_chi_square = np.abs(
        radii.share_within(radii.edges) - scipy.stats.chi2(256).cdf(radii.edges**2)
    ).max()
    assert against_chi_square > 1.6 / np.sqrt(768)
    assert radii.normal_shares[1] > 0.93  # of the 0.9 that chi-square has there


def test_a_mixture_of_scales_shows_with_its_variance():
    random = np.random.default_rng(0)
    s = np.sqrt(random.choice([0.5, 1.5], size=(20_000, 1)))  # variance of s^2: 1/4
    radii = Radii.of(whitened(s * random.normal(size=(20_000, 50))))
    assert radii.scale_variance == pytest.approx(0.25, abs=0.01)
    assert radii.scale_spread == pytest.approx(0.5, abs=0.01)
    assert radii.scale_variance > 50 * radii.scale_variance_error
    assert radii.distance_to_normal > 0.3
    assert radii.shares[2] < radii.normal_shares[2] - 0.1


def test_the_scale_is_that_of_mardias_kurtosis():
    u = whitened(np.random.default_rng(0).exponential(size=(300, 9)))
    assert Radii.of(u).scale_variance == pytest.approx(ThirdMoments.of(u).scale_variance, rel=1e-10)
    assert Radii.of(u).scale_variance_error == ThirdMoments.of(u).scale_variance_error


def test_quantiles_lie_on_a_line_for_a_normal_cloud_and_bend_for_another():
    normal, measured = Radii.of(normal_cloud(50_000, 10)).quantiles()
    assert normal.shape == PROBABILITIES.shape
    assert PROBABILITIES[0] < 2e-5
    inner = slice(4, -4)
    np.testing.assert_allclose(measured[inner], normal[inner], rtol=0.06)
    t = whitened(np.random.default_rng(0).standard_t(4, size=(50_000, 10)))
    normal, measured = Radii.of(t).quantiles()
    assert measured[-4] > 1.5 * normal[-4]


def test_fewer_vectors_than_components_all_lie_on_one_sphere():
    radii = Radii.of(normal_cloud(6, 20))
    assert radii.dimension == 5
    assert radii.mean == pytest.approx(25 / 6, rel=1e-9)
    assert radii.null.std == 0
    assert radii.std == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(radii.null.quantile(np.array([0.1, 0.9])), 25 / 6)
    np.testing.assert_array_equal(radii.null.share_within(np.array([25 / 6 * 0.99, 25 / 6])), [0, 1])
    assert radii.scale_variance == pytest.approx(0, abs=1e-9)

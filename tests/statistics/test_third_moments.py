"""Third moments against the n x n formula and simulations; and how blocks are cut does not matter."""

from collections.abc import Iterator
from functools import reduce
from operator import add

import numba
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.third_moments import DOUBLE, MAX_DIMENSION, ThirdMoments


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Thousands of tiny sums: on a busy machine, threads would take 100 times as long to wait for each other."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def whitened(x: np.ndarray) -> np.ndarray:
    moments = Moments.of(x)
    return PCA.of(moments.mean, moments.covariance, moments.n).whiten(x)


def mardia_by_matrix(x: np.ndarray) -> tuple[float, float]:
    """Skewness and kurtosis as textbooks have them: all inner products, with the maximum-likelihood covariance."""
    centred = x - x.mean(axis=0)
    inner = centred @ np.linalg.solve(np.atleast_2d(np.cov(x.T, bias=True)), centred.T)
    return float((inner**3).mean()), float((np.diagonal(inner) ** 2).mean())


@st.composite
def cut_clouds(draw):  # type: ignore[no-untyped-def]
    n, d = draw(st.integers(2, 900)), draw(st.integers(1, 14))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = random.gamma(0.7, size=(n, d)) - 0.7
    places = sorted(draw(st.lists(st.integers(0, n), max_size=5)))
    return x, draw(st.permutations(np.split(x, places)))


@given(cut_clouds())
def test_any_cut_in_any_order_merges_to_the_whole(cut):
    x, blocks = cut
    whole = ThirdMoments.of(x)
    merged = reduce(add, map(ThirdMoments.of, blocks))
    grown = ThirdMoments.empty(x.shape[1])
    for block in blocks:
        grown.add(block)
    scale = np.abs(whole.sums).max()
    for other in (merged, grown):
        assert other.n == whole.n == len(x)
        assert np.abs(other.sums - whole.sums).max() <= 1e-12 * scale
        assert other.fourth == pytest.approx(whole.fourth, rel=1e-12)
        assert other.sixth == pytest.approx(whole.sixth, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 7, 12, 13, 24, 37])
@pytest.mark.parametrize("n", [2, 383, 385])
def test_the_tensor_is_the_mean_of_all_products(n, d):
    u = np.random.default_rng(d).gamma(1.0, size=(n, d))
    moments = ThirdMoments.of(u)
    np.testing.assert_allclose(moments.tensor, np.einsum("ni,nj,nk->ijk", u, u, u) / n, rtol=1e-12)
    np.testing.assert_allclose(moments.fourth, np.sum((u**2).sum(axis=1) ** 2), rtol=1e-12)
    np.testing.assert_allclose(moments.sixth, np.sum((u**2).sum(axis=1) ** 3), rtol=1e-12)


@pytest.mark.parametrize("layout", ["F", "float32", "strided"])
def test_other_layouts_of_a_block_give_the_same(layout):
    u = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32).astype(np.float64)
    twice = np.repeat(u, 2, axis=0)
    given = {"F": np.asfortranarray(u), "float32": u.astype(np.float32), "strided": twice[::2]}[layout]
    np.testing.assert_array_equal(ThirdMoments.of(given).sums, ThirdMoments.of(u).sums)


def test_the_number_of_threads_does_not_change_a_bit():
    u = np.random.default_rng(0).normal(size=(1000, 30))
    alone = ThirdMoments.of(u)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    np.testing.assert_array_equal(ThirdMoments.of(u).sums, alone.sums)


@pytest.mark.parametrize(("n", "d"), [(10, 1), (5, 4), (60, 7), (400, 12), (30, 28), (800, 150)])
def test_skewness_and_kurtosis_are_mardias(n, d):
    random = np.random.default_rng(n)
    x = random.gamma(2.0, size=(n, d)) @ random.normal(size=(d, d)) + 5
    moments = ThirdMoments.of(whitened(x))
    skewness, kurtosis = mardia_by_matrix(x)
    assert moments.skewness == pytest.approx(skewness, rel=1e-9 if d <= DOUBLE else 1e-6)
    assert moments.kurtosis == pytest.approx(kurtosis, rel=1e-9)


@pytest.mark.parametrize("nu", [2, 8, 1000])
def test_single_precision_stays_within_its_bound(nu):
    random = np.random.default_rng(nu)
    u = whitened(random.standard_t(nu, size=(6000, 80)))
    some, found = np.array([0, 1, 40, 79]), ThirdMoments.of(u)
    v = u[:, some]
    exact = np.einsum("ni,nj,nk->ijk", v, v, v)
    bound = 4e-6 * np.sqrt(np.einsum("ni,nj,nk->ijk", v**2, v**2, v**2))
    assert (np.abs(found.tensor[np.ix_(some, some, some)] * found.n - exact) < bound).all()
    assert found.skewness == pytest.approx(mardia_by_matrix(u)[0], rel=1e-6)


def test_one_component_gives_what_scipy_says():
    x = np.random.default_rng(0).gamma(2.0, size=(300, 1))
    moments = ThirdMoments.of(whitened(x))
    assert moments.skewness == pytest.approx(scipy.stats.skew(x[:, 0]) ** 2, rel=1e-10)
    assert moments.kurtosis == pytest.approx(scipy.stats.kurtosis(x[:, 0]) + 3, rel=1e-10)


def test_fewer_vectors_than_components_do_not_vary_under_normality():
    """Whitened to n - 1 axes, every sample has the same radii: nothing can be tested, and no figure pretends so."""
    moments = ThirdMoments.of(whitened(np.random.default_rng(0).normal(size=(6, 20))))
    assert moments.dimension == 5
    assert moments.kurtosis == pytest.approx(25, rel=1e-9)
    assert moments.kurtosis_test.expected == pytest.approx(25, rel=1e-12)
    assert moments.skewness == pytest.approx(moments.skewness_test.expected, rel=1e-9)
    for test in (moments.skewness_test, moments.kurtosis_test):
        assert np.isnan(test.z)
        assert np.isnan(test.p_value)


def test_a_dimension_that_cannot_be_held_is_refused():
    with pytest.raises(ValueError, match="600"):
        ThirdMoments.of(np.zeros((2, 600)))
    with pytest.raises(ValueError, match="block of 3"):
        ThirdMoments.empty(4).add(np.zeros((2, 3)))
    assert ThirdMoments.empty(MAX_DIMENSION).sums.nbytes < 190e6


@pytest.mark.parametrize("n", [2000, 20_000])
def test_effect_sizes_do_not_grow_with_the_number_of_vectors(n):
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 10))
    x[:, 0] = random.exponential(size=n)  # skewness 2, whose square is 4
    moments = ThirdMoments.of(whitened(x @ random.normal(size=(10, 10))))
    assert moments.squared_skewness == pytest.approx(4, abs=60 / np.sqrt(n))
    s = np.sqrt(random.choice([0.5, 1.5], size=(n, 1)))  # variance of s^2: 1/4
    moments = ThirdMoments.of(whitened(s * random.normal(size=(n, 10))))
    assert moments.scale_variance == pytest.approx(0.25, abs=2 / np.sqrt(n))
    assert moments.scale_variance_error < 1 / np.sqrt(n)


@pytest.mark.parametrize("scale", ["normal", "mixture"])
def test_squared_skewness_is_unbiased_for_symmetric_laws_with_any_tails(scale):
    random = np.random.default_rng(3)
    n, d, count = 300, 8, 500
    values, errors, mardia = [], [], []
    for _ in range(count):
        s = 1.0 if scale == "normal" else np.sqrt(random.choice([0.5, 1.5], size=(n, 1)))
        moments = ThirdMoments.of(whitened(s * random.normal(size=(n, d))))
        values.append(moments.squared_skewness)
        errors.append(moments.squared_skewness_error)
        mardia.append(moments.skewness_test.z)
    spread = np.std(values)
    assert abs(np.mean(values)) < 4 * spread / np.sqrt(count) + 0.05 * spread
    assert np.mean(errors) == pytest.approx(spread, rel=0.15)
    if scale == "mixture":
        assert np.mean(mardia) > 5  # what Mardia's own skewness makes of a symmetric cloud

"""Moments against NumPy and SciPy, and the law that the cut into blocks does not matter."""

import math
from functools import reduce
from operator import add

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from support import correlated
from zpoints.statistics.moments import Moments


def assert_same(a: Moments, b: Moments, tolerance: float) -> None:
    """Equal up to `tolerance`, each figure measured by the natural scale of its component."""
    spread = np.sqrt(np.diagonal(b.scatter) / b.n)
    spread = np.where(spread > 0, spread, 1.0)
    assert a.n == b.n
    assert np.max(np.abs(a.mean - b.mean) / (np.abs(b.mean) + spread)) <= tolerance
    assert np.max(np.abs(a.scatter - b.scatter) / spread / spread[:, None]) <= tolerance * b.n
    assert np.max(np.abs(a.third - b.third) / spread**3) <= tolerance * b.n**1.5
    assert np.max(np.abs(a.fourth - b.fourth) / spread**4) <= tolerance * b.n**2


def assert_measures(moments: Moments, x: np.ndarray, tolerance: float = 1e-10) -> None:
    """Equal to what NumPy and SciPy say of all vectors at once."""
    x = np.asarray(x, np.float64)
    covariance = np.atleast_2d(np.cov(x.T))
    std = np.sqrt(np.diagonal(covariance))
    assert moments.n == len(x)
    assert moments.dimension == x.shape[1]
    np.testing.assert_allclose(moments.mean, x.mean(axis=0), rtol=1e-12, atol=1e-12 * std.max())
    np.testing.assert_allclose(
        moments.covariance / std / std[:, None], covariance / std / std[:, None], atol=tolerance
    )
    np.testing.assert_allclose(moments.std, std, rtol=tolerance)
    np.testing.assert_allclose(moments.pearson, np.atleast_2d(np.corrcoef(x.T)), atol=tolerance)
    np.testing.assert_allclose(moments.skewness, scipy.stats.skew(x), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(
        moments.excess_kurtosis, scipy.stats.kurtosis(x), rtol=tolerance, atol=tolerance
    )


@st.composite
def cut_clouds(draw):  # type: ignore[no-untyped-def]
    """A cloud of skewed values, and its rows dealt to blocks in any way."""
    n, d = draw(st.integers(2, 60)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** np.array(draw(st.lists(st.integers(-8, 8), min_size=d, max_size=d)))
    offset = draw(st.floats(-10, 10))
    x = (random.gamma(0.7, size=(n, d)) @ random.normal(size=(d, d)) + offset) * scale
    block_of = np.array(draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)))
    order = draw(st.permutations(range(7)))
    return x, [x[block_of == block] for block in order if (block_of == block).any()]


@given(cut_clouds())
def test_any_cut_in_any_order_merges_to_the_whole(cut):
    whole, blocks = cut
    assert_same(reduce(add, map(Moments.of, blocks)), Moments.of(whole), 1e-12)


@given(cut_clouds())
def test_how_the_sum_is_bracketed_does_not_matter(cut):
    _, blocks = cut
    parts = [Moments.of(block) for block in blocks]
    assert_same(reduce(lambda a, b: b + a, parts), reduce(add, parts), 1e-12)


def skewed(n: int = 500, d: int = 4) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.gamma(1.5, size=(n, d)) @ random.normal(size=(d, d)) * 20


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "uint64", ">f4"], ids=str
)
def test_every_type_of_number(dtype):
    kept = np.clip(skewed(), 0 if dtype.startswith("u") else -120, 120).astype(dtype)
    assert_measures(Moments.of(kept), kept)
    assert_measures(Moments.of(kept[:123]) + Moments.of(kept[123:]), kept)


def test_results_are_float64_and_the_block_is_left_alone():
    x = skewed().astype(np.float32)
    before = x.copy()
    moments = Moments.of(x)
    assert {a.dtype for a in (moments.mean, moments.scatter, moments.third, moments.fourth)} == {
        np.dtype(float)
    }
    np.testing.assert_array_equal(x, before)
    y = skewed()
    Moments.of(y)
    np.testing.assert_array_equal(y, skewed())


@pytest.mark.parametrize(
    "arrange", [np.asfortranarray, lambda x: x[::-1], lambda x: np.repeat(x, 2, 1)[:, ::2]]
)
def test_every_memory_order(arrange):
    x = skewed()
    assert_measures(Moments.of(arrange(x)), arrange(x).copy())


def test_the_scatter_matrix_is_symmetric():
    scatter = (Moments.of(skewed()[:100]) + Moments.of(skewed()[100:])).scatter
    np.testing.assert_array_equal(scatter, scatter.T)


def test_blocks_of_one_vector():
    x = skewed(200, 3)
    assert_measures(reduce(add, (Moments.of(row[None]) for row in x)), x)


def test_one_component():
    assert_measures(Moments.of(skewed(d=1)), skewed(d=1))


def test_two_vectors():
    x = np.array([[1.0, 5.0], [3.0, 4.0]])
    moments = Moments.of(x[:1]) + Moments.of(x[1:])
    np.testing.assert_allclose(moments.covariance, [[2.0, -1.0], [-1.0, 0.5]], rtol=1e-14)
    np.testing.assert_allclose(moments.pearson, [[1.0, -1.0], [-1.0, 1.0]], rtol=1e-14)


@pytest.mark.parametrize(("cuts", "tolerance"), [(1, 1e-8), (20, 1e-5)])
def test_a_mean_far_larger_than_the_spread(cuts, tolerance):
    x = 1e8 + 1e-3 * np.random.default_rng(2).gamma(2.0, size=(4000, 3))
    spread = x - 1e8  # exact: the difference of close numbers is not rounded
    moments = reduce(add, map(Moments.of, np.array_split(x, cuts)))
    np.testing.assert_allclose(moments.std, spread.std(axis=0, ddof=1), rtol=tolerance)
    np.testing.assert_allclose(moments.pearson, np.corrcoef(spread.T), atol=tolerance)
    np.testing.assert_allclose(moments.skewness, scipy.stats.skew(spread), rtol=10 * tolerance)
    np.testing.assert_allclose(moments.excess_kurtosis, scipy.stats.kurtosis(spread), rtol=10 * tolerance)


def test_tiny_and_huge_components_side_by_side():
    x = correlated(3000, 4) * np.array([1e-8, 1e8, 1e-140, 1e70])
    moments = reduce(add, map(Moments.of, np.array_split(x, 7)))
    plain = correlated(3000, 4)
    np.testing.assert_allclose(moments.pearson, np.corrcoef(plain.T), atol=1e-12)
    np.testing.assert_allclose(moments.std[:2], plain.std(axis=0, ddof=1)[:2] * [1e-8, 1e8], rtol=1e-12)
    np.testing.assert_allclose(moments.skewness[:2], scipy.stats.skew(plain[:, :2]), atol=1e-12)
    np.testing.assert_allclose(moments.excess_kurtosis[:2], scipy.stats.kurtosis(plain[:, :2]), atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_pearson_stays_within_one(seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(50, 1)) * np.array([[1.0, 3.7, random.random(), -0.1]])
    pearson = Moments.of(x).pearson
    assert np.abs(pearson).max() == 1.0
    assert (np.diagonal(pearson) == 1.0).all()
    np.testing.assert_allclose(pearson, np.outer([1, 1, 1, -1], [1, 1, 1, -1]), atol=1e-14)


def test_the_mean_is_right_to_its_last_digit():
    x = 1e8 + 1e-3 * np.random.default_rng(2).gamma(2.0, size=(100_000, 2))  # numpy.mean errs by 5e-5 here
    exact = [math.fsum(column - 1e8) / 100_000 for column in x.T]
    np.testing.assert_allclose(Moments.of(x).mean - 1e8, exact, atol=2 * np.spacing(1e8))


def test_shapes_are_checked_here():
    with pytest.raises(TypeCheckError):
        Moments.of(np.zeros(3))
    with pytest.raises(TypeCheckError):
        Moments(2, np.zeros(3), np.zeros((3, 2)), np.zeros(3), np.zeros(3))


@pytest.mark.parametrize(("d", "offset"), [(1, 0.0), (3, 1e6), (40, 3.0), (256, 3.0)])
def test_whichever_blocks_come_first_the_bits_are_the_same(d, offset):
    random = np.random.default_rng(d)
    blocks = [
        Moments.of(correlated(300 + 7 * k, d, seed=k).astype(np.float32) + offset + 0.1 * k)
        for k in range(12)
    ]
    whole = reduce(add, blocks)
    others = [reduce(add, [blocks[k] for k in random.permutation(12)]) for _ in range(4)]
    others.append(reduce(add, [reduce(add, blocks[k : k + 4]) for k in (8, 0, 4)]))
    for other in others:
        for name in ("mean", "scatter", "third", "fourth"):
            one, two = getattr(whole, name), getattr(other, name)
            assert np.count_nonzero(one != two) <= 3e-5 * one.size, name
            np.testing.assert_allclose(one, two, rtol=4e-16, atol=0)


def test_without_the_rests_the_bits_would_differ():
    """What the rests are for: plain sums of the same blocks depend on their order."""
    blocks = [Moments.of(correlated(300, 40, seed=k)) for k in range(12)]
    plain = [sum(each.scatter for each in order) for order in (blocks, blocks[::-1])]
    assert np.count_nonzero(plain[0] != plain[1]) > 100

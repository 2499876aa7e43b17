"""The FWHM cut against NumPy, closed forms and simulation; cut in any way, its sums are those of the whole."""

from functools import reduce
from operator import add

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from same_moments import assert_same_moments
from support import correlated
from zpoints.statistics.cuts import (
    FACTORS,
    CutMoments,
    expected_survivors,
    fwhm_reach,
    independent_survivors,
)
from zpoints.statistics.gaussian_fits import FWHM_PER_SIGMA
from zpoints.statistics.moments import Moments


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", ">f4", "int16"])
@pytest.mark.parametrize("form", ["C", "F", "strided", "read-only"])
def test_reach_equals_numpy(dtype, form):
    x = (correlated(2100, 7) * 10).astype(dtype)
    block = {"C": x, "F": np.asfortranarray(x), "strided": np.repeat(x, 2, axis=1)[:, ::2], "read-only": x}[
        form
    ]
    block.flags.writeable = form != "read-only"
    centre, fwhm = np.linspace(-20, 20, 7), np.geomspace(0.5, 90, 7)
    expected = (np.abs(x.astype(np.float64) - centre) / fwhm).max(axis=1)
    np.testing.assert_allclose(fwhm_reach(block, centre, fwhm), expected, rtol=1e-14)


def test_reach_of_one_vector_and_of_none():
    assert fwhm_reach(np.array([[1.0, -6.0]]), np.array([0.0, 2.0]), np.array([1.0, 4.0])) == [2.0]
    assert fwhm_reach(np.empty((0, 2)), np.zeros(2), np.ones(2)).shape == (0,)


def test_a_component_without_width_is_refused():
    with pytest.raises(ValueError, match="constant"):
        fwhm_reach(np.ones((3, 2)), np.zeros(2), np.array([1.0, 0.0]))


@st.composite
def cut_clouds(draw):  # type: ignore[no-untyped-def]
    """A cloud with tails, and its rows dealt to blocks in any way; some cut_moments stay empty in most blocks."""
    n, d = draw(st.integers(2, 80)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = random.standard_t(3, size=(n, d)) * 10.0 ** random.integers(-6, 6, d) @ random.normal(size=(d, d))
    block_of = np.array(draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)))
    order = draw(st.permutations(range(7)))
    return x, [x[block_of == block] for block in order if (block_of == block).any()]


@given(cut_clouds(), st.lists(st.floats(0.05, 4), min_size=1, max_size=5, unique=True))
@settings(max_examples=40)
def test_rings_of_blocks_are_the_rings_of_all(cut, factors):
    x, blocks = cut
    factors = sorted(factors)
    centre, fwhm = np.median(x, axis=0), np.abs(x).mean(axis=0)
    reach = fwhm_reach(x, centre, fwhm)
    cut_moments = reduce(
        add, [CutMoments.of(block, fwhm_reach(block, centre, fwhm), factors) for block in blocks]
    )
    assert cut_moments.n == len(x)
    assert cut_moments.factors == tuple(factors)
    for k, factor in enumerate(factors):
        survive = reach <= factor
        assert cut_moments.survivors[k] == survive.sum()
        assert cut_moments.share[k] == survive.mean()
        if survive.sum() < 2:
            assert cut_moments.moments(k) is None
        else:
            assert_same_moments(cut_moments.moments(k), Moments.of(x[survive]))
    everyone = reduce(add, [ring for ring in cut_moments.rings if ring is not None])
    assert_same_moments(everyone, Moments.of(x))


def test_a_vector_on_the_border_survives():
    x = np.array([[0.0], [1.5], [2.0], [9.0]])
    cut_moments = CutMoments.of(x, fwhm_reach(x, np.zeros(1), np.ones(1)), (1.5, 2.0))
    assert cut_moments.survivors.tolist() == [2, 3]
    assert [ring and ring.n for ring in cut_moments.rings] == [2, 1, 1]


def test_rings_refuse_what_has_no_meaning():
    x = normal(10, 2)
    reach = fwhm_reach(x, np.zeros(2), np.ones(2))
    for factors in ((), (2.0, 1.0), (1.0, 1.0)):
        with pytest.raises(ValueError, match="rise"):
            CutMoments.of(x, reach, factors)
    with pytest.raises(ValueError, match="add up"):
        CutMoments.of(x, reach, (1.0, 2.0)) + CutMoments.of(x, reach, (1.0, 3.0))
    for k in (-1, len(FACTORS)):
        with pytest.raises(IndexError):
            CutMoments.of(x, reach).moments(k)


@pytest.mark.parametrize(
    ("factor", "percent"), [(1.35, 68.5), (1.45, 84.9), (1.55, 93.5), (1.7, 98.4), (1.8, 99.4)]
)
def test_independent_survivors_as_in_the_method(factor, percent):
    assert round(100 * independent_survivors(256, factor), 1) == percent


def test_independent_survivors_far_out():
    beyond = 2 * scipy.stats.norm.sf(4.2 * FWHM_PER_SIGMA)
    assert 0 < beyond < 1e-20
    assert independent_survivors(10**20, 4.2) == pytest.approx(np.exp(-(10**20) * beyond), rel=1e-12)


def test_expectation_for_independent_components():
    share, error = expected_survivors(np.eye(256), np.zeros(256), np.full(256, FWHM_PER_SIGMA), draws=20_000)
    exact = np.array([independent_survivors(256, factor) for factor in FACTORS])
    assert (np.abs(share - exact) <= 4 * error).all()
    np.testing.assert_allclose(error, np.sqrt(exact * (1 - exact) / 20_000), rtol=0.1)


def test_expectation_for_a_correlated_pair_off_centre():
    r, factors = 0.8, (0.2, 0.7, 1.3)
    offset, fwhm = np.array([0.5, -0.3]), np.array([2.0, 2.6])
    share, error = expected_survivors(np.array([[1, r], [r, 1]]), offset, fwhm, factors, draws=50_000, seed=3)
    law = scipy.stats.multivariate_normal(np.zeros(2), [[1, r], [r, 1]])
    exact = [law.cdf(offset + f * fwhm, lower_limit=offset - f * fwhm) for f in factors]
    assert (np.abs(share - exact) <= 4 * error).all()
    uncorrelated = expected_survivors(np.eye(2), offset, fwhm, factors, draws=50_000)[0]
    assert abs(share - uncorrelated)[1] > 5 * error[1]


def test_expectation_of_a_singular_cloud():
    share, error = expected_survivors(np.ones((5, 5)), np.zeros(5), np.full(5, FWHM_PER_SIGMA), (0.5,))
    assert abs(share[0] - independent_survivors(1, 0.5)) <= 4 * error[0]


def test_the_error_of_the_expectation_is_never_zero():
    share, error = expected_survivors(np.eye(2), np.zeros(2), np.ones(2), (1e-6, 100.0), draws=1000)
    assert share.tolist() == [0.0, 1.0]
    assert (error > 0).all()


def test_the_seed_decides():
    def drawn(seed: int) -> list[float]:
        return expected_survivors(np.eye(3), np.zeros(3), np.ones(3), (1.0,), 1000, seed)[0].tolist()

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(5)}) > 1

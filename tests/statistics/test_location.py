"""Where a cloud lies: closed forms against simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import correlated
from zpoints.statistics.location import Lengths, Location, mean_length_in_unit_box
from zpoints.statistics.pca import PCA


def location_of(x: np.ndarray) -> Location:
    return Location.of(PCA.of(x.mean(axis=0), np.atleast_2d(np.cov(x.T)), len(x)), Lengths.of(x))


@given(st.integers(2, 60), st.integers(1, 6), st.integers(1, 59), st.integers(0, 2**32))
@settings(max_examples=40)
def test_lengths_in_any_cut(n, d, cut, seed):
    x = correlated(n, d, seed)
    whole = Lengths.of(x)
    parts = Lengths.of(x[: cut % n]) + Lengths.of(x[cut % n :])
    length = np.linalg.norm(x, axis=1)
    assert parts.n == whole.n == n
    for lengths in (whole, parts):
        assert lengths.mean == pytest.approx(length.mean(), rel=1e-12)
        assert lengths.std == pytest.approx(length.std(ddof=1), rel=1e-6, abs=1e-7)
        assert lengths.rms == pytest.approx(np.sqrt((length**2).mean()), rel=1e-12)


def test_lengths_of_one_vector_and_of_small_types():
    one = Lengths.of(np.array([[3.0, 4.0]]))
    assert (one.mean, one.std) == (5, 0)
    assert Lengths.of(np.full((2, 1), 300, np.float16)).rms == 300  # its square is no float16


@pytest.mark.parametrize(("d", "exact"), [(1, 0.5), (2, 0.765195716464213), (3, 0.960591956455053)])
def test_mean_length_in_the_unit_box_as_published(d, exact):
    assert mean_length_in_unit_box(d) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("d", [5, 60, 256, 2048])
def test_mean_length_in_the_unit_box_of_many_dimensions(d):
    length = np.linalg.norm(np.random.default_rng(d).uniform(-1, 1, (4000, d)), axis=1)
    found = mean_length_in_unit_box(d)
    assert found == pytest.approx(length.mean(), abs=4 * length.std() / np.sqrt(len(length)))
    assert found == pytest.approx(np.sqrt(d / 3) * (1 - 1 / (10 * d)), rel=0.2 / d**2)


def test_the_origin_by_hand():
    pca = PCA.of(np.array([3.0, 4.0]), np.diag([9.0, 4.0]), 100)
    found = Location.of(pca, Lengths(100, 600.0, 3800.0))
    assert found.origin_distance == pytest.approx(np.sqrt(96 / 99 * (1 + 4) - 2 / 100))
    assert found.inverse_trace == pytest.approx(96 / 99 * (1 / 9 + 1 / 4))
    assert found.centre_offset == pytest.approx(5 / np.sqrt(38))
    assert found.typical_distance == pytest.approx(np.sqrt(2))
    assert found.box_distance(0) == pytest.approx(found.origin_distance)


@pytest.mark.parametrize("d", [1, 6, 40])
def test_uniform_vectors_lie_where_the_closed_form_says(d):
    x = correlated(3000, d)
    found = location_of(x)
    covariance = np.atleast_2d(np.cov(x.T))
    uniform = np.random.default_rng(1).uniform(-found.best_b, found.best_b, (40_000, d))
    length = np.linalg.norm(uniform, axis=1)
    assert length.mean() == pytest.approx(found.mean_length, abs=4 * length.std() / 200)
    assert (length**2).mean() == pytest.approx(d * found.best_b**2 / 3, abs=4 * (length**2).std() / 200)
    u = uniform - x.mean(axis=0)
    squared = np.einsum("ij,ij->i", u, np.linalg.solve(covariance, u.T).T)
    # Of the sample's covariance and mean; the figure is that of the law, so the correction is taken back.
    expected = (found.best_b_distance**2 + d / 3000) * 2999 / (3000 - d - 2)
    assert squared.mean() == pytest.approx(expected, abs=4 * squared.std() / 200 + 1e-3)


def test_the_clouds_own_distance_is_the_typical_one():
    x = correlated(2000, 10)
    found = location_of(x)
    u = PCA.of(x.mean(axis=0), np.cov(x.T), len(x)).whiten(x)
    assert np.sqrt((u**2).sum(axis=1).mean()) == pytest.approx(found.typical_distance, rel=1e-3)


def test_a_cloud_around_the_origin_and_one_far_away():
    x = np.random.default_rng(0).normal(size=(4000, 8))
    assert location_of(x).centre_offset < 0.1
    assert location_of(x).best_b == pytest.approx(np.sqrt(3), rel=0.05)
    far = location_of(x + 100)
    assert far.centre_offset == pytest.approx(1, abs=1e-3)
    assert far.origin_distance == pytest.approx(100 * np.sqrt(8), rel=0.05)


@pytest.mark.parametrize(("n", "d", "shift"), [(300, 128, 1.0), (60, 20, 0.0), (30, 2, 3.0)])
def test_the_origins_distance_is_that_of_the_law(n, d, shift):
    """Of (300, 128) around ones it was 14.6 where the law has 11.3."""
    random = np.random.default_rng(0)
    found = [location_of(random.normal(size=(n, d)) + shift) for _ in range(40)]
    squares = np.array([one.origin_distance**2 for one in found])
    if shift:
        assert squares.mean() == pytest.approx(d * shift**2, abs=4 * squares.std() / np.sqrt(40))
    else:
        assert np.sqrt(np.median(squares)) < 0.4  # 0 in the law; without the correction 0.7
    traces = np.array([one.inverse_trace for one in found])
    assert traces.mean() == pytest.approx(d, abs=4 * traces.std() / np.sqrt(40))


def test_fewer_vectors_than_components():
    x = correlated(10, 30)
    found = location_of(x)
    assert found.rank == 9
    assert np.isfinite([found.origin_distance, found.best_b_distance, found.best_b]).all()
    _, values, axes = np.linalg.svd(x - x.mean(axis=0))
    variance = values[:9] ** 2 / 9
    assert found.inverse_trace == pytest.approx((1 / variance).sum(), rel=1e-6)
    assert found.origin_distance == pytest.approx(
        np.sqrt(((axes[:9] @ x.mean(axis=0)) ** 2 / variance).sum()), rel=1e-6
    )

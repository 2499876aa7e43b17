"""Paths through latent space against closed forms."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zpoints
from support import correlated, line
from zpoints.analysis.distribution import Distribution
from zpoints.analysis.walks import (
    along_axis,
    attribute_direction,
    between_rows,
    farthest,
    in_plane,
    interpolate,
)
from zpoints.errors import ArrayError, UsageError
from zpoints.vectors.latent_set import LatentSet


@pytest.fixture(scope="module")
def distribution() -> Distribution:
    return zpoints.analyse(correlated(1500, 6)).distribution


@cache
def small() -> Distribution:
    return zpoints.analyse(correlated(300, 6)).distribution


@pytest.mark.parametrize("axis", [0, 3, 5])
def test_a_step_along_an_axis_is_one_sigma(axis, distribution):
    path = along_axis(distribution, axis, sigma=4, steps=9)
    np.testing.assert_allclose(path.distance, np.abs(path.steps), atol=1e-9)
    np.testing.assert_allclose(path.vectors[4], distribution.mean)
    assert path.leaves(3) in (0, 8)
    assert path.leaves(5) is None


@given(st.integers(0, 5), st.integers(0, 5), st.floats(0, 360), st.floats(0.5, 5))
def test_in_a_plane_the_steps_are_those_of_its_ellipses(i, j, angle, sigma):
    if i == j:
        return
    whole = small()
    path = in_plane(whole, i, j, angle, sigma, steps=5)
    pair = (path.vectors - whole.mean)[:, [i, j]]
    inverse = np.linalg.inv(whole.covariance[np.ix_([i, j], [i, j])])
    np.testing.assert_allclose(
        np.einsum("si,ij,sj->s", pair, inverse, pair), path.steps**2, rtol=1e-6, atol=1e-9
    )
    others = [k for k in range(6) if k not in (i, j)]
    np.testing.assert_array_equal(path.vectors[:, others], np.tile(whole.mean[others], (5, 1)))


@pytest.mark.parametrize("kind", ["straight", "spherical", "mahalanobis"])
def test_paths_end_where_they_should(kind, distribution):
    a, b = correlated(2, 6, 9)
    path = interpolate(distribution, a, b, steps=7, kind=kind)
    np.testing.assert_allclose(path.vectors[[0, -1]], [a, b], atol=1e-9)
    assert path.vectors.shape == (7, 6)


def test_what_each_way_keeps(distribution):
    a, b = correlated(2, 6, 9)
    turned = interpolate(distribution, a, b, 9, "mahalanobis")
    ends = turned.distance[[0, -1]]
    np.testing.assert_allclose(turned.distance, np.linspace(*ends, 9), rtol=1e-9)
    lengths = np.linalg.norm(interpolate(distribution, a, b, 9, "spherical").vectors, axis=1)
    np.testing.assert_allclose(lengths, np.linspace(np.linalg.norm(a), np.linalg.norm(b), 9), rtol=1e-9)
    straight = interpolate(distribution, a, b, 9, "straight")
    assert straight.distance[4] < turned.distance[4]


def test_between_two_rows_of_a_file(distribution):
    x = correlated(1500, 6)
    for first, last in ((3, 40), (40, 3)):
        path = between_rows(distribution, LatentSet.open(x), first, last, 5)
        np.testing.assert_allclose(path.vectors[[0, -1]], x[[first, last]], atol=1e-9)
    for first, last in ((3, 3), (3, 1500)):
        with pytest.raises((UsageError, ArrayError)) as refused:
            between_rows(distribution, LatentSet.open(x), first, last)
        assert "row" in line(refused.value)


def test_the_same_vector_and_opposite_ones(distribution):
    a = correlated(1, 6, 3)[0]
    np.testing.assert_allclose(interpolate(distribution, a, a, 3).vectors, np.tile(a, (3, 1)), atol=1e-9)
    mirrored = 2 * distribution.mean - a
    assert np.isfinite(interpolate(distribution, a, mirrored, 3).vectors).all()


def test_vectors_outside_of_the_span_are_reached():
    whole = zpoints.analyse(correlated(5, 9)).distribution
    a, b = correlated(2, 9, 4)
    np.testing.assert_allclose(interpolate(whole, a, b, 3).vectors[[0, -1]], [a, b], atol=1e-9)


def test_the_direction_of_an_attribute_is_the_difference_of_means():
    x = correlated(400, 5)
    chosen, others = np.arange(0, 100), np.arange(100, 400)
    found = attribute_direction(LatentSet.open(x), chosen, others)
    np.testing.assert_allclose(found, x[:100].mean(axis=0) - x[100:].mean(axis=0), rtol=1e-9)
    with pytest.raises(ArrayError) as refused:
        attribute_direction(LatentSet.open(x), chosen[:1], others)
    assert "1 vectors with the attribute" in line(refused.value)


def test_the_odd_ones_come_first(distribution):
    x = correlated(1500, 6)
    number, distance = farthest(LatentSet.open(x), distribution, 5)
    expected = np.linalg.norm(distribution.pca.whiten(x), axis=1)
    np.testing.assert_array_equal(number, np.argsort(-expected)[:5])
    np.testing.assert_allclose(distance, np.sort(expected)[::-1][:5])


def test_impossible_paths_are_refused(distribution):
    for wrong in (
        lambda: along_axis(distribution, 6),
        lambda: along_axis(distribution, 0, sigma=0),
        lambda: in_plane(distribution, 2, 2),
        lambda: in_plane(distribution, 0, 9),
        lambda: interpolate(distribution, np.zeros(6), np.ones(6), steps=1),
        lambda: interpolate(distribution, np.zeros(6), np.ones(6), kind="curly"),
    ):
        with pytest.raises(UsageError) as refused:
            wrong()
        line(refused.value)

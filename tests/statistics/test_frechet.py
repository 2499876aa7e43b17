"""The Fréchet distance against closed forms, SciPy's matrix root, and clouds with fewer vectors than components."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from support import correlated
from zpoints.statistics.frechet import frechet_distance


def normal_of(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.mean(axis=0), np.atleast_2d(np.cov(x.T))


def test_of_commuting_covariances():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    a, b = np.array([1.0, 2, 3, 4, 5, 6]), np.array([6.0, 0.5, 3, 0, 1, 2])
    mean_a, mean_b = np.arange(6.0), np.ones(6)
    found = frechet_distance(mean_a, turn @ np.diag(a) @ turn.T, mean_b, turn @ np.diag(b) @ turn.T)
    expected = ((mean_a - mean_b) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert found == pytest.approx(expected, rel=1e-12)


def test_of_one_component():
    found = frechet_distance(np.array([1.0]), np.array([[4.0]]), np.array([3.0]), np.array([[9.0]]))
    assert found == pytest.approx(4 + 1)


@given(st.integers(1, 12), st.integers(0, 2**32))
@settings(max_examples=30)
def test_equals_the_matrix_root_of_scipy(d, seed):
    (mean_a, a), (mean_b, b) = normal_of(correlated(60, d, seed)), normal_of(correlated(60, d, seed + 1))
    root = scipy.linalg.sqrtm(a @ b)
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(a + b - 2 * np.real(root))
    assert frechet_distance(mean_a, a, mean_b, b) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 2**32))
@settings(max_examples=30)
def test_of_singular_covariances(n, m, seed):
    a, b = normal_of(correlated(n, 20, seed)), normal_of(correlated(m, 20, seed + 1))
    distance = frechet_distance(*a, *b)
    assert np.isfinite(distance)
    assert distance == pytest.approx(frechet_distance(*b, *a), rel=1e-9)
    assert distance >= ((a[0] - b[0]) ** 2).sum()
    assert frechet_distance(*a, *a) == pytest.approx(0, abs=1e-9 * np.trace(a[1]))


def test_of_points():
    nothing = np.zeros((3, 3))
    assert frechet_distance(np.zeros(3), nothing, np.array([1.0, 2, 2]), nothing) == 9


def test_is_the_cost_of_the_best_transport_of_simulated_vectors():
    # x -> T x with T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 carries N(0, A) to N(0, B) at the least cost.
    a, b = normal_of(correlated(100, 4, 1))[1], normal_of(correlated(100, 4, 2))[1]
    root = np.real(scipy.linalg.sqrtm(a))
    inverse = np.linalg.inv(root)
    move = inverse @ np.real(scipy.linalg.sqrtm(root @ b @ root)) @ inverse
    x = np.random.default_rng(3).multivariate_normal(np.zeros(4), a, 200_000)
    cost = ((x - x @ move.T) ** 2).sum(axis=1)
    found = frechet_distance(np.zeros(4), a, np.zeros(4), b)
    assert cost.mean() == pytest.approx(found, abs=4 * cost.std() / np.sqrt(len(x)))

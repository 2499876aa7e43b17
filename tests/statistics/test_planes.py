"""Coverage of the ellipses, counted by the compiled kernel, against NumPy in float64 and the exact values."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import correlated
from zpoints.statistics.correlation import pairs
from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.statistics.planes import PlaneCoverage, standardise


def count(u: np.ndarray, pearson: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors inside each ellipse, and those so close to its border that float32 may decide either way."""
    u = u.astype(np.float64)
    inside, border = [], []
    for i, j in zip(*pairs(len(u)), strict=True):
        r = pearson[i, j]
        q = (u[i] ** 2 - 2 * r * u[i] * u[j] + u[j] ** 2) / (1 - r**2)
        inside.append([(q <= k * k).sum() for k in LEVELS])
        border.append([(np.abs(q - k * k) <= 2e-4 * k * k).sum() for k in LEVELS])
    return np.array(inside), np.array(border)


def assert_counts(u: np.ndarray, pearson: np.ndarray) -> None:
    found = PlaneCoverage.of(u, pearson)
    inside, border = count(u, pearson)
    assert found.n == u.shape[1]
    assert found.inside.shape == inside.shape
    assert (np.abs(found.inside - inside) <= border).all()
    assert np.abs(found.inside - inside).mean() <= 0.01
    np.testing.assert_allclose(found.coverage, found.inside / u.shape[1])


def standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return standardise(x, x.mean(axis=0), x.std(axis=0, ddof=1)), np.corrcoef(x.T)


@pytest.mark.parametrize("m", [1, 2, 1023, 1024, 1025, 3000])
@pytest.mark.parametrize("d", [2, 3, 8])
def test_counts_equal_numpy(m, d):
    x = np.random.default_rng(m).standard_t(4, size=(m, d)) @ np.random.default_rng(d).normal(size=(d, d))
    pearson = np.corrcoef(correlated(200, d, seed=d).T)
    assert_counts(x.T.astype(np.float32), pearson)


@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 2**32))
@settings(max_examples=40)
def test_counts_equal_numpy_for_any_cloud(d, m, seed):
    assert_counts(*standardised(correlated(m + d + 2, d, seed)))


def test_256_components():
    assert_counts(*standardised(correlated(1100, 256)))


@pytest.mark.parametrize("r", [0.99, 0.9999, -0.9999])
def test_thin_ellipses(r):
    random = np.random.default_rng(0)
    u = random.normal(size=20_000)
    x = np.stack([u, r * u + np.sqrt(1 - r * r) * random.normal(size=20_000)])
    assert_counts(x.astype(np.float32), np.array([[1.0, r], [r, 1.0]]))


def test_one_component_has_no_plane():
    found = PlaneCoverage.of(np.zeros((1, 10), np.float32), np.eye(1))
    assert found.inside.shape == (0, 4)


def test_blocks_merge_exactly():
    u, pearson = standardised(correlated(5000, 7))
    whole = PlaneCoverage.of(u, pearson)
    for cut in (1, 1024, 1500, 4999):
        merged = PlaneCoverage.of(u[:, cut:], pearson) + PlaneCoverage.of(u[:, :cut], pearson)
        np.testing.assert_array_equal(merged.inside, whole.inside)
        assert merged.n == 5000
    many = reduce(add, (PlaneCoverage.of(part, pearson) for part in np.array_split(u, 13, axis=1)))
    np.testing.assert_array_equal(many.inside, whole.inside)


def test_a_normal_cloud_has_the_exact_coverage_in_every_plane_whatever_r_is():
    n = 300_000
    pearson = np.eye(6)
    pearson[:3, :3] = [[1, 0.9999, 0.5], [0.9999, 1, 0.5], [0.5, 0.5, 1]]
    pearson[3:, 3:] = [[1, -0.95, 0.2], [-0.95, 1, 0], [0.2, 0, 1]]
    normal = np.random.default_rng(5).normal(size=(n, 6)) @ np.linalg.cholesky(pearson).T
    coverage = PlaneCoverage.of(normal.T.astype(np.float32), pearson).coverage
    exact = np.array([normal_coverage(k) for k in LEVELS])
    assert (np.abs(coverage - exact) <= 4 * np.sqrt(exact * (1 - exact) / n)).all()


def test_a_wrong_correlation_gives_another_coverage():
    u, _ = standardised(correlated(20_000, 2) @ np.array([[1.0, 0.9], [0.0, 0.4]]))
    assert np.abs(PlaneCoverage.of(u, np.eye(2)).coverage - [normal_coverage(k) for k in LEVELS]).max() > 0.02


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_standardise(dtype, order):
    x = (np.random.default_rng(0).random((83, 37)) * 100).astype(dtype, order=order)
    x.flags.writeable = order == "F"  # blocks of files are read-only
    mean, std = np.linspace(20, 60, 37), np.linspace(1, 50, 37)
    found = standardise(x, mean, std)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, ((x.astype(float) - mean) / std).T, rtol=1e-6, atol=1e-6)


def test_standardise_keeps_a_spread_far_below_the_mean():
    x = 1e8 + 1e-3 * np.random.default_rng(0).normal(size=(100, 2))
    found = standardise(x, np.full(2, 1e8), np.full(2, 1e-3))
    np.testing.assert_allclose(found, ((x - 1e8) / 1e-3).T, rtol=1e-6)

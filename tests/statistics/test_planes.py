"""Coverage and joint histogram of every plane, counted by the compiled kernel, against NumPy in float64."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import correlated
from zpoints.statistics.correlation import pairs
from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.statistics.planes import (
    LONGEST_BLOCK,
    REACH,
    PlaneCounts,
    PlaneGroup,
    bins_for,
    plane_groups,
    standardise,
)

BINS = 32


def round_pair(u: np.ndarray, pearson: np.ndarray, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in which the ellipses of a plane are circles."""
    r = pearson[i, j]
    return u[i], (u[j] - r * u[i]) / np.sqrt((1 - r) * (1 + r))


def count(u: np.ndarray, pearson: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors inside each ellipse, and those so close to its border that float32 may decide either way."""
    u = u.astype(np.float64)
    inside, border = [], []
    for i, j in zip(*pairs(len(u)), strict=True):
        a, w = round_pair(u, pearson, i, j)
        q = a**2 + w**2
        inside.append([(q <= k * k).sum() for k in LEVELS])
        border.append([(np.abs(q - k * k) <= 2e-4 * k * k).sum() for k in LEVELS])
    return np.array(inside), np.array(border)


def grid(u: np.ndarray, w: np.ndarray, bins: int) -> np.ndarray:
    """Joint histogram; what lies beyond the grid counts in its outermost cells."""
    edges = np.linspace(-REACH, REACH, bins + 1)
    inner = REACH * (1 - 1e-9)
    return np.histogram2d(np.clip(u, -inner, inner), np.clip(w, -inner, inner), bins=(edges, edges))[0]


def near_an_edge(values: np.ndarray, bins: int, slack: float = 1e-3) -> np.ndarray:
    """Which values lie so close to the edge of a cell, in cells, that float32 may put them on either side."""
    place = (values + REACH) * bins / (2 * REACH)
    return (np.abs(place - np.round(place)) < slack) & (place > -0.5) & (place < bins + 0.5)


def assert_counts(u: np.ndarray, pearson: np.ndarray, bins: int = BINS) -> None:
    found = PlaneCounts.of(u, pearson, bins)
    inside, border = count(u, pearson)
    assert (found.n, found.bins) == (u.shape[1], bins)
    assert found.inside.shape == inside.shape
    assert (np.abs(found.inside - inside) <= border).all()
    assert np.abs(found.inside - inside).mean() <= 0.01
    np.testing.assert_allclose(found.coverage, found.inside / u.shape[1])
    assert (found.joint.sum(axis=(1, 2)) == u.shape[1]).all()
    for plane, (i, j) in enumerate(zip(*pairs(len(u)), strict=True)):
        a, w = round_pair(u.astype(np.float64), pearson, i, j)
        moved = np.abs(found.joint[plane].astype(int) - grid(a, w, bins)).sum()
        assert moved <= 2 * (near_an_edge(a, bins) | near_an_edge(w, bins)).sum()
    for row, values in zip(found.marginal, u.astype(np.float64), strict=True):
        expected = grid(values, np.zeros_like(values), bins).sum(axis=1)
        assert np.abs(row - expected).sum() <= 2 * near_an_edge(values, bins).sum()


def standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return standardise(x, x.mean(axis=0), x.std(axis=0, ddof=1)), np.corrcoef(x.T)


@pytest.mark.parametrize("m", [1, 2, 1023, 1024, 1025, 3000])
@pytest.mark.parametrize("d", [2, 3, 8])
def test_counts_equal_numpy(m, d):
    x = np.random.default_rng(m).standard_t(4, size=(m, d)) @ np.random.default_rng(d).normal(size=(d, d))
    pearson = np.corrcoef(correlated(200, d, seed=d).T)
    assert_counts(x.T.astype(np.float32), pearson)


@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 2**32), st.sampled_from([2, 32, 64]))
@settings(max_examples=40)
def test_counts_equal_numpy_for_any_cloud(d, m, seed, bins):
    assert_counts(*standardised(correlated(m + d + 2, d, seed)), bins)


def test_256_components():
    u, pearson = standardised(correlated(1100, 256))
    found = PlaneCounts.of(u, pearson, BINS)
    inside, border = count(u, pearson)
    assert (np.abs(found.inside - inside) <= border).all()
    assert (found.joint.sum(axis=(1, 2)) == 1100).all()


@pytest.mark.parametrize("r", [0.99, 0.9999, -0.9999])
def test_thin_ellipses(r):
    random = np.random.default_rng(0)
    u = random.normal(size=20_000)
    x = np.stack([u, r * u + np.sqrt(1 - r * r) * random.normal(size=20_000)])
    inside, border = count(x.astype(np.float32), np.array([[1.0, r], [r, 1.0]]))
    found = PlaneCounts.of(x.astype(np.float32), np.array([[1.0, r], [r, 1.0]]), BINS)
    assert (np.abs(found.inside - inside) <= border).all()
    # In round coordinates it is a normal pair like any other.
    cells = grid(random.normal(size=20_000), random.normal(size=20_000), BINS)
    assert np.abs(found.joint[0].astype(int) - cells).max() < 6 * np.sqrt(2 * cells.max())


@pytest.mark.parametrize("r", [1.0, -1.0, 1 - 1e-16, 1 - 1e-12, -1 + 1e-12])
def test_one_component_twice_is_counted_somewhere(r):
    u = np.random.default_rng(0).normal(size=3000).astype(np.float32)
    found = PlaneCounts.of(np.stack([u, np.float32(np.sign(r)) * u]), np.array([[1.0, r], [r, 1.0]]), BINS)
    assert found.joint.sum() == 3000
    assert (found.inside >= 0).all()
    assert (found.inside <= 3000).all()


@pytest.mark.parametrize("far", [4.6, 100.0, 1e10, 1e30])
def test_far_values_are_counted_in_the_outermost_cells(far):
    u = np.zeros((3, 5), np.float32)
    u[0] = [far, -far, 0.1, 0.1, 0.1]
    u[1] = [0.1, 0.1, far, -far, 0.1]
    u[2] = [-far, far, far, -far, 0.1]
    found = PlaneCounts.of(u, np.eye(3), BINS)
    last, middle = BINS - 1, BINS // 2
    for plane, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        expected = np.zeros((BINS, BINS), int)
        for a, b in zip(u[i], u[j], strict=True):
            place = [middle if v < 1 else last for v in np.abs((a, b))]
            cell = [0 if v < -1 else p for v, p in zip((a, b), place, strict=True)]
            expected[cell[0], cell[1]] += 1
        np.testing.assert_array_equal(found.joint[plane], expected)
        assert found.inside[plane].tolist() == [1, 1, 1, 1]
    assert found.marginal[0, [0, middle, last]].tolist() == [1, 3, 1]


def test_one_component_has_no_plane():
    found = PlaneCounts.of(np.zeros((1, 10), np.float32), np.eye(1), BINS)
    assert found.inside.shape == (0, 4)
    assert found.joint.shape == (0, BINS, BINS)
    assert plane_groups(1, BINS) == []


def test_blocks_merge_exactly():
    u, pearson = standardised(correlated(5000, 7))
    whole = PlaneCounts.of(u, pearson, BINS)
    for cut in (1, 1024, 1500, 4999):
        assert_equal(
            PlaneCounts.of(u[:, cut:], pearson, BINS) + PlaneCounts.of(u[:, :cut], pearson, BINS), whole
        )
    parts = np.array_split(u, 13, axis=1)
    assert_equal(reduce(add, (PlaneCounts.of(part, pearson, BINS) for part in parts)), whole)
    filled = PlaneCounts.empty(PlaneGroup(0, 6, 7), BINS)
    for part in parts:
        filled.count(part, pearson)
    assert_equal(filled, whole)


def assert_equal(a: PlaneCounts, b: PlaneCounts) -> None:
    assert (a.group, a.n) == (b.group, b.n)
    for part in ("inside", "joint", "marginal"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part))


def test_blocks_longer_than_16_bits_count():
    # More than 65,535 vectors in one and the same cell.
    m = 2 * LONGEST_BLOCK + 5000
    u = np.full((2, m), 0.1, np.float32)
    u[:, -7:] = -0.1
    found = PlaneCounts.of(u, np.eye(2), BINS)
    assert found.n == m
    assert found.joint[0, 16, 16] == m - 7
    assert found.joint[0, 15, 15] == 7
    assert found.marginal[0, 15:17].tolist() == [7, m - 7]
    assert found.inside[0].tolist() == [m] * 4


@pytest.mark.parametrize("d", [2, 3, 9, 40])
@pytest.mark.parametrize("limit", [1, 40_000, 10**9])
def test_groups_cover_every_plane_once(d, limit):
    groups = plane_groups(d, BINS, limit)
    i, j = (np.concatenate(part) for part in zip(*(group.pairs for group in groups), strict=True))
    np.testing.assert_array_equal((i, j), pairs(d))
    assert [len(group) for group in groups] == [len(group.pairs[0]) for group in groups]
    assert (groups[0].first, groups[-1].last) == (0, d - 1)
    if limit == 10**9:
        assert len(groups) == 1


def test_the_groups_of_256_components_are_about_equal():
    sizes = [len(group) for group in plane_groups(256, 64)]
    assert sum(sizes) == 256 * 255 // 2
    assert max(sizes) - min(sizes) <= 2 * 255


@pytest.mark.parametrize("limit", [1, 4 * 32 * 32 * 8])
def test_groups_give_what_one_group_gives(limit):
    u, pearson = standardised(correlated(3000, 7))
    whole = PlaneCounts.of(u, pearson, BINS)
    groups = plane_groups(7, BINS, limit)
    assert len(groups) > 1
    parts = []
    for group in groups:
        part = PlaneCounts.empty(group, BINS)
        part.count(u[group.first :], pearson)
        np.testing.assert_array_equal(part.marginal, whole.marginal[group.first :])
        parts.append(part)
    for name in ("inside", "joint"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name)
        )
    with pytest.raises(ValueError, match="different planes"):
        parts[0] + parts[1]
    with pytest.raises(ValueError, match="rows of values"):
        parts[1].count(u, pearson)


def test_a_normal_cloud_has_the_exact_coverage_in_every_plane_whatever_r_is():
    n = 300_000
    pearson = np.eye(6)
    pearson[:3, :3] = [[1, 0.9999, 0.5], [0.9999, 1, 0.5], [0.5, 0.5, 1]]
    pearson[3:, 3:] = [[1, -0.95, 0.2], [-0.95, 1, 0], [0.2, 0, 1]]
    normal = np.random.default_rng(5).normal(size=(n, 6)) @ np.linalg.cholesky(pearson).T
    coverage = PlaneCounts.of(normal.T.astype(np.float32), pearson, bins_for(n)).coverage
    exact = np.array([normal_coverage(k) for k in LEVELS])
    assert (np.abs(coverage - exact) <= 4 * np.sqrt(exact * (1 - exact) / n)).all()


def test_a_wrong_correlation_gives_another_coverage():
    u, _ = standardised(correlated(20_000, 2) @ np.array([[1.0, 0.9], [0.0, 0.4]]))
    coverage = PlaneCounts.of(u, np.eye(2), BINS).coverage
    assert np.abs(coverage - [normal_coverage(k) for k in LEVELS]).max() > 0.02


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

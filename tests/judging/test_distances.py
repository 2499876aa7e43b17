"""Kernel distance, density and coverage against their definitions; the Fréchet bootstrap against itself."""

import numpy as np
import pytest
import scipy.linalg

from zpoints.judging import distances
from zpoints.judging.distances import Axes, DensityCoverage, frechet_bootstrap, kernel_distance


def two(n: int = 300, m: int = 260, f: int = 7, shift: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(size=(n, f)) + shift, random.normal(size=(m, f))


def test_the_kernel_distance_by_its_definition(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 64)
    a, b = two()

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    within = [(kernel(x, x).sum() - np.trace(kernel(x, x))) / (len(x) * (len(x) - 1)) for x in (a, b)]
    expected = sum(within) - 2 * kernel(a, b).mean()
    found, error = kernel_distance(a.astype(np.float32), b.astype(np.float32))
    assert found == pytest.approx(expected, rel=1e-5)
    assert error > 0


def test_the_kernel_distance_of_one_law_is_zero_within_its_error():
    random = np.random.default_rng(1)
    off = []
    for _ in range(60):
        value, error = kernel_distance(random.normal(size=(200, 5)), random.normal(size=(200, 5)))
        off.append(value / error)
    assert abs(np.mean(off)) < 0.5
    assert 0.2 < np.std(off) < 1.2, "the error is a careful one: for equal laws up to three times too large"


def test_sorted_pictures_do_not_change_the_kernel_distance_s_error():
    """Four classes, far from each other, one after the other or shuffled."""
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(size=(200, 5)) + 3 * k for k in range(4)])
    y = np.concatenate([random.normal(size=(200, 5)) + 3 * k for k in range(4)])
    value, error = kernel_distance(x, y)
    shuffled, other = kernel_distance(random.permutation(x), random.permutation(y))
    assert value == pytest.approx(shuffled, rel=1e-9)
    assert error == pytest.approx(other, rel=1.0)
    assert error < 3 * other


def test_density_and_coverage_by_their_definition(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 50)
    a, b = two()
    between = np.linalg.norm(a[:, None] - b[None], axis=2)
    among = np.sort(np.linalg.norm(b[:, None] - b[None], axis=2), axis=1)
    inside = between < among[:, 5]
    found = DensityCoverage.of(a, b)
    assert found.density == pytest.approx(inside.sum() / (5 * len(a)))
    assert found.coverage == pytest.approx(inside.any(axis=0).mean())


def test_two_samples_of_one_law_have_density_one_and_nearly_full_coverage():
    random = np.random.default_rng(2)
    found = DensityCoverage.of(random.normal(size=(2000, 4)), random.normal(size=(2000, 4)))
    assert found.density == pytest.approx(1, abs=0.05)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.015)


def test_the_bootstrap_tells_the_spread_of_the_distance():
    random = np.random.default_rng(3)
    seen = []
    for _ in range(40):
        a, b = random.normal(size=(400, 3)) + 0.5, random.normal(size=(400, 3))
        value, drawn = frechet_bootstrap(a, b, 0)
        seen.append((value, drawn.std(ddof=1)))
    values, errors = np.array(seen).T
    assert values.mean() == pytest.approx(0.75, abs=0.06)
    assert errors.mean() == pytest.approx(values.std(), rel=0.4)


def test_a_set_is_at_no_distance_from_itself():
    a, _ = two()
    assert frechet_bootstrap(a, a, 0)[0] == pytest.approx(0, abs=1e-8)


def test_axes_are_never_more_than_the_pictures_can_tell():
    a, _ = two(n=50)
    assert Axes.of(a, 64).count == 5
    assert Axes.of(two(n=300)[0], 3).count == 3


def test_whole_frechet_distances_are_taken_in_the_features_as_they_are():
    a, b = two(f=9)
    axes = Axes.all_of(9)
    found = frechet_bootstrap(axes.project(a.astype(np.float32)), axes.project(b.astype(np.float32)), 0)[0]
    offset, p, q = a.mean(axis=0) - b.mean(axis=0), np.cov(a.T), np.cov(b.T)
    expected = offset @ offset + np.trace(p + q - 2 * scipy.linalg.sqrtm(p @ q).real)
    assert axes.count == 9
    assert found == pytest.approx(expected, rel=1e-5)

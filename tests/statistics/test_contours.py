"""The density of a plane against scipy.stats.gaussian_kde, and its levels against the normal law."""

import numpy as np
import pytest
import scipy.stats

from zpoints.statistics.contours import PlaneDensity


def whitened(x: np.ndarray) -> np.ndarray:
    """Turned so that its covariance is the identity: then SciPy's kernel is round, as ours."""
    x = x - x.mean(axis=1, keepdims=True)
    return np.linalg.solve(np.linalg.cholesky(np.cov(x)), x)


def shapes() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 3000)
    return {
        "normal": random.normal(size=(2, 3000)),
        "ring": np.stack([np.cos(angle), np.sin(angle)]) + 0.3 * random.normal(size=(2, 3000)),
        "two clusters": random.normal(size=(2, 3000)) + np.repeat([[-2.5, 2.5], [0, 1]], 1500, axis=1),
        "skewed": random.gamma(2.0, size=(2, 3000)),
    }


@pytest.mark.parametrize("name", shapes())
def test_equals_the_kernel_density_of_scipy(name):
    x = whitened(shapes()[name])
    found = PlaneDensity.of(x[0], x[1])
    peer = scipy.stats.gaussian_kde(x, bw_method=3000 ** (-1 / 6))
    grid = np.stack(np.meshgrid(found.centres, found.centres, indexing="ij")).reshape(2, -1)
    near = (np.abs(grid) < 3.5).all(axis=0)
    expected = peer(grid[:, near])
    assert np.abs(found.density.ravel()[near] - expected).max() < 0.02 * expected.max()
    assert found.density.max() == pytest.approx(expected.max(), rel=0.02)


def test_correlated_pairs_are_smoothed_by_a_round_kernel():
    random = np.random.default_rng(1)
    u = random.normal(size=2000)
    v = 0.9 * u + np.sqrt(0.19) * random.normal(size=2000)
    found = PlaneDensity.of(u, v)
    h = 2000 ** (-1 / 6)
    for i, j in [(80, 80), (95, 92), (60, 70), (90, 70)]:
        x, y = found.centres[i], found.centres[j]
        by_hand = np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * h * h)).mean() / (2 * np.pi * h * h)
        assert found.density[i, j] == pytest.approx(by_hand, rel=0.02, abs=2e-4)


def test_the_density_integrates_to_one_and_the_first_index_is_the_first_component():
    random = np.random.default_rng(2)
    found = PlaneDensity.of(2 + 0.3 * random.normal(size=4000), -1 + 0.3 * random.normal(size=4000))
    step = found.centres[1] - found.centres[0]
    assert found.density.sum() * step**2 == pytest.approx(1)
    i, j = np.unravel_index(found.density.argmax(), found.density.shape)
    assert found.centres[i] == pytest.approx(2, abs=0.15)
    assert found.centres[j] == pytest.approx(-1, abs=0.15)


@pytest.mark.parametrize("r", [0.0, 0.7])
def test_a_level_holds_the_stated_mass_of_a_normal_pair(r):
    random = np.random.default_rng(3)
    n = 200_000
    u, v = random.normal(size=(2, n))
    v = r * u + np.sqrt(1 - r * r) * v
    found = PlaneDensity.of(u, v)
    h = n ** (-1 / 6)
    covariance = np.array([[1 + h * h, r], [r, 1 + h * h]])  # the kernel's variance adds to the pair's
    law = scipy.stats.multivariate_normal([0, 0], covariance)
    peak = 1 / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
    fresh = law.rvs(100_000, random_state=0)
    for mass in (0.3935, 0.8647, 0.9889):
        assert found.level(mass) == pytest.approx(peak * (1 - mass), rel=0.06)
        assert (law.pdf(fresh) >= found.level(mass)).mean() == pytest.approx(mass, abs=0.01)
        step = found.centres[1] - found.centres[0]
        assert found.density[found.density >= found.level(mass)].sum() * step**2 == pytest.approx(
            mass, abs=0.01
        )
    assert found.level(0.1) > found.level(0.5) > found.level(0.99)

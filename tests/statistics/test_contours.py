"""The density of a plane against scipy.stats.gaussian_kde, and its levels against the normal law."""

import numpy as np
import pytest
import scipy.stats

from zpoints.statistics.contours import PlaneDensity


def standardised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, ddof=1, keepdims=True)


def correlated(n: int, r: float, seed: int = 0) -> np.ndarray:
    u, v = np.random.default_rng(seed).normal(size=(2, n))
    return standardised(np.stack([u, r * u + np.sqrt(1 - r * r) * v]))


def shapes() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 3000)
    return {
        "ring": np.stack([np.cos(angle), np.sin(angle)]) + 0.3 * random.normal(size=(2, 3000)),
        "two clusters": random.normal(size=(2, 3000)) + np.repeat([[-2.5, 2.5], [0, 1]], 1500, axis=1),
        "skewed": random.gamma(2.0, size=(2, 3000)),
        "heavy": random.standard_t(3, size=(2, 3000)),
    }


def largest_difference(found: PlaneDensity, peer: scipy.stats.gaussian_kde, seed: int = 0) -> float:
    """Over the whole grid where it is dense, and at random points of it elsewhere; in shares of the peak."""
    random = np.random.default_rng(seed)
    dense = np.argsort(-found.density, axis=None)[:: max(1, found.density.size // 40_000)][:4000]
    chosen = np.unique([*dense, *random.integers(0, found.density.size, 2000)])
    i, j = np.unravel_index(chosen, found.density.shape)
    expected = peer(np.stack([found.centres[i], found.centres[j]]))
    return float(np.abs(found.density[i, j] - expected).max() / expected.max())


@pytest.mark.parametrize("n", [500, 3000, 20_000])
@pytest.mark.parametrize("r", [0.0, 0.5, -0.8, 0.9])
def test_equals_the_kernel_density_of_scipy(n: int, r: float) -> None:
    x = correlated(n, r)
    assert largest_difference(PlaneDensity.of(x[0], x[1]), scipy.stats.gaussian_kde(x)) < 0.01


@pytest.mark.parametrize("name", shapes())
def test_equals_the_kernel_density_of_scipy_whatever_the_shape(name: str) -> None:
    x = standardised(shapes()[name])
    assert largest_difference(PlaneDensity.of(x[0], x[1]), scipy.stats.gaussian_kde(x)) < 0.01


@pytest.mark.parametrize("bandwidth", [0.25, 0.6])
def test_takes_a_bandwidth(bandwidth: float) -> None:
    x = correlated(2000, 0.7)
    found = PlaneDensity.of(x[0], x[1], bandwidth=bandwidth)
    assert largest_difference(found, scipy.stats.gaussian_kde(x, bw_method=bandwidth)) < 0.01


def test_reflection_puts_back_what_the_kernel_leaves_outside() -> None:
    x = np.abs(np.random.default_rng(4).normal(size=(2, 3000)))
    x[1] = np.minimum(x[1], 1.5)
    bounds = ((0.0, np.inf), (0.0, 1.5))
    found = PlaneDensity.of(x[0], x[1], bounds=bounds)
    peer = scipy.stats.gaussian_kde(x)
    random = np.random.default_rng(0)
    i = np.flatnonzero(found.centres > 0)[random.integers(0, 60, 300)]
    inner = np.flatnonzero((found.centres > 0) & (found.centres < 1.5))
    j = inner[random.integers(0, len(inner), 300)]
    u, v = found.centres[i], found.centres[j]
    expected = sum(peer(np.stack([a, b])) for a in (u, -u) for b in (v, -v, 3 - v))
    assert np.abs(found.density[i, j] - expected).max() < 0.01 * expected.max()
    assert (found.density[found.centres < 0] == 0).all()
    assert (found.density[:, found.centres > 1.5] == 0).all()


def test_one_component_twice_is_a_ridge() -> None:
    u = np.random.default_rng(5).normal(size=3000)
    found = PlaneDensity.of(u, u)
    step = found.centres[1] - found.centres[0]
    assert found.density.sum() * step**2 == pytest.approx(1, abs=0.01)
    i, j = np.nonzero(found.density > 0.01 * found.density.max())
    assert np.abs(found.centres[i] - found.centres[j]).max() < 15 * step


def test_the_density_integrates_to_one_and_the_first_index_is_the_first_component() -> None:
    random = np.random.default_rng(2)
    found = PlaneDensity.of(2 + 0.3 * random.normal(size=4000), -1 + 0.3 * random.normal(size=4000))
    step = found.centres[1] - found.centres[0]
    assert found.density.sum() * step**2 == pytest.approx(1)
    i, j = np.unravel_index(found.density.argmax(), found.density.shape)
    assert found.centres[i] == pytest.approx(2, abs=0.15)
    assert found.centres[j] == pytest.approx(-1, abs=0.15)


@pytest.mark.parametrize("r", [0.0, 0.7])
def test_a_level_holds_the_stated_mass_of_a_normal_pair(r: float) -> None:
    n = 200_000
    u, v = correlated(n, r, seed=3)
    found = PlaneDensity.of(u, v)
    covariance = (1 + n ** (-1 / 3)) * np.array([[1, r], [r, 1]])  # the kernel's variance adds to the pair's
    law = scipy.stats.multivariate_normal([0, 0], covariance)
    peak = 1 / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
    fresh = law.rvs(100_000, random_state=0)
    step = found.centres[1] - found.centres[0]
    for mass in (0.3935, 0.8647, 0.9889):
        assert found.level(mass) == pytest.approx(peak * (1 - mass), rel=0.06)
        assert (law.pdf(fresh) >= found.level(mass)).mean() == pytest.approx(mass, abs=0.01)
        inside = found.density[found.density >= found.level(mass)]
        assert inside.sum() * step**2 == pytest.approx(mass, abs=0.01)
    assert found.level(0.1) > found.level(0.5) > found.level(0.99)

"""Highest-density regions against closed forms, and Henze and Zirkler's statistic against its own sum over pairs."""

import numpy as np
import pytest
import scipy.stats

from planes_of import counted, exact, normal_density
from support import correlated
from zpoints.statistics.measures import MASS_NAMES, Noise
from zpoints.statistics.planes import REACH
from zpoints.statistics.regions import MASSES, Regions, bandwidth, henze_zirkler_null, smoothing, turn_error


def angle(covariance: np.ndarray) -> float:
    vectors = np.linalg.eigh(covariance)[1]
    return float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))


def axis_ratio(covariance: np.ndarray) -> float:
    values = np.linalg.eigvalsh(covariance)
    return float(np.sqrt(values[0] / values[1]))


def lens(distance: float, r: float, s: float) -> float:
    """Intersection over union of two discs."""
    a = (distance**2 + r**2 - s**2) / (2 * distance * r)
    b = (distance**2 + s**2 - r**2) / (2 * distance * s)
    root = (r + s - distance) * (distance + r - s) * (distance - r + s) * (distance + r + s)
    both = r**2 * np.arccos(a) + s**2 * np.arccos(b) - 0.5 * np.sqrt(root)
    return float(both / (np.pi * (r**2 + s**2) - both))


def test_the_masses_are_those_of_ellipses_and_of_single_components():
    one, two = 1 - np.exp(-0.5), 1 - np.exp(-2)
    np.testing.assert_allclose(
        MASSES, [one, 1 - 2 * scipy.stats.norm.sf(1), two, 1 - 2 * scipy.stats.norm.sf(2)], atol=1e-6
    )


def test_an_exact_normal_pair():
    found = Regions.of(exact(normal_density(np.eye(2))))
    assert found.shift.max() < 1e-4
    assert found.roundness_defect.max() < 2e-3
    assert found.agreement.min() > 0.97, "discs of equally far cells"
    assert found.henze_zirkler[0] < 0.1, "what is left is the rounding to whole vectors"


@pytest.mark.parametrize("n", [500, 20_000])
@pytest.mark.parametrize("r", [0.0, 0.7, -0.99])
def test_a_normal_sample_agrees_as_well_as_noise_allows(n, r):
    x = np.random.default_rng(1).multivariate_normal([3, -8], [[4, 2 * r], [2 * r, 1]], n)
    noise, found = Noise.simulate(n), Regions.of(counted(x))
    for k, mass in enumerate(MASS_NAMES):
        name = f"agreement_{mass}"
        assert found.agreement[0, k] > noise.mean[name] - 5 * noise.std[name]
        assert found.shift[0, k] < 8 / np.sqrt(n) + noise.mean[f"shift_{mass}"]


def test_a_shifted_core():
    found = Regions.of(exact(normal_density(np.eye(2), (0.3, -0.4))))
    np.testing.assert_allclose(found.centre[0], [(0.3, -0.4)] * 4, atol=0.01)
    np.testing.assert_allclose(found.shift[0], 0.5, atol=0.01)
    # The disc around the mean that holds as many vectors is larger.
    radius = np.sqrt(-2 * np.log1p(-np.array(MASSES)))
    disc = np.sqrt(scipy.stats.ncx2.ppf(MASSES, 2, 0.25))
    expected = [lens(0.5, a, b) for a, b in zip(radius, disc, strict=True)]
    np.testing.assert_allclose(found.agreement[0], expected, atol=0.01)


def test_a_round_core_in_far_flanks():
    # 90 % in a core of half the width: the inner regions are discs in it.
    def density(u: np.ndarray, w: np.ndarray) -> np.ndarray:
        q = (u - 0.2) ** 2 + w**2
        return 0.9 / 0.25 * np.exp(-0.5 * q / 0.25) + 0.1 / 4 * np.exp(-0.5 * q / 4)

    found = Regions.of(exact(density))
    np.testing.assert_allclose(found.shift[0], 0.2, atol=0.02)
    assert found.roundness_defect.max() < 0.1, "the smallest region has 30 cells"
    assert (np.diff(found.agreement[0]) > 0).all(), "a shift is small against a large disc"


@pytest.mark.parametrize(("a", "b"), [(3.0, 1.0), (1.0, 2.5), (2.0, 2.0)])
def test_an_elliptic_uniform(a, b):
    found = Regions.of(exact(lambda u, w: ((u / a) ** 2 + (w / b) ** 2 <= 1).astype(float)))
    # All of it but the rim that the smoothing rounds off.
    assert found.stretch[0, 3] == pytest.approx([(a * a - b * b) / (a * a + b * b), 0], abs=0.02)
    assert found.shift[0, 3] < 0.01
    x = np.linspace(-REACH, REACH, 901)
    u, w = np.meshgrid(x, x, indexing="ij")
    ellipse = ((u / a) ** 2 + (w / b) ** 2 <= 1).ravel()
    order = np.argsort((u**2 + w**2).ravel())
    held = np.cumsum(ellipse[order])
    disc = np.zeros(ellipse.size, bool)
    disc[order[: np.searchsorted(held, 0.9545 * held[-1])]] = True
    expected = (ellipse & disc).sum() / (ellipse | disc).sum()
    assert found.agreement[0, 3] == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("r", [0.0, 0.5, -0.6])
@pytest.mark.parametrize("turned", [0.0, 20.0, -25.0])
def test_turn_and_ratio_of_a_turned_core(r, turned):
    std_i, std_j = 3.0, 1.0
    ellipse = np.array([[std_i**2, r * std_i * std_j], [r * std_i * std_j, std_j**2]])
    c, s = np.cos(np.radians(turned)), np.sin(np.radians(turned))
    turn = np.array([[c, -s], [s, c]])
    factor = np.linalg.cholesky(ellipse)
    inverse = np.linalg.inv(factor)
    # The core's covariance in the units of the data, turned, and in round coordinates, where it must fit the grid.
    core = turn @ ellipse @ turn.T
    inner = inverse @ core @ inverse.T
    core, inner = np.array([core, inner]) * min(1.0, (REACH / 2.7) ** 2 / np.linalg.eigvalsh(inner)[1])
    found = Regions.of(exact(normal_density(inner)))
    angles, ratios = found.axes(np.array([std_i]), np.array([std_j]), np.array([r]))
    # The smoothing makes the core a little wider in round coordinates.
    seen = factor @ (inner + bandwidth(10**7, 64) ** 2 * np.eye(2)) @ factor.T
    expected = angle(seen) - angle(ellipse)
    expected -= 180 * np.round(expected / 180)
    np.testing.assert_allclose(angles[0], expected, atol=2.5)  # the smallest region has few cells
    np.testing.assert_allclose(angles[0, 1:], expected, atol=1.0)
    np.testing.assert_allclose(ratios[0, 1:], axis_ratio(seen) / axis_ratio(ellipse), rtol=0.06)
    assert np.abs(angles[0] - turned).max() < 4


def test_turns_lie_within_a_right_angle():
    found = Regions.of(exact(normal_density(np.array([[0.5, 0.2], [0.2, 1.5]]))))
    angles, ratios = found.axes(np.array([1.0, 1.0])[:1], np.array([1.01]), np.array([0.0]))
    assert (np.abs(angles) <= 90).all()
    assert (ratios < 1).all()


def test_the_error_of_a_turn():
    ratios = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    found = turn_error(0.02, ratios)
    assert found[0] == 0
    assert (np.diff(found) > 0).all()
    assert found[2] == pytest.approx(np.degrees(0.02 * 0.5 / 0.75))
    assert found[-1] == pytest.approx(180 / np.sqrt(12))


def test_a_region_that_the_grid_cannot_hold_is_not_a_number():
    x = np.random.default_rng(0).normal(size=(3000, 2))
    counts = counted(x)
    counts.joint[:] = 0
    counts.joint[0, 0, 0], counts.joint[0, 30, 30] = 1800, 1200  # 60 % lie beyond the grid
    found = Regions.of(counts)
    assert np.isfinite(found.agreement[0]).tolist() == [True, False, False, False]


def test_regions_of_a_plane_do_not_depend_on_the_others():
    x = correlated(4000, 4)
    whole, pair = Regions.of(counted(x)), Regions.of(counted(x[:, :2]))
    for name in ("centre", "stretch", "agreement"):
        np.testing.assert_array_equal(getattr(whole, name)[0], getattr(pair, name)[0])


def henze_zirkler(x: np.ndarray) -> float:
    """The statistic by its own formula, a sum over all pairs of vectors."""
    n = len(x)
    beta2 = 0.5 * (1.25 * n) ** (1 / 3)
    u = np.linalg.solve(np.linalg.cholesky(np.cov(x.T, bias=True)), (x - x.mean(axis=0)).T).T
    squares = np.einsum("ij,ij->i", u, u)
    pairs = squares[:, None] + squares - 2 * u @ u.T
    return float(
        np.exp(-0.5 * beta2 * pairs).sum() / n
        - 2 / (1 + beta2) * np.exp(-0.5 * beta2 / (1 + beta2) * squares).sum()
        + n / (1 + 2 * beta2)
    )


@pytest.mark.parametrize("n", [2000, 5000])
@pytest.mark.parametrize("shape", ["normal", "skewed", "banana", "two"])
def test_henze_zirkler_is_its_own_sum_over_pairs(n, shape):
    random = np.random.default_rng(n)
    x = random.normal(size=(n, 2))
    if shape == "skewed":
        x = random.gamma(3, size=(n, 2))
    elif shape == "banana":
        x[:, 1] += 0.5 * x[:, 0] ** 2
    elif shape == "two":
        x[: n // 2] += 3
    x = x @ np.array([[1.0, 0.6], [0.0, 0.5]])
    # Rounding to cells moves single values by a sixth of the null law's standard deviation.
    null = henze_zirkler_null(bandwidth(n, 64))[1]
    assert Regions.of(counted(x)).henze_zirkler[0] == pytest.approx(
        henze_zirkler(x), rel=0.03, abs=0.5 * null
    )


@pytest.mark.parametrize(("n", "bins"), [(1000, 32), (5000, 64)])
def test_the_null_law_of_henze_zirkler(n, bins):
    found = Regions.of(counted(correlated(n, 24, seed=3))).henze_zirkler  # 276 planes
    mean, std = henze_zirkler_null(bandwidth(n, bins))
    assert found.mean() == pytest.approx(mean, abs=5 * std / np.sqrt(276) + 0.02 * mean)
    assert found.std() == pytest.approx(std, rel=0.25)


@pytest.mark.parametrize("n", [20, 2000, 170_000, 10**7])
def test_smoothing(n):
    for bins in (32, 64):
        kernel = smoothing(n, bins)
        cell = 2 * REACH / bins
        place = np.arange(len(kernel)) - len(kernel) // 2
        assert kernel.sum() == pytest.approx(1)
        assert cell * np.sqrt(kernel @ place**2) == pytest.approx(bandwidth(n, bins), rel=0.01)

"""Mutual information beyond the linear part: 0 for normal pairs, the integral's value for others."""

import numpy as np
import pytest
from scipy.stats import norm, poisson

from planes_of import counted
from support import correlated
from zpoints.statistics.information import _bias, _expected_logarithm, mutual_information_excess
from zpoints.statistics.measures import Noise
from zpoints.statistics.moments import Moments
from zpoints.statistics.planes import PlaneCounts, PlaneGroup, standardise

N = 200_000
X = np.linspace(-8, 8, 1601)


def entropy(density: np.ndarray, step: float) -> float:
    return float(-np.sum(density * np.log(np.maximum(density, 1e-300))) * step)


@pytest.fixture(scope="module")
def excess():  # type: ignore[no-untyped-def]
    """Of one pair. A normal sample of N has none, though most cells are nearly empty."""
    assert abs(Noise.simulate(N).mean["mutual_information_excess"]) < 1e-4
    return lambda x: float(mutual_information_excess(counted(x))[0])


@pytest.mark.parametrize("r", [-0.95, -0.5, 0.0, 0.3, 0.8, 0.95])
def test_none_in_a_normal_pair(r, excess):
    x = np.random.default_rng(1).multivariate_normal([5, -2], [[9, 3 * r], [3 * r, 1]], N)
    assert abs(excess(x)) < 2e-3


def test_none_in_any_plane_of_a_normal_cloud():
    found = mutual_information_excess(counted(correlated(30_000, 8)))
    noise = Noise.simulate(30_000)
    assert found.shape == (28,)
    off = (found - noise.mean["mutual_information_excess"]) / noise.std["mutual_information_excess"]
    assert np.abs(off).max() < 5
    assert np.abs(found).max() < 0.02


def test_none_in_an_independent_pair_of_any_shape(excess):
    random = np.random.default_rng(0)
    x = np.stack([random.gamma(3, size=N), random.uniform(size=N)], axis=1)
    assert abs(excess(x)) < 3e-3


LAWS = {
    "normal": lambda random, shape: random.normal(size=shape),
    "uniform": lambda random, shape: random.uniform(size=shape),
    "laplace": lambda random, shape: random.laplace(size=shape),
    "t3": lambda random, shape: random.standard_t(3, size=shape),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("n", "d"), [(2000, 24), pytest.param(9000, 24, marks=pytest.mark.slow), (500, 24)])
def test_none_in_independent_pairs_on_average(law, n, d):
    """Of uniform pairs it was -0.143, of Laplace pairs +0.062 when a normal pair's bias was subtracted from all."""
    found = mutual_information_excess(counted(LAWS[law](np.random.default_rng(4), (n, d))))
    planes = d * (d - 1) // 2
    # Planes share components: their mean has up to some three times the error of as many independent pairs. Of 500
    # vectors, the terms of second order are seen.
    assert abs(found.mean()) < 3 * 4 * found.std() / np.sqrt(planes) + (0.006 if n == 500 else 0.0)


@pytest.mark.parametrize("law", ["uniform", "laplace", "exponential"])
def test_what_is_subtracted_is_the_mean_over_permutations(law):
    """The oracle: plug-in mutual information of the same two components, one of them permuted."""
    random = np.random.default_rng(5)
    bins, n = 32, 1500
    a, b = (
        np.clip(((x - x.mean()) / x.std() * bins / 9 + bins / 2).astype(int), 0, bins - 1)
        for x in getattr(random, law)(size=(2, n))
    )
    rows, columns = (np.bincount(x, minlength=bins) / n for x in (a, b))
    outer = np.outer(rows, columns)
    shared = []
    for _ in range(400):
        joint = np.histogram2d(a, random.permutation(b), bins=[np.arange(bins + 1)] * 2)[0] / n
        shared.append(np.sum(joint[joint > 0] * np.log(joint[joint > 0] / outer[joint > 0])))
    found = _bias(rows * n, columns * n, n, _expected_logarithm())
    assert found == pytest.approx(np.mean(shared), abs=4 * np.std(shared) / 20 + 0.01 * np.mean(shared))


def test_the_expected_logarithm_is_that_of_poisson_numbers():
    table = _expected_logarithm()
    for mean in (0.125, 1.0, 7.5, 63.0):
        c = np.arange(1, 400)
        exact = np.sum(poisson.pmf(c, mean) * c * np.log(c))
        assert table[int(mean * 64), 0] == pytest.approx(exact, rel=1e-10)
        assert table[int(mean * 64), 1] == pytest.approx(
            mean / 2 * np.diff(table[int(mean * 64) - 1 :, 0][:3], 2)[0] * 64**2, rel=1e-3
        )
    series = 64 * np.log(64) + 0.5 + 1 / (12 * 64)
    assert table[64 * 64, 0] == pytest.approx(series, abs=3e-5)


@pytest.mark.parametrize("curved", [0.15, 0.4, 0.8])
def test_a_banana(curved, excess):
    random = np.random.default_rng(2)
    x = random.normal(size=N)
    y = curved * x**2 + random.normal(size=N)
    points = np.linspace(-8, 8 + 30 * curved, 8001)
    step = points[1] - points[0]
    density = np.mean(
        norm.pdf(points[:, None], curved * norm.ppf((np.arange(2000) + 0.5) / 2000) ** 2), axis=1
    )
    expected = entropy(density, step) - 0.5 * np.log(2 * np.pi * np.e)
    assert excess(np.stack([x, y], axis=1)) == pytest.approx(expected, rel=0.04, abs=2e-3)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.7])
def test_a_width_that_depends_on_the_other_component(part, excess):
    random = np.random.default_rng(3)
    x = random.normal(size=N)
    y = np.sqrt(1 - part + part * x**2) * random.normal(size=N)
    weight = norm.pdf(X) * (X[1] - X[0])
    width = np.sqrt(1 - part + part * X**2)
    points = np.linspace(-25, 25, 10_001)
    density = norm.pdf(points[:, None], 0, width) @ weight
    expected = entropy(density, points[1] - points[0]) - weight @ np.log(width * np.sqrt(2 * np.pi * np.e))
    # r = 0: nothing of this is linear, and the turn to x + y leaves the information what it is.
    assert excess(np.stack([x, y], axis=1)) == pytest.approx(expected, rel=0.04, abs=2e-3)


def test_groups_of_planes():
    x = correlated(5000, 5)
    whole, moments = counted(x), Moments.of(x)
    u = standardise(x, moments.mean, moments.std)
    part = PlaneCounts.empty(PlaneGroup(2, 4, 5), whole.bins)
    part.count(u[2:], moments.pearson)
    np.testing.assert_array_equal(mutual_information_excess(part), mutual_information_excess(whole)[-3:])


def test_far_values_do_no_harm():
    x = np.random.default_rng(0).normal(size=(5000, 3))
    x[0] = 1e6
    assert np.isfinite(mutual_information_excess(counted(x))).all()

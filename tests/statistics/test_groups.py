"""Groups of one cloud, beside their formulas, SciPy, and simulated groups that do not differ."""

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.stats import multivariate_normal

from zpoints.statistics.groups import CentreDistance, CovarianceDistances, Within, mixture_gain


def two(seed: int, counts: tuple[int, int], k: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    codes = np.repeat([0, 1], counts)
    u = np.random.default_rng(seed).normal(size=(sum(counts), k))
    u[:, 0] += shift * codes
    return u, codes


@pytest.mark.parametrize(
    ("counts", "k", "shift"), [((60, 40), 10, 0.0), ((60, 40), 10, 1.0), ((200, 50), 5, 3.0)]
)
def test_the_squared_distance_is_unbiased_and_its_error_right(
    counts: tuple[int, int], k: int, shift: float
) -> None:
    found = [CentreDistance.of(Within.of(*two(seed, counts, k, shift), 2), 0, 1) for seed in range(300)]
    squares = np.array([each.squared for each in found])
    assert squares.mean() == pytest.approx(shift**2, abs=4 * squares.std() / np.sqrt(300))
    errors = np.array([each.squared_error for each in found])
    assert 0.75 < squares.std() / errors.mean() < 1.25
    if shift == 0:
        # 15 +/- 3.8 of 300
        assert sum(each.p < 0.05 for each in found) <= 31


def test_the_p_value_is_hotellings() -> None:
    u, codes = two(0, (30, 20), 4, 0.5)
    a, b = u[codes == 0], u[codes == 1]
    pooled = (29 * np.cov(a.T) + 19 * np.cov(b.T)) / 48
    delta = a.mean(axis=0) - b.mean(axis=0)
    t2 = 12 * delta @ np.linalg.solve(pooled, delta)
    from scipy.stats import f

    expected = f.sf(t2 * 45 / (48 * 4), 4, 45)
    assert CentreDistance.of(Within.of(u, codes, 2), 0, 1).p == pytest.approx(expected, rel=1e-9)


def test_the_distance_of_covariances_is_that_of_generalised_eigenvalues() -> None:
    u, codes = two(1, (3000, 2000), 5, 0.0)
    u[codes == 1] *= [3, 1, 1, 1, 0.5]
    found = CovarianceDistances.of(Within.of(u, codes, 2), codes, 99)
    a, b = (np.cov(u[codes == g].T) for g in range(2))
    assert found.distance[0] == pytest.approx(np.sqrt(np.sum(np.log(eigh(a, b, eigvals_only=True)) ** 2)))
    assert found.excess[0] == pytest.approx(np.sqrt(np.log(9) ** 2 + np.log(4) ** 2), rel=0.1)
    assert found.p == 0.01


@pytest.mark.slow
def test_equal_covariances_differ_by_chance_alone_whatever_the_law() -> None:
    p = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        codes = random.integers(0, 3, size=300)
        u = random.normal(size=(300, 4)) * np.sqrt(4 / random.chisquare(6, size=(300, 1)))
        u[:, 1] += codes
        p.append(CovarianceDistances.of(Within.of(u, codes, 3), codes, 39, seed).p)
    assert sum(each <= 0.05 for each in p) <= 10  # 3 +/- 1.7
    assert np.mean(p) == pytest.approx(0.5, abs=0.16)


def test_the_gain_is_the_difference_of_log_densities() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 2, size=6000)
    u = random.normal(size=(6000, 3)) * np.where(codes, 2.0, 1.0)[:, None]
    u[:, 0] += 3 * codes
    fresh_codes = random.integers(0, 2, size=40_000)
    x = random.normal(size=(40_000, 3)) * np.where(fresh_codes, 2.0, 1.0)[:, None]
    x[:, 0] += 3 * fresh_codes
    parts = [multivariate_normal([3 * g, 0, 0], (1 + g) ** 2 * np.eye(3)).pdf(x) / 2 for g in range(2)]
    whole = multivariate_normal([1.5, 0, 0], np.diag([2.5 + 2.25, 2.5, 2.5])).logpdf(x)
    exact = float(np.mean(np.log(sum(parts)) - whole))
    found = mixture_gain(u, codes, 2)
    assert found.value == pytest.approx(exact, abs=5 * found.error)
    assert found.beyond > 10 * found.error
    moved = mixture_gain(u @ random.normal(size=(3, 3)) + 5, codes, 2)
    assert moved.value == pytest.approx(found.value, abs=1e-9)


def test_groups_at_random_gain_nothing_beyond_chance_though_tails_are_heavy() -> None:
    z = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        codes = random.integers(0, 4, size=400)
        u = random.normal(size=(400, 6)) * np.sqrt(3 / random.chisquare(5, size=(400, 1)))
        found = mixture_gain(u, codes, 4, seed)
        z.append(found.beyond / found.error)
    # A standard deviation of up to 1.6 by simulation: the five turns share vectors.
    assert np.abs(z).max() < 7
    assert np.median(np.abs(z)) < 2.5

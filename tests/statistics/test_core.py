"""The Mahalanobis cut against closed forms and simulation, and the core against clouds whose outliers are known."""

from functools import reduce
from operator import add

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import MinCovDet

from same_moments import assert_same_moments
from support import correlated
from zpoints.statistics.core import Core, CoreStep, inside, mahalanobis, robust_core, truncation_factor
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


# --- the Mahalanobis cut


@pytest.mark.parametrize("d", [1, 2, 20, 256])
@pytest.mark.parametrize("radius", [0.5, 1.0, 2.0, 4.0, 16.0, 17.0, 30.0])
def test_truncation_factor_is_the_truncated_chi_square(d, radius):
    law = scipy.stats.chi2(d)
    if law.cdf(radius**2) > 1e-12:
        mean = law.expect(lb=0, ub=radius**2, conditional=True, epsrel=1e-10, epsabs=0)
        assert truncation_factor(d, radius) == pytest.approx(mean / d, rel=1e-7)
    assert 0 < truncation_factor(d, radius) <= 1


@pytest.mark.parametrize("d", [1, 3, 256, 4096])
def test_truncation_factor_at_its_limits(d):
    assert truncation_factor(d, np.inf) == 1.0
    assert truncation_factor(d, 1e-30) == pytest.approx(1e-60 / (d + 2), rel=1e-12)
    assert truncation_factor(d, 1e-3) == pytest.approx(1e-6 / (d + 2), rel=1e-5)


@pytest.mark.parametrize("power", [-200, -307, -320])
def test_truncation_factor_has_no_step_where_the_distribution_functions_underflow(power):
    for d in (256, 1000, 4096):
        logs = scipy.stats.chi2.logcdf(np.linspace(0.1, np.sqrt(d), 4000) ** 2, d)
        edge = np.linspace(0.1, np.sqrt(d), 4000)[np.searchsorted(logs, power * np.log(10))]
        radii = edge + np.linspace(-0.05, 0.05, 1001)
        factors = np.array([truncation_factor(d, radius) for radius in radii])
        rise = np.diff(factors, 2) / factors[1:-1]
        assert np.abs(rise).max() < 1e-6


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan])
def test_truncation_needs_a_radius(radius):
    with pytest.raises(ValueError, match="positive"):
        truncation_factor(3, radius)


@pytest.mark.parametrize(("d", "radius"), [(2, 1.0), (5, 2.0), (5, 3.5), (20, 4.2)])
def test_truncation_factor_against_simulation(d, radius):
    x = correlated(50_000, d)
    mean, covariance = x.mean(axis=0), np.cov(x.T)
    pca = PCA.of(mean, covariance, len(x))
    kept = x[inside(x, pca, radius)]
    ratio = PCA.of(mean, np.cov(kept.T) / truncation_factor(d, radius), len(kept)).whiten(x).var(axis=0)
    np.testing.assert_allclose(ratio, 1, atol=6 / np.sqrt(len(kept)) * np.sqrt(d))
    np.testing.assert_allclose(ratio.mean(), 1, atol=8 / np.sqrt(len(kept)))


def test_mahalanobis_equals_scipy():
    x = correlated(50, 4)
    mean, covariance = x.mean(axis=0), np.cov(x.T)
    pca, inverse = PCA.of(mean, covariance, 50), np.linalg.inv(covariance)
    expected = [scipy.spatial.distance.mahalanobis(v, mean, inverse) ** 2 for v in x]
    np.testing.assert_allclose(mahalanobis(x, pca), expected, rtol=1e-9)
    np.testing.assert_allclose(mahalanobis(x.astype(np.float32), pca), expected, rtol=1e-4)
    assert (inside(x, pca, 2.0) == (np.array(expected) <= 4)).all()


# --- the robust core


def turned(covariance: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Eigenvalues of one covariance matrix in the metric of another: all 1 where they are equal."""
    return scipy.linalg.eigh(covariance, reference, eigvals_only=True)


@pytest.mark.parametrize(("d", "n", "clouds"), [(1, 200, 100), (5, 50, 100), (5, 1000, 20), (30, 300, 20)])
def test_the_core_of_a_normal_cloud_is_unbiased(d, n, clouds):
    """From n = 10 d on: trace and share within 1 %, or within the error of this simulation."""
    cores = [robust_core(normal(n, d, seed)) for seed in range(clouds)]
    traces = np.array([np.trace(core.covariance) / d for core in cores])
    shares = np.array([core.share for core in cores])
    assert abs(traces.mean() - 1) <= 0.01 + 3 * traces.std() / np.sqrt(clouds)
    assert abs(shares.mean() - 0.975) <= 0.01 + 3 * shares.std() / np.sqrt(clouds)
    assert all(core.converged for core in cores)


def test_the_core_of_a_correlated_cloud_has_its_covariance():
    x = correlated(40_000, 6)
    core = robust_core(x)
    np.testing.assert_allclose(turned(core.covariance, np.cov(x.T)), 1, atol=0.02)
    distance = PCA.of(x.mean(axis=0), np.cov(x.T), len(x)).whiten(core.mean[None])
    assert np.linalg.norm(distance) < 0.02
    assert core.radius**2 == pytest.approx(scipy.stats.chi2.ppf(0.975, 6))
    assert core.share == core.kept / core.n == pytest.approx(0.975, abs=0.003)
    assert (core.n, core.level) == (40_000, 0.975)
    assert core.pca.rank == 6


@pytest.mark.parametrize("level", [0.5, 0.8, 0.99])
def test_other_levels(level):
    x = normal(20_000, 4)
    core = robust_core(x, level)
    assert core.share == pytest.approx(level, abs=0.02)
    np.testing.assert_allclose(turned(core.covariance, np.cov(x.T)), 1, atol=0.1)


@pytest.mark.parametrize("share", [0.05, 0.2])
@pytest.mark.parametrize("d", [2, 10, 64])
@pytest.mark.parametrize("kind", ["tight cluster", "wide cluster", "scale 3", "scale 10"])
def test_outliers_are_dropped(kind, d, share):
    """By whole: what is left is as good as without them."""
    n = 2000
    x, count = normal(n, d, seed=d), int(share * n)
    away = np.full(d, 1 / np.sqrt(d)) * (10 + 3 * np.sqrt(d))
    x[:count] = {
        "tight cluster": 0.1 * x[:count] + away,
        "wide cluster": x[:count] + away,
        "scale 3": 3 * x[:count],
        "scale 10": 10 * x[:count],
    }[kind]
    mixed = x @ (np.eye(d) + 0.5 * normal(d, d, seed=1) / np.sqrt(d)) * np.geomspace(1, 1e4, d) + 7.0
    core, clean = robust_core(mixed), mixed[count:]
    # In two dimensions many vectors of a cloud three times as wide lie among the others.
    wide = kind == "scale 3" and d == 2
    values = turned(core.covariance, np.cov(clean.T))
    assert abs(values.mean() - 1) < (0.4 if wide else 0.05)
    assert values.max() < (1.65 if wide else 1.3)
    assert core.share == pytest.approx(0.975 * (1 - share), abs=0.12 if wide else 0.02)
    assert core.converged


def test_a_start_from_all_vectors_would_miss_the_cluster():
    """Which is why it does not start there."""
    x = normal(2000, 64)
    x[:100] = 0.3 * x[:100] + 10
    found = robust_core(x)
    missed = robust_core(x, start=(x.mean(axis=0), np.cov(x.T)))
    whole = PCA.of(x.mean(axis=0), np.cov(x.T), len(x))
    assert inside(x[:100], whole, found.radius).all()
    assert np.linalg.eigvalsh(missed.covariance)[-1] > 100
    assert np.linalg.eigvalsh(found.covariance)[-1] < 2
    assert not inside(x[:100], found.pca, found.radius).any()


def test_the_start_does_not_decide_for_a_normal_cloud():
    x = correlated(3000, 20)
    a = robust_core(x)
    b = robust_core(x, start=(x.mean(axis=0) + 0.1, 1.3 * np.cov(x.T)))
    np.testing.assert_allclose(turned(a.covariance, b.covariance), 1, atol=0.01)
    assert abs(a.kept - b.kept) <= 0.003 * len(x)


@pytest.mark.parametrize("d", [2, 5])
def test_agrees_with_the_minimum_covariance_determinant(d):
    x = correlated(3000, d)
    x[:450] = x[:450] * 0.5 + 40
    peer = MinCovDet(random_state=0).fit(x)
    core = robust_core(x)
    np.testing.assert_allclose(turned(core.covariance, peer.covariance_), 1, atol=0.08)
    np.testing.assert_allclose(core.mean, peer.location_, atol=0.1)


def test_never_fewer_than_half():
    """Tails so heavy that the radius of a normal cloud would leave less than half of the vectors."""
    n, d = 2000, 60
    random = np.random.default_rng(0)
    x = random.normal(size=(n, d)) / np.sqrt(random.chisquare(1, size=(n, 1)))
    core = robust_core(x)
    assert core.kept == (n + d + 1) // 2
    assert core.radius**2 > scipy.stats.chi2.ppf(0.975, d)
    assert core.converged
    # Those kept are the nearest ones, and their covariance is corrected for a cut that keeps so many.
    kept = x[np.argsort(mahalanobis(x, core.pca))[: core.kept]]
    shrinkage = truncation_factor(d, np.sqrt(scipy.stats.chi2.ppf(core.share, d)))
    np.testing.assert_allclose(np.trace(core.covariance) / np.trace(np.cov(kept.T)), 1 / shrinkage, rtol=0.01)
    assert 1 / shrinkage > 1.1


def test_the_core_follows_the_scale_of_each_component():
    x = correlated(2000, 5)
    scale, shift = 10.0 ** np.array([-8, 0, 8, 3, -2]), np.array([0.0, 5.0, -1e8, 1.0, 1.0])
    a, b = robust_core(x), robust_core(x * scale + shift)
    assert a.kept == b.kept
    np.testing.assert_allclose(b.mean, a.mean * scale + shift, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(b.covariance, a.covariance * scale * scale[:, None], rtol=1e-6)


def test_other_types_of_numbers():
    x = np.rint(100 * correlated(500, 3))
    core = robust_core(x)
    for dtype in ("float32", "int32"):
        np.testing.assert_allclose(robust_core(x.astype(dtype)).covariance, core.covariance, rtol=1e-9)


def test_a_component_that_is_mostly_one_value():
    x = correlated(1000, 3)
    x[:600, 1] = 0.5
    with pytest.raises(ValueError, match="fewer dimensions"):
        robust_core(x)
    x[:, 1] = np.arange(1000) % 4 == 0
    with pytest.raises(ValueError, match="fewer dimensions"):
        robust_core(x)


def test_what_has_no_core_is_refused():
    with pytest.raises(ValueError, match="more than 7"):
        robust_core(normal(7, 5))
    x = correlated(100, 4)
    with pytest.raises(ValueError, match="fewer dimensions"):
        robust_core(np.column_stack([x, x[:, 0] + x[:, 1]]))
    for seed in range(20):  # rounding leaves some of these a variance, and some a negative one
        dependent = correlated(200, 6, seed)
        dependent[:, 5] = dependent[:, :5] @ normal(5, 1, seed)[:, 0]
        with pytest.raises(ValueError, match="fewer dimensions"):
            robust_core(dependent)
    with pytest.raises(ValueError, match="component 1 is constant"):
        robust_core(np.column_stack([x[:, 0], np.ones(100)]))
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinity"):
            robust_core(np.vstack([x, [wrong, 0, 0, 0]]))
    for level in (0.4, 1.0):
        with pytest.raises(ValueError, match="level"):
            robust_core(x, level)


def test_few_vectors_still_have_a_core():
    core = robust_core(normal(8, 5))
    assert core.kept >= 7
    assert core.pca.rank == 5


# --- the core's last steps over all vectors


@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 2**32))
@settings(max_examples=25)
def test_steps_add_up(m, d, seed):
    x = correlated(m, d, seed)
    pca, radius = PCA.of(np.linspace(-3, 3, d), np.eye(d), 1000), 0.9 * np.sqrt(d)
    blocks = np.array_split(x, np.sort(np.random.default_rng(seed).integers(0, m + 1, 3)))
    step = reduce(add, [CoreStep.of(block, pca, radius) for block in blocks])
    chosen = inside(x, pca, radius)
    assert step.n == m
    assert step.share == chosen.mean()
    if chosen.any():
        assert_same_moments(step.kept, Moments.of(x[chosen]))
    else:
        assert step.kept is None


def test_steps_that_do_not_fit_are_refused():
    x = normal(20, 3)
    pca = PCA.of(np.zeros(3), np.eye(3), 100)
    with pytest.raises(ValueError, match="add up"):
        CoreStep.of(x, pca, 2.0) + CoreStep.of(x, pca, 3.0)
    for radius in (1e-9, np.partition(mahalanobis(x, pca), 0)[0] ** 0.5 * 1.0001):
        with pytest.raises(ValueError, match="fewer than two"):
            CoreStep.of(x, pca, radius).core()


def test_steps_over_all_vectors_reach_the_core_of_all():
    x = correlated(30_000, 8)
    x[::10] += 30
    part: Core = robust_core(x[:3000])
    whole = robust_core(x)
    core = part
    for k in range(3):
        step = reduce(add, [CoreStep.of(b, core.pca, part.radius) for b in np.array_split(x, 7)])
        core = step.core(k + 1, k == 2)
    assert (core.n, core.iterations, core.converged) == (len(x), 3, True)
    assert core.level == pytest.approx(0.975)
    assert abs(core.share - whole.share) < 0.002
    np.testing.assert_allclose(turned(core.covariance, whole.covariance), 1, atol=0.005)
    assert np.abs(turned(part.covariance, whole.covariance) - 1).max() > 0.02


def test_a_step_in_fewer_dimensions_is_corrected_for_those():
    x = correlated(20_000, 3)
    x = np.column_stack([x, x.sum(axis=1)])
    moments = Moments.of(x)
    pca = PCA.of(moments.mean, moments.covariance, moments.n)
    core = CoreStep.of(x, pca, 1.5).core()
    assert core.pca.rank == 3
    np.testing.assert_allclose(core.pca.variance[:3], pca.variance[:3], rtol=0.05)

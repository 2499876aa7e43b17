import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.integrate import quad
from scipy.special import digamma, gammaln

from zpoints.statistics.fingerprints import fingerprints
from zpoints.statistics.line_density import LineDensity
from zpoints.statistics.negentropy import Rivals, student_freedom, tyler_shape
from zpoints.statistics.repeats import Repeats
from zpoints.statistics.univariate import (
    kolmogorov_smirnov_log10_p,
    kurtosis_log10_p,
    skewness_log10_p,
    tail_error,
)


def student(n: int, d: int, nu: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) / np.sqrt(random.chisquare(nu, (n, 1)) / nu)


def student_negentropy(d: int, nu: float) -> float:
    """Entropy of the normal law of the same covariance, less that of the t law; both in closed form."""
    entropy = 0.5 * d * np.log(nu * np.pi) + gammaln(nu / 2) - gammaln((nu + d) / 2)
    entropy += 0.5 * (nu + d) * (digamma((nu + d) / 2) - digamma(nu / 2))
    return float(0.5 * d * np.log(2 * np.pi * np.e * nu / (nu - 2)) - entropy)


@pytest.mark.parametrize(("d", "nu"), [(4, 6.0), (10, 10.0)])
def test_the_negentropy_of_a_t_law_is_its_closed_form_from_below(d, nu):
    mix = np.random.default_rng(9).normal(size=(d, d))
    found = Rivals.of(student(16_000, d, nu, 0) @ mix, np.empty((0, d)))
    exact, gain = student_negentropy(d, nu), found.gains["elliptical"]
    assert found.best == "elliptical"
    assert exact - 0.05 - 4 * gain.error < gain.nats < exact + 4 * gain.error
    assert nu * 0.8 < found.freedom < nu * 1.25
    assert found.freedom_gain == pytest.approx(gain.nats, abs=0.05)


def test_independent_uniform_margins_have_their_negentropy_and_are_told_apart_as_often_as_can_be():
    x = np.random.default_rng(0).uniform(-1, 1, (16_000, 3))
    gain = Rivals.of(x, np.empty((0, 3))).gains["margins"]
    exact = 3 * (0.5 * np.log(2 * np.pi * np.e / 3) - np.log(2))
    assert exact - 0.25 < gain.nats < exact
    # The best classifier of the two laws, by simulation: three components, the sum of the log ratios.
    random = np.random.default_rng(1)
    normal = random.normal(size=(200_000, 3)) / np.sqrt(3)
    inside = np.all(np.abs(normal) < 1, axis=1)
    uniform = random.uniform(-1, 1, (200_000, 3))
    ratio = [
        -stats.norm.logpdf(y, scale=1 / np.sqrt(3)).sum(axis=1) + 3 * np.log(0.5) for y in (uniform, normal)
    ]
    best = 0.5 * (np.mean(ratio[0] > 0) + np.mean(~((ratio[1] > 0) & inside)))
    assert gain.told_apart == pytest.approx(best, abs=0.02)


def test_a_hidden_direction_has_the_negentropy_of_its_law():
    random = np.random.default_rng(0)
    x = random.normal(size=(16_000, 5))
    x[:, 0] = random.laplace(size=16_000)
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0]
    found = Rivals.of(x @ turn, turn[:1])  # x turn turn^T is x
    exact = 0.5 * np.log(2 * np.pi * np.e * 2) - (1 + np.log(2))
    assert found.gains["directions"].nats == pytest.approx(exact, abs=0.02)
    assert found.best == "directions"


def negentropy_by_integral(law) -> float:
    """Of a density on a line: int p log(p / N), N normal with the same mean and variance."""
    normal = stats.norm(law.mean(), law.std())
    low, high = law.mean() - 12 * law.std(), law.mean() + 12 * law.std()
    integrand = lambda x: law.pdf(x) * (law.logpdf(x) - normal.logpdf(x)) if law.pdf(x) > 0 else 0.0  # noqa: E731
    return float(quad(integrand, low, high, points=[law.mean()], limit=400)[0])


class TwoNormals:
    """An equal mixture of two normal laws of variance 1, so far from the middle."""

    def __init__(self, apart: float) -> None:
        self.apart = apart

    def mean(self) -> float:
        return 0.0

    def std(self) -> float:
        return float(np.sqrt(1 + self.apart**2))

    def logpdf(self, x):
        both = (stats.norm.logpdf(x, -self.apart), stats.norm.logpdf(x, self.apart))
        return np.logaddexp(*both) - np.log(2)

    def pdf(self, x):
        return np.exp(self.logpdf(x))

    def rvs(self, size, random_state):
        return random_state.choice([-self.apart, self.apart], size) + random_state.normal(size=size)


@pytest.mark.parametrize("law", [stats.laplace(), stats.t(8), TwoNormals(1.5), TwoNormals(3.0)])
def test_margins_and_a_direction_have_the_negentropy_of_the_integral(law):
    exact, random, d = negentropy_by_integral(law), np.random.default_rng(0), 3
    x = law.rvs(size=(16_000, d), random_state=random)
    gain = Rivals.of(x, np.empty((0, d))).gains["margins"]
    # From below: the fit of each margin costs up to 0.02 nats.
    assert d * (exact - 0.02) - 4 * gain.error < gain.nats < d * exact + 4 * gain.error
    x[:, 1:] = random.normal(size=(16_000, d - 1))
    alone = Rivals.of(x, np.eye(d)[:1]).gains["directions"]
    assert exact - 0.02 - 4 * alone.error < alone.nats < exact + 4 * alone.error


def test_normal_vectors_have_no_negentropy():
    for seed in range(3):
        found = Rivals.of(np.random.default_rng(seed).normal(size=(6000, 6)), np.eye(6)[:2])
        assert all(-0.05 < gain.nats < 3 * gain.error for gain in found.gains.values())
        assert abs(found.gains["margins"].told_apart - 0.5) < 0.03


@pytest.mark.parametrize("nu", [1.0, 3.0, 20.0])
def test_the_degrees_of_freedom_are_found(nu):
    found, scale = student_freedom(np.sum(student(20_000, 8, nu, 1) ** 2, axis=1), 8)
    assert found == pytest.approx(nu, rel=0.15)
    assert scale == pytest.approx(1.0, rel=0.05)


def test_the_shape_of_a_cauchy_law_is_found():
    root = np.array([[2.0, 0.0], [1.0, 0.5]])
    found = tyler_shape(student(20_000, 2, 1.0, 2) @ root.T)
    exact = root @ root.T
    np.testing.assert_allclose(found, exact / np.sqrt(np.linalg.det(exact)), rtol=0.1, atol=0.05)


LAWS = [
    stats.norm(),
    stats.laplace(3, 2),
    stats.cauchy(),
    stats.t(3),
    stats.skewnorm(5),
    stats.uniform(),
    stats.expon(),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.dist.name)
def test_a_density_on_a_line_is_near_the_law_and_holds_one(law):
    random = np.random.default_rng(0)
    found = LineDensity.of(law.rvs(size=5000, random_state=random))
    fresh = law.rvs(size=20_000, random_state=random)
    loss = np.mean(law.logpdf(fresh) - found.log(fresh))
    assert loss < (0.12 if law.dist.name in ("uniform", "expon") else 0.02)
    grid = found.middle + found.scale * np.sinh(np.linspace(-40, 40, 400_001))
    assert np.trapezoid(np.exp(found.log(grid)), grid) == pytest.approx(1, abs=2e-3)
    assert np.abs(found.share_below(fresh) - law.cdf(fresh)).max() < 0.06


@pytest.mark.parametrize("n", [25, 200, 5000])
def test_p_values_of_moments_are_scipys(n):
    for seed in range(5):
        x = np.random.default_rng(seed).exponential(size=n)
        assert 10 ** float(skewness_log10_p(np.array([stats.skew(x)]), n)[0]) == pytest.approx(
            stats.skewtest(x).pvalue, rel=1e-6
        )
        if stats.kurtosis(x) > 1:
            expected = stats.kurtosistest(x).pvalue
            assert 10 ** float(kurtosis_log10_p(np.array([stats.kurtosis(x)]), n)[0]) == pytest.approx(
                expected, rel=1e-6
            )


@pytest.mark.parametrize("n", [20, 100])
def test_p_values_come_as_often_as_they_say(n):
    x = np.random.default_rng(0).normal(size=(60_000, n))
    skew = skewness_log10_p(stats.skew(x, axis=1), n)
    kurtosis = kurtosis_log10_p(stats.kurtosis(x, axis=1), n)
    y = np.sort((x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, ddof=1, keepdims=True), axis=1)
    share, k = stats.norm.cdf(y), np.arange(n)
    distance = np.maximum((share - k / n).max(axis=1), ((k + 1) / n - share).max(axis=1))
    for log_p in (skew, kurtosis, kolmogorov_smirnov_log10_p(distance, n)):
        assert np.mean(log_p < -2) < 0.0125
        assert np.mean(log_p < -3) < 0.0015


def test_the_error_of_a_share_beyond_two_of_its_own_standard_deviations():
    x = np.random.default_rng(0).normal(size=(20_000, 400))
    z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    for level in (2.0, 3.0):
        assert np.std(np.mean(np.abs(z) > level, axis=1)) == pytest.approx(tail_error(level, 400), rel=0.04)


@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(-2, 2).map(float)
    )
)
def test_different_vectors_are_counted_as_numpy_does(x):
    found = Repeats.of(fingerprints(x))
    rows, first = np.unique(x + 0.0, axis=0, return_index=True)
    assert found.distinct == len(rows)
    assert found.first.tolist() == sorted(first.tolist())

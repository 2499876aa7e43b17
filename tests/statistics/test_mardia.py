"""Mardia's tests against simulations of normal samples and closed forms."""

from collections.abc import Iterator

import mpmath
import numba
import numpy as np
import pytest

from zpoints.statistics import mardia
from zpoints.statistics.mardia import kurtosis_null, kurtosis_skewness, skewness_null
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.third_moments import ThirdMoments


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Thousands of tiny sums: on a busy machine, threads would take 100 times as long to wait for each other."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def whitened(x: np.ndarray) -> np.ndarray:
    moments = Moments.of(x)
    return PCA.of(moments.mean, moments.covariance, moments.n).whiten(x)


def normal_samples(count: int, n: int, d: int, seed: int = 0) -> list[ThirdMoments]:
    random = np.random.default_rng(seed)
    return [ThirdMoments.of(whitened(random.normal(size=(n, d)))) for _ in range(count)]


@pytest.mark.parametrize(("n", "d", "count"), [(20, 3, 2000), (30, 10, 1500), (60, 50, 300), (150, 20, 500)])
def test_normal_samples_have_the_expected_mean_and_spread(n, d, count):
    samples = normal_samples(count, n, d)
    for values, (expected, error) in (
        (np.array([s.skewness for s in samples]), skewness_null(n, d)),
        (np.array([s.kurtosis for s in samples]), kurtosis_null(n, d)),
    ):
        assert abs(values.mean() - expected) < 4 * error / np.sqrt(count)
        # 4 standard errors of a standard deviation, and the 5 % that the formula of the skewness claims.
        assert values.std() == pytest.approx(error, rel=0.05 + 4 / np.sqrt(2 * count))


@pytest.mark.parametrize(("n", "d"), [(40, 5), pytest.param(60, 20, marks=pytest.mark.slow)])
def test_small_p_values_are_no_more_frequent_than_they_say(n, d):
    samples = normal_samples(1500, n, d, seed=1)
    for p in ([s.skewness_test.p_value for s in samples], [s.kurtosis_test.p_value for s in samples]):
        # Below 1,000 vectors the laws are careful ones.
        assert 0.005 < np.mean(np.array(p) < 0.05) < 0.06
        assert np.mean(np.array(p) < 0.001) < 0.005


@pytest.mark.slow
def test_the_kurtosis_of_many_vectors_has_uniform_p_values():
    p = [s.kurtosis_test.p_value for s in normal_samples(800, 4000, 4, seed=2)]
    # Those of small kurtosis are raised to the power 0.8, for the sake of few vectors: 0.57 of them are above 0.5.
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.465, abs=0.07)
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_the_skewness_of_the_kurtosis_is_that_of_simulations():
    random = np.random.default_rng(3)
    for n, d in ((60, 2), (200, 5)):
        x = random.normal(size=(4000, n, d))
        q, _ = np.linalg.qr(x - x.mean(axis=1, keepdims=True))
        values = np.mean(
            (n * np.sum(q * q, axis=2)) ** 2, axis=1
        )  # n times the leverages are squared distances
        z = (values - values.mean()) / values.std()
        assert kurtosis_skewness(n, d) == pytest.approx(np.mean(z**3), rel=0.35)
    exact = 216**0.5  # of one component and many vectors (Fisher 1930)
    assert kurtosis_skewness(10**8, 1) * 10**4 == pytest.approx(exact, rel=1e-3)


def test_the_null_law_becomes_chi_square_for_many_vectors():
    n, d = 10**7, 5
    degrees = d * (d + 1) * (d + 2) / 6
    expected, error = skewness_null(n, d)
    assert n * expected / 6 == pytest.approx(degrees, rel=1e-5)
    assert n * error / 6 == pytest.approx(np.sqrt(2 * degrees), rel=1e-5)
    expected, error = kurtosis_null(n, d)
    assert expected == pytest.approx(d * (d + 2), rel=1e-5)
    assert error == pytest.approx(np.sqrt(8 * d * (d + 2) / n), rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "x"), [(2.0, 5.0), (35.0, 900.0), (1.4e6, 1.5e6), (2.8e6, 9e6), (0.5, 4000.0)]
)
def test_the_tail_of_the_gamma_law_goes_below_the_smallest_float(shape, x):
    with mpmath.workdps(40):
        exact = mpmath.log(mpmath.gammainc(shape, x, mpmath.inf) / mpmath.gamma(shape))
    assert mardia._log_gamma_tail(shape, x) == pytest.approx(float(exact), rel=1e-9)


def test_both_tests_reject_what_is_not_normal_and_say_how_surely():
    x = np.random.default_rng(0).exponential(size=(20_000, 6))
    moments = ThirdMoments.of(whitened(x))
    for test in (moments.skewness_test, moments.kurtosis_test):
        assert test.z > 50
        assert test.log10_p < -400
        assert test.p_value == 0


def test_kurtosis_is_tested_to_both_sides():
    uniform = ThirdMoments.of(whitened(np.random.default_rng(0).uniform(size=(5000, 4))))
    assert uniform.kurtosis_test.z < -10
    assert uniform.kurtosis_test.log10_p < -20
    assert uniform.skewness_test.log10_p > -3

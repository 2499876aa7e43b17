"""Scale, asymmetry and tails that few vectors do not decide: against a root finder, integrals and simulation."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import root
from scipy.stats import norm

from zpoints.statistics.shape import OF_NORMAL, Shape

LAWS = {
    "normal": lambda random, n: random.normal(size=n),
    "t3": lambda random, n: random.standard_t(3, size=n),
    "exponential": lambda random, n: random.exponential(size=n),
    "mostly zero": lambda random, n: np.maximum(random.normal(size=n) - 1.2, 0),
    "uniform": lambda random, n: random.uniform(size=n),
}


def test_the_constant_is_the_integral_over_a_normal():
    assert quad(lambda u: (1 + u * u) ** 0.25 * norm.pdf(u), -np.inf, np.inf)[0] == pytest.approx(OF_NORMAL)


@pytest.mark.parametrize("law", LAWS)
def test_centre_and_scale_solve_their_equations(law):
    x = 7 + 3 * LAWS[law](np.random.default_rng(0), 500)

    def equations(p: np.ndarray) -> list[float]:
        u = (x - p[0]) / np.exp(p[1])
        return [np.mean(u / (1 + u * u) ** 0.25), np.mean((1 + u * u) ** 0.25) - OF_NORMAL]

    found = Shape.of(x)
    expected = root(equations, [x.mean(), np.log(x.std() + 1e-3)], tol=1e-12)
    assert expected.success
    np.testing.assert_allclose([found.centre, np.log(found.scale)], expected.x, atol=1e-7)
    u = (x - found.centre) / found.scale
    assert found.asymmetry == pytest.approx(np.mean(u * np.abs(u) / (1 + u * u) ** 0.75))
    assert found.tails == pytest.approx(np.mean(1 / (1 + u * u)))


@pytest.mark.parametrize("law", LAWS)
def test_standard_errors_are_the_spread_of_repeated_samples(law):
    random = np.random.default_rng(1)
    found = [Shape.of(LAWS[law](random, 800)) for _ in range(300)]
    for value, error in (
        ([np.log(one.scale) for one in found], "log_scale_error"),
        ([one.asymmetry for one in found], "asymmetry_error"),
        ([one.tails for one in found], "tails_error"),
    ):
        assert np.mean([getattr(one, error) for one in found]) == pytest.approx(np.std(value), rel=0.2)


def test_shape_does_not_depend_on_place_and_units():
    x = LAWS["exponential"](np.random.default_rng(2), 400)
    one, other = Shape.of(x), Shape.of(1e6 - 1e-3 * x)
    assert other.scale == pytest.approx(1e-3 * one.scale, rel=1e-5)
    assert other.asymmetry == pytest.approx(-one.asymmetry, rel=1e-5)
    assert other.tails == pytest.approx(one.tails, rel=1e-5)


@pytest.mark.parametrize("ones", [0, 1, 5, 500, 1000])
def test_two_values_and_constants(ones):
    x = np.zeros(1000)
    x[:ones] = 1.0
    found = Shape.of(x)
    assert np.isfinite([found.centre, found.scale, found.asymmetry, found.tails]).all()
    assert (found.scale > 0) == (0 < ones < 1000)
    assert found.log_scale_error > 0
    assert found.tails_error > 0

"""Epps and Pulley's statistic beside a plain loop, and its law beside simulated clouds."""

import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyp0f1

from zpoints.statistics.epps_pulley import EppsPulley, EppsPulleyLaw, _sphere_wave

SIMULATED = 1000


def by_a_plain_loop(s: np.ndarray) -> float:
    total = 0.0
    for number in range(-16, 17):
        t = 3 * number / 16
        empirical = sum(cmath.exp(1j * t * value) for value in s) / len(s)
        weight = math.exp(-t * t / 2) * (3 / 16) * (0.5 if abs(number) == 16 else 1.0)
        total += weight * abs(empirical - math.exp(-t * t / 2)) ** 2
    return len(s) * total


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_it_is_the_plain_loop(scale: float) -> None:
    random = np.random.default_rng(0)
    x, directions = random.standard_t(4, size=(300, 5)) * scale + 0.3, random.normal(size=(7, 5))
    found = EppsPulley.of(x, directions).statistic
    assert found == pytest.approx([by_a_plain_loop(x @ a) for a in directions], rel=1e-10)


def test_it_is_near_the_integral() -> None:
    s = np.random.default_rng(1).normal(size=50)

    def inside(t: float) -> float:
        return abs(np.exp(1j * t * s).mean() - math.exp(-t * t / 2)) ** 2 * math.exp(-t * t / 2)

    exact = len(s) * quad(inside, -3, 3)[0]
    assert EppsPulley.of_projections(s[:, None]).statistic[0] == pytest.approx(exact, rel=1e-3)


@given(st.integers(1, 99), st.integers(0, 2**32 - 1))
def test_parts_add_up(where: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(100, 3))
    directions = np.eye(3)
    whole = EppsPulley.of(x, directions)
    parts = EppsPulley.of(x[:where], directions) + EppsPulley.of(x[where:], directions)
    assert parts.n == 100
    assert parts.statistic == pytest.approx(whole.statistic, rel=1e-9, abs=1e-12)


def whitened(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(axis=0)
    variance, axes = np.linalg.eigh(x.T @ x / len(x))
    return x @ axes / np.sqrt(variance)


SIZES = [
    (200, 6, 40),
    pytest.param(400, 2, 10, marks=pytest.mark.slow),
    pytest.param(300, 60, 30, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("estimated", [False, True])
@pytest.mark.parametrize(("n", "d", "k"), SIZES)
def test_the_law_is_that_of_simulated_clouds(estimated: bool, n: int, d: int, k: int) -> None:
    random = np.random.default_rng([n, d])
    directions = random.normal(size=(k, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    found = []
    for _ in range(SIMULATED):
        x = random.normal(size=(n, d))
        found.append(EppsPulley.of(whitened(x) if estimated else x, directions).statistic)
    law, t = EppsPulleyLaw(directions, estimated), np.array(found)
    means = t.mean(axis=1)
    # Errors of a mean and of a standard deviation over so many clouds, and what the docstring allows.
    assert t.mean() == pytest.approx(law.mean, rel=0.02, abs=4 * means.std() / np.sqrt(SIMULATED))
    assert t.std() == pytest.approx(law.std, rel=0.05 + 0.05)
    assert means.std() == pytest.approx(law.std_of_mean, rel=0.05 + 4 * 1.3 / np.sqrt(2 * SIMULATED))
    rare = np.mean([law.log10_p_of_mean(value) < -2 for value in means])
    assert rare <= 0.02 + 4 * np.sqrt(0.02 / SIMULATED)
    single = np.mean(law.log10_p(t.ravel()) < -2)
    assert 0.003 < single < 0.025


@pytest.mark.parametrize(("n", "d"), [(500, 4), pytest.param(2000, 30, marks=pytest.mark.slow)])
def test_the_law_of_the_sphere_is_that_of_simulated_clouds(n: int, d: int) -> None:
    random = np.random.default_rng([n, d])
    directions = random.normal(size=(20, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    found = []
    for _ in range(SIMULATED):
        x = random.normal(size=(n, d))
        x *= np.sqrt(d) / np.linalg.norm(x, axis=1, keepdims=True)
        found.append(EppsPulley.of(x, directions).statistic)
    law, t = EppsPulleyLaw(directions, sphere=True, n=n), np.array(found)
    means = t.mean(axis=1)
    assert t.mean() == pytest.approx(law.mean, abs=4 * means.std() / np.sqrt(SIMULATED))
    assert t.std() == pytest.approx(law.std, rel=0.05 + 0.05)
    assert means.std() == pytest.approx(law.std_of_mean, rel=0.05 + 4 * 1.3 / np.sqrt(2 * SIMULATED))


@pytest.mark.parametrize("d", [1, 2, 3, 50])
def test_the_series_is_scipys(d: int) -> None:
    square = np.linspace(0, 36, 50)
    assert _sphere_wave(d, square) == pytest.approx(hyp0f1(d / 2, -d * square / 4), abs=1e-8)


def test_a_wide_sphere_is_nearly_normal() -> None:
    normal, sphere = EppsPulleyLaw(np.eye(3000)[:5]), EppsPulleyLaw(np.eye(3000)[:5], sphere=True, n=1000)
    assert sphere.mean == pytest.approx(normal.mean, rel=1e-3)


def test_many_alike_directions_tell_no_more_than_one() -> None:
    one = EppsPulleyLaw(np.array([[1.0, 0.0]]), estimated=True)
    same = EppsPulleyLaw(np.repeat([[1.0, 0.0]], 20, axis=0), estimated=True)
    apart = EppsPulleyLaw(np.eye(400), estimated=True)
    assert same.std_of_mean == pytest.approx(one.std)
    assert apart.std_of_mean == pytest.approx(one.std / 20, rel=0.01)


@pytest.mark.parametrize("name", ["laplace", "shifted", "wide"])
def test_it_grows_with_n_where_the_law_is_another(name: str) -> None:
    random = np.random.default_rng(5)
    s = {
        "laplace": random.laplace(size=8000) / np.sqrt(2),
        "shifted": random.normal(0.2, 1, size=8000),
        "wide": random.normal(0, 1.1, size=8000),
    }[name]
    few = EppsPulley.of_projections(s[:2000, None]).statistic[0]
    many = EppsPulley.of_projections(s[:, None]).statistic[0]
    law = EppsPulleyLaw(np.ones((1, 1)), estimated=False)
    assert many > 2 * few
    assert law.log10_p(np.array([many]))[0] < -3

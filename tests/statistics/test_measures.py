"""The noise of every figure: simulated anew for each number of vectors, and met by new normal planes."""

import numpy as np
import pytest

from planes_of import counted
from support import correlated
from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.statistics.measures import COVERAGE, FEWEST, MASS_NAMES, Noise, PlaneMeasures


def test_every_figure_has_a_noise():
    columns, noise = PlaneMeasures.of(counted(correlated(3000, 3))).columns, Noise.simulate(3000)
    assert columns.keys() == noise.mean.keys() == noise.std.keys()
    assert {values.shape for values in columns.values()} == {(3,)}
    assert noise.n == 3000
    assert noise.stretch_error.shape == (len(MASS_NAMES),)
    assert all(spread > 0 for spread in noise.std.values())
    np.testing.assert_allclose([noise.mean[name] for name in COVERAGE], [normal_coverage(k) for k in LEVELS])
    np.testing.assert_allclose(
        columns["agreement"], np.mean([columns[f"agreement_{mass}"] for mass in MASS_NAMES], axis=0)
    )


def test_the_simulation_is_reproducible():
    a, b, c = Noise.simulate(1000), Noise.simulate(1000), Noise.simulate(1000, seed=1)
    assert (a.mean, a.std) == (b.mean, b.std)
    np.testing.assert_array_equal(a.stretch_error, b.stretch_error)
    assert a.mean != c.mean


@pytest.mark.parametrize("n", [FEWEST, 21, 50, 300])
def test_few_vectors(n):
    noise = Noise.simulate(n)
    off = noise.deviations(PlaneMeasures.of(counted(correlated(n, 3))).columns)
    assert all(np.isfinite(noise.mean[name]) for name in COVERAGE)
    assert np.isfinite(off["mutual_information_excess"]).all()


@pytest.mark.parametrize("n", [1000, 20_000])
def test_new_normal_planes_deviate_by_one_standard_error(n):
    noise = Noise.simulate(n)
    found = noise.deviations(PlaneMeasures.of(counted(correlated(n, 24, seed=7))).columns)
    for name, off in found.items():
        assert off.shape == (276,)
        assert abs(off.mean()) < 1.2, name  # the planes share their components
        assert 0.7 < off.std() < 1.4, name
        assert np.abs(off).max() < 7, name


def test_the_noise_falls_with_the_number_of_vectors():
    few, many = Noise.simulate(1000), Noise.simulate(16_000)
    for name in COVERAGE:
        assert few.std[name] / many.std[name] == pytest.approx(4, rel=0.25)
    assert few.mean["agreement"] < many.mean["agreement"] < 1
    assert few.mean["shift_39"] > many.mean["shift_39"] > 0


def test_a_region_that_the_grid_cannot_hold_is_infinitely_far_off():
    noise = Noise.simulate(1000)
    values = {"agreement_95": np.array([np.nan, noise.mean["agreement_95"]])}
    assert noise.deviations(values)["agreement_95"].tolist() == [np.inf, 0]

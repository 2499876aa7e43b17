"""The noise of every figure: simulated anew for each number of vectors, and met by new normal planes."""

import numpy as np
import pytest
import scipy.stats

from planes_of import counted
from support import correlated
from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.statistics.measures import COVERAGE, FEWEST, MASS_NAMES, STATISTICS, Noise
from zpoints.statistics.planes import PlaneCounts
from zpoints.statistics.statistic import PlaneMeasures, Statistic, columns_of


def columns_for(counts: PlaneCounts) -> dict[str, np.ndarray]:
    return columns_of(PlaneMeasures(counts), STATISTICS)


def test_every_figure_has_a_noise():
    columns, noise = columns_for(counted(correlated(3000, 3))), Noise.simulate(3000)
    assert columns.keys() == noise.mean.keys() == noise.std.keys()
    assert {values.shape for values in columns.values()} == {(3,)}
    assert noise.n == 3000
    assert noise.stretch_error.shape == (len(MASS_NAMES),)
    assert all(spread > 0 for spread in noise.std.values())
    # Their own mean and covariance: a squared distance follows a Beta law, near chi-square.
    n = noise.n
    exact = scipy.stats.beta(1, (n - 3) / 2).cdf(np.array(LEVELS) ** 2 * n / (n - 1) ** 2)
    np.testing.assert_allclose([noise.mean[name] for name in COVERAGE], exact)
    np.testing.assert_allclose(exact, [normal_coverage(k) for k in LEVELS], atol=2e-3)
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
    off = noise.deviations(columns_for(counted(correlated(n, 3))))
    assert all(np.isfinite(noise.mean[name]) for name in COVERAGE)
    assert np.isfinite(off["mutual_information_excess"]).all()


@pytest.mark.parametrize("n", [1000, 20_000])
def test_new_normal_planes_deviate_by_one_standard_error(n):
    noise = Noise.simulate(n)
    found = noise.deviations(columns_for(counted(correlated(n, 24, seed=7))))
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


def test_a_further_statistic_gets_its_noise_from_the_same_planes():
    def quadrants(planes: PlaneMeasures) -> np.ndarray:
        half = planes.counts.bins // 2
        parts = planes.counts.joint.reshape(-1, 2, half, 2, half).sum(axis=(2, 4))
        return np.ptp(parts.reshape(-1, 4), axis=1) / planes.counts.n

    further = Statistic("quadrants", quadrants, side="above")
    noise, alone = Noise.simulate(2000, statistics=(*STATISTICS, further)), Noise.simulate(2000)
    assert {name: noise.mean[name] for name in alone.mean} == alone.mean
    assert {name: noise.law[name] for name in alone.law} == alone.law
    # The same of normal pairs, each in its own round coordinates, without a grid.
    u, v = scipy.stats.zscore(np.random.default_rng(0).normal(size=(2, 3000, 2000)), axis=2)
    w = v - (u * v).mean(axis=1, keepdims=True) * u
    ranges = np.ptp([(((u > 0) == a) & ((w > 0) == b)).mean(axis=1) for a in (0, 1) for b in (0, 1)], axis=0)
    assert noise.mean["quadrants"] == pytest.approx(ranges.mean(), abs=0.3 * ranges.std())
    assert noise.std["quadrants"] == pytest.approx(ranges.std(), rel=0.2)


def test_the_largest_defect_counts_what_is_judged_on_its_own_side():
    values = {
        "up": np.array([3.0, -9.0, 0.0]),
        "down": np.array([1.0, -2.0, 0.0]),
        "two": np.array([0.0, -4.0, 0]),
    }
    values |= {"not judged": np.array([99.0, 99.0, 99.0]), "never": np.array([np.nan, np.nan, np.nan])}
    sides = {"up": "above", "down": "below", "two": "both", "not judged": "both", "never": "both"}
    statistics = tuple(
        Statistic(name, lambda planes: np.zeros(0), side=side, judged=name != "not judged")
        for name, side in sides.items()
    )
    law = dict.fromkeys(sides, (0.0, 1.0)) | {"never": (np.nan, np.nan)}
    noise = Noise(100, statistics, {}, {}, law, np.zeros(4))
    assert noise.largest_defect(values).tolist() == [3, 4, 0]
    values["down"][2] = np.nan
    assert noise.largest_defect(values).tolist() == [3, 4, np.inf]


def test_a_statistic_whose_noise_vanishes_deviates_only_where_it_differs():
    noise = Noise(
        100, (Statistic("count", lambda planes: np.zeros(0)),), {}, {}, {"count": (2.0, 0.0)}, np.zeros(4)
    )
    assert noise.deviations({"count": np.array([2.0, 3.0, 1.0])})["count"].tolist() == [0, np.inf, -np.inf]

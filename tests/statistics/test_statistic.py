"""Sides, scales and what a statistic may look at."""

import numpy as np
import pytest

from planes_of import counted
from support import correlated
from zpoints.statistics.information import mutual_information_excess
from zpoints.statistics.measures import COVERAGE, STATISTICS
from zpoints.statistics.regions import Regions
from zpoints.statistics.statistic import PlaneMeasures, Statistic, columns_of


def nothing(planes: PlaneMeasures) -> np.ndarray:
    return np.zeros(0)


@pytest.mark.parametrize(
    ("side", "expected"), [("above", [-2, 3]), ("below", [2, -3]), ("both", [2, 3])], ids=str
)
def test_a_defect_lies_on_one_side_or_on_both(side, expected):
    assert Statistic("x", nothing, side=side).defect(np.array([-2.0, 3.0])).tolist() == expected


def test_scales():
    values = np.array([1.0, np.e, 0.0])
    assert Statistic("x", nothing).scaled(values) is values
    np.testing.assert_array_equal(Statistic("x", nothing, scale="log").scaled(values), [0, 1, -np.inf])


@pytest.mark.parametrize("wrong", [{"side": "left"}, {"scale": "square"}])
def test_other_sides_and_scales_are_refused(wrong):
    with pytest.raises(ValueError, match=r"'x': .*; it must be one of"):
        Statistic("x", nothing, **wrong)


def test_built_in_statistics_are_what_their_modules_say():
    counts = counted(correlated(3000, 4))
    found, regions = columns_of(PlaneMeasures(counts), STATISTICS), Regions.of(counts)
    assert list(found) == [statistic.name for statistic in STATISTICS]
    assert len(set(found)) == len(STATISTICS)
    np.testing.assert_array_equal(np.stack([found[name] for name in COVERAGE], axis=1), counts.coverage)
    np.testing.assert_array_equal(found["mutual_information_excess"], mutual_information_excess(counts))
    np.testing.assert_array_equal(found["henze_zirkler"], regions.henze_zirkler)
    np.testing.assert_array_equal(found["shift_68"], regions.shift[:, 1])
    np.testing.assert_array_equal(found["stretch_86"], regions.roundness_defect[:, 2])
    np.testing.assert_array_equal(found["agreement_95"], regions.agreement[:, 3])


def test_regions_are_found_once(monkeypatch):
    calls = []
    found = Regions.of(counted(correlated(500, 2)))
    monkeypatch.setattr(Regions, "of", lambda counts: calls.append(counts) or found)
    planes = PlaneMeasures(counted(correlated(500, 2)))
    columns_of(planes, STATISTICS)
    assert len(calls) == 1

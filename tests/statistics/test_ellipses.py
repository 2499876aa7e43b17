"""Confidence ellipses against eigen-decompositions and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpoints.statistics.ellipses import LEVELS, Ellipses, normal_coverage

stds = st.floats(1e-3, 1e3)
correlations = st.floats(-0.9999, 0.9999)


def ellipse(a: float, b: float, r: float) -> Ellipses:
    return Ellipses.of(np.array([a]), np.array([b]), np.array([r]))


@given(stds, stds, correlations)
def test_half_axes_and_angle_are_those_of_the_covariance(a, b, r):
    values, vectors = np.linalg.eigh([[a * a, r * a * b], [r * a * b, b * b]])
    found = ellipse(a, b, r)
    assert found.half_axis_major[0] ** 2 == pytest.approx(values[1], rel=1e-9)
    assert found.half_axis_minor[0] ** 2 == pytest.approx(values[0], rel=1e-5, abs=1e-9 * values[1])
    assert -90 < found.angle[0] <= 90
    if values[0] < 0.999 * values[1]:  # a circle has no major axis
        turn = np.radians(found.angle[0])
        assert abs(np.dot(vectors[:, 1], [np.cos(turn), np.sin(turn)])) == pytest.approx(1, abs=1e-9)


@given(stds, stds, correlations)
def test_product_of_the_half_axes_is_the_root_of_the_determinant(a, b, r):
    found = ellipse(a, b, r)
    area = found.half_axis_major[0] * found.half_axis_minor[0]
    assert area == pytest.approx(a * b * np.sqrt((1 - r) * (1 + r)), rel=1e-12)


@pytest.mark.parametrize("r", [0.9, 1 - 1e-6, 1 - 1e-13, -1 + 1e-13])
def test_thin_ellipses_keep_their_digits(r):
    found = ellipse(
        2.0, 2.0, r
    )  # in equal scales the half-axes are s sqrt(1 + |r|), s sqrt(1 - |r|) at 45 degrees
    assert found.half_axis_major[0] == pytest.approx(2 * np.sqrt(1 + abs(r)), rel=1e-13)
    assert found.half_axis_minor[0] == pytest.approx(2 * np.sqrt(1 - abs(r)), rel=1e-13)
    assert found.angle[0] == pytest.approx(np.copysign(45, r))


def test_angles_by_hand():
    found = Ellipses.of(
        np.array([3.0, 1.0, 1.0, 1.0]), np.array([1.0, 3.0, 1.0, 1.0]), np.array([0, 0, 0.5, -0.5])
    )
    np.testing.assert_allclose(np.abs(found.angle), [0, 90, 45, 45], atol=1e-12)
    assert found.angle[2] > 0 > found.angle[3]


@given(stds, stds, correlations, st.floats(0.1, 5))
def test_the_outline(a, b, r, k):
    points = ellipse(a, b, r).outline(0, k, 4001)
    assert points.shape == (4001, 2)
    np.testing.assert_allclose(points[0], points[-1], atol=1e-9 * k * max(a, b))
    assert np.abs(points).max(axis=0) == pytest.approx([k * a, k * b], rel=1e-4)
    assert np.abs(points).min(axis=0) == pytest.approx([0, 0], abs=3e-3 * k * max(a, b))


@given(st.floats(0.3, 3), st.floats(0.3, 3), st.floats(-0.99, 0.99), st.floats(0.1, 5))
def test_the_outline_satisfies_the_equation(a, b, r, k):
    u, v = (ellipse(a, b, r).outline(0, k) / [a, b]).T
    np.testing.assert_allclose(u**2 - 2 * r * u * v + v**2, k**2 * (1 - r**2), rtol=1e-9)


def test_the_outline_of_one_plane_among_many():
    planes = Ellipses.of(np.array([1.0, 2.0]), np.array([1.0, 5.0]), np.array([0.9, -0.3]))
    np.testing.assert_array_equal(planes.outline(1, 2.0), ellipse(2.0, 5.0, -0.3).outline(0, 2.0))
    assert planes.outline(1, 2.0).shape == (200, 2)


def test_coverage_of_a_normal_pair():
    assert LEVELS == (1, 2, 2.5, 3)
    assert [round(100 * normal_coverage(k), 2) for k in LEVELS] == [39.35, 86.47, 95.61, 98.89]
    assert normal_coverage(1e-9) == pytest.approx(5e-19, rel=1e-9)

"""Vectors with an attribute: the subset's mean, and a covariance between its own and that within groups."""

import numpy as np
import pytest

import zpoints
from support import correlated, line
from zpoints.errors import ArrayError
from zpoints.samplers import Ellipse, Kernel, Mixture, Normal, Resample
from zpoints.samplers.conditional import conditioned
from zpoints.samplers.points import Points


@pytest.fixture(scope="module")
def smiling() -> tuple[Points, np.ndarray, np.ndarray]:
    x = correlated(4000, 6)
    rows = np.flatnonzero(np.random.default_rng(0).random(4000) < 0.25)
    x[rows] = x[rows] * 0.5 + 4
    return Points.of(zpoints.analyse(x)), rows, x


@pytest.mark.parametrize("make", [Normal, Ellipse, Mixture, Kernel, Resample])
def test_vectors_are_drawn_where_the_subset_lies(make, smiling):
    points, rows, x = smiling
    z = make(random_state=0).fit(conditioned(points, rows)).sample(6000)
    std = x[rows].std(axis=0)
    assert (np.abs(z.mean(axis=0) - x[rows].mean(axis=0)) < 0.1 * std).all()
    assert (z.std(axis=0) < 1.2 * std).all()


@pytest.mark.parametrize("shrinkage", [0.0, 0.4, 1.0, None])
def test_the_covariance_lies_between(shrinkage, smiling):
    points, rows, x = smiling
    found, subset = conditioned(points, rows, shrinkage).distribution, x[rows]
    share = 6 / (len(rows) + 6) if shrinkage is None else shrinkage
    rest = np.delete(x, rows, axis=0)
    pooled = ((len(subset) - 1) * np.cov(subset.T) + (len(rest) - 1) * np.cov(rest.T)) / (len(x) - 2)
    expected = (1 - share) * np.cov(subset.T) + share * pooled
    assert found.n == len(rows)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.mean, subset.mean(axis=0), rtol=1e-9)


def test_the_distance_between_two_groups_is_no_spread_within_them():
    """An attribute whose mean lies three standard deviations apart: 6.7 % of its vectors lie beyond the middle."""
    random = np.random.default_rng(0)
    x = random.normal(size=(4000, 40))
    x[:40, 0] += 3.0
    points = Points.of(zpoints.analyse(x))
    z = Normal(random_state=1).fit(conditioned(points, np.arange(40), 1.0)).sample(20_000)
    assert np.var(z[:, 0]) == pytest.approx(1, abs=0.06)
    assert (z[:, 0] < z[:, 0].mean() - 1.5).mean() == pytest.approx(0.0668, abs=0.01)


def test_all_vectors_are_a_subset_too(smiling):
    points, _, x = smiling
    found = conditioned(points, np.arange(len(x)), 1.0).distribution
    np.testing.assert_allclose(found.covariance, np.cov(x.T), rtol=1e-6, atol=1e-9)


def test_fewer_vectors_than_components_still_span_all_of_them(smiling):
    points, rows, _ = smiling
    few = conditioned(points, rows[:4])
    assert few.distribution.pca.rank == 6
    assert np.isfinite(Normal().fit(few).score_samples(np.zeros((1, 6)))).all()


def test_too_few_vectors_are_refused(smiling):
    points, rows, _ = smiling
    with pytest.raises(ArrayError) as refused:
        conditioned(points, rows[:1])
    assert "1 vector(s) fulfil the condition" in line(refused.value)
    with pytest.raises(ArrayError) as refused:
        conditioned(Points(points.distribution, None), rows)
    assert "needs the latent vectors" in line(refused.value)

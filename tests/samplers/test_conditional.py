"""Vectors with an attribute: the subset's mean, and a covariance between its own and that of all."""

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
    expected = (1 - share) * np.cov(subset.T) + share * np.cov(x.T)
    assert found.n == len(rows)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.mean, subset.mean(axis=0), rtol=1e-9)


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

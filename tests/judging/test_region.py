"""Violated planes and distances against brute force and closed forms."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from support import correlated
from zpoints.judging.region import BothSides, mahalanobis_summary, two_sample_test, violated_planes
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA


def test_violated_planes_by_their_definition():
    x = correlated(500, 7)
    pca = PCA.of_moments(Moments.of(x))
    z = 1.6 * x[:60]
    u = pca.whiten(z)
    outside = [u[:, i] ** 2 + u[:, j] ** 2 > 9 for i, j in combinations(range(7), 2)]
    assert violated_planes(z, pca) == pytest.approx(np.mean(outside))


def test_normal_vectors_violate_the_exact_share_of_planes():
    x = np.random.default_rng(0).normal(size=(20_000, 12))
    assert violated_planes(x, PCA.of_moments(Moments.of(x))) == pytest.approx(np.exp(-4.5), rel=0.03)


def test_mahalanobis_distances_beside_held_out_ones():
    x = np.random.default_rng(1).normal(size=(8000, 9))
    pca = PCA.of_moments(Moments.of(x))
    same, wide = (
        mahalanobis_summary(x[:3000], pca, BothSides.of(x[:3000], x[5000:])),
        mahalanobis_summary(2 * x[:3000], pca, BothSides.of(2 * x[:3000], x[5000:])),
    )
    assert same["median"] == pytest.approx(np.sqrt(8.34), rel=0.02)
    assert same["ks_distance"] < 0.05
    assert wide["median"] == pytest.approx(2 * same["median"], rel=1e-3)
    assert wide["ks_distance"] > 0.8
    assert same["low"] < same["median"] < same["high"]


def test_two_samples_of_one_law_cannot_be_told_apart_and_others_can():
    x, held, others, more = np.split(correlated(7500, 5), [3000, 4500, 6000])
    same = two_sample_test(BothSides.of(others, held), 0)
    assert abs(same["accuracy"] - 0.5) < 4 * same["error"]
    assert same["p"] > 1e-4
    assert same["n"] == 1500  # half of both
    # The same mean and covariance, in one vector of two of half the length: only the length tells.
    random = np.random.default_rng(3)
    scale = np.where(random.random(1500) < 0.5, 0.5, np.sqrt(2 - 0.25))[:, None]
    other = x.mean(axis=0) + scale * (more - x.mean(axis=0))
    found = two_sample_test(BothSides.of(other, held), 0)
    assert found["accuracy"] > 0.65
    assert found["p"] < 1e-12


def test_a_sampler_that_draws_training_vectors_is_not_told_from_vectors_of_the_same_law():
    """The training's own axes fit the training: by these held-out vectors lie farther out, and copies nearer."""
    random = np.random.default_rng(0)
    training, held, fresh = (random.normal(size=(n, 128)) for n in (1500, 1000, 1000))
    pca = PCA.of_moments(Moments.of(training))
    drawn = training[random.choice(len(training), 1000, replace=False)]
    for z in (drawn, fresh):
        assert mahalanobis_summary(z, pca, BothSides.of(z, held))["ks_distance"] < 1.95 / np.sqrt(
            500
        )  # p of one in a thousand
        test = two_sample_test(BothSides.of(z, held), 0)
        assert abs(test["accuracy"] - 0.5) < 4 * test["error"]
    biased = [np.linalg.norm(pca.whiten(z), axis=1) for z in (drawn, held)]
    assert ks_2samp(*biased).statistic > 0.2

"""Mixtures against scikit-learn's, and their sums under any cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from support import correlated
from zpoints.statistics.mixtures import Mixture, MixtureSums


def random_mixture(k: int, r: int, seed: int = 0) -> Mixture:
    random = np.random.default_rng(seed)
    roots = np.tril(random.normal(size=(k, r, r))) * 0.3 + np.eye(r)
    return Mixture(
        random.dirichlet(np.full(k, 5.0)), random.normal(size=(k, r)) * 2, roots @ roots.transpose(0, 2, 1)
    )


def sklearn_of(mixture: Mixture) -> GaussianMixture:
    theirs = GaussianMixture(mixture.components)
    theirs.weights_, theirs.means_, theirs.covariances_ = mixture.weights, mixture.means, mixture.covariances
    theirs.precisions_cholesky_ = np.linalg.inv(mixture.roots).transpose(0, 2, 1)
    return theirs


@pytest.mark.parametrize(("k", "r"), [(1, 1), (3, 2), (5, 20)])
def test_density_and_shares_are_scikit_learns(k, r):
    mixture = random_mixture(k, r)
    x = mixture.draw(500, np.random.default_rng(1))
    theirs = sklearn_of(mixture)
    np.testing.assert_allclose(mixture.log_density(x), theirs.score_samples(x), rtol=1e-4, atol=1e-3)
    joint = mixture.log_joint(x)
    shares = np.exp(joint - mixture.log_density(x)[:, None])
    np.testing.assert_allclose(shares, theirs.predict_proba(x), atol=1e-4)


@pytest.mark.parametrize(("k", "r"), [(1, 3), (4, 6)])
def test_one_iteration_is_scikit_learns(k, r):
    mixture = random_mixture(k, r)
    x = mixture.draw(3000, np.random.default_rng(2))
    theirs = sklearn_of(mixture)
    _, log_share = theirs._e_step(x)
    theirs._m_step(x, log_share)
    sums = MixtureSums.of(x, mixture)
    ours = sums.mixture(prior=1e-9)
    assert sums.mean_log_likelihood == pytest.approx(sklearn_of(mixture).score(x), rel=1e-5)
    np.testing.assert_allclose(ours.weights, theirs.weights_, rtol=1e-4)
    np.testing.assert_allclose(ours.means, theirs.means_, atol=1e-4)
    np.testing.assert_allclose(ours.covariances, theirs.covariances_, atol=1e-3)


def test_the_prior_draws_covariances_towards_that_within_components():
    mixture = random_mixture(2, 3)
    sums = MixtureSums.of(mixture.draw(1000, np.random.default_rng(3)), mixture)
    loose, tight = sums.mixture(1e-9), sums.mixture(1e12)
    within = np.einsum("k,krs->rs", sums.weight, loose.covariances) / sums.n
    common = (1000 * within + 3 * np.eye(3) * np.trace(within) / 3) / 1003
    np.testing.assert_allclose(tight.covariances, np.stack([common] * 2), rtol=1e-5, atol=1e-6)
    half = sums.mixture(sums.weight[0])
    np.testing.assert_allclose(half.covariances[0], (loose.covariances[0] + common) / 2, rtol=1e-5, atol=1e-6)


@given(st.lists(st.integers(1, 399), max_size=4, unique=True), st.permutations(range(5)))
@settings(max_examples=25, deadline=None)
def test_any_cut_and_order_gives_the_same(cuts, order):
    mixture = random_mixture(3, 4)
    x = mixture.draw(400, np.random.default_rng(4))
    whole = MixtureSums.of(x, mixture)
    parts = np.split(x, sorted(cuts))
    parts = [parts[p] for p in order if p < len(parts)]
    total = None
    for part in parts:
        found = MixtureSums.of(part, mixture)
        total = found if total is None else total + found
    assert total.n == whole.n
    np.testing.assert_allclose(total.weight, whole.weight, rtol=1e-5)
    np.testing.assert_allclose(total.first, whole.first, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(total.second, whole.second, rtol=1e-4, atol=1e-2)


def test_vectors_drawn_have_the_moments_of_the_law():
    mixture = random_mixture(3, 2)
    x = mixture.draw(200_000, np.random.default_rng(5))
    mean = mixture.weights @ mixture.means
    off = mixture.means - mean
    covariance = np.einsum(
        "k,kij->ij", mixture.weights, mixture.covariances + off[:, :, None] * off[:, None, :]
    )
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(x.T), covariance, rtol=0.02, atol=0.02)


def test_iterations_never_lose_likelihood():
    x = np.concatenate([correlated(800, 3), correlated(800, 3, 1) + 4])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    mixture, last = random_mixture(2, 3), -np.inf
    for _ in range(15):
        sums = MixtureSums.of(x, mixture)
        assert sums.mean_log_likelihood > last - 1e-4
        mixture, last = sums.mixture(1e-6), sums.mean_log_likelihood

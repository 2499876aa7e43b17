"""The mixture sampler finds clusters, keeps the number that held-out vectors want, and streams."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from support import correlated, line
from zpoints.errors import UsageError
from zpoints.samplers import Mixture


def two_clusters(n: int = 4000) -> np.ndarray:
    x = correlated(n, 5)
    x[: n // 4] = correlated(n // 4, 5, 7) * 0.5 + 12
    return x


def test_two_clusters_are_drawn_in_their_shares():
    x = two_clusters()
    z = Mixture(random_state=0).fit(x).sample(20_000)
    assert (z.mean(axis=1) > 7).mean() == pytest.approx(0.25, abs=0.02)


def test_a_normal_cloud_needs_one_component():
    assert Mixture(random_state=0).fit(correlated(3000, 6)).mixture_.components == 1


def test_held_out_vectors_are_described_as_well_as_by_scikit_learn():
    x, held_out = two_clusters(), two_clusters()[::-1] + 0.0
    ours = Mixture(components=2, random_state=0).fit(x).score_samples(held_out).mean()
    theirs = GaussianMixture(2, random_state=0).fit(x).score(held_out)
    assert ours > theirs - 0.05


def test_the_number_of_vectors_in_a_block_does_not_matter(monkeypatch):
    from zpoints.samplers import mixture

    x = two_clusters()
    a = Mixture(components=3, random_state=0).fit(x)
    monkeypatch.setattr(mixture, "BLOCK", 300)
    b = Mixture(components=3, random_state=0).fit(x)
    np.testing.assert_allclose(a.mixture_.means, b.mixture_.means, atol=5e-3)
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, abs=1e-2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"components": 0}, "components=0"), ({"components": "many"}, "many"), ({"prior": -1}, "prior=-1")],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(UsageError) as refused:
        Mixture(**settings).fit(correlated(50, 3))
    assert message in line(refused.value)


@pytest.mark.parametrize("components", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_the_mixture_is_no_wider_than_its_vectors(components):
    """With the unit covariance as prior, variances were up to 1.38 of what they should be."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(10, 64))
    x = centres[random.integers(10, size=1000)] + random.normal(size=(1000, 64))
    law = Mixture(components=components, random_state=0).fit(x).mixture_
    mean = law.weights @ law.means
    covariance = np.einsum("k,krs->rs", law.weights, law.covariances) - np.outer(mean, mean)
    covariance += np.einsum("k,kr,ks->rs", law.weights, law.means, law.means)
    values = np.linalg.eigvalsh(covariance)  # of whitened vectors: 1 each
    assert values.max() < 1.08
    assert values.min() > 0.9
    assert np.trace(covariance) / 64 == pytest.approx(1, abs=0.01)

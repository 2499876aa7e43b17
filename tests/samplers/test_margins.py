"""Copula and elliptical law: a density at every vector, that integrates to 1 and belongs to the draws."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, multivariate_t, spearmanr

import zpoints as zp
from zpoints.samplers import Copula, Elliptical

LAWS = {
    "normal": lambda random, shape: random.normal(size=shape),
    "t4": lambda random, shape: random.standard_t(4, size=shape),
    "skewed": lambda random, shape: random.gamma(3, size=shape),
}


@pytest.mark.parametrize(("n", "d"), [(300, 30), (3000, 12)])
@pytest.mark.parametrize("make", [Copula, Elliptical])
@pytest.mark.parametrize(
    "law", ["t4", *(pytest.param(law, marks=pytest.mark.slow) for law in ("normal", "skewed"))]
)
def test_held_out_vectors_have_a_finite_density(n, d, make, law):
    """Of 300 vectors along 30 axes, the copula gave a third of the held-out ones no density at all."""
    x = LAWS[law](np.random.default_rng(0), (2 * n, d))
    sampler = make().fit(x[:n])
    found = sampler.score_samples(np.concatenate([x[n:], x[n:] * 100, x[:n].mean(axis=0)[None]]))
    assert np.isfinite(found).all()
    held_out, normal = found[:n].mean(), zp.samplers.Normal().fit(x[:n]).score(x[n:])
    if law == "normal":
        assert held_out > normal - 0.25 * d  # quantiles of few vectors cost something
        assert make is Copula or held_out > normal - 0.2
    elif n == 3000 and (make is Copula or law == "t4"):
        assert held_out > normal


@pytest.mark.parametrize("d", [2, *(pytest.param(d, marks=pytest.mark.slow) for d in (1, 3))])
@pytest.mark.parametrize("make", [Copula, Elliptical])
def test_the_density_integrates_to_one(make, d):
    """By importance: draws of a wide t law."""
    random = np.random.default_rng(1)
    x = random.standard_t(4, size=(600, d)) @ (np.eye(d) + 0.5 * np.eye(d, k=1))
    for temperature in (0.6, 1.0, 1.5):
        sampler = make(temperature=temperature).fit(x)
        pca = sampler.distribution_.pca
        # A multivariate t law with three degrees of freedom, in whitened units.
        u = (
            1.2
            * temperature
            * random.normal(size=(60_000, d))
            / np.sqrt(random.chisquare(3, (60_000, 1)) / 3)
        )
        proposal = multivariate_t(np.zeros(d), (1.2 * temperature) ** 2 * np.eye(d), df=3).logpdf(u)
        volume = 0.5 * np.log(pca.variance).sum() + np.log(pca.scale).sum()
        weight = np.exp(sampler.score_samples(pca.unwhiten(u)) + volume - proposal)
        assert weight.mean() == pytest.approx(1, abs=5 * weight.std() / np.sqrt(len(u)) + 2e-3)


@pytest.mark.parametrize("make", [Copula, Elliptical])
def test_the_draws_have_the_law_of_the_vectors(make):
    random = np.random.default_rng(2)
    x = random.normal(size=(4000, 3)) / np.sqrt(random.chisquare(4, (4000, 1)) / 4)
    sampler = make().fit(x)
    drawn = sampler.sample(4000, random_state=0)
    for j in range(3):
        assert ks_2samp(x[:, j], drawn[:, j]).pvalue > 1e-3
    # log density over the draws: the entropy, by the same law's own draws twice
    one, two = sampler.score_samples(drawn[:2000]), sampler.score_samples(drawn[2000:])
    assert one.mean() == pytest.approx(two.mean(), abs=5 * np.hypot(one.std(), two.std()) / np.sqrt(2000))
    assert np.isfinite(one).all()


def test_the_copula_keeps_spearmans_coefficient_not_pearsons():
    random = np.random.default_rng(3)
    x = np.maximum(random.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 20_000), 0)
    # Principal axes turn the pair; the copula is asked along the axes that it works in.
    sampler = Copula().fit(x)
    pca = sampler.distribution_.pca
    of_vectors, of_draws = (
        pca.whiten(v.astype(np.float64)) for v in (x, sampler.sample(20_000, random_state=0))
    )
    assert spearmanr(*of_draws.T)[0] == pytest.approx(spearmanr(*of_vectors.T)[0], abs=0.05)

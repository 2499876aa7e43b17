"""The exact sampler inside all pairwise ellipses, against simulation by rejection and closed forms."""

from itertools import combinations

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from support import correlated, line
from zpoints.analysis.distribution import Distribution
from zpoints.errors import UsageError
from zpoints.samplers.ellipse import Ellipse, PairwiseEllipses
from zpoints.statistics.moments import Moments

TABLE = {  # k: P for d = 120 and d = 256, from METHOD.md, confirmed there by simulation
    2.5: (0.00012, 2.3e-9),
    3.0: (0.0271, 0.000268),
    3.5: (0.3005, 0.0537),
    4.0: (0.7338, 0.4335),
    4.5: (0.9446, 0.8393),
    5.0: (0.9928, 0.9752),
}


def random() -> np.random.Generator:
    return np.random.default_rng(7)


def within_all(u: np.ndarray, k: float) -> np.ndarray:
    """The definition, pair by pair."""
    return np.all(
        [u[:, i] ** 2 + u[:, j] ** 2 <= k * k for i, j in combinations(range(u.shape[1]), 2)], axis=0
    )


@pytest.mark.parametrize("k", TABLE)
@pytest.mark.parametrize(("d", "column"), [(120, 0), (256, 1)])
def test_the_probability_is_that_of_the_table(k, d, column):
    digits = f"{TABLE[k][column]:.4g}"
    half_a_digit = 0.5 * 10.0 ** -len(digits.split(".")[1]) if "e" not in digits else 0.05e-9
    probability = np.exp(PairwiseEllipses(d, k).log_probability)
    assert probability == pytest.approx(TABLE[k][column], abs=1.001 * half_a_digit)


@pytest.mark.parametrize("k", [0.01, 0.5, 1, 2, 3, 6])
def test_in_the_plane_the_probability_is_the_coverage(k):
    assert np.exp(PairwiseEllipses(2, k).log_probability) == pytest.approx(1 - np.exp(-k * k / 2), rel=1e-9)


@pytest.mark.parametrize(("d", "k"), [(3, 1.0), (10, 2.0), (120, 3.0), (256, 4.0), (1000, 4.5)])
def test_the_probability_by_other_quadrature(d, k):
    within = scipy.stats.norm.cdf
    one = scipy.integrate.quad(
        lambda m: 2 * scipy.stats.norm.pdf(m) * (2 * within(np.sqrt(k * k - m * m)) - 1) ** (d - 1),
        k / np.sqrt(2), k, epsabs=0, epsrel=1e-10, limit=500,
    )[0]  # fmt: skip
    expected = (2 * within(k / np.sqrt(2)) - 1) ** d + d * one
    assert PairwiseEllipses(d, k).log_probability == pytest.approx(np.log(expected), rel=1e-6)


def test_one_component_is_a_truncated_normal():
    law = PairwiseEllipses(1, 1.5)
    assert np.exp(law.log_probability) == pytest.approx(2 * scipy.stats.norm.cdf(1.5) - 1, rel=1e-9)
    u = law.draw(20_000, random())[:, 0]
    assert scipy.stats.kstest(u, scipy.stats.truncnorm(-1.5, 1.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("d", "k"), [(2, 1.0), (2, 3.0), (3, 2.5), (5, 1.5), (7, 3.5), (10, 2.2)])
def test_draws_follow_the_law_of_rejection(d, k):
    normal = np.random.default_rng(1).normal(size=(300_000, d))
    accepted = within_all(normal, k)
    law = PairwiseEllipses(d, k)
    probability = np.exp(law.log_probability)
    assert accepted.mean() == pytest.approx(
        probability, abs=4 * np.sqrt(probability * (1 - probability) / 300_000)
    )
    expected = normal[accepted][:40_000]
    assert len(expected) > 10_000
    found = law.draw(40_000, random())
    figures = {
        "first component": lambda u: u[:, 0],
        "last component": lambda u: u[:, -1],
        "largest": lambda u: np.sort(np.abs(u))[:, -1],
        "second largest": lambda u: np.sort(np.abs(u))[:, -2],
        "length": lambda u: np.linalg.norm(u, axis=1),
        "place of the largest": lambda u: np.abs(u).argmax(axis=1) + 0.0,
        "product of two": lambda u: u[:, 0] * u[:, 1],
    }
    for name, figure in figures.items():
        assert scipy.stats.ks_2samp(figure(found), figure(expected)).pvalue > 1e-3, name


@pytest.mark.parametrize("d", [2, 5, 30, 256])
@pytest.mark.parametrize("k", [0.05, 1.0, 3.0, 5.0, 40.0])
def test_every_vector_is_inside_all_ellipses(d, k):
    u = PairwiseEllipses(d, k).draw(3000, random())
    assert u.shape == (3000, d)
    assert np.isfinite(u).all()
    if d <= 30:
        assert within_all(u, k * (1 + 1e-12)).all()
    largest = np.sort(u**2, axis=1)[:, -2:]
    assert (largest.sum(axis=1) <= k * k * (1 + 1e-12)).all()
    assert np.unique(u[:, 0]).size > 2900
    assert abs(u.mean()) < 5 * u.std() / np.sqrt(u.size)


def test_inside_is_the_definition():
    u = np.random.default_rng(0).normal(size=(5000, 4))
    found = PairwiseEllipses(4, 2.0).inside(u)
    np.testing.assert_array_equal(found, within_all(u, 2.0))
    assert 0.2 < found.mean() < 0.8


def test_a_tiny_core_in_many_dimensions():
    k, d = 0.05, 256
    one = scipy.integrate.quad(lambda m: 2 * (2 * np.sqrt(1 - m * m)) ** (d - 1), np.sqrt(0.5), 1)[0]
    log_volume = np.log(np.sqrt(2) ** d + d * one) + d * np.log(k)
    flat = log_volume - 0.5 * d * np.log(2 * np.pi)  # as if the density were that of the centre
    assert flat - d * k * k / 4 <= PairwiseEllipses(d, k).log_probability <= flat


def test_a_level_far_out_is_the_plain_normal():
    law = PairwiseEllipses(256, 40.0)
    assert law.log_probability == pytest.approx(0, abs=1e-9)
    assert scipy.stats.kstest(law.draw(200, random()).ravel(), scipy.stats.norm.cdf).pvalue > 1e-3


def test_the_density_integrates_to_one_and_ends_at_the_ellipse():
    x = correlated(400, 2)
    sampler = Ellipse(1.7).fit(x)
    mean, covariance = x.mean(axis=0), np.cov(x.T)
    reach = 1.8 * np.sqrt(np.diagonal(covariance))
    side = np.linspace(-1, 1, 801)
    grid = mean + reach * np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    scores = sampler.score_samples(grid)
    assert np.exp(scores).sum() * np.prod(reach) * (side[1] - side[0]) ** 2 == pytest.approx(1, abs=2e-3)
    mahalanobis = np.einsum("ni,ij,nj->n", grid - mean, np.linalg.inv(covariance), grid - mean)
    np.testing.assert_array_equal(np.isneginf(scores), mahalanobis > 1.7**2)


def test_the_density_is_the_normal_one_over_the_probability():
    x = correlated(500, 6)
    sampler = Ellipse(2.5).fit(x)
    normal = scipy.stats.multivariate_normal(x.mean(axis=0), np.cov(x.T)).logpdf(x)
    found = sampler.score_samples(x)
    inside = np.isfinite(found)
    assert 0.5 < inside.mean() < 0.95
    np.testing.assert_allclose(found[inside], normal[inside] - sampler.law_.log_probability, rtol=1e-9)


def test_the_law_works_in_principal_axes():
    distribution = Distribution.of(Moments.of(correlated(400, 5)))
    z = Ellipse(2.0).fit(distribution).sample(5000, 0).astype(float)
    values, vectors = np.linalg.eigh(distribution.covariance)
    u = (z - distribution.mean) @ vectors / np.sqrt(values)
    assert within_all(u, 2.0 * (1 + 1e-5)).all()
    assert np.abs(u).max() > 1.8


def test_a_smaller_level_gives_a_smaller_core():
    x = correlated(400, 8)
    spread = [Ellipse(k).fit(x).sample(5000, 0).std() for k in (0.5, 1.0, 2.0, 3.0)]
    assert (np.diff(spread) > 0).all()


@pytest.mark.parametrize("sigma", [0, -1.0, np.inf, np.nan])
def test_a_level_that_makes_no_sense_is_refused(sigma):
    with pytest.raises(UsageError) as refused:
        Ellipse(sigma=sigma).fit(correlated(50, 3))
    assert "positive" in line(refused.value)


def standardised(sampler: Ellipse, n: int) -> np.ndarray:
    z = sampler.sample(n, seed=1).astype(float)
    return sampler.distribution_.pca.whiten(z)


def test_the_articles_scheme_depends_on_the_order():
    """Reference figures of the sequential scheme with uniform draws, d = 256 (METHOD.md, section 3)."""
    d = 256
    whole = Distribution.of(Moments.of(correlated(600, d)))
    u = standardised(Ellipse(3.0, order="variance", draws="uniform").fit(whole), 20_000)
    std = u.std(axis=0)
    np.testing.assert_allclose(std[:3], [3 / np.sqrt(3), np.sqrt(2), 1.27], rtol=0.02)
    assert std[-1] == pytest.approx(1.04, abs=0.02)
    assert np.linalg.norm(u, axis=1).mean() / np.sqrt(d) == pytest.approx(1.03, abs=0.01)
    assert within_all(u[:50], 3 * (1 + 1e-5)).all()
    narrow = standardised(Ellipse(2.0, order="variance", draws="uniform").fit(whole), 4000)
    assert np.linalg.norm(narrow, axis=1).mean() / np.sqrt(d) == pytest.approx(0.69, abs=0.01)
    mixed = standardised(Ellipse(3.0, order="random", draws="uniform").fit(whole), 20_000).std(axis=0)
    assert np.ptp(mixed) < 0.05 * mixed.mean()


def test_truncated_normal_draws_one_after_the_other():
    whole = Distribution.of(Moments.of(correlated(600, 3)))
    u = standardised(Ellipse(2.0, order="variance").fit(whole), 50_000)
    truncated = scipy.stats.truncnorm(-2, 2)
    assert scipy.stats.kstest(u[:, 0], truncated.cdf).statistic < 0.008
    assert u[:, 1].std() < u[:, 0].std()


@pytest.mark.parametrize(
    "settings", [{"order": "best"}, {"draws": "cubic"}, {"order": "exact", "draws": "uniform"}]
)
def test_impossible_schemes_are_refused(settings):
    with pytest.raises(UsageError) as refused:
        Ellipse(**settings).fit(correlated(50, 3))
    assert "Ellipse:" in line(refused.value)

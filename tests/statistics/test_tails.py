"""Margins with tails: the share beyond, its law, and a density that integrates to 1; against SciPy's laws."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi, genpareto, kstest, laplace, norm, t

from zpoints.statistics.margins import SCORES
from zpoints.statistics.tails import TailedMargins

GRID = np.concatenate([-np.geomspace(1e6, 1e-6, 40_001), np.geomspace(1e-6, 1e6, 40_001)])


def measured(law, n: int, seed: int = 0) -> np.ndarray:
    """Quantiles of a sample at the scores, as histograms have them: beyond the sample there is nothing."""
    return np.quantile(law.rvs(n, random_state=seed), norm.cdf(SCORES))[None]


def exact(law) -> np.ndarray:
    return law.ppf(norm.cdf(SCORES))[None]


@pytest.mark.parametrize("law", [norm(3, 2), t(3), laplace(), t(1.2)])
@pytest.mark.parametrize("n", [100, 3000, 170_000])
def test_the_density_integrates_to_one_and_scores_go_both_ways(law, n):
    tailed = TailedMargins.of(measured(law, min(n, 20_000)), n)
    density = np.exp(tailed.log_density(GRID[:, None])[:, 0])
    assert np.isfinite(tailed.log_density(GRID[:, None])).all()
    share = np.trapezoid(density, GRID) if hasattr(np, "trapezoid") else np.trapz(density, GRID)  # noqa: NPY201
    assert share == pytest.approx(1, abs=5e-3)
    scores = np.linspace(-8, 8, 201)[:, None]
    values = tailed.from_scores(scores)
    assert (np.diff(values[:, 0]) >= 0).all()
    outside = np.abs(scores[:, 0]) > -SCORES[tailed.outer]
    np.testing.assert_allclose(tailed.to_scores(values)[outside], scores[outside], atol=1e-6)


def test_a_heavy_tail_has_its_shape_and_a_light_one_none():
    """Of a law whose tail is generalised Pareto from the quantile on, scale and shape are found."""
    exact_t3 = TailedMargins.of(exact(t(3)), 9000)
    threshold = t(3).ppf(norm.cdf(-SCORES[exact_t3.outer]))
    assert exact_t3.upper[0, 1] == pytest.approx(1 / 3, abs=0.06)
    beyond = threshold * np.array([1.5, 3.0])
    tail = genpareto(exact_t3.upper[0, 1], scale=exact_t3.upper[0, 0])
    share = norm.cdf(SCORES[exact_t3.outer]) * tail.sf(beyond - threshold)
    np.testing.assert_allclose(share, t(3).sf(beyond), rtol=0.15)
    light = TailedMargins.of(exact(norm), 9000)
    assert light.upper[0, 1] == light.lower[0, 1] == 0
    assert norm.sf(4.0) == pytest.approx(norm.sf(-light.to_scores(np.array([[-4.0]]))[0, 0]), rel=0.8)
    exponential = TailedMargins.of(exact(laplace), 9000)
    np.testing.assert_allclose(exponential.upper[0, 0] / (1 - exponential.upper[0, 1]), 1.0, rtol=0.05)


@pytest.mark.parametrize("rank", [1, 2, 3, 60])
def test_distances_have_a_constant_density_near_the_centre(rank):
    n = 5000
    tailed = TailedMargins.of(measured(chi(rank), n), n, power=rank)
    log_density = lambda x: tailed.log_density(np.array([[x]]))[0, 0]  # noqa: E731
    ends = tailed.margins[0, [tailed.outer, -1 - tailed.outer]]
    share = quad(lambda x: np.exp(log_density(x)), 0, ends[0])[0]
    assert share == pytest.approx(norm.cdf(SCORES[tailed.outer]), rel=1e-6)
    assert quad(lambda x: np.exp(log_density(x)), ends[1], np.inf)[0] == pytest.approx(share, rel=1e-3)
    near = [log_density(x) - (rank - 1) * np.log(x) for x in (1e-9, 0.3 * ends[0], 0.99 * ends[0])]
    np.testing.assert_allclose(near, near[0])
    tailed = TailedMargins.of(exact(chi(rank)), n, power=rank)
    draws = tailed.from_scores(np.random.default_rng(0).normal(size=(4000, 1)))[:, 0]
    assert (draws >= 0).all()
    assert kstest(draws, chi(rank).cdf).pvalue > 1e-3


def test_equal_values_at_the_end_do_no_harm():
    for values in (np.repeat([0.0, 1.0], [30, 70]), np.maximum(norm.rvs(size=100, random_state=0), 0)):
        tailed = TailedMargins.of(np.quantile(values, norm.cdf(SCORES))[None], 100)
        x = np.array([[-1.0], [0.0], [0.5], [1.0], [9.0]])
        assert not np.isnan(tailed.log_density(x)).any()
        assert np.isfinite(tailed.to_scores(x)).all()

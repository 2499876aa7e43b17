"""What a cut leaves beside an ideal normal cloud: closed form and simulation, whatever the tails of the vectors."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from zpoints.analysis.cuts import survivors
from zpoints.statistics.cuts import FACTORS, CutMoments, fwhm_reach, independent_survivors
from zpoints.statistics.gaussian_fits import FWHM_PER_SIGMA
from zpoints.statistics.moments import Moments

LAWS = {
    "normal": lambda random, shape: random.normal(size=shape),
    "t5": lambda random, shape: random.standard_t(5, size=shape),
    "laplace": lambda random, shape: random.laplace(size=shape),
    "elliptical t5": lambda random, shape: (
        random.normal(size=shape) / np.sqrt(random.chisquare(5, (shape[0], 1)) / 5)
    ),
}


def rows_of(x: np.ndarray, fwhm: np.ndarray, factors: tuple[float, ...] = FACTORS) -> dict[float, dict]:
    cut = CutMoments.of(x, fwhm_reach(x, x.mean(axis=0), fwhm), factors)
    return {row["factor"]: row for row in survivors(cut, Moments.of(x))}


@pytest.mark.parametrize("law", LAWS)
def test_the_share_of_an_ideal_normal_does_not_depend_on_the_tails(law):
    """(2 Phi(2.3548 f) - 1)^64: 99.6 % at 1.7; with the fitted FWHM over the std, Laplace had 57.1 %."""
    x = LAWS[law](np.random.default_rng(0), (2000, 64))
    core = 0.6 * x.std(axis=0)  # a fit follows the core, whose FWHM is the narrower the heavier the tails
    rows = rows_of(x, FWHM_PER_SIGMA * core)
    assert round(100 * rows[1.7]["independent_share"], 1) == 99.6
    for factor, row in rows.items():
        exact = independent_survivors(64, factor)  # sample correlations of 0.02 are as good as none
        assert row["normal_share"] == pytest.approx(exact, abs=4 * row["normal_share_error"] + 2e-3)


def test_correlations_of_the_ideal_normal_are_those_of_the_vectors():
    covariance = np.array([[1.0, 0.9], [0.9, 1.0]])
    x = np.random.default_rng(1).multivariate_normal([3, 4], covariance, 4000) * [1, 5]
    row = rows_of(x, np.ones(2), (0.3, 0.6))[0.3]
    half = 0.3 * FWHM_PER_SIGMA * np.ones(2)
    law = multivariate_normal(np.zeros(2), Moments.of(x).pearson)
    assert row["normal_share"] == pytest.approx(
        law.cdf(half, lower_limit=-half), abs=4 * row["normal_share_error"]
    )
    assert row["normal_share"] > row["independent_share"] + 0.05

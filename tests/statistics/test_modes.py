"""Modes and half-maximum widths of known laws, at every size of sample."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from zpoints.statistics.gaussian_fits import FWHM_PER_SIGMA
from zpoints.statistics.histograms import Histograms, fine_bins
from zpoints.statistics.modes import _smoothed, bandwidth, count_modes, half_maximum_width


def fine_of(x: np.ndarray) -> tuple[Histograms, np.ndarray]:
    std = x.std(axis=1, ddof=1)
    u = ((x - x.mean(axis=1)[:, None]) / std[:, None]).astype(np.float32)
    return Histograms.of(u, *fine_bins(len(x))), std


LAWS = {
    "normal": lambda random, shape: random.normal(size=shape),
    "t_3": lambda random, shape: random.standard_t(3, size=shape),
    "uniform": lambda random, shape: random.uniform(size=shape),
    "exponential": lambda random, shape: random.exponential(size=shape),
    "laplace": lambda random, shape: random.laplace(size=shape),
    "lognormal": lambda random, shape: random.lognormal(0, 2, size=shape),
}


@pytest.mark.parametrize(("n", "d"), [(200, 1000), (3000, 200), (50_000, 20), (1_000_000, 1)])
@pytest.mark.parametrize("law", LAWS)
def test_a_law_of_one_mode_has_one(law, n, d):
    histograms, _ = fine_of(LAWS[law](np.random.default_rng(0), (d, n)))
    np.testing.assert_array_equal(count_modes(histograms), 1)


@pytest.mark.parametrize(("n", "d"), [(300, 500), (10_000, 50), (500_000, 2)])
def test_separate_clusters_are_counted(n, d):
    random = np.random.default_rng(1)
    two = random.normal(size=(d, n)) * 0.3 + random.choice([-1, 1], (d, n))
    three = random.normal(size=(d, n)) * 0.15 + random.choice([-1.5, 0, 1.5], (d, n))
    np.testing.assert_array_equal(count_modes(fine_of(two)[0]), 2)
    if n > 300:
        np.testing.assert_array_equal(count_modes(fine_of(three)[0]), 3)


def test_a_small_second_mode_counts_when_there_are_vectors_enough():
    """2 % of the vectors, 4 sigma from the rest."""
    random = np.random.default_rng(2)

    def modes(n: int) -> int:
        x = np.where(random.random(n) < 0.02, random.normal(4, 0.4, n), random.normal(0, 1, n))
        return int(count_modes(fine_of(x[None])[0])[0])

    assert modes(100) == 1
    assert modes(100_000) == 2


def test_a_mode_counts_from_five_standard_errors_of_a_difference():
    """A mixture without noise, at growing n: the second mode counts once its prominence passes the stated bar."""
    x = np.linspace(-8, 8, 100_001)
    law = 0.6 * scipy.stats.norm.cdf(x, -0.8, 0.6) + 0.4 * scipy.stats.norm.cdf(x, 1.2, 0.6)
    seen = []
    for n in (200, 400, 800, 1200, 1600, 2000, 2400, 10_000):
        values = np.interp((np.arange(n) + 0.5) / n, law, x).astype(np.float32)
        histograms = Histograms.of(values[None], *fine_bins(1))
        h = bandwidth(histograms)[0]
        root = np.sqrt(
            scipy.ndimage.gaussian_filter1d(histograms.density[0], h * 64, mode="constant", truncate=10)
        )
        left, right = root[:512].argmax(), 512 + root[512:].argmax()
        prominence = min(root[left], root[right]) - root[left:right].min()
        bar = 5 * np.sqrt(2) * np.sqrt(0.28209479 / (4 * n * h))
        expected = 2 if prominence > bar else 1
        assert count_modes(histograms)[0] == expected
        seen.append(prominence / bar)
    assert any(0.9 < ratio < 1 for ratio in seen), "the bar is tried from below"
    assert any(1 < ratio < 1.08 for ratio in seen), "and from above"


def test_the_root_of_the_estimate_varies_as_stated():
    """The square root of the estimate varies by sqrt(R / 4 n h), wherever it is taken: simulated."""
    n = 20_000
    histograms, _ = fine_of(np.random.default_rng(3).normal(size=(400, n)))
    h = bandwidth(histograms)
    root = np.sqrt(_smoothed(histograms, h))
    found = root.std(axis=0)
    centre = root.shape[1] // 2
    error = np.sqrt(1 / (2 * np.sqrt(np.pi)) / (4 * n * np.median(h)))
    for place in (-96, -64, 64, 96):
        assert found[centre + place] == pytest.approx(error, rel=0.2)


def test_the_smoothing_is_a_gaussian_kernel():
    histograms, _ = fine_of(np.random.default_rng(4).laplace(size=(2, 5000)))
    h = bandwidth(histograms)
    for row, density, width in zip(_smoothed(histograms, h), histograms.density, h * 64, strict=True):
        expected = scipy.ndimage.gaussian_filter1d(np.pad(density, 520), width, mode="constant", truncate=10)
        np.testing.assert_allclose(row, expected, atol=1e-9)


def test_the_bandwidth_is_silvermans():
    random = np.random.default_rng(5)
    for law in LAWS.values():
        x = law(random, (1, 4000))
        histograms, std = fine_of(x)
        expected = 0.9 * min(1, scipy.stats.iqr(x) / std[0] / 1.34) * 4000**-0.2
        assert bandwidth(histograms)[0] == pytest.approx(max(expected, 1 / 32), rel=0.02)


@pytest.mark.parametrize(
    ("n", "bias", "noise"), [(1000, 0.03, 0.1), (10_000, 0.01, 0.04), (170_000, 0.004, 0.015)]
)
def test_the_width_of_a_normal_sample(n, bias, noise):
    d = min(1000, 8_000_000 // n)
    width = half_maximum_width(fine_of(np.random.default_rng(6).normal(5, 3, size=(d, n)))[0])
    assert width.mean() == pytest.approx(FWHM_PER_SIGMA, rel=bias)
    assert width.std() < noise * FWHM_PER_SIGMA


def test_the_width_of_other_laws_is_that_of_their_density():
    random = np.random.default_rng(7)
    n = 300_000
    t_5 = 2 * np.sqrt(5 * (2 ** (1 / 3) - 1))  # (1 + x^2 / 5)^-3 is one half
    expected = [1.0, 2 * np.log(3 + 2 * np.sqrt(2)), t_5]
    x = np.stack([random.uniform(size=n), random.logistic(size=n), random.standard_t(5, n)])
    histograms, std = fine_of(x)
    np.testing.assert_allclose(half_maximum_width(histograms) * std, expected, rtol=0.02)


def test_of_two_modes_of_equal_height_the_width_covers_both():
    random = np.random.default_rng(8)
    histograms, std = fine_of(random.normal(size=(1, 100_000)) * 0.2 + random.choice([-1, 1], (1, 100_000)))
    expected = 2 + 0.2 * FWHM_PER_SIGMA
    assert half_maximum_width(histograms)[0] * std[0] == pytest.approx(expected, rel=0.03)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("u", [[-0.7, 0.7], [0.0], [-8.0, 7.99]], ids=["2", "1", "edge"])
@pytest.mark.parametrize("bins", [1, 2, 1024])
def test_too_few_values_still_give_numbers(u, bins):
    width = np.array([16 / bins])
    histograms = Histograms.of(np.array([u], np.float32), np.array([-8.0]), width, bins)
    assert count_modes(histograms)[0] == 1
    assert width[0] <= half_maximum_width(histograms)[0] < 60


def test_values_that_all_lie_outside_of_the_bins_have_no_width():
    histograms = Histograms.of(np.array([[50, -60]], np.float32), *fine_bins(1))
    assert count_modes(histograms)[0] == 1
    assert np.isnan(half_maximum_width(histograms)[0])

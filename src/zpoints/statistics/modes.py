"""Modes and width of the number density of each component, read off its smoothed histogram."""

import numpy as np
from jaxtyping import Float, Int
from scipy.fft import irfft, rfft, rfftfreq
from scipy.signal import find_peaks

from zpoints.statistics.gaussian_fits import FWHM_PER_SIGMA
from zpoints.statistics.histograms import Histograms

__all__ = ["bandwidth", "count_modes", "half_maximum_width"]

SIGNIFICANT = 5.0
"""Standard errors that a mode must rise above the dips beside it."""


def bandwidth(histograms: Histograms) -> Float[np.ndarray, " d"]:
    r"""Standard deviation of the smoothing kernel: Silverman's :math:`0.9 \min(1, \mathrm{IQR}/1.34) n^{-1/5}`.

    In standard deviations of the component, and at least two bins: a narrower kernel, cut off where the frequencies
    of the bins end, would draw ripples around a sharp peak.

    References
    ----------
    B. Silverman, Density Estimation for Statistics and Data Analysis (1986), eq. 3.31
    """
    spread = np.minimum(1.0, histograms.interquartile_range / 1.34)
    return np.maximum(0.9 * spread * histograms.n**-0.2, 2 * histograms.width)


def count_modes(histograms: Histograms) -> Int[np.ndarray, " d"]:
    r"""Number of modes of each component's density whose height is no accident; at least 1.

    A kernel estimate :math:`\hat f` has the variance :math:`R f / (n h)`, so its square root has the variance
    :math:`R / (4 n h)` wherever enough vectors lie, with :math:`R = 1 / (2 \sqrt\pi)` for the Gaussian kernel of
    bandwidth h. The prominence of a maximum of :math:`\sqrt{\hat f}`, its height above the higher one of the dips
    that part it from higher ground, is the difference of two such values and has twice that variance. It must
    exceed 5 times the root of it.
    """
    h = bandwidth(histograms)
    error = np.sqrt(2 / (2 * np.sqrt(np.pi)) / (4 * histograms.n * h))
    heights = np.sqrt(_smoothed(histograms, h)) / error[:, None]
    # The height is given only to spare the search most of the ripples in the tails.
    modes = [len(find_peaks(row, height=SIGNIFICANT, prominence=SIGNIFICANT)[0]) for row in heights]
    return np.maximum(np.array(modes), 1)


def half_maximum_width(histograms: Histograms) -> Float[np.ndarray, " d"]:
    """Full width at half maximum of each component's density itself, in standard deviations; no Gaussian assumed.

    The histogram is smoothed (`bandwidth`); the width goes from the outermost crossing on the left to that on the
    right, each interpolated linearly. What the smoothing and the bins have added, in quadrature as for a Gaussian,
    is taken off. Never below the width of a bin; NaN where all values lie outside of the bins. Noise in the maximum
    narrows it on average: by 3 % for 200 normal values, 1.4 % for 1,000, 0.2 % for 170,000.
    """
    h = bandwidth(histograms)
    smooth = _smoothed(histograms, h)
    level = smooth.max(axis=1) / 2
    above = smooth >= level[:, None]
    width = _crossing(smooth, level, above) + _crossing(smooth[:, ::-1], level, above[:, ::-1])
    width = (smooth.shape[1] - 1 - width) * histograms.width
    broadening = FWHM_PER_SIGMA**2 * (h**2 + histograms.width**2 / 12)
    width = np.sqrt(np.maximum(width**2 - broadening, histograms.width**2))
    return np.where(level > 0, width, np.nan)


def _crossing(
    smooth: Float[np.ndarray, "d grid"], level: Float[np.ndarray, " d"], above: np.ndarray
) -> Float[np.ndarray, " d"]:
    """Place from the left, in bins, where the density first reaches the level."""
    rows, first = np.arange(len(smooth)), np.maximum(np.argmax(above, axis=1), 1)
    right, left = smooth[rows, first], smooth[rows, first - 1]
    return first - (right - level) / np.maximum(right - left, np.finfo(np.float64).tiny)


def _smoothed(histograms: Histograms, h: Float[np.ndarray, " d"]) -> Float[np.ndarray, "d grid"]:
    """Density under a Gaussian kernel of standard deviation h, on the bins and as many empty ones around them."""
    margin = histograms.counts.shape[1] // 2 + 8
    padded = np.pad(histograms.density, ((0, 0), (margin, margin)))
    frequency = 2 * np.pi * rfftfreq(padded.shape[1])
    kernel = np.exp(-0.5 * (frequency * (h / histograms.width)[:, None]) ** 2)
    return np.maximum(irfft(rfft(padded) * kernel, padded.shape[1]), 0.0)

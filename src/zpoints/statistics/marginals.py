"""The number density of each component: histograms as a sum over blocks, and the Gaussian that fits them."""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import curve_fit

__all__ = ["FWHM_PER_SIGMA", "RANGE", "GaussianFits", "Histograms"]

FWHM_PER_SIGMA = float(2 * np.sqrt(2 * np.log(2)))
"""Full width at half maximum of a Gaussian, in its sigma: 2.3548."""

RANGE = 6.0
"""Histograms reach so many standard deviations to both sides of the mean; what lies beyond is counted apart."""


@dataclass(frozen=True, eq=False)
class Histograms:
    """Counts of all components in equal bins over the mean +/- 6 standard deviations.

    Attributes
    ----------
    counts : one row per component, one column per bin.
    below, above : how many values lie outside of the bins, to either side.
    """

    counts: Int[np.ndarray, "d bins"]
    below: Int[np.ndarray, " d"]
    above: Int[np.ndarray, " d"]

    @classmethod
    def of(cls, standardised: Float[np.ndarray, "d m"], bins: int) -> Self:
        """Count one block of standardised values (`planes.standardise`)."""
        counts = np.zeros((standardised.shape[0], bins + 2), np.int64)
        _count(np.ascontiguousarray(standardised, dtype=np.float32), np.float32(RANGE), counts)
        return cls(counts[:, 1:-1].copy(), counts[:, 0].copy(), counts[:, -1].copy())

    def __add__(self, other: Self) -> Self:
        """Counts of both blocks together."""
        return type(self)(self.counts + other.counts, self.below + other.below, self.above + other.above)

    @property
    def n(self) -> int:
        """Number of vectors."""
        return int(self.counts[0].sum() + self.below[0] + self.above[0])

    @property
    def centres(self) -> Float[np.ndarray, " bins"]:
        """Centres of the bins, in standard deviations from the mean."""
        bins = self.counts.shape[1]
        return (np.arange(bins) + 0.5) * (2 * RANGE / bins) - RANGE

    @property
    def density(self) -> Float[np.ndarray, "d bins"]:
        """Share of the vectors per standard deviation; integrates to 1 (less what lies outside)."""
        bins = self.counts.shape[1]
        return self.counts * (bins / (2 * RANGE) / self.n)


@dataclass(frozen=True, eq=False)
class GaussianFits:
    r"""Least-squares Gaussians :math:`A \exp(-(x - c)^2 / 2 \sigma^2)` through the densities of all components.

    Such a fit follows the core of a distribution, where the standard deviation also feels its tails: a fitted
    sigma clearly below the standard deviation is the mark of heavy flanks.

    Attributes
    ----------
    centre, sigma : in the units of the data.
    amplitude : maximum, as a share of the vectors per standard deviation.
    rms_error : root of the mean squared difference between density and fit, over the fit's maximum.
    """

    centre: Float[np.ndarray, " d"]
    sigma: Float[np.ndarray, " d"]
    amplitude: Float[np.ndarray, " d"]
    rms_error: Float[np.ndarray, " d"]

    @classmethod
    def of(cls, histograms: Histograms, mean: Float[np.ndarray, " d"], std: Float[np.ndarray, " d"]) -> Self:
        """Fit every component; where a fit does not converge, the moments stand in for it."""
        x = histograms.centres
        fits = np.array([_fit(x, density) for density in histograms.density])
        return cls(mean + fits[:, 1] * std, fits[:, 2] * std, fits[:, 0], fits[:, 3])

    @property
    def fwhm(self) -> Float[np.ndarray, " d"]:
        """Full width at half maximum, 2.3548 sigma, in the units of the data."""
        return FWHM_PER_SIGMA * self.sigma


def _gaussian(x: np.ndarray, amplitude: float, centre: float, sigma: float) -> np.ndarray:
    return amplitude * np.exp(-0.5 * ((x - centre) / sigma) ** 2)


def _jacobian(x: np.ndarray, amplitude: float, centre: float, sigma: float) -> np.ndarray:
    u = (x - centre) / sigma
    shape = np.exp(-0.5 * u * u)
    return np.stack([shape, amplitude * shape * u / sigma, amplitude * shape * u * u / sigma], axis=1)


def _fit(x: np.ndarray, density: np.ndarray) -> tuple[float, float, float, float]:
    start = (1 / np.sqrt(2 * np.pi), 0.0, 1.0)
    try:
        found, _ = curve_fit(_gaussian, x, density, p0=start, jac=_jacobian, maxfev=200)
    except RuntimeError:
        found = np.array(start)
    amplitude, centre, sigma = found[0], found[1], abs(found[2])
    if not (amplitude > 0 and sigma > 0 and abs(centre) < RANGE):
        amplitude, centre, sigma = start
    error = np.sqrt(np.mean((density - _gaussian(x, amplitude, centre, sigma)) ** 2)) / amplitude
    return float(amplitude), float(centre), float(sigma), float(error)


@numba.njit(parallel=True, cache=True, error_model="numpy")
def _count(u: np.ndarray, reach: np.float32, counts: np.ndarray) -> None:
    d, m = u.shape
    bins = counts.shape[1] - 2
    scale = np.float32(bins / (2.0 * reach))
    for c in numba.prange(d):
        for p in range(m):
            place = (u[c, p] + reach) * scale
            # Compared as floats first: a value far out would overflow as an integer.
            if place < 0.0:
                counts[c, 0] += 1
            elif place >= bins:
                counts[c, bins + 1] += 1
            else:
                counts[c, np.int64(place) + 1] += 1

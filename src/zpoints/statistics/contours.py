"""Density contours of one plane for pictures: a binned kernel estimate, and the levels that hold stated masses."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float
from scipy.fft import irfft2, next_fast_len, rfft2, rfftfreq

__all__ = ["PlaneDensity"]

GRID = 192
REACH = 5.0


Bounds = tuple[float, float]
OPEN = (-np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class PlaneDensity:
    """Smoothed number density of standardised pairs on a square grid over +/- 5 standard deviations.

    The kernel is Gaussian with the covariance of the pairs times the square of a factor, Scott's :math:`n^{-1/6}`
    unless another is given: that of ``scipy.stats.gaussian_kde``. The values are binned linearly, each to its four
    nearest grid points, and convolved by FFT. What lies beyond the grid is left out, and the
    convolution is padded.

    Attributes
    ----------
    density : first index along the first component; integrates to the share of the pairs that lie on the grid.
    centres : grid points, the same along both axes.

    References
    ----------
    D. Scott, Multivariate Density Estimation (1992), https://doi.org/10.1002/9780470316849
    B. Silverman, Algorithm AS 176: Kernel density estimation using the fast Fourier transform (1982),
    https://doi.org/10.2307/2347084
    """

    density: Float[np.ndarray, "grid grid"]
    centres: Float[np.ndarray, " grid"]

    @classmethod
    def of(
        cls,
        u: Float[np.ndarray, " n"],
        v: Float[np.ndarray, " n"],
        bandwidth: float | None = None,
        bounds: tuple[Bounds, Bounds] = (OPEN, OPEN),
    ) -> Self:
        """Estimate from the standardised values of both components.

        Parameters
        ----------
        bandwidth : factor of the kernel; Scott's if None.
        bounds : where values of either component can lie at all. What the kernel carries beyond is reflected
            (Silverman 1986, section 2.10), so that the density does not sink towards a bound.
        """
        factor = len(u) ** (-1 / 6) if bandwidth is None else bandwidth
        if not factor > 0:
            raise ValueError(f"bandwidth = {bandwidth}; it must be positive")
        step = 2 * REACH / GRID
        centres = (np.arange(GRID) + 0.5) * step - REACH
        covariance = _kernel(np.cov(u, v) * (factor / step) ** 2)
        smooth = np.zeros((GRID, GRID))
        for x, flip_x in _images(u, bounds[0]):
            for y, flip_y in _images(v, bounds[1]):
                flip = np.diag([flip_x, flip_y])
                smooth += _convolved(_binned(x, y, step), flip @ covariance @ flip)
        inside = [(low <= centres) & (centres <= high) for low, high in bounds]
        smooth *= np.outer(*inside)
        return cls(smooth / (len(u) * step**2), centres)

    def level(self, mass: float) -> float:
        """Density above which the highest-density region holds the share `mass` of the total."""
        values = np.sort(self.density.ravel())[::-1]
        held = np.cumsum(values)
        place = min(int(np.searchsorted(held, mass * held[-1])), len(values) - 1)
        return float(values[place])


def _kernel(covariance: np.ndarray) -> np.ndarray:
    """The kernel's covariance on the grid, less what linear binning has widened already; at least 0.6 cells wide."""
    values, vectors = np.linalg.eigh(covariance)
    # Narrower kernels would ring between the grid points.
    return (vectors * np.maximum(values - 1 / 6, 0.36)) @ vectors.T


def _images(values: np.ndarray, bounds: Bounds) -> list[tuple[np.ndarray, float]]:
    """The values, and their mirror images at finite bounds."""
    mirrored = [(2 * bound - values, -1.0) for bound in bounds if np.isfinite(bound)]
    return [(values, 1.0), *mirrored]


def _binned(u: np.ndarray, v: np.ndarray, step: float) -> Float[np.ndarray, "grid grid"]:
    """Each pair shared among its four nearest grid points."""
    x, y = ((w + REACH) / step - 0.5 for w in (u, v))
    near = (x >= 0) & (y >= 0) & (x < GRID - 1) & (y < GRID - 1)
    x, y = x[near], y[near]
    i, j = x.astype(np.int64), y.astype(np.int64)
    right, up = x - i, y - j
    counts = np.zeros(GRID * GRID)
    for di, part in ((0, 1 - right), (1, right)):
        for dj, share in ((0, 1 - up), (1, up)):
            counts += np.bincount((i + di) * GRID + j + dj, part * share, GRID * GRID)
    return counts.reshape(GRID, GRID)


def _convolved(counts: np.ndarray, covariance: np.ndarray) -> Float[np.ndarray, "grid grid"]:
    """With a Gaussian of the given covariance, in grid steps; its transform is known, so no kernel is cut short."""
    reach = int(np.ceil(6 * np.sqrt(np.diagonal(covariance).max())))
    size = next_fast_len(GRID + reach, real=True)
    a = 2 * np.pi * np.fft.fftfreq(size)[:, None]
    b = 2 * np.pi * rfftfreq(size)[None, :]
    exponent = covariance[0, 0] * a * a + 2 * covariance[0, 1] * a * b + covariance[1, 1] * b * b
    smooth = irfft2(rfft2(counts, (size, size)) * np.exp(-0.5 * exponent), (size, size))
    return np.maximum(smooth[:GRID, :GRID], 0.0)

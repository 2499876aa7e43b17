"""Density contours of one plane: a binned kernel estimate, and the levels that hold stated masses."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter

__all__ = ["PlaneDensity"]

GRID = 160
REACH = 5.0


@dataclass(frozen=True, eq=False)
class PlaneDensity:
    """Smoothed number density of standardised pairs on a square grid over +/- 5 standard deviations.

    The kernel is Gaussian, with Scott's bandwidth :math:`n^{-1/6}` along both axes of the standardised pair.

    Attributes
    ----------
    density : first index along the first component; integrates to 1 over the grid.
    centres : grid points, the same along both axes.

    References
    ----------
    D. Scott, Multivariate Density Estimation (1992), https://doi.org/10.1002/9780470316849
    """

    density: Float[np.ndarray, "grid grid"]
    centres: Float[np.ndarray, " grid"]

    @classmethod
    def of(cls, u: Float[np.ndarray, " n"], v: Float[np.ndarray, " n"]) -> Self:
        """Estimate from the standardised values of both components."""
        edges = np.linspace(-REACH, REACH, GRID + 1)
        counts, _, _ = np.histogram2d(u, v, bins=(edges, edges))
        step = edges[1] - edges[0]
        bandwidth = len(u) ** (-1 / 6)
        smooth = gaussian_filter(counts, bandwidth / step, mode="constant", truncate=6)
        return cls(smooth / (smooth.sum() * step**2), (edges[:-1] + edges[1:]) / 2)

    def level(self, mass: float) -> float:
        """Density above which the highest-density region holds the share `mass` of the total."""
        values = np.sort(self.density.ravel())[::-1]
        held = np.cumsum(values)
        place = min(int(np.searchsorted(held, mass * held[-1])), len(values) - 1)
        return float(values[place])

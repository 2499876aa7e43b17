r"""The density of values on a line, whatever their tails: kernels on a scale that shortens what lies far out.

Values x become :math:`y = \mathrm{asinh}((x - m) / s)`, m their median, s their quartiles' distance over 1.35: near
the middle a linear scale, far out a logarithmic one. On it Gaussian kernels (Silverman's width, on a grid) estimate
the density; 1 % of a wide logistic law is mixed in, so that no value has density 0, and far out the density falls
like a power of x.

References
----------
B. Silverman, Density Estimation for Statistics and Data Analysis (1986).
M. Wand, J. Marron, D. Ruppert, Transformations in density estimation, Journal of the American Statistical Association
86 (1991), https://doi.org/10.1080/01621459.1991.10475041
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float

__all__ = ["LineDensity"]

CELLS = 1024
REACH = 0.5  # beyond the outermost value, on the shortened scale
FLOOR = 0.01  # share of the logistic law
Values = Float[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class LineDensity:
    """Density of one variable.

    Attributes
    ----------
    middle, scale : median and robust standard deviation.
    grid, density, cumulative : of the shortened variable.
    spread : standard deviation of the shortened variable.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> law = LineDensity.of(random.standard_cauchy(20_000))
    >>> x = np.array([0.0, 1.0, 10.0, 1000.0])
    >>> bool(np.abs(law.log(x) + np.log(np.pi * (1 + x**2))).max() < 0.7)
    True
    """

    middle: float
    scale: float
    grid: Values
    density: Values
    cumulative: Values
    spread: float

    @classmethod
    def of(cls, values: Values) -> Self:
        """Estimate it from some values, at least 20 different ones."""
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        scale = float(high - low) / 1.349 or float(np.std(values)) or 1.0
        y = np.arcsinh((values - middle) / scale)
        spread = float(y.std()) or 1.0
        quartiles = np.quantile(y, [0.25, 0.75])
        width = 0.9 * min(spread, float(np.ptp(quartiles)) / 1.349 or spread) * len(y) ** -0.2
        first, last = y.min() - REACH, y.max() + REACH
        step = (last - first) / CELLS
        counts = np.bincount(((y - first) / step).astype(np.int64), minlength=CELLS)
        density = _smoothed(counts / (len(y) * step), width / step)
        grid = first + step * (np.arange(CELLS) + 0.5)
        middle_y = float(np.median(y))
        logistic = np.exp(-_log_cosh_square((grid - middle_y) / spread)) / spread
        density = (1 - FLOOR) * density + FLOOR * logistic
        cumulative = np.cumsum(density) * step
        return cls(float(middle), scale, grid, density, cumulative / cumulative[-1], spread)

    def log(self, values: Values) -> Values:
        """Logarithm of the density."""
        shortened = np.arcsinh((values - self.middle) / self.scale)
        log_stretch = -np.log(self.scale) - 0.5 * np.log1p(((values - self.middle) / self.scale) ** 2)
        inside = np.log(self._at(shortened, self.density, 0.0))
        beyond = np.log(FLOOR / self.spread) - _log_cosh_square(shortened / self.spread)
        outside = (shortened < self.grid[0]) | (shortened > self.grid[-1])
        return np.where(outside, beyond, inside) + log_stretch

    def share_below(self, values: Values) -> Values:
        """Distribution function, strictly between 0 and 1."""
        shortened = np.arcsinh((values - self.middle) / self.scale)
        share = self._at(shortened, self.cumulative, 0.5)
        tiny = 0.25 * (1 - self.cumulative[-2]) + 1e-9
        return np.clip(share, tiny, 1 - tiny)

    def _at(self, shortened: Values, table: Float[np.ndarray, " cells"], shift: float) -> Values:
        """Linear interpolation; the grid is uniform, so that no place has to be searched, as `numpy.interp` does."""
        step = (self.grid[-1] - self.grid[0]) / (CELLS - 1)
        place = np.clip((shortened - self.grid[0]) / step - shift, 0, CELLS - 1)
        left = np.minimum(place.astype(np.int64), CELLS - 2)
        part = place - left
        return (1 - part) * table[left] + part * table[left + 1]


def _log_cosh_square(y: np.ndarray) -> np.ndarray:
    """Minus the log density of the logistic law of scale 1/2, :math:`2 \\log \\cosh y + \\log 2`."""
    size = np.abs(y)
    return 2 * (size + np.log1p(np.exp(-2 * size)) - np.log(2)) + np.log(2)


def _smoothed(cells: np.ndarray, width: float) -> np.ndarray:
    """Convolved with a Gaussian; what would leave the grid is small, and stays at its ends."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(cells, max(width, 0.5), mode="nearest", truncate=5.0))

r"""The shape of the real contours in every plane: highest-density regions beside ellipses of the same mass.

In the round coordinates of `planes` every confidence ellipse is a circle, so a region of a normal pair is a disc.
The joint histogram of a plane is smoothed by a Gaussian; its highest-density region of mass q is the set of cells
with the highest smoothed density that together hold the share q of the vectors (counted, so that the smoothing
does not widen it).

References
----------
R. Hyndman, Computing and graphing highest density regions, The American Statistician 50 (1996),
https://doi.org/10.1080/00031305.1996.10474359
N. Henze, B. Zirkler, A class of invariant consistent tests for multivariate normality, Communications in
Statistics 19 (1990), https://doi.org/10.1080/03610929008830400
"""

from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from zpoints.statistics.planes import REACH, PlaneCounts

__all__ = ["MASSES", "Regions", "bandwidth", "henze_zirkler_null", "smoothing"]

Number = Any  # of any width: in compiled code an int32 is no int64

MASSES = (0.3934693, 0.6826895, 0.8646647, 0.9544997)
"""Masses of the regions: those of the 1 and 2 sigma ellipse of a normal pair (39 and 86 %), and the 1 and 2 sigma
shares of a single normal component (68 and 95 %), at which others draw their contours."""


def bandwidth(n: int, bins: int) -> float:
    r"""Width of the smoothing in sigma: :math:`(5n/4)^{-1/6}`, Henze's and Zirkler's for two components.

    It is 0.96 of Scott's :math:`n^{-1/6}`, and never less than 0.64 of a cell: the grid resolves no more.
    """
    return max((1.25 * n) ** (-1 / 6), 0.64 * 2 * REACH / bins)


@dataclass(frozen=True, eq=False)
class Regions:
    r"""Highest-density regions of every plane, in round coordinates, at `MASSES` (columns).

    Attributes
    ----------
    centre : (u, w) of the region's centre of area, in sigma; 0 for a normal pair.
    stretch : :math:`((m_{uu} - m_{ww}) / s, 2 m_{uw} / s)`, :math:`s = m_{uu} + m_{ww}`, of the region's second
        moments of area m: how far it is from round. Its length is the eccentricity measure
        :math:`(a^2 - b^2) / (a^2 + b^2)` of half-axes a, b; 0 for a normal pair.
    agreement : intersection over union, by area, of the region and of the ellipse (the measured covariance's, scaled
        to hold the same share of the vectors); 1 if the contour is that ellipse.
    henze_zirkler : the statistic of Henze and Zirkler (1990), computed as the squared distance between the smoothed
        density and the one that a normal pair would have on this grid; its null law is `henze_zirkler_null`.

    A region that the grid cannot hold (less than its mass lies within 4.5 sigma) is NaN.
    """

    centre: Float[np.ndarray, "p masses 2"]
    stretch: Float[np.ndarray, "p masses 2"]
    agreement: Float[np.ndarray, "p masses"]
    henze_zirkler: Float[np.ndarray, " p"]

    @classmethod
    def of(cls, counts: PlaneCounts) -> Self:
        """Find the regions of all planes of a group."""
        bins, n = counts.bins, counts.n
        kernel = smoothing(n, bins)
        cell = 2 * REACH / bins
        x = (np.arange(bins) + 0.5) * cell - REACH
        radius = np.hypot(x[:, None], x[None, :])
        edges = np.arange(bins + 1) * cell - REACH
        single = np.diff(ndtr(edges))
        single[[0, -1]] = 0  # as the outermost cells of the counts: they also hold what lies beyond
        expected = n * np.outer(_smoothed(single, kernel), _smoothed(single, kernel))
        inner = np.argsort(radius, axis=None, kind="stable")
        found = _regions(
            counts.joint,
            n,
            kernel.astype(np.float32),
            expected.astype(np.float32),
            inner,
            x.astype(np.float32),
            np.array(MASSES),
        )
        centre, stretch, agreement, distance = found
        # Sum over cells of (count - expectation)^2 to the integral of (density - normal density)^2.
        distance *= 4 * np.pi * bandwidth(n, bins) ** 2 / (n * cell**2)
        return cls(centre, stretch, agreement, distance)

    @property
    def shift(self) -> Float[np.ndarray, "p masses"]:
        """Distance of the region's centre from the mean, in sigma."""
        return np.hypot(self.centre[..., 0], self.centre[..., 1])

    @property
    def roundness_defect(self) -> Float[np.ndarray, "p masses"]:
        """Length of `stretch`."""
        return np.hypot(self.stretch[..., 0], self.stretch[..., 1])

    def axes(
        self,
        std_i: Float[np.ndarray, " p"],
        std_j: Float[np.ndarray, " p"],
        r: Float[np.ndarray, " p"],
    ) -> tuple[Float[np.ndarray, "p masses"], Float[np.ndarray, "p masses"]]:
        r"""Turn (degrees, -90..90) and ratio of the regions' axes beside those of the confidence ellipse.

        In the units of the data. With the round coordinates' second moments m and x = L (u, w), the region's own
        are L m L'; turn is the angle from the ellipse's major axis to the region's, and the second result is the
        region's minor over major half-axis divided by the same of the ellipse (1 for a normal pair).
        """
        root = np.sqrt((1 - r) * (1 + r))
        zero = np.zeros_like(r)
        factor = np.stack([np.stack([std_i, zero], -1), np.stack([r * std_j, root * std_j], -1)], -2)
        a, b = self.stretch[..., 0], self.stretch[..., 1]
        moments = np.stack([np.stack([1 + a, b], -1), np.stack([b, 1 - a], -1)], -2)
        factor = factor[:, None]
        ellipse_angle, ellipse_ratio = _axes(factor @ np.swapaxes(factor, -1, -2))
        region_angle, region_ratio = _axes(factor @ moments @ np.swapaxes(factor, -1, -2))
        turn = region_angle - ellipse_angle
        turn = turn - 180 * np.round(turn / 180)
        with np.errstate(divide="ignore", invalid="ignore"):  # an ellipse that is a line has no ratio
            return turn, region_ratio / ellipse_ratio


def turn_error(stretch_error: float, axis_ratio: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    r"""Standard error of a region's turn in degrees, from that of one component of `stretch`.

    Small turns follow :math:`\delta \approx \frac12 t\, 2 \rho / (1 - \rho^2)` with the ellipse's ratio of axes
    :math:`\rho` and the stretch t across the axes; a circle has no direction, so that the error ends at that of a
    random one, :math:`180 / \sqrt{12} = 52` degrees.
    """
    with np.errstate(divide="ignore"):
        small = np.degrees(stretch_error * axis_ratio / (1 - axis_ratio**2))
    return np.minimum(small, 180 / np.sqrt(12))


def smoothing(n: int, bins: int) -> Float[np.ndarray, " k"]:
    """Weights of the Gaussian smoothing along one side of the grid, of sum 1."""
    width = bandwidth(n, bins) * bins / (2 * REACH)
    reach = int(np.ceil(4 * width))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return weights / weights.sum()


def henze_zirkler_null(width: float) -> tuple[float, float]:
    r"""Mean and standard deviation of the statistic for a normal pair, at smoothing width h.

    :math:`\beta = 1 / (h \sqrt 2)`; the formulas of Henze and Zirkler (1990), d = 2, for a large sample.

    Examples
    --------
    >>> mean, std = henze_zirkler_null(bandwidth(170_000, 64))
    >>> round(mean, 2), round(std, 2)
    (0.95, 0.12)
    """
    beta2 = 1 / (2 * width**2)
    a, w = 1 + 2 * beta2, (1 + beta2) * (1 + 3 * beta2)
    mean = 1 - (1 + 2 * beta2 / a + 4 * beta2**2 / a**2) / a
    variance = (
        2 / (1 + 4 * beta2)
        + 2 / a**2 * (1 + 4 * beta2**2 / a**2 + 6 * beta2**4 / a**4)
        - 4 / w * (1 + 3 * beta2**2 / w + 4 * beta2**4 / w**2)
    )
    return mean, float(np.sqrt(variance))


def _smoothed(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return np.convolve(values, kernel, "same") if len(kernel) <= len(values) else values


def _axes(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angle (degrees) of the major axis, and minor over major half-axis, of symmetric 2 x 2 matrices."""
    a, b, c = moments[..., 0, 0], moments[..., 1, 1], moments[..., 0, 1]
    radius = np.hypot((a - b) / 2, c)
    major = (a + b) / 2 + radius
    minor = np.maximum(a * b - c * c, 0) / major
    return np.degrees(0.5 * np.arctan2(2 * c, a - b)), np.sqrt(minor / major)


@numba.njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _regions(
    joint: np.ndarray,
    n: Number,
    kernel: np.ndarray,
    expected: np.ndarray,
    inner: np.ndarray,
    x: np.ndarray,
    masses: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    planes, bins = joint.shape[0], joint.shape[1]
    count_masses = len(masses)
    centre = np.full((planes, count_masses, 2), np.nan)
    stretch = np.full((planes, count_masses, 2), np.nan)
    agreement = np.full((planes, count_masses), np.nan)
    distance = np.empty(planes)
    rank = np.empty(bins * bins, np.int32)  # of a cell by its distance from the centre
    for place in range(bins * bins):
        rank[inner[place]] = place
    for plane in numba.prange(planes):
        # float32 is exact up to 2^24 vectors in one region, and right to seven digits beyond.
        counts = np.empty((bins, bins), np.float32)
        for a in range(bins):
            for b in range(bins):
                edge = a == 0 or b == 0 or a == bins - 1 or b == bins - 1
                counts[a, b] = np.float32(0) if edge else np.float32(joint[plane, a, b])
        density = _smooth(counts, kernel)
        distance[plane] = _squared_distance(density, expected)
        flat_counts, flat_density = counts.ravel(), density.ravel()
        highest: Number = np.float32(0)
        for b in range(bins * bins):
            highest = max(highest, flat_density[b])
        highest = highest * np.float32(1.001)
        held, place = 0.0, 0
        for k in range(count_masses):
            wanted = np.int64(np.ceil(masses[k] * n))
            level = _level(flat_density, flat_counts, wanted, highest)
            if level < 0:
                break
            highest = level
            while held < wanted:
                held += flat_counts[inner[place]]
                place += 1
            _shape(density, level, x, centre[plane, k], stretch[plane, k])
            agreement[plane, k] = _agreement(flat_density, level, rank, place)
    return centre, stretch, agreement, distance


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _smooth(counts: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolution with the kernel along both axes; nothing lies beyond the grid."""
    bins, reach = len(counts), len(kernel) // 2
    first = np.zeros((bins, bins + 2 * reach), np.float32)
    out = np.zeros((bins, bins), np.float32)
    # Rows as arrays of their own, so that the innermost loops work on many cells at once.
    for a in range(bins):
        target = first[a, reach : reach + bins]
        for k in range(max(0, a - reach), min(bins, a + reach + 1)):
            source, weight = counts[k], kernel[k - a + reach]
            for b in range(bins):
                target[b] += weight * source[b]
    for a in range(bins):
        target = out[a]
        for k in range(len(kernel)):
            source, weight = first[a, k : k + bins], kernel[k]
            for b in range(bins):
                target[b] += weight * source[b]
    return out


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _squared_distance(density: np.ndarray, expected: np.ndarray) -> Number:
    total: Number = 0.0
    for a in range(len(density)):
        row = np.float32(0)
        for b in range(len(density)):
            difference = density[a, b] - expected[a, b]
            row += difference * difference
        total += row
    return total


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _held(density: np.ndarray, counts: np.ndarray, level: Number) -> Number:
    """Vectors in the cells of at least this density."""
    total = zero = np.float32(0)
    for c in range(len(density)):
        total += counts[c] if density[c] >= level else zero
    return total


@numba.njit(cache=True, error_model="numpy")
def _level(density: np.ndarray, counts: np.ndarray, wanted: Number, highest: Number) -> Number:
    """Largest density (to 1e-5 of it) at or above which `wanted` vectors lie; -1 if nowhere."""
    low, high = np.float32(0), np.float32(highest)
    smallest = np.float32(highest * 1e-5)
    if _held(density, counts, smallest) < wanted:
        return np.float32(-1)
    low = smallest
    while high - low > np.float32(1e-5) * high:
        middle = np.float32(0.5) * (low + high)
        if _held(density, counts, middle) >= wanted:
            low = middle
        else:
            high = middle
    return low


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _shape(
    density: np.ndarray, level: Number, x: np.ndarray, centre: np.ndarray, stretch: np.ndarray
) -> None:
    """Centre and stretch of the cells of at least this density, by area."""
    n0: Number = 0.0
    n1 = n2 = m11 = m22 = m12 = n0
    one, zero = np.float32(1), np.float32(0)
    for a in range(len(density)):
        count = first = second = zero
        for b in range(len(density)):
            member = one if density[a, b] >= level else zero
            count += member
            first += member * x[b]
            second += member * x[b] * x[b]
        n0 += count
        n1 += count * x[a]
        m11 += count * x[a] * x[a]
        n2 += first
        m12 += x[a] * first
        m22 += second
    c1, c2 = n1 / n0, n2 / n0
    # A cell has an extent of its own.
    cell = (x[1] - x[0]) ** 2 / 12
    m11, m22, m12 = m11 / n0 - c1 * c1 + cell, m22 / n0 - c2 * c2 + cell, m12 / n0 - c1 * c2
    centre[0], centre[1] = c1, c2
    stretch[0], stretch[1] = (m11 - m22) / (m11 + m22), 2 * m12 / (m11 + m22)


@numba.njit(cache=True, error_model="numpy")
def _agreement(density: np.ndarray, level: Number, rank: np.ndarray, within: Number) -> Number:
    """Intersection over union of the cells of this density and of the `within` innermost ones."""
    both = either = np.int32(0)
    for c in range(len(density)):
        region, disc = density[c] >= level, rank[c] < within
        both += np.int32(region & disc)
        either += np.int32(region | disc)
    return both / either

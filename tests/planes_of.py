"""Counts of planes for the tests of what is read out of them: of vectors, and of exact densities without noise."""

from collections.abc import Callable

import numpy as np

from zpoints.statistics.planes import REACH, PlaneCounts, PlaneGroup, bins_for, standardise


def counted(x: np.ndarray) -> PlaneCounts:
    """All planes of vectors, standardised by their own moments."""
    x = np.asarray(x, np.float64)
    u = standardise(x, x.mean(axis=0), x.std(axis=0, ddof=1))
    return PlaneCounts.of(u, np.corrcoef(x.T), bins_for(len(x)))


def exact(
    density: Callable[[np.ndarray, np.ndarray], np.ndarray], n: int = 10**7, bins: int = 64
) -> PlaneCounts:
    """One plane of `n` vectors that lie in the cells exactly as a density in round coordinates says."""
    fine = 8
    x = (np.arange(bins * fine) + 0.5) * 2 * REACH / (bins * fine) - REACH
    cells = density(x[:, None], x[None, :]).reshape(bins, fine, bins, fine).sum(axis=(1, 3))
    joint = np.round(cells * n / cells.sum()).astype(np.uint32)
    marginal = np.stack([joint.sum(axis=1), joint.sum(axis=0)]).astype(np.int64)
    return PlaneCounts(
        PlaneGroup(0, 1, 2), int(joint.sum()), np.zeros((1, 4), np.int64), joint[None], marginal
    )


def normal_density(
    covariance: np.ndarray, mean: tuple[float, float] = (0, 0)
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Density of a normal pair, up to a factor."""
    (a, c), (_, b) = np.linalg.inv(covariance)

    def density(u: np.ndarray, w: np.ndarray) -> np.ndarray:
        u, w = u - mean[0], w - mean[1]
        return np.exp(-0.5 * (a * u * u + b * w * w + 2 * c * u * w))

    return density

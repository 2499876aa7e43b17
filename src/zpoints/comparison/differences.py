"""Squared differences of moments and of leading axes, each beside what random halves show.

The halves are equal but for chance, so what they show is noise.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.linalg import hadamard

from zpoints.comparison.clouds import PARTS, Cloud
from zpoints.statistics.frechet import frechet_distance
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

__all__ = ["moment_differences", "subspaces"]

HALVINGS = hadamard(PARTS)[1:]  # seven ways to halve the parts, orthogonal to each other
LEADING_AXES = (5, 10, 20, 50, 100)
STANDS_OUT = 5.0  # standard deviations of the logarithm of the noise


def moment_differences(a: Cloud, b: Cloud) -> dict[str, Any]:
    """Fréchet distance, and mean squared difference of the correlations."""
    x, y = a.moments, b.moments
    # The noise of squared differences goes with 1 / n_a + 1 / n_b; the mixed halves have (n_a + n_b) / 2 each.
    size = (x.n + y.n) ** 2 / (4 * x.n * y.n)
    noise = size * np.array([_squared_differences(*halves) for halves in _mixed_halves(a, b)])
    frechet, correlation = _squared_differences(x, y)
    offset = y.mean - x.mean
    return {
        "frechet": _beside(frechet, noise[:, 0]) | {"of_means": float(offset @ offset)},
        "correlation_difference": _beside(correlation, noise[:, 1]),
    }


def _mixed_halves(a: Cloud, b: Cloud) -> Iterator[tuple[Moments, Moments]]:
    """Two halves of both clouds together, in several ways that are uncorrelated with each other.

    P. McCarthy, Pseudo-replication: half samples (1969), https://doi.org/10.2307/1402116
    """
    turns = 2 if a.moments.dimension <= 512 else 1
    for turn in range(turns):
        for h, g in zip(HALVINGS, np.roll(HALVINGS, turn, axis=0), strict=True):
            yield a.some(h) + b.some(g), a.some(-h) + b.some(-g)


def _squared_differences(a: Moments, b: Moments) -> tuple[float, float]:
    frechet = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    return frechet, float(np.mean((_pearson(a) - _pearson(b)) ** 2))


def subspaces(a: Cloud, b: Cloud) -> list[dict[str, Any]]:
    """Angles between the spaces of the leading axes, beside those between halves of one cloud.

    Mixed halves would not do here: where the axes differ, those of a mixture may have no order. The halves are
    smaller than the clouds and their angles larger, so that the comparison is a careful one.
    """
    x, y = a.moments, b.moments
    axes_a, axes_b = PCA.of_moments(x).axes, PCA.of_moments(y).axes
    halves = [
        [(PCA.of_moments(c.some(h)).axes, PCA.of_moments(c.some(-h)).axes) for h in HALVINGS] for c in (a, b)
    ]
    rows = []
    for k in _leading(x.dimension, min(x.n, y.n) // 2):
        cosines = _cosines(axes_a, axes_b, k)
        noises = [np.array([np.mean(1 - _cosines(*pair, k) ** 2) for pair in pairs]) for pairs in halves]
        # A half of A has the error of n_a / 2 vectors; the other cloud may be still smaller.
        noises = [
            noise * max(1.0, (1 / x.n + 1 / y.n) * n / 4) for noise, n in zip(noises, (x.n, y.n), strict=True)
        ]
        angles = np.degrees(np.arccos(cosines))
        row = {"axes": k, "largest_angle": float(angles.max()), "median_angle": float(np.median(angles))}
        rows.append(row | _beside(float(np.mean(1 - cosines**2)), max(noises, key=np.mean)))
    return rows


def _cosines(
    axes_a: Float[np.ndarray, "d d"], axes_b: Float[np.ndarray, "d d"], k: int
) -> Float[np.ndarray, " k"]:
    """Cosines of the principal angles between the spaces of the first k axes.

    A. Björck, G. Golub, Numerical methods for computing angles between linear subspaces (1973),
    https://doi.org/10.1090/S0025-5718-1973-0348991-3
    """
    return np.clip(np.linalg.svd(axes_a[:k] @ axes_b[:k].T, compute_uv=False), 0, 1)


def _pearson(moments: Moments) -> Float[np.ndarray, "d d"]:
    with np.errstate(invalid="ignore", divide="ignore"):  # a component may be constant in a small half
        return np.nan_to_num(moments.pearson)


def _leading(dimension: int, n: int) -> list[int]:
    """Numbers of leading axes to look at: fewer than all, and fewer than the vectors span."""
    fitting = [k for k in LEADING_AXES if k < dimension and k < n - 1]
    return fitting or ([dimension // 2] if dimension > 1 else [])


def _beside(value: float, noise: Float[np.ndarray, " h"]) -> dict[str, Any]:
    """A squared difference beside its noise; it stands out if far above it, on a logarithmic scale."""
    logarithm = np.log(np.maximum(noise, 1e-300))
    limit = float(np.exp(logarithm.mean() + STANDS_OUT * logarithm.std(ddof=1)))
    return {
        "value": value,
        "noise": float(noise.mean()),
        "stands_out": bool(value > max(limit, 1.2 * noise.mean())),
    }

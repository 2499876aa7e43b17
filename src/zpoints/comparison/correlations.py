"""Pair by pair: Pearson's coefficients, with standard errors."""

from typing import Any

import numpy as np
from scipy.stats import norm

from zpoints.comparison.clouds import Cloud
from zpoints.comparison.components import ALPHA_MANY
from zpoints.statistics.correlation import pairs
from zpoints.statistics.moments import Moments

__all__ = ["correlations"]


def correlations(a: Cloud, b: Cloud, count: int = 10) -> dict[str, Any]:
    """The pairs of components whose Pearson coefficients differ most.

    Fisher's z = artanh r makes them comparable; for the pairs that lead by its normal standard error,
    :math:`1 / \\sqrt{n - 3}`, the error is then taken from the vectors, since heavy tails make it larger.
    """
    x, y = a.moments, b.moments
    i, j = pairs(x.dimension)
    if not len(i):
        return {"different": 0, "limit": None, "pairs": []}
    r_a, r_b = (np.clip(moments.pearson[i, j], -1 + 1e-12, 1 - 1e-12) for moments in (x, y))
    difference = np.arctanh(r_b) - np.arctanh(r_a)
    leaders = np.argsort(-np.abs(difference), kind="stable")[: 5 * count]
    limit = float(norm.isf(ALPHA_MANY / 2 / len(i)))
    rows = []
    for p in leaders.tolist():
        error = np.hypot(_fisher_error(a, x, i[p], j[p], r_a[p]), _fisher_error(b, y, i[p], j[p], r_b[p]))
        row = {
            "i": int(a.numbers[i[p]]),
            "j": int(a.numbers[j[p]]),
            "r_a": float(r_a[p]),
            "r_b": float(r_b[p]),
        }
        rows.append(row | {"difference": row["r_b"] - row["r_a"], "z": float(difference[p] / error)})
    rows.sort(key=lambda row: -abs(row["z"]))
    different = sum(abs(row["z"]) > limit for row in rows)
    return {"different": different, "limit": limit, "pairs": rows[:count]}


def _fisher_error(cloud: Cloud, moments: Moments, i: int, j: int, r: float) -> float:
    """Standard error of artanh r, from the influence of each sampled vector; never below the normal one."""
    u, v = ((cloud.sample[:, c] - moments.mean[c]) / moments.std[c] for c in (i, j))
    influence = (u * v - r * (u * u + v * v) / 2) / (1 - r * r)
    return float(max(influence.std() / np.sqrt(moments.n), 1 / np.sqrt(moments.n - 3)))

"""Read-outs of a Pearson matrix."""

import numpy as np
from jaxtyping import Float, Int

__all__ = ["largest_off_diagonal", "pairs", "strongest_pairs"]


def pairs(dimension: int) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """All d(d-1)/2 planes i < j, in the order (0, 1), (0, 2), ..., (d-2, d-1)."""
    return np.triu_indices(dimension, 1)


def largest_off_diagonal(pearson: Float[np.ndarray, "d d"]) -> float:
    """Largest absolute coefficient of two different components; 0 for a single component."""
    if len(pearson) < 2:
        return 0.0
    return float(np.abs(pearson[pairs(len(pearson))]).max())


def strongest_pairs(pearson: Float[np.ndarray, "d d"], count: int) -> list[tuple[int, int, float]]:
    """The `count` planes with the largest absolute coefficient, as (i, j, r), strongest first.

    Examples
    --------
    >>> strongest_pairs(np.array([[1.0, 0.2, -0.9], [0.2, 1.0, 0.3], [-0.9, 0.3, 1.0]]), 2)
    [(0, 2, -0.9), (1, 2, 0.3)]
    """
    i, j = pairs(len(pearson))
    r = pearson[i, j]
    order = np.argsort(-np.abs(r), kind="stable")[:count]
    return [(int(i[p]), int(j[p]), float(r[p])) for p in order]

"""Is it one region? Where the cloud, the origin and a box of uniform vectors lie, and whether there are valleys."""

from typing import Any

import numpy as np
from jaxtyping import Float

from zpoints.statistics.clusters import find_clusters
from zpoints.statistics.location import Lengths, Location
from zpoints.statistics.pca import PCA

__all__ = ["region_summary"]

DIRECTIONS = 4  # least normal ones in which separate regions are looked for, beside the leading axes


def region_summary(
    whole: PCA, lengths: Lengths, sample: Float[np.ndarray, "s d"], directions: Float[np.ndarray, "k r"]
) -> dict[str, Any]:
    """Location and separate regions, as plain figures.

    Parameters
    ----------
    whole : principal axes of all vectors. lengths : of all vectors. sample : random vectors, in memory.
    directions : unit vectors in whitened coordinates along which the cloud looks least normal, worst first.
    """
    location = Location.of(whole, lengths)
    return {
        "mean_length": location.mean_length,
        "std_length": location.std_length,
        "centre_length": float(np.linalg.norm(whole.mean)),
        "centre_offset": location.centre_offset,
        "origin_distance": location.origin_distance,
        "typical_distance": location.typical_distance,
        "best_b": location.best_b,
        "best_b_distance": location.best_b_distance,
        "clusters": find_clusters(whole.whiten(sample), directions[:DIRECTIONS]).summary,
    }

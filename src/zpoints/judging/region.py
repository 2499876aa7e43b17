"""Do a sampler's vectors lie where the z-points lie, and do they copy? Judged without any picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import ks_2samp

from zpoints.comparison.classifiers import CLASSIFIER_AXES, VECTORS_PER_AXIS, tell_apart
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import Numbered, reduce

__all__ = ["Nearest", "mahalanobis_summary", "two_sample_test", "violated_planes"]

BLOCK = 1024
LEVEL = 3.0
"""Sigma of the ellipses in the planes of principal axes; a normal vector violates 1.11 % of them."""


@dataclass(frozen=True, eq=False)
class _Least:
    """Smallest squared distances, up to a constant of each vector, and whose they are; of equals the first."""

    square: Float[np.ndarray, " m"]
    number: np.ndarray

    def __add__(self, other: "_Least") -> "_Least":
        nearer = other.square < self.square
        return _Least(
            np.where(nearer, other.square, self.square), np.where(nearer, other.number, self.number)
        )


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest training vector of every vector: Euclidean distance, and its number among them."""

    distance: Float[np.ndarray, " m"]
    number: np.ndarray

    @classmethod
    def of(cls, vectors: Float[np.ndarray, "m d"], training: LatentSet) -> "Nearest":
        """Look through all training vectors, block by block."""
        z = np.asarray(vectors, np.float64)
        own = np.einsum("ij,ij->i", z, z)

        def nearest(start: int, block: np.ndarray) -> _Least:
            block = block.astype(np.float64)
            square = -2 * block @ z.T
            square += np.einsum("ij,ij->i", block, block)[:, None]
            best = square.argmin(axis=0)
            return _Least(square[best, np.arange(len(z))], best + start)

        found = reduce(training, Numbered(nearest), size=BLOCK, besides=8 * BLOCK * len(z))
        return cls(np.sqrt(np.maximum(found.square + own, 0.0)), found.number)


def mahalanobis_summary(
    vectors: Float[np.ndarray, "m d"], held_out: Float[np.ndarray, "h d"], pca: PCA
) -> dict[str, Any]:
    """Mahalanobis distances: median, 5 and 95 %, and how far their law is from that of held-out vectors.

    The quantiles are in the training's principal axes. ``ks_distance`` is Kolmogorov and Smirnov's largest difference
    of the two distribution functions, by axes of both sets together: in the training's own a sampler that was fitted
    to it has shorter vectors than any that the training has not seen, whatever their law.
    """
    low, median, high = np.quantile(np.linalg.norm(pca.whiten(vectors), axis=1), [0.05, 0.5, 0.95])
    ours, theirs = (np.linalg.norm(u, axis=1) for u in _both_whitened(vectors, held_out))
    return {
        "median": float(median),
        "low": float(low),
        "high": float(high),
        "ks_distance": float(ks_2samp(ours, theirs).statistic),
    }


def _both_whitened(
    a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "h d"]
) -> tuple[Float[np.ndarray, "n r"], Float[np.ndarray, "n r"]]:
    """As many vectors of each, in the leading principal axes of all of them: neither side is nearer to these."""
    count = min(len(a), len(b))
    a, b = np.asarray(a[:count], np.float64), np.asarray(b[:count], np.float64)
    pca = PCA.of_moments(Moments.of(a) + Moments.of(b))
    # With fewer vectors for an axis, every one would be about as far out as any other.
    axes = max(1, min(pca.rank, 2 * count // VECTORS_PER_AXIS))
    return pca.whiten(a)[:, :axes], pca.whiten(b)[:, :axes]


def two_sample_test(
    vectors: Float[np.ndarray, "m d"], held_out: Float[np.ndarray, "h d"], seed: int
) -> dict[str, Any]:
    """The better of two classifiers at telling vectors from held-out ones: accuracy 0.5 is guessing, 1 is certain.

    Its p value is doubled (Bonferroni), since the better one of two is chosen.

    They see the 50 leading whitened axes and the squared Mahalanobis distance, by axes of both sets together, and are
    tested on other vectors than they were trained on; see `comparison.classifiers.tell_apart`.
    """

    def features(u: Float[np.ndarray, "m r"]) -> Float[np.ndarray, "m f"]:
        return np.column_stack([u[:, :CLASSIFIER_AXES], (u**2).sum(axis=1)])

    found = tell_apart(*_both_whitened(vectors, held_out), features, seed)
    return found[0] | {"p": min(1.0, len(found) * found[0]["p"])}


def violated_planes(vectors: Float[np.ndarray, "m d"], pca: PCA) -> float:
    """Mean share of the planes of two principal axes in which a vector lies outside of the 3 sigma ellipse."""
    squares = np.sort(pca.whiten(vectors) ** 2, axis=1)
    r = squares.shape[1]
    if r < 2:
        return float("nan")
    outside = 0
    for row in squares:
        # Of two axes i < j in rising order: all partners j above what i leaves room for.
        first = np.searchsorted(row, LEVEL**2 - row, side="right")
        outside += int((r - np.maximum(first, np.arange(1, r + 1))).sum())
    return outside / (len(squares) * r * (r - 1) / 2)

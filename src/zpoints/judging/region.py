"""Do a sampler's vectors lie where the z-points lie? Judged without any picture."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from scipy.stats import ks_2samp

from zpoints.comparison.classifiers import CLASSIFIER_AXES, VECTORS_PER_AXIS, tell_apart
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

__all__ = ["BothSides", "mahalanobis_summary", "two_sample_test", "violated_planes"]

LEVEL = 3.0
"""Sigma of the ellipses in the planes of principal axes; a normal vector violates 1.11 % of them."""


@dataclass(frozen=True, eq=False)
class BothSides:
    """As many drawn as held-out vectors, in the leading principal axes of both: neither side is nearer to these.

    In the training's own axes a sampler that was fitted to it has shorter vectors than any that the training has not
    seen, whatever their law.

    Attributes
    ----------
    drawn, held_out : whitened, (n, r).
    """

    drawn: Float[np.ndarray, "n r"]
    held_out: Float[np.ndarray, "n r"]

    @classmethod
    def of(cls, drawn: Float[np.ndarray, "m d"], held_out: Float[np.ndarray, "h d"]) -> Self:
        """Whiten both, once for all that is asked of them."""
        count = min(len(drawn), len(held_out))
        a, b = (np.asarray(x[:count], np.float64) for x in (drawn, held_out))
        pca = PCA.of_moments(Moments.of(a) + Moments.of(b))
        # With fewer vectors for an axis, every one would be about as far out as any other.
        axes = max(1, min(pca.rank, 2 * count // VECTORS_PER_AXIS))
        return cls(pca.whiten(a)[:, :axes], pca.whiten(b)[:, :axes])


def mahalanobis_summary(vectors: Float[np.ndarray, "m d"], pca: PCA, both: BothSides) -> dict[str, Any]:
    """Mahalanobis distances: median, 5 and 95 %, and how far their law is from that of held-out vectors.

    The quantiles are in the training's principal axes. ``ks_distance`` is Kolmogorov and Smirnov's largest difference
    of the two distribution functions, by axes of both sets together.
    """
    low, median, high = np.quantile(np.linalg.norm(pca.whiten(vectors), axis=1), [0.05, 0.5, 0.95])
    ours, theirs = (np.linalg.norm(u, axis=1) for u in (both.drawn, both.held_out))
    return {
        "median": float(median),
        "low": float(low),
        "high": float(high),
        "ks_distance": float(ks_2samp(ours, theirs).statistic),
    }


def two_sample_test(both: BothSides, seed: int) -> dict[str, Any]:
    """The better of two classifiers at telling vectors from held-out ones: accuracy 0.5 is guessing, 1 is certain.

    Its p value is doubled (Bonferroni), since the better one of two is chosen.

    They see the 50 leading whitened axes and the squared Mahalanobis distance, by axes of both sets together, and are
    tested on other vectors than they were trained on; see `comparison.classifiers.tell_apart`.
    """

    def features(u: Float[np.ndarray, "m r"]) -> Float[np.ndarray, "m f"]:
        return np.column_stack([u[:, :CLASSIFIER_AXES], (u**2).sum(axis=1)])

    found = tell_apart(both.drawn, both.held_out, features, seed)
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

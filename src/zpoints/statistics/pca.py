"""Principal axes from a covariance matrix. No pass over the data, no SVD of it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float

__all__ = ["PCA"]


@dataclass(frozen=True, eq=False)
class PCA:
    r"""Eigenvectors :math:`v_a` of the covariance matrix, with the variance :math:`\lambda_a` along each.

    Attributes
    ----------
    mean : centre of the axes.
    axes : one unit vector per row, falling variance; the entry of largest absolute value is positive.
    variance : along each axis, never negative.
    rank : number of axes along which the data varies at all (fewer than d for n <= d vectors).

    References
    ----------
    I. Jolliffe, Principal Component Analysis, 2nd ed. (2002), https://doi.org/10.1007/b98835
    """

    mean: Float[np.ndarray, " d"]
    axes: Float[np.ndarray, "d d"]
    variance: Float[np.ndarray, " d"]
    rank: int

    @classmethod
    def of(cls, mean: Float[np.ndarray, " d"], covariance: Float[np.ndarray, "d d"], n: int) -> Self:
        """Principal axes of the covariance matrix of `n` vectors."""
        values, vectors = np.linalg.eigh(covariance)
        variance, axes = np.maximum(values[::-1], 0.0), vectors.T[::-1]
        largest = np.argmax(np.abs(axes), axis=1)
        signs = np.sign(axes[np.arange(len(axes)), largest])
        # Below this an eigenvalue is rounding error of the eigen-decomposition, as in numpy.linalg.matrix_rank.
        floor = variance[0] * len(variance) * np.finfo(np.float64).eps
        rank = min(int((variance > floor).sum()), n - 1)
        return cls(mean, np.ascontiguousarray(axes * signs[:, None]), variance, rank)

    @property
    def explained_variance_ratio(self) -> Float[np.ndarray, " d"]:
        """Share of the total variance along each axis."""
        return self.variance / self.variance.sum()

    def components_for(self, share: float) -> int:
        """Smallest number of leading axes that explain at least `share` of the total variance."""
        cumulative = np.cumsum(self.explained_variance_ratio)
        # A hair of slack, so that a share of 1 is reached in spite of rounding.
        return int(np.searchsorted(cumulative, share - 1e-12) + 1)

    def transform(self, block: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """Coordinates along the axes, float64."""
        return (block - self.mean) @ self.axes.T

    def whiten(self, block: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m r"]:
        """Coordinates in standard deviations along the leading `rank` axes; their length is Mahalanobis's."""
        return self.transform(block)[:, : self.rank] / np.sqrt(self.variance[: self.rank])

    def inverse_transform(self, scores: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """Back to the original components."""
        return self.mean + scores @ self.axes

r"""Spearman's rank correlation of every pair, as a sum over blocks.

Ranks of millions of values need no sorting: the fine histogram of a component tells how many values lie below. So
these are the exact coefficients of values rounded to the histogram's bins (1/64 sigma), equal values sharing their
mean rank.

References
----------
C. Spearman, The proof and measurement of association between two things, American Journal of Psychology 15 (1904),
https://doi.org/10.2307/1412159
"""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Float32, Num
from scipy.stats import rankdata

from zpoints.statistics.histograms import Histograms

__all__ = ["EXACT", "RankSums", "exact_rank_correlation", "normal_rank_correlation"]

EXACT = 10_000
"""Up to so many vectors are ranked one by one; the bins of more are fine enough."""


def exact_rank_correlation(x: Num[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    """Spearman's coefficients of all pairs of columns, equal values sharing their mean rank."""
    ranks = rankdata(x, axis=0)
    ranks -= ranks.mean(axis=0)
    scale = np.sqrt(np.einsum("ij,ij->j", ranks, ranks))
    return ranks.T @ ranks / scale / scale[:, None]


def normal_rank_correlation(r: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    r"""Spearman's coefficient of a normal pair with Pearson's r: :math:`\frac{6}{\pi} \arcsin(r / 2)`."""
    return 6 / np.pi * np.arcsin(np.clip(r, -1, 1) / 2)


@dataclass(frozen=True, eq=False)
class RankSums:
    """Sums of the mean ranks (as shares of n, less one half) and of their products.

    Attributes
    ----------
    products : sum over the vectors of rank_i rank_j.
    """

    n: int
    total: Float[np.ndarray, " d"]
    products: Float[np.ndarray, "d d"]

    @classmethod
    def of(cls, standardised: Float32[np.ndarray, "d m"], histograms: Histograms) -> Self:
        """Sum one block; the histograms are those of all vectors."""
        cumulative = np.cumsum(
            np.column_stack([histograms.below, histograms.counts, histograms.above]), axis=1
        )
        counts = np.diff(cumulative, axis=1, prepend=0)
        middle = (cumulative - 0.5 * counts) / histograms.n - 0.5
        ranks = np.empty(standardised.shape)
        _look_up(standardised, histograms.start, 1 / histograms.width, middle, ranks)
        return cls(standardised.shape[1], ranks.sum(axis=1), ranks @ ranks.T)

    def __add__(self, other: Self) -> Self:
        """Sums of both blocks together."""
        return type(self)(self.n + other.n, self.total + other.total, self.products + other.products)

    @property
    def rank_correlation(self) -> Float[np.ndarray, "d d"]:
        """Spearman's coefficients of all pairs."""
        scatter = self.products - np.outer(self.total, self.total) / self.n
        scale = np.sqrt(np.diagonal(scatter))
        return scatter / scale / scale[:, None]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _look_up(
    u: np.ndarray, start: np.ndarray, per_width: np.ndarray, middle: np.ndarray, ranks: np.ndarray
) -> None:
    d, m = u.shape
    bins = middle.shape[1] - 2
    for c in range(d):
        first, scale = np.float32(start[c]), np.float32(per_width[c])
        for p in range(m):
            place = (u[c, p] - first) * scale
            # Compared as floats first: a value far out would overflow as an integer.
            if place < 0.0:
                ranks[c, p] = middle[c, 0]
            elif place >= bins:
                ranks[c, p] = middle[c, bins + 1]
            else:
                ranks[c, p] = middle[c, np.int64(place) + 1]

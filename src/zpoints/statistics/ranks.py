r"""Spearman's rank correlation of every pair: exactly for few vectors, as a sum over blocks for many.

Ranks of millions of values need no sorting: the fine histogram of a component tells how many values lie below. So
`RankSums` has the exact coefficients of values rounded to the histogram's bins (1/64 sigma), equal values sharing
their mean rank, and a bound for what the rounding can have changed. Where all vectors are in memory,
`exact_rank_correlation` sorts them.

References
----------
C. Spearman, The proof and measurement of association between two things, American Journal of Psychology 15 (1904),
https://doi.org/10.2307/1412159
M. Kendall, The treatment of ties in ranking problems, Biometrika 33 (1945), https://doi.org/10.1093/biomet/33.3.239
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Float32, Num
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtr

from zpoints.statistics.histograms import Histograms, place_of

__all__ = [
    "EXACT",
    "RankSums",
    "exact_rank_correlation",
    "normal_rank_correlation",
    "rank_disagreement",
]

EXACT = 32_768
"""So many vectors are worth sorting: 2 ms of one core for each component. An analysis keeps as many in memory."""

TILE = 16  # components sorted by one thread at a time
CHUNK = 4096  # vectors whose ranks are multiplied at a time, as float64

Vector = Float[np.ndarray, " d"]
Matrix = Float[np.ndarray, "d d"]


def normal_rank_correlation(r: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    r"""Spearman's coefficient of a normal pair with Pearson's r: :math:`\frac{6}{\pi} \arcsin(r / 2)`.

    References
    ----------
    K. Pearson, On further methods of determining correlation, Drapers' Company Research Memoirs (1907).

    Examples
    --------
    >>> normal_rank_correlation(np.array([0.0, 0.5, 1.0])).round(4)
    array([0.    , 0.4826, 1.    ])
    """
    return 6 / np.pi * np.arcsin(np.clip(r, -1, 1) / 2)


def rank_disagreement(
    r: Float[np.ndarray, " p"], rank_correlation: Float[np.ndarray, " p"], n: int
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    r"""How far Spearman's coefficients of n vectors lie from those of normal pairs with the same Pearson's r.

    Returns the expected coefficients and the distances from them in standard errors. Expected is Moran's mean for n
    normal vectors, :math:`\frac{6}{\pi (n + 1)} (\arcsin r + (n - 2) \arcsin \frac r2)`. Both coefficients come from
    the same vectors and go along with each other, so that the error is small: :math:`0.297 / \sqrt n` at r = 0, where
    each of them alone has :math:`1 / \sqrt n`. It is that of the difference of their influence functions, integrated
    over the normal law; the square of :math:`1 / n` is added to its square, for the terms of higher order.

    References
    ----------
    P. Moran, Rank correlation and product-moment correlation, Biometrika 35 (1948),
    https://doi.org/10.1093/biomet/35.1-2.203
    C. Croux, C. Dehon, Influence functions of the Spearman and Kendall correlation measures (2010),
    https://doi.org/10.1007/s10260-010-0142-z

    Examples
    --------
    >>> expected, off = rank_disagreement(np.array([0.5]), np.array([0.6]), 10_000)
    >>> expected.round(3).tolist(), off.round(0).tolist()
    ([0.483], [41.0])
    """
    r = np.clip(r, -1, 1)
    expected = 6 / np.pi / (n + 1) * (np.arcsin(r) + (n - 2) * np.arcsin(r / 2))
    at, error = _errors()
    # Over 1 - r^2 it is smooth up to r = 1.
    spread = np.interp(np.abs(r), at, error) * (1 - r) * (1 + r)
    return expected, (rank_correlation - expected) / np.sqrt(spread**2 / n + 1 / n**2)


@cache
def _errors() -> tuple[Vector, Vector]:
    """Standard deviation of the difference of both influence functions over 1 - r^2, at some r."""
    at = np.append(np.linspace(0, 0.98, 50), 0.999)
    x, weight = hermegauss(60)
    weight = np.outer(weight, weight) / weight.sum() ** 2
    grid = np.linspace(-9, 9, 2001)
    found = np.empty(len(at))
    for k, r in enumerate(at):
        y = r * x[:, None] + np.sqrt(1 - r * r) * x
        first = x[:, None]
        # E[G(Y); X >= x], the share that a vector has in the ranks of all others.
        density = np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi) * ndtr(r * grid / np.sqrt(2 - r * r))
        above = np.cumsum(density[::-1])[::-1] * (grid[1] - grid[0]) - density * (grid[1] - grid[0]) / 2
        of_ranks = 12 * (ndtr(first) * ndtr(y) + np.interp(first, grid, above) + np.interp(y, grid, above))
        slope = 3 / np.pi / np.sqrt(1 - r * r / 4)
        influence = of_ranks - slope * (first * y - r * (first**2 + y**2) / 2)
        mean = np.sum(weight * influence)
        found[k] = np.sqrt(np.sum(weight * (influence - mean) ** 2)) / (1 - r * r)
    return at, found


def exact_rank_correlation(x: Num[np.ndarray, "n d"]) -> Matrix:
    """Spearman's coefficients of all pairs of components, equal values sharing their mean rank.

    Every component is sorted, on as many cores as Numba may use. The ranks, doubled, are whole numbers, and so are
    the sums of their products: below 200,000 vectors the order of the vectors and the number of cores do not change
    a bit.

    Parameters
    ----------
    x : vectors in rows, finite; more than 200,000 of them lose that last property, nothing else.

    Returns
    -------
    Coefficients from -1 to 1, as `scipy.stats.spearmanr` has them; NaN in the row and column of a component that is
    constant.

    Raises
    ------
    ValueError : fewer than two vectors.

    Examples
    --------
    >>> x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0], [4.0, 1000.0]])
    >>> exact_rank_correlation(x)
    array([[1. , 0.8],
           [0.8, 1. ]])
    """
    n, d = x.shape
    if n < 2:
        raise ValueError(f"{n} vectors have no rank correlation; two or more are needed")
    ranks = np.empty((d, n), np.float32)

    def rank(first: int) -> None:
        columns = np.ascontiguousarray(x[:, first : first + TILE].T, dtype=np.float64)
        _mean_ranks(columns, np.argsort(columns, axis=1), ranks[first : first + TILE])

    with ThreadPoolExecutor(numba.get_num_threads()) as threads:
        list(threads.map(rank, range(0, d, TILE)))
    scatter = np.zeros((d, d))
    for start in range(0, n, CHUNK):
        part = ranks[:, start : start + CHUNK].astype(np.float64)
        scatter += part @ part.T
    return _correlation(scatter)


@dataclass(frozen=True, eq=False)
class RankSums:
    r"""Sums of the mean ranks (as shares of n, less one half) and of their products.

    Summaries of blocks add up; the read-outs belong to the sum over *all* vectors that the histograms have counted.

    Attributes
    ----------
    n : number of vectors.
    total : sum of the ranks of each component; 0 over all vectors, but for rounding.
    products : sum over the vectors of rank_i rank_j.

    Examples
    --------
    >>> from zpoints.statistics.histograms import fine_bins
    >>> from zpoints.statistics.planes import standardise
    >>> x = np.random.default_rng(0).normal(size=(1000, 2))
    >>> x[:, 1] += x[:, 0]
    >>> u = standardise(x, x.mean(axis=0), x.std(axis=0, ddof=1))
    >>> histograms = Histograms.of(u, *fine_bins(2))
    >>> sums = RankSums.of(u[:, :400], histograms) + RankSums.of(u[:, 400:], histograms)
    >>> bool((abs(sums.rank_correlation - exact_rank_correlation(x)) <= sums.bound + 1e-9).all())
    True
    """

    n: int
    total: Vector
    products: Matrix

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
    def rank_correlation(self) -> Matrix:
        """Spearman's coefficients of all pairs of values rounded to their bins; NaN where one bin holds all."""
        return _correlation(self._scatter)

    @property
    def bound(self) -> Matrix:
        r"""How far `rank_correlation` can lie from the coefficients of the values themselves, at most.

        Proven, whatever the vectors. Take a component's ranks, centred, for a vector A of n numbers. The mean rank
        of a bin is the mean of the ranks in it, so that the vector a of the mean ranks is A's projection onto the
        vectors that are constant in every bin. The angle between the two therefore has

        .. math:: \sin^2 \alpha = 1 - \frac{|a|^2}{|A|^2} \le T = \sum_b \frac{m_b^3 - m_b}{n^3 - n}

        with the numbers :math:`m_b` of values in the bins, equal where no two values are (Kendall's correction for
        ties). Both coefficients are cosines of angles, :math:`\theta` between a and b, and that between A and B
        differs from it by no more than :math:`\delta = \alpha_i + \alpha_j`: angles obey the triangle inequality.
        So the exact coefficient lies between :math:`\cos(\theta + \delta)` and :math:`\cos(\theta - \delta)`, angles
        limited to 0 and :math:`\pi`.

        In bins of 1/64 sigma a normal component has :math:`\sin \alpha = 0.0047`, and bounds are 0.0095 for an
        uncorrelated pair. To reach that, one component would have to decide the order of the other within each bin.
        Where it has nothing to do with it, the difference has mean :math:`r (T_i + T_j) / 2` and standard deviation
        :math:`\sqrt{(T_i + T_j) / n}` or less: 2e-5 each for 170,000 vectors.
        """
        n = self.n
        ties = 1 - np.diagonal(self._scatter) * (12 * n / (n**2 - 1))
        alpha = np.arcsin(np.sqrt(np.clip(ties, 0.0, 1.0)))
        delta = alpha + alpha[:, None]
        np.fill_diagonal(delta, 0.0)
        r = self.rank_correlation
        theta = np.arccos(r)
        least, largest = np.cos(np.minimum(theta + delta, np.pi)), np.cos(np.maximum(theta - delta, 0.0))
        return np.maximum(r - least, largest - r)

    @property
    def _scatter(self) -> Matrix:
        return self.products - np.outer(self.total, self.total) / self.n


def _correlation(scatter: Matrix) -> Matrix:
    scale = np.sqrt(np.diagonal(scatter))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(scatter / scale / scale[:, None], -1.0, 1.0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mean_ranks(columns: np.ndarray, order: np.ndarray, ranks: np.ndarray) -> None:
    """Twice the rank from 1 on, less n + 1: whole numbers of mean 0, exact in float32 up to 2^24."""
    d, n = columns.shape
    for c in range(d):
        first = 0
        while first < n:
            value, after = columns[c, order[c, first]], first + 1
            while after < n and columns[c, order[c, after]] == value:
                after += 1
            for p in range(first, after):
                ranks[c, order[c, p]] = first + after - n
            first = after


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _look_up(
    u: np.ndarray, start: np.ndarray, per_width: np.ndarray, middle: np.ndarray, ranks: np.ndarray
) -> None:
    d, m = u.shape
    bins = middle.shape[1] - 2
    for c in range(d):
        first, scale = start[c], per_width[c]
        for p in range(m):
            ranks[c, p] = middle[c, place_of(u[c, p], first, scale, bins)]

r"""Mardia's skewness and kurtosis of any number of vectors, as sums over blocks.

Mardia's skewness :math:`b_1 = \frac{1}{n^2} \sum_{ij} (u_i \cdot u_j)^3` is usually formed from the n x n matrix
of all inner products: 231 GB for 170,000 vectors. It is also the squared norm of the third-moment tensor
:math:`\frac1n \sum u \otimes u \otimes u`, and that is a sum over vectors: :math:`d^3/6` numbers, in any blocks.

With many vectors every test rejects (`mardia`). The effect sizes `ThirdMoments.squared_skewness` and
`ThirdMoments.scale_variance` do not grow with n: look at them first.

The third popular test, Henze and Zirkler's, is not here: in double precision it is dead from about 100 dimensions.
At d = 256 the statistic is 1.000000000000 for normal, exponential, t_5 and two-cluster data alike. It has its
place in planes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Int

from zpoints.statistics.mardia import MardiaTest, kurtosis_null, tensor_variance

__all__ = ["MAX_DIMENSION", "ThirdMoments"]

MAX_DIMENSION = 512
"""Largest dimension of a third-moment tensor: 180 MB, and 8 times the work of 256. Give the leading axes of more."""

DOUBLE = 64
"""Components up to which products are formed in double precision; of more, in single precision."""

ROWS = 512  # vectors summed at a time: their products with one component stay in the second-level cache


@dataclass(eq=False)
class ThirdMoments:
    r"""Sums of all products of three components of whitened vectors, and of the powers 4 and 6 of their lengths.

    The vectors come whitened by the mean and the unbiased covariance of *all* of them (`pca.PCA.whiten`). Two of
    these summaries add up; as a sum holds :math:`d^3/6` numbers, `add` counts further blocks into one in place.
    Every element is summed by one thread in a fixed order, whatever the number of threads.

    Of more than 64 components, the products of 512 vectors at a time are formed and added in single precision, in
    less than half the time of double precision, and these totals are added in double precision. That moves an element
    by less than :math:`4 \cdot 10^{-6} \sqrt{\sum (u_i u_j u_k)^2}`, 4 millionths of its standard error; `skewness`,
    by less than a millionth of itself.

    Blocks of some thousand vectors are fast, blocks of some ten are not.

    Attributes
    ----------
    dimension : number of components d.
    n : number of vectors.
    sums : the tensor's elements i <= j <= k, one matrix (i, k) after the other for each j (`tensor` unfolds them).
    fourth, sixth : :math:`\sum |u|^4` and :math:`\sum |u|^6`.

    Examples
    --------
    >>> from zpoints.statistics.moments import Moments
    >>> from zpoints.statistics.pca import PCA
    >>> x = np.random.default_rng(0).exponential(size=(5000, 3))
    >>> u = PCA.of_moments(Moments.of(x)).whiten(x)
    >>> third = ThirdMoments.of(u[:2000]) + ThirdMoments.of(u[2000:])
    >>> third.n, third.tensor.shape
    (5000, (3, 3, 3))
    >>> third.skewness_test.p_value < 1e-6, third.squared_skewness > 8  # 12 for three exponential directions
    (True, True)
    """

    dimension: int
    n: int
    sums: Float[np.ndarray, " s"]
    fourth: float
    sixth: float

    @classmethod
    def empty(cls, dimension: int) -> Self:
        """No vectors yet.

        Raises
        ------
        ValueError : above `MAX_DIMENSION`.
        """
        if not 1 <= dimension <= MAX_DIMENSION:
            raise ValueError(f"{dimension} components: third moments take 1 to {MAX_DIMENSION}")
        return cls(dimension, 0, np.zeros(_layout(dimension)[-1]), 0.0, 0.0)

    @classmethod
    def of(cls, block: Float[np.ndarray, "m d"]) -> Self:
        """Summarise one block."""
        summary = cls.empty(block.shape[1])
        summary.add(block)
        return summary

    def add(self, block: Float[np.ndarray, "m d"]) -> None:
        """Count one more block into this summary."""
        d = self.dimension
        if block.shape[1] != d:
            raise ValueError(f"a block of {block.shape[1]} components; there are {d}")
        length = max(1, min(ROWS, len(block)))
        step = length * _chunks(d)
        for start in range(0, len(block), step):
            part = block[start : start + step]
            rows = _turned(part, length, np.float64 if d <= DOUBLE else np.float32)
            _count(rows, _layout(d), _order(d), self.sums)
            square = np.einsum("mc,mc->m", part, part, dtype=np.float64)
            self.fourth += float(np.sum(square**2))
            self.sixth += float(np.sum(square**3))
        self.n += len(block)

    def __add__(self, other: Self) -> Self:
        """Sums of both sets together."""
        return type(self)(
            self.dimension,
            self.n + other.n,
            self.sums + other.sums,
            self.fourth + other.fourth,
            self.sixth + other.sixth,
        )

    @staticmethod
    def bytes_of(dimension: int) -> int:
        """Memory of such a summary."""
        return 8 * int(_layout(dimension)[-1])

    def divided(self, most: int) -> "list[ThirdMoments]":
        """The sums in pieces of at most so many bytes, each with the other figures; pieces add up like the whole."""
        step = max(1, most // self.sums.itemsize)
        return [
            type(self)(self.dimension, self.n, self.sums[start : start + step], self.fourth, self.sixth)
            for start in range(0, len(self.sums), step)
        ]

    @classmethod
    def united(cls, pieces: "Sequence[ThirdMoments]") -> "ThirdMoments":
        """The whole of its pieces, in order."""
        first = pieces[0]
        sums = np.concatenate([piece.sums for piece in pieces])
        return cls(first.dimension, first.n, sums, first.fourth, first.sixth)

    def leading(self, count: int, fourth: float, sixth: float) -> Self:
        r"""The summary of the first `count` components alone: a part of the tensor.

        Parameters
        ----------
        fourth, sixth : :math:`\sum |u|^4` and :math:`\sum |u|^6` of these components.

        Examples
        --------
        >>> u = np.random.default_rng(0).exponential(size=(500, 5)) - 1
        >>> squares = np.sum(u[:, :2] ** 2, axis=1)
        >>> part = ThirdMoments.of(u).leading(2, np.sum(squares**2), np.sum(squares**3))
        >>> bool(np.isclose(part.skewness, ThirdMoments.of(u[:, :2]).skewness))
        True
        """
        d, offsets = self.dimension, _layout(self.dimension)
        parts = [
            self.sums[offsets[j] : offsets[j + 1]].reshape(j + 1, d - j)[:, : count - j] for j in range(count)
        ]
        return type(self)(count, self.n, np.concatenate([part.ravel() for part in parts]), fourth, sixth)

    @property
    def tensor(self) -> Float[np.ndarray, "d d d"]:
        r"""Mean of :math:`u \otimes u \otimes u` in full: :math:`d^3` numbers, 134 MB at d = 256."""
        d, offsets = self.dimension, _layout(self.dimension)
        full = np.empty((d, d, d))
        for j in range(d):
            part = self.sums[offsets[j] : offsets[j + 1]].reshape(j + 1, d - j) / self.n  # i <= j <= k
            full[: j + 1, j, j:] = full[j, : j + 1, j:] = part
            full[: j + 1, j:, j] = full[j, j:, : j + 1].T[:] = part
            full[j:, : j + 1, j] = full[j:, j, : j + 1] = part.T
        return full

    @property
    def skewness(self) -> float:
        r"""Mardia's :math:`b_1`, of vectors whitened by the maximum-likelihood covariance as he defines it."""
        norm = _squared_norm(self.sums, self.dimension, _layout(self.dimension))
        return float(norm / self.n**2 * self._unbiased**3)

    @property
    def kurtosis(self) -> float:
        r"""Mardia's :math:`b_2`, the mean of :math:`|u|^4`, whitened in the same way."""
        return self.fourth / self.n * self._unbiased**2

    @property
    def skewness_test(self) -> MardiaTest:
        r"""Is :math:`b_1` larger than normal samples have it?"""
        return MardiaTest.of_skewness(self.skewness, self.n, self.dimension)

    @property
    def kurtosis_test(self) -> MardiaTest:
        r"""Does :math:`b_2` differ, to either side, from that of normal samples?"""
        return MardiaTest.of_kurtosis(self.kurtosis, self.n, self.dimension)

    @property
    def squared_skewness(self) -> float:
        r"""Effect size: :math:`\beta_1`, Mardia's skewness of the law behind the vectors.

        0 for every symmetric law; 4 when one direction, whichever, is exponential; :math:`d \gamma^2` when all of d
        independent directions have the skewness :math:`\gamma`. It does not grow with n. :math:`b_1` itself lies
        above it by the vectors' own sixth powers, so that heavy tails without any skewness make it large; they
        are taken out here, and what centring by the sample mean did to them:

        .. math:: \frac{n^2 b_1 - \sum |u|^6}{n (n - 1)} + \frac{6 b_2 - 3 d (d + 2)}{n}

        A small sample, or a symmetric law, can have a negative one. The formula is ours; the tests compare it with
        simulations.
        """
        n, d = self.n, self.dimension
        others = (n**2 * self.skewness - self.sixth * self._unbiased**3) / (n * (n - 1))
        return float(others + (6 * self.kurtosis - 3 * d * (d + 2)) / n)

    @property
    def squared_skewness_error(self) -> float:
        r"""Standard error of `squared_skewness` for vectors with a symmetric law of ellipsoidal shape.

        That of a normal law, times the ratio of the means of :math:`|u|^6` in data and normal law.
        """
        n, d = self.n, self.dimension
        normal = (n - 1) ** 2 * d * (d + 2) * (d + 4) / ((n + 1) * (n + 3))
        return float(np.sqrt(tensor_variance(n, d)) * self.sixth / n * self._unbiased**3 / normal)

    @property
    def scale_variance(self) -> float:
        r"""Effect size: :math:`b_2` over its expectation, less 1.

        When the vectors are normal vectors times a random scale s with :math:`E s^2 = 1`, it estimates the variance
        of :math:`s^2`; 0 for a normal law, whatever d and n. (For one component: excess kurtosis over 3.)
        """
        return self.kurtosis / kurtosis_null(self.n, self.dimension)[0] - 1

    @property
    def scale_variance_error(self) -> float:
        """Standard error of `scale_variance` over normal samples of the same size."""
        expected, error = kurtosis_null(self.n, self.dimension)
        return error / expected

    @property
    def _unbiased(self) -> float:
        """Squared length of a vector whitened by the maximum-likelihood covariance, over that by the unbiased one."""
        return self.n / (self.n - 1)


def _chunks(d: int) -> int:
    """How many times `ROWS` vectors the threads sum between two meetings: few components give them little to do."""
    return min(64, max(1, (256 // d) ** 3))


def _turned(
    part: Float[np.ndarray, "m d"], length: int, dtype: type[np.floating]
) -> Float[np.ndarray, "t d length"]:
    """Chunks of `length` vectors, one contiguous row per component; zeros where the last one ends early."""
    chunks = range(0, len(part), length)
    rows = np.zeros((len(chunks), part.shape[1], length), dtype)
    for turned, start in zip(rows, chunks, strict=True):
        chunk = part[start : start + length]
        turned[:, : len(chunk)] = chunk.T
    return rows


def _layout(d: int) -> Int[np.ndarray, " j"]:
    """Where the matrix of each middle index j begins: rows i <= j, columns k >= j."""
    j = np.arange(d)
    return np.concatenate([[0], np.cumsum((j + 1) * (d - j))])


def _order(d: int) -> Int[np.ndarray, " d"]:
    """Middle indices, shuffled: their matrices differ in size, and each thread takes a run of neighbours."""
    return np.random.default_rng(0).permutation(d)


@numba.njit(parallel=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _count(rows: np.ndarray, offsets: np.ndarray, order: np.ndarray, sums: np.ndarray) -> None:
    # One middle index per thread, and a product of matrices by the BLAS in each. Where BLAS may use threads of its
    # own, these wait for each other at every product; `reduce` leaves it one.
    d, m = rows.shape[1], rows.shape[2]
    for turn in numba.prange(len(order)):
        j = order[turn]
        total = sums[offsets[j] : offsets[j + 1]].reshape((j + 1, d - j))
        products, found = np.empty((j + 1, m), rows.dtype), np.empty((j + 1, d - j), rows.dtype)
        for chunk in range(rows.shape[0]):
            for i in range(j + 1):
                for row in range(m):
                    products[i, row] = rows[chunk, i, row] * rows[chunk, j, row]
            np.dot(products, rows[chunk, j:].T, found)
            total += found


@numba.njit(cache=True, error_model="numpy")
def _squared_norm(sums: np.ndarray, d: int, offsets: np.ndarray) -> float:
    """Sum of the squares of all d^3 elements, each i <= j <= k counted as often as it can be ordered."""
    total = 0.0
    for j in range(d):
        for i in range(j + 1):
            row = offsets[j] + i * (d - j) - j
            part = 0.0
            for k in range(j, d):
                times = 6.0 if i < j < k else 3.0
                if i == j == k:
                    times = 1.0
                part += times * sums[row + k] * sums[row + k]
            total += part
    return total

"""Mean, covariance, skewness and kurtosis of any number of vectors, as a sum over blocks."""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Int, Num

__all__ = ["Moments", "power_sums"]

Vector = Float[np.ndarray, " d"]
Matrix = Float[np.ndarray, "d d"]


@dataclass(frozen=True, eq=False)
class Moments:
    r"""First to fourth moments of a set of vectors, mergeable without loss.

    Holds :math:`n`, the mean :math:`m`, the scatter matrix :math:`\sum (x - m)(x - m)^T`, and per component the
    sums :math:`\sum (x_j - m_j)^3` and :math:`\sum (x_j - m_j)^4`. Two of them add up exactly, so blocks may be
    cut anyhow and come in any order. All sums are float64, whatever the data is.

    References
    ----------
    T. Chan, G. Golub, R. LeVeque, Updating formulae and a pairwise algorithm for computing sample variances,
    Stanford STAN-CS-79-773 (1979).
    P. Pebay, Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
    moments, Sandia SAND2008-6212 (2008), https://doi.org/10.2172/1028931

    Attributes
    ----------
    n : number of vectors.
    mean, scatter, third, fourth : as above, in the units of the data and their powers.

    Examples
    --------
    >>> x = np.random.default_rng(0).gamma(2.0, size=(1000, 3))
    >>> moments = Moments.of(x[:300]) + Moments.of(x[300:])
    >>> moments.n, moments.mean.shape, moments.covariance.shape
    (1000, (3,), (3, 3))
    >>> bool(np.allclose(moments.covariance, np.cov(x.T)))
    True
    """

    n: int
    mean: Vector
    scatter: Matrix
    third: Vector
    fourth: Vector

    @classmethod
    def of(cls, block: Num[np.ndarray, "m d"]) -> Self:
        """Summarise one block of at least one vector."""
        x = np.array(block, dtype=np.float64, order="C")
        mean = x.mean(axis=0)
        x -= mean
        total, square, cube, fourth = power_sums(x)
        # Where the mean is far larger than the spread, its rounding shows only after the subtraction.
        n, rest = len(x), total / len(x)
        # NumPy forms one triangle and mirrors it. SciPy's dsyrk would bring threads of its own, which fight those
        # of NumPy's other products for the processor: measured, four times as slow.
        return cls(
            n=n,
            mean=mean + rest,
            scatter=x.T @ x - n * np.outer(rest, rest),
            third=cube - 3 * rest * square + 2 * n * rest**3,
            fourth=fourth - 4 * rest * cube + 6 * rest**2 * square - 3 * n * rest**4,
        )

    def __add__(self, other: Self) -> Self:
        """Moments of both sets together."""
        a, b, n = self.n, other.n, self.n + other.n
        delta = other.mean - self.mean
        variance_a, variance_b = np.diagonal(self.scatter), np.diagonal(other.scatter)
        third = (
            self.third
            + other.third
            + delta**3 * (a * b * (a - b) / n**2)
            + 3 * delta * (a * variance_b - b * variance_a) / n
        )
        fourth = (
            self.fourth
            + other.fourth
            + delta**4 * (a * b * (a * a - a * b + b * b) / n**3)
            + 6 * delta**2 * (a * a * variance_b + b * b * variance_a) / n**2
            + 4 * delta * (a * other.third - b * self.third) / n
        )
        return type(self)(
            n=n,
            mean=self.mean + delta * (b / n),
            scatter=self.scatter + other.scatter + np.outer(delta, delta) * (a * b / n),
            third=third,
            fourth=fourth,
        )

    def of_components(self, numbers: Int[np.ndarray, " l"]) -> Self:
        """Moments of these components alone."""
        return type(self)(
            self.n,
            self.mean[numbers],
            self.scatter[np.ix_(numbers, numbers)],
            self.third[numbers],
            self.fourth[numbers],
        )

    @property
    def dimension(self) -> int:
        """Number of components d."""
        return len(self.mean)

    @property
    def covariance(self) -> Matrix:
        """Unbiased covariance matrix: the scatter matrix over n - 1."""
        return self.scatter / (self.n - 1)

    @property
    def std(self) -> Vector:
        """Standard deviation of each component (unbiased variance)."""
        return np.sqrt(np.diagonal(self.scatter) / (self.n - 1))

    @property
    def pearson(self) -> Matrix:
        """Pearson's correlation coefficients; the diagonal is exactly 1."""
        scale = np.sqrt(np.diagonal(self.scatter))
        # Dividing twice, not by a product: 1e-160 * 1e-160 would underflow.
        matrix = self.scatter / scale / scale[:, None]
        np.fill_diagonal(matrix, 1.0)
        return np.clip(matrix, -1.0, 1.0)

    @property
    def skewness(self) -> Vector:
        r"""Skewness of each component, :math:`m_3 / m_2^{3/2}`; 0 for a normal distribution."""
        scale = np.sqrt(np.diagonal(self.scatter) / self.n)
        return self.third / self.n / scale / scale / scale

    @property
    def excess_kurtosis(self) -> Vector:
        r"""Excess kurtosis of each component, :math:`m_4 / m_2^2 - 3`; 0 for a normal distribution."""
        variance = np.diagonal(self.scatter) / self.n
        return self.fourth / self.n / variance / variance - 3.0


def power_sums(x: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "4 k"]:
    """Sums of the powers 1 to 4 of each column."""
    sums = np.zeros((4, x.shape[1]))
    _add_powers(np.ascontiguousarray(x, np.float64), sums)
    return sums


@numba.njit(cache=True, nogil=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _add_powers(x: np.ndarray, sums: np.ndarray) -> None:
    first, second, third, fourth = sums[0], sums[1], sums[2], sums[3]
    for row in range(x.shape[0]):
        for c in range(x.shape[1]):
            value = x[row, c]
            square = value * value
            first[c] += value
            second[c] += square
            third[c] += square * value
            fourth[c] += square * square


def joined(a: Moments | None, b: Moments | None) -> Moments | None:
    """Moments of both parts together, where None is a part without vectors."""
    if a is None or b is None:
        return b if a is None else a
    return a + b

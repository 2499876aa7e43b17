"""Mean, covariance, skewness and kurtosis of any number of vectors, as a sum over blocks."""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Int, Num

from zpoints.statistics.double_double import added, product, quotient, scaled

__all__ = ["Moments", "power_sums"]

Vector = Float[np.ndarray, " d"]
Matrix = Float[np.ndarray, "d d"]


@dataclass(frozen=True, eq=False)
class Moments:
    r"""First to fourth moments of a set of vectors, mergeable without loss.

    Holds :math:`n`, the mean :math:`m`, the scatter matrix :math:`\sum (x - m)(x - m)^T`, and per component the
    sums :math:`\sum (x_j - m_j)^3` and :math:`\sum (x_j - m_j)^4`. Two of them add up, so blocks may be cut anyhow
    and come in any order. All sums are float64, whatever the data is, and totals keep what rounding to float64
    leaves out (`double_double`): whichever blocks were added first, as workers of a cluster do, the totals are the
    same to the bit, but for a few in 100,000 entries that are far smaller than what they were added up from. Axes of
    tiny variance would differ visibly otherwise.

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
    rest : what rounding has left out of these four, in their order; None of a single block.

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
    rest: tuple[Vector, Matrix, Vector, Vector] | None = None

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
        n_a, n_b = float(self.n), float(other.n)
        a, b = self._with_rests, other._with_rests
        sums, rest = _like(a), _like(a)
        _join_scatter(n_a, n_b, (a[0], a[4], b[0], b[4]), (a[1], a[5], b[1], b[5]), sums[1], rest[1])
        vectors = (sums[0], sums[2], sums[3], rest[0], rest[2], rest[3])
        _join_vectors(n_a, n_b, _diagonals(a), _diagonals(b), vectors)
        return type(self)(self.n + other.n, *sums, rest)

    @property
    def _with_rests(self) -> tuple[np.ndarray, ...]:
        sums = self.mean, self.scatter, self.third, self.fourth
        return sums + (self.rest or tuple(np.zeros_like(each) for each in sums))

    def of_components(self, numbers: Int[np.ndarray, " l"]) -> Self:
        """Moments of these components alone."""
        return type(self)(
            self.n,
            self.mean[numbers],
            self.scatter[np.ix_(numbers, numbers)],
            self.third[numbers],
            self.fourth[numbers],
            self._rest_of(numbers),
        )

    def _rest_of(self, numbers: Int[np.ndarray, " l"]) -> tuple[Vector, Matrix, Vector, Vector] | None:
        if self.rest is None:
            return None
        mean, scatter, third, fourth = self.rest
        return mean[numbers], scatter[np.ix_(numbers, numbers)], third[numbers], fourth[numbers]

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


def _like(sums: tuple[np.ndarray, ...]) -> tuple[Vector, Matrix, Vector, Vector]:
    mean, scatter, third, fourth = (np.empty_like(each) for each in sums[:4])
    return mean, scatter, third, fourth


def _diagonals(sums: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(each.diagonal().copy() if each.ndim == 2 else each for each in sums)


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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _join_scatter(
    n_a: float,
    n_b: float,
    means: tuple[Vector, Vector, Vector, Vector],
    scatters: tuple[Matrix, Matrix, Matrix, Matrix],
    out: Matrix,
    rest: Matrix,
) -> None:
    """S = S_a + S_b + (m_b - m_a)(m_b - m_a)^T n_a n_b / n; each argument as a, its rest, b, its rest."""
    a, a_rest, b, b_rest = scatters
    mean_a, mean_a_rest, mean_b, mean_b_rest = means
    d, weight = len(mean_a), scaled(quotient(n_b, n_a + n_b), n_a)
    delta, delta_rest = np.empty(d), np.empty(d)
    for j in range(d):
        delta[j], delta_rest[j] = added((mean_b[j], mean_b_rest[j]), (-mean_a[j], -mean_a_rest[j]))
    for i in range(d):
        own = product((delta[i], delta_rest[i]), weight)
        for j in range(d):
            both = added((a[i, j], a_rest[i, j]), (b[i, j], b_rest[i, j]))
            out[i, j], rest[i, j] = added(both, product(own, (delta[j], delta_rest[j])))
    for i in range(d):  # the factors of an entry come in another order than those of its mirror image
        for j in range(i):
            out[i, j], rest[i, j] = out[j, i], rest[j, i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _join_vectors(
    n_a: float,
    n_b: float,
    a: tuple[Vector, ...],
    b: tuple[Vector, ...],
    out: tuple[Vector, ...],
) -> None:
    """Mean, and sums of third and fourth powers; `a` and `b` hold mean, variance sums, third, fourth, and rests."""
    n = n_a + n_b
    v, w = quotient(n_a, n), quotient(n_b, n)
    minus_w = (-w[0], -w[1])
    vw = product(v, w)
    cubic = scaled(product(vw, added(v, minus_w)), n)
    quartic = scaled(product(vw, added(product(v, v), product(minus_w, added(v, minus_w)))), n)
    for j in range(len(out[0])):
        mean, square, third, fourth = (
            (a[0][j], a[4][j]),
            (a[1][j], a[5][j]),
            (a[2][j], a[6][j]),
            (a[3][j], a[7][j]),
        )
        delta = added((b[0][j], b[4][j]), (-mean[0], -mean[1]))
        delta2 = product(delta, delta)
        other_square, other_third = (b[1][j], b[5][j]), (b[2][j], b[6][j])
        out[0][j], out[3][j] = added(mean, product(delta, w))
        mixed = added(product(v, other_square), product(minus_w, square))
        outer = added(product(cubic, product(delta2, delta)), scaled(product(delta, mixed), 3.0))
        out[1][j], out[4][j] = added(added(third, other_third), outer)
        squares = added(product(product(v, v), other_square), product(product(w, w), square))
        thirds = added(product(v, other_third), product(minus_w, third))
        outer = added(
            product(quartic, product(delta2, delta2)),
            added(scaled(product(delta2, squares), 6.0), scaled(product(delta, thirds), 4.0)),
        )
        out[2][j], out[5][j] = added(added(fourth, (b[3][j], b[7][j])), outer)


def joined(a: Moments | None, b: Moments | None) -> Moments | None:
    """Moments of both parts together, where None is a part without vectors."""
    if a is None or b is None:
        return b if a is None else a
    return a + b

r"""Leading principal axes of rows too long for a covariance matrix, in two readings, by a randomised range finder.

The covariance C of p = 12,288 pixel values has 150 million entries. Only its k leading eigenvectors are wanted, and
these lie nearly in the range of :math:`C \Omega`, with a random normal matrix :math:`\Omega` of k + s columns:

1. The first reading adds up the mean, and :math:`(n - 1)\, C \Omega = X^T (X \Omega)`, with X the centred rows. Q is
   an orthonormal basis of its columns.
2. The second reading adds up :math:`Z = C Q` likewise. The axes are the leading eigenvectors of Nyström's
   approximation of C, :math:`Z (Q^T Z)^{-1} Z^T`.

Both readings are sums over blocks of rows, so the memory depends on p and k, and not on the number of rows. The axes
lie in the range of :math:`C^2 \Omega`: multiplying by C, and not by X alone, is a power iteration and a half at no
reading of its own. Variances along the axes are those of the approximation, which are never too large.

References
----------
N. Halko, P.-G. Martinsson, J. Tropp, Finding Structure with Randomness: Probabilistic Algorithms for Constructing
Approximate Matrix Decompositions, SIAM Review 53 (2011), https://doi.org/10.1137/090771806 (sections 4.5 and 5.4)
J. Tropp, A. Yurtsever, M. Udell, V. Cevher, Fixed-Rank Approximation of a Positive-Semidefinite Matrix from Streaming
Data (NeurIPS 2017), https://arxiv.org/abs/1706.05736
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Shaped

__all__ = ["LeadingAxes", "error_bound", "leading_axes", "oversampling_of", "range_finder_bytes"]

Block = Shaped[np.ndarray, "m p"]
FEWEST_MORE, MORE = 16, 4
ROUNDING = 1e-6  # of the largest variance: smaller ones drown in the rounding of float32


@dataclass(frozen=True, eq=False)
class LeadingAxes:
    """Principal axes with the largest variances.

    Attributes
    ----------
    mean : of the rows.
    axes : unit vectors, by falling variance; the largest entry of each is positive.
    variances : of the rows along the axes (divided by n - 1); at least.
    total : variance of the rows in all directions together.
    n : number of rows.
    """

    mean: Float[np.ndarray, " p"]
    axes: Float[np.ndarray, "k p"]
    variances: Float[np.ndarray, " k"]
    total: float
    n: int

    @property
    def explained(self) -> float:
        """Share of the variance that lies along the axes, in 0..1; at least."""
        return float(self.variances.sum() / self.total) if self.total > 0 else 1.0

    @property
    def error(self) -> float:
        """Mean squared error of the rows' entries when they are projected onto the axes; at most."""
        lost = max(self.total - float(self.variances.sum()), 0.0)
        return lost * (self.n - 1) / (self.n * len(self.mean))


def oversampling_of(k: int) -> int:
    """Columns s of the random matrix beyond the k wanted axes: 16 and a quarter of k.

    Of faces of 64x64 pixels the 256 axes then leave over about 1.02 times what the best ones do, 64 axes 1.01 times.
    """
    return FEWEST_MORE + k // MORE


def error_bound(variances: Float[np.ndarray, " p"], k: int, oversampling: int) -> float:
    r"""Upper bound of the expected variance that the k axes leave over.

    With the eigenvalues :math:`\lambda_1 \ge \lambda_2 \ge \dots` of C, the axes V and the oversampling s

    .. math:: E \operatorname{tr}(C - V^T C V) \le \sum_{j > k} \lambda_j
              + \frac{1}{s - 1} \sum_{j \le k} \lambda_j^{-2} \sum_{j > k} \lambda_j^3

    The first sum is what the best axes leave over. It follows as theorem 10.5 of Halko, Martinsson and Tropp (2011):
    what Nyström's approximation leaves over is the squared Frobenius norm of :math:`(1 - P) C^{1/2}`, with P the
    projection on the range of :math:`C^{3/2} \Omega`; in their proof the random part of the error is then
    :math:`\Lambda_2^{3/2} \Omega_2 \Omega_1^+ \Lambda_1^{-1}`, whose expected square is the second term. No matrix of
    rank k with its columns in that range is nearer to :math:`C^{1/2}` than the k leading axes make it, and C is never
    smaller than its approximation: so the bound holds for the axes. It is never above that of the plain range finder,
    :math:`(1 + k / (s - 1)) \sum_{j > k} \lambda_j`.

    Parameters
    ----------
    variances : all eigenvalues of the covariance, falling; the first k are positive.
    k : axes.
    oversampling : s, at least 2.
    """
    kept, rest = variances[:k], variances[k:]
    return float(rest.sum() + (kept**-2.0).sum() * (rest**3).sum() / (oversampling - 1))


def range_finder_bytes(p: int, k: int) -> int:
    """Memory that finding k axes in p dimensions takes, blocks of rows left out."""
    columns = min(k + oversampling_of(k), p)
    # What the rows are multiplied by, in float32; their product, and what becomes of it, in float64.
    return (4 + 4 * 8) * p * columns


@dataclass(eq=False)
class _Product:
    """Sums over rows x from which a centre was taken: of x, of its squared length, and of x times its products.

    Attributes
    ----------
    right : the matrix R of the product :math:`X^T (X R)`; of no column where the product is not wanted.
    """

    right: Float32[np.ndarray, "p l"]
    centre: Float32[np.ndarray, " p"]
    total: Float[np.ndarray, " p"]
    product: Float[np.ndarray, "p l"]
    squares: float = 0.0
    n: int = 0

    @classmethod
    def empty(cls, right: Float32[np.ndarray, "p l"], centre: Float[np.ndarray, " p"]) -> "_Product":
        return cls(right, centre.astype(np.float32), np.zeros(len(right)), np.zeros(right.shape))

    def add(self, block: Block) -> None:
        x = block.astype(np.float32)
        x -= self.centre
        self.n += len(x)
        self.total += x.sum(axis=0, dtype=np.float64)
        self.squares += float(np.einsum("ij,ij->", x, x, dtype=np.float64))
        if self.right.shape[1]:
            self.product += x.T @ (x @ self.right)

    def mean(self) -> Float[np.ndarray, " p"]:
        return self.centre + self.total / self.n

    def variance(self) -> float:
        """Of all entries together."""
        return float(self.squares - self.total @ self.total / self.n) / (self.n - 1)

    def covariance_times_right(self) -> Float[np.ndarray, "p l"]:
        """The product of the covariance and R; it takes the place of the sum."""
        self.product -= np.outer(self.total, (self.total / self.n) @ self.right)
        self.product /= self.n - 1
        return self.product


def leading_axes(read: Callable[[], Iterable[Block]], p: int, k: int, n: int, seed: int = 0) -> LeadingAxes:
    """The k leading principal axes of n rows of p entries, in two readings.

    Parameters
    ----------
    read : gives all rows, in blocks (m, p) of any type of number; called twice.
    p, k, n : entries, axes, rows; k is at most the smaller of p and n, and there are at least two rows.
    seed : of the random matrix.

    Notes
    -----
    Products are taken in float32 and added up in float64: variances below a millionth of the largest are too small,
    down to zero. For the oversampling see `oversampling_of`, for the expected error `error_bound`. With p <= k + s
    the second reading adds up the covariance itself, and the axes are its eigenvectors.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(500, 40)) * np.linspace(5, 0.1, 40)
    >>> found = leading_axes(lambda: [rows[:300], rows[300:]], 40, 3, 500)
    >>> np.abs(found.axes).argmax(axis=1)
    array([0, 1, 2])
    """
    columns = min(k + oversampling_of(k), n, p)
    whole = columns == p
    random = np.random.default_rng(seed)
    omega = random.standard_normal((p, 0 if whole else columns), np.float32)
    first: _Product | None = None
    for block in read():
        if first is None:
            # Near the mean, so that nothing is lost by differences of large numbers.
            first = _Product.empty(omega, block.mean(axis=0, dtype=np.float64))
        first.add(block)
    if first is None or first.n < 2:
        raise ValueError("principal axes need at least two rows")
    mean, total, count = first.mean(), first.variance(), first.n
    basis = np.eye(p) if whole else np.linalg.qr(first.covariance_times_right())[0]
    second = _Product.empty(basis.astype(np.float32), mean)
    del first, omega, basis
    for block in read():
        second.add(block)
    axes, variances = _eigen(second.covariance_times_right(), second.right, k)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    axes *= np.where(largest < 0, -1.0, 1.0)
    return LeadingAxes(mean, axes, variances, total, count)


def _eigen(
    product: Float[np.ndarray, "p l"], basis: Float32[np.ndarray, "p l"], k: int
) -> tuple[Float[np.ndarray, "k p"], Float[np.ndarray, " k"]]:
    """Leading eigenvectors (rows) and eigenvalues of Nyström's approximation of C, out of C Q and Q."""
    inner = basis.T.astype(np.float64) @ product
    values, vectors = np.linalg.eigh((inner + inner.T) / 2)
    if len(basis) == len(values):  # Q is the identity
        return vectors[:, ::-1][:, :k].T.copy(), np.maximum(values[::-1][:k], 0.0)
    root = vectors / np.sqrt(np.maximum(values, max(ROUNDING * values[-1], np.finfo(np.float64).tiny)))
    q, r = np.linalg.qr(product @ root)
    left, singular, _ = np.linalg.svd(r)
    return (q @ left[:, :k]).T, singular[:k] ** 2

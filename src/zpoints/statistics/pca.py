"""Principal axes from a covariance matrix. No pass over the data, no SVD of it."""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Int, Num
from scipy.linalg import qr, solve_triangular, subspace_angles, svd
from scipy.linalg.lapack import dpstrf, dtrtri

from zpoints.statistics.moments import Moments

__all__ = ["PCA"]

LARGE = 2048  # above this rank the SVD costs several times as much as the eigen-decomposition that stands in
SWEEPS = 12  # at most; two or three suffice unless the components' scales differ by more than 1e14
SMALL = 1e-14  # correlations below this are rounding, and are left alone
ROUNDING = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class PCA:
    r"""Eigenvectors :math:`v_a` of the covariance matrix, with the variance :math:`\lambda_a` along each.

    Or of the Pearson matrix (`of_pearson`): then the components are divided by their standard deviations first.

    The axes are accurate on the scale of each component, not only on that of the largest one: values of size 1e-8
    beside values of size 1e8 keep their correlations, and count as a dimension when they are linearly
    independent. After `transform` the vectors that were measured have Pearson coefficients below 1e-12 off the
    diagonal, with one limit that lies in the covariance matrix itself: rounded to float64, it tells the axes of
    smallest variance apart only up to :math:`10^{-17} \kappa`, where :math:`\kappa` is the ratio of the extreme
    eigenvalues of the *Pearson* matrix. That is 1e-13 for a ratio of 1e4 and 1e-9 for 1e8, whatever is done with
    the matrix; there one more pass over the vectors and `refined` give 1e-12 again.
    Only where some components depend on each other exactly, *and* others nearly (:math:`\kappa` > 1e4), *and* the
    scales differ by more than 1e8, may the smallest axes stay correlated.

    Attributes
    ----------
    mean : centre of the axes.
    axes : one unit vector per row, falling variance; the entry of largest absolute value is positive.
    variance : along each axis, never negative; 0 beyond `rank`.
    rank : number of axes along which the data varies at all (fewer than d for n <= d vectors).
    scale : by what each component is divided before the axes are applied: 1 unless made by `of_pearson`.

    References
    ----------
    I. Jolliffe, Principal Component Analysis, 2nd ed. (2002), https://doi.org/10.1007/b98835

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> x = random.normal(size=(500, 3)) * [5.0, 1.0, 0.1] + 7
    >>> pca = PCA.of_moments(Moments.of(x))
    >>> pca.rank, pca.components_for(0.95), np.abs(pca.axes).round().tolist()
    (3, 1, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> u = pca.whiten(x)
    >>> bool(np.allclose(np.cov(u.T), np.eye(3))), bool(np.allclose(pca.unwhiten(u), x))
    (True, True)
    """

    mean: Float[np.ndarray, " d"]
    axes: Float[np.ndarray, "d d"]
    variance: Float[np.ndarray, " d"]
    rank: int
    scale: Float[np.ndarray, " d"] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.scale is None:
            object.__setattr__(self, "scale", np.ones(len(self.mean)))

    @classmethod
    def of(cls, mean: Float[np.ndarray, " d"], covariance: Float[np.ndarray, "d d"], n: int) -> Self:
        """Principal axes of the covariance matrix of `n` vectors.

        Above rank 2048 by a plain eigen-decomposition, whose axes are accurate on the scale of the largest
        component only.
        """
        axes, variance, rank = _principal_axes(covariance, n)
        return cls(mean, axes, variance, rank)

    @classmethod
    def of_moments(cls, moments: Moments) -> Self:
        """Principal axes of the vectors with these moments."""
        return cls.of(moments.mean, moments.covariance, moments.n)

    @classmethod
    def of_pearson(cls, mean: Float[np.ndarray, " d"], covariance: Float[np.ndarray, "d d"], n: int) -> Self:
        """Principal axes of the Pearson matrix of `n` vectors: every component counts alike, whatever its unit."""
        std = _positive(np.sqrt(np.diagonal(covariance)))
        axes, variance, rank = _principal_axes(covariance / std / std[:, None], n)
        return cls(mean, axes, variance, rank, std)

    def refined(self, scores: Moments) -> Self:
        """Turn the axes by what correlation is left, measured on the vectors that they have transformed.

        Parameters
        ----------
        scores : moments of `transform`'s result, of all its columns or of the leading `rank` ones.
        """
        r = self.rank
        turn, variance, _ = _principal_axes(scores.covariance[:r, :r], scores.n)
        axes, all_variance = self.axes.copy(), np.zeros_like(self.variance)
        axes[:r], all_variance[:r] = turn @ self.axes[:r], variance
        return type(self)(self.mean, _signed(axes), all_variance, r, self.scale)

    @property
    def explained_variance_ratio(self) -> Float[np.ndarray, " d"]:
        """Share of the total variance along each axis."""
        return self.variance / self.variance.sum()

    @property
    def cumulative_variance(self) -> Float[np.ndarray, " d"]:
        """Share of the total variance that each axis and all axes before it explain together; ends at 1."""
        return np.cumsum(self.explained_variance_ratio)

    def components_for(self, share: float) -> int:
        """Smallest number of leading axes that explain at least `share` of the total variance."""
        # A hair of slack, so that a share of 1 is reached in spite of rounding.
        return int(np.searchsorted(self.cumulative_variance, share - 1e-12) + 1)

    def transform(
        self, block: Num[np.ndarray, "m d"], first: int = 0, last: int | None = None
    ) -> Float[np.ndarray, "m a"]:
        """Coordinates along the axes, float64; along those from number `first` up to, not including, `last`."""
        return (block - self.mean) @ (self.axes[first:last] / self.scale).T

    def whiten(self, block: Num[np.ndarray, "m d"]) -> Float[np.ndarray, "m r"]:
        """Coordinates in standard deviations along the leading `rank` axes; their length is Mahalanobis's."""
        sigma = np.sqrt(self.variance[: self.rank])
        return (block - self.mean) @ (self.axes[: self.rank] / self.scale / sigma[:, None]).T

    def unwhiten(self, u: Float[np.ndarray, "m r"]) -> Float[np.ndarray, "m d"]:
        """Back from `whiten` to the original components."""
        r = self.rank
        return self.mean + (u * np.sqrt(self.variance[:r])) @ (self.axes[:r] * self.scale)

    def inverse_transform(self, scores: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """Back to the original components."""
        return self.mean + scores @ (self.axes * self.scale)

    def turn(self, other: Self, count: int) -> Float[np.ndarray, " count"]:
        """Degrees, 0 to 90, between the axes of the same number in both, for the leading `count` axes.

        Two axes of nearly the same variance turn freely in their plane: look at `subspace_angles` as well.
        """
        self._check(other, count)
        v, w = self.axes[:count], other.axes[:count]
        w = w * np.where((v * w).sum(axis=1) < 0, -1.0, 1.0)[:, None]
        # Unlike the arc cosine, this keeps its digits at small angles (W. Kahan, How futile are mindless
        # assessments of roundoff (2006), section 12, https://people.eecs.berkeley.edu/~wkahan/Mindless.pdf).
        return np.degrees(2 * np.arctan2(np.linalg.norm(v - w, axis=1), np.linalg.norm(v + w, axis=1)))

    def subspace_angles(self, other: Self, count: int) -> Float[np.ndarray, " count"]:
        """Principal angles between the spans of the leading `count` axes of both, in degrees, largest first.

        References
        ----------
        A. Knyazev, M. Argentati, Principal angles between subspaces in an A-based scalar product (2002),
        https://doi.org/10.1137/S1064827500377332
        """
        self._check(other, count)
        return np.degrees(subspace_angles(self.axes[:count].T, other.axes[:count].T))

    def _check(self, other: Self, count: int) -> None:
        """Beyond the rank an axis is any vector orthogonal to the others, and its angle means nothing."""
        if not 1 <= count <= min(self.rank, other.rank):
            raise ValueError(
                f"count = {count}; the PCAs have {self.rank} and {other.rank} axes with variance"
            )


def _principal_axes(
    covariance: Float[np.ndarray, "d d"], n: int
) -> tuple[Float[np.ndarray, "d d"], Float[np.ndarray, " d"], int]:
    """Axes in rows, the variance along each, and how many there are, by falling variance."""
    if not np.isfinite(covariance).all():
        raise ValueError("the covariance matrix holds NaN or infinity")
    factor, span = _factor(covariance, n)
    d, rank = factor.shape
    if rank > LARGE:
        values, vectors = np.linalg.eigh(covariance)
        return _signed(vectors.T[::-1]), np.maximum(values[::-1], 0.0), rank
    axes, std = _left_singular(factor, span)
    variance = np.zeros(d)
    variance[:rank] = std**2
    return _signed(_completed(axes)), variance, rank


def _factor(
    covariance: Float[np.ndarray, "d d"], n: int
) -> tuple[Float[np.ndarray, "d r"], Float[np.ndarray, "d r"]]:
    """F with F F^T = covariance and as many columns as there are independent components; a basis of its columns.

    By the Cholesky decomposition with pivots of the Pearson matrix, so that each component is judged on its own
    scale (N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. (2002), section 10.3).
    """
    d = len(covariance)
    std = _positive(np.sqrt(np.diagonal(covariance)))
    floor = (d + 10) * ROUNDING
    lower, pivots, rank, _ = dpstrf(covariance / std / std[:, None], tol=floor, lower=1)
    rank = max(min(_significant(lower[:rank, :rank], floor), n - 1), 0)
    lower, pivots = np.tril(lower[:, :rank]), pivots - 1
    factor = np.empty((d, rank))
    factor[pivots] = lower * std[pivots, None]
    return factor, _span(lower, pivots, std, floor)


def _significant(lower: Float[np.ndarray, "k k"], floor: float) -> int:
    """How many pivots are more than rounding errors.

    Row j of the inverse, over its last entry, is the combination of components of which pivot j is the variance.
    Rounding errors of the correlations give it a variance too: `floor` times the sum of its squared weights.
    """
    if not len(lower):
        return 0
    inverse, _ = dtrtri(lower, lower=1)
    noise = floor * np.einsum("ij,ij->i", np.tril(inverse), np.tril(inverse)) >= 1
    return int(np.argmax(noise)) if noise.any() else len(lower)


def _span(
    lower: Float[np.ndarray, "d r"], pivots: Int[np.ndarray, " d"], std: Float[np.ndarray, " d"], floor: float
) -> Float[np.ndarray, "d r"]:
    """Orthonormal basis of the space of the vectors: the r components of the first pivots determine the others.

    Without it, axes of small variance would pick up directions in which nothing varies but rounding errors.
    """
    d, r = lower.shape
    if r in (0, d):
        return np.eye(d, r)
    chosen, others = pivots[:r], pivots[r:]
    weights = solve_triangular(lower[:r], lower[r:].T, lower=True, trans="T").T
    # Left in the weight of a small component, a rounding error of a large one would outweigh it. What a weight of
    # 1e-8 adds to the variance is below all rounding.
    weights[np.abs(weights) <= min(100 * floor / np.diagonal(lower).min(), 1e-8)] = 0.0
    basis = np.zeros((d, r))
    basis[chosen, np.arange(r)] = 1.0
    basis[others] = weights * std[others][:, None] / std[chosen]
    return qr(basis / np.linalg.norm(basis, axis=0), mode="economic")[0]


def _left_singular(
    factor: Float[np.ndarray, "d r"], span: Float[np.ndarray, "d r"]
) -> tuple[Float[np.ndarray, "r d"], Float[np.ndarray, " r"]]:
    r"""Left singular vectors of F in rows, by falling singular value: eigenvectors of :math:`F F^T`.

    An SVD finds them up to rounding on the scale of the largest component. One-sided Jacobi rotations then make
    the rows of :math:`V^T F` orthogonal to relative accuracy, each on its own scale.

    References
    ----------
    J. Demmel, K. Veselic, Jacobi's method is more accurate than QR (1992), https://doi.org/10.1137/0613074
    """
    r = factor.shape[1]
    if r == 0:
        return factor.T, np.zeros(0)
    axes = (span @ svd(span.T @ factor)[0]).T
    worst = np.inf
    for _ in range(SWEEPS):
        projected = axes @ factor
        length = np.linalg.norm(projected, axis=1)
        unit_rows = projected / length[:, None]
        cosines = np.triu(np.abs(unit_rows @ unit_rows.T), 1)
        before, worst = worst, cosines.max()
        if worst <= SMALL or 0.5 * before <= worst <= 1e4 * SMALL:
            break
        both = np.hstack([projected, axes])
        _rotate(both, r, np.argwhere(cosines > SMALL), SMALL)
        axes = np.ascontiguousarray(both[:, r:])
    order = np.argsort(-length, kind="stable")
    return axes[order], length[order]


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _rotate(rows: np.ndarray, width: int, pairs: np.ndarray, small: float) -> None:
    """Make the rows of each pair orthogonal in their first `width` columns, by a rotation of the whole rows."""
    for pair in range(len(pairs)):
        a, b = rows[pairs[pair, 0]], rows[pairs[pair, 1]]
        aa = bb = ab = 0.0
        for c in range(width):
            aa += a[c] * a[c]
            bb += b[c] * b[c]
            ab += a[c] * b[c]
        if abs(ab) <= small * np.sqrt(aa) * np.sqrt(bb):
            continue
        # The smaller of the two angles that do it; its tangent solves t^2 + 2 h t = 1.
        h = (bb - aa) / (2.0 * ab)
        t = np.copysign(1.0 / (abs(h) + np.sqrt(1.0 + h * h)), h)
        cosine = 1.0 / np.sqrt(1.0 + t * t)
        sine = cosine * t
        for c in range(len(a)):
            p, q = a[c], b[c]
            a[c], b[c] = cosine * p - sine * q, sine * p + cosine * q


def _completed(axes: Float[np.ndarray, "r d"]) -> Float[np.ndarray, "d d"]:
    """The given orthonormal rows, and below them others that complete them to a basis."""
    r, d = axes.shape
    if r == d:
        return axes
    if r == 0:
        return np.eye(d)
    return np.vstack([axes, qr(axes.T)[0].T[r:]])


def _signed(axes: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    """Each axis pointing so that its entry of largest absolute value is positive."""
    largest: Int[np.ndarray, " d"] = np.argmax(np.abs(axes), axis=1)
    return np.ascontiguousarray(axes * np.sign(axes[np.arange(len(axes)), largest])[:, None])


def _positive(std: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Divisors: 1 where a component is constant."""
    return np.where(std > 0, std, 1.0)

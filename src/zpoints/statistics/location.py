"""Where the cloud lies: its centre, the lengths of its vectors, the origin, and a box of uniform vectors."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Num
from scipy.integrate import quad
from scipy.special import erf

from zpoints.statistics.pca import PCA

__all__ = ["Lengths", "Location", "mean_length_in_unit_box"]


@dataclass(frozen=True, eq=False)
class Lengths:
    r"""Sums of the Euclidean lengths :math:`|z|` of a set of vectors, mergeable.

    Attributes
    ----------
    n : number of vectors.
    total, squares : sum of the lengths, and of their squares.
    """

    n: int
    total: float
    squares: float

    @classmethod
    def of(cls, block: Num[np.ndarray, "m d"]) -> Self:
        """Summarise one block."""
        z = np.asarray(block, np.float64)
        squares = np.einsum("ij,ij->i", z, z)
        return cls(len(z), float(np.sqrt(squares).sum()), float(squares.sum()))

    def __add__(self, other: Self) -> Self:
        """Lengths of both sets together."""
        return type(self)(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Mean length."""
        return self.total / self.n

    @property
    def rms(self) -> float:
        """Root of the mean squared length."""
        return float(np.sqrt(self.squares / self.n))

    @property
    def std(self) -> float:
        """Standard deviation of the lengths (unbiased variance); 0 for a single vector."""
        if self.n < 2:
            return 0.0
        return float(np.sqrt(max(self.squares - self.total**2 / self.n, 0.0) / (self.n - 1)))


@dataclass(frozen=True, eq=False)
class Location:
    r"""Where a cloud of vectors lies, and how far from it the usual guesses of a Decoder's input are.

    Distances are Mahalanobis's, :math:`D^2 = (z - \mu)^T \Sigma^{-1} (z - \mu)`, along the axes in which the cloud
    varies at all. The cloud's own vectors have :math:`\sqrt{E[D^2]} = \sqrt{\mathrm{rank}}`.

    The inverse of a covariance that was estimated from n vectors is too large by :math:`(n - 1)/(n - d - 2)` in the
    mean, and the mean vector's own error adds d / n. Both are taken out, as is right for normal vectors:

    .. math:: D_0^2 = \frac{n - d - 2}{n - 1} \, \bar z^T \hat\Sigma^{-1} \bar z - \frac dn,

    or 0 where that is negative. With d + 2 vectors or fewer there is no such estimate, and the figures are those of
    the sample itself, along the axes that it spans.

    Attributes
    ----------
    dimension, rank : number of components, and of axes along which the cloud varies.
    mean_length, std_length : of the vectors.
    centre_offset : length of the mean vector over the root of the mean squared length; 0 is a cloud around the
        origin, 1 a cloud that is small against its distance from it.
    origin_distance : Mahalanobis distance of the origin from the centre of the law.
    inverse_trace : :math:`\operatorname{tr} \Sigma^{-1}`, with the same factor: how far isotropic noise gets.

    References
    ----------
    T. Anderson, An Introduction to Multivariate Statistical Analysis, 3rd ed. (2003), chapter 5 and lemma 7.7.1.
    best_b : the box :math:`[-b, b]^d` whose uniform vectors have the cloud's mean length.
    """

    dimension: int
    rank: int
    mean_length: float
    std_length: float
    centre_offset: float
    origin_distance: float
    inverse_trace: float
    best_b: float

    @classmethod
    def of(cls, pca: PCA, lengths: Lengths) -> Self:
        """Read it out of the principal axes and the lengths of the same vectors."""
        dimension = len(pca.mean)
        origin = pca.whiten(np.zeros((1, dimension)))
        n = lengths.n
        estimable = pca.rank == dimension and n > dimension + 2
        factor, own = ((n - dimension - 2) / (n - 1), dimension / n) if estimable else (1.0, 0.0)
        return cls(
            dimension=dimension,
            rank=pca.rank,
            mean_length=lengths.mean,
            std_length=lengths.std,
            centre_offset=float(np.linalg.norm(pca.mean) / lengths.rms) if lengths.rms > 0 else 0.0,
            origin_distance=float(np.sqrt(max(factor * np.sum(origin**2) - own, 0.0))),
            inverse_trace=factor * float((1 / pca.variance[: pca.rank]).sum()),
            best_b=lengths.mean / mean_length_in_unit_box(dimension),
        )

    @property
    def typical_distance(self) -> float:
        """Root mean squared Mahalanobis distance of the cloud's own vectors."""
        return float(np.sqrt(self.rank))

    @property
    def best_b_distance(self) -> float:
        """Root mean squared Mahalanobis distance of uniform vectors in the box of `best_b`."""
        return self.box_distance(self.best_b)

    def box_distance(self, b: float) -> float:
        r"""Root mean squared Mahalanobis distance of uniform vectors in :math:`[-b, b]^d`.

        Each uniform component has the variance :math:`b^2 / 3`, so
        :math:`E[D^2] = \frac{b^2}{3} \operatorname{tr} \Sigma^{-1} + \mu^T \Sigma^{-1} \mu`.
        """
        return float(np.sqrt(b * b / 3 * self.inverse_trace + self.origin_distance**2))


def mean_length_in_unit_box(dimension: int) -> float:
    r"""Mean length of uniform vectors in :math:`[-1, 1]^d`; nearly :math:`\sqrt{d/3} (1 - 1/(10 d))`.

    From :math:`\sqrt{S} = \pi^{-1/2} \int_0^\infty (1 - e^{-s^2 S}) s^{-2} ds` with the squared length S, whose
    Laplace transform is the d-th power of that of one squared component.

    References
    ----------
    D. Bailey, J. Borwein, R. Crandall, Box integrals (2007), https://doi.org/10.1016/j.cam.2006.06.010

    Examples
    --------
    >>> round(mean_length_in_unit_box(1), 6), round(mean_length_in_unit_box(256), 3)
    (0.5, 9.234)
    """

    def integrand(s: float) -> float:
        return -np.expm1(dimension * _log_transform(s)) / (s * s)

    # The integrand turns from a constant to 1 / s^2 where the squared length is of order 1 / s^2.
    turn = np.sqrt(3 / dimension)
    near = quad(integrand, 1e-12, 3 * turn, limit=200, epsabs=1e-12, epsrel=1e-11)[0]
    far = quad(lambda v: integrand(1 / v) / (v * v), 1e-12, 1 / (3 * turn), limit=200, epsrel=1e-11)[0]
    return float((near + far) / np.sqrt(np.pi))


def _log_transform(s: float) -> float:
    r"""Logarithm of :math:`E[e^{-s^2 u^2}]` for one u uniform in [-1, 1]."""
    if s < 1e-3:  # 1 up to rounding; the series of its logarithm keeps all digits
        return -s * s / 3 + 2 * s**4 / 45
    return float(np.log(np.sqrt(np.pi) * erf(s) / (2 * s)))

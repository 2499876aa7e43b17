"""Beyond the normal law, from measured margins alone: any densities along the axes, any law of the distances."""

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from zpoints.samplers.base import Sampler, log_volume
from zpoints.samplers.points import Points
from zpoints.statistics.tails import TailedMargins

__all__ = ["Copula", "Elliptical"]

FLOOR = 1e-6  # of the eigenvalues of a copula's correlations: rank correlations need not be positive definite


class Copula(Sampler):
    r"""Measured densities along the principal axes, joined by a normal copula.

    Normal scores :math:`t \sim N(0, C)` with :math:`C_{ij} = 2 \sin(\pi \rho_{ij} / 6)` from Spearman's
    coefficients; each is turned into the value whose measured share it is. Skewed, heavy-tailed or two-humped
    margins come out as they are; what correlation misses (a common scale above all) does not. Beyond the outer 50
    vectors of each side the margins have generalised Pareto tails, so that the density is finite everywhere.

    Spearman's coefficients are kept, not Pearson's: of skewed margins these may come out smaller (0.208 of 0.249 for
    rectified vectors), and the covariance with them.

    Parameters
    ----------
    temperature : multiplies distances from the mean.
    random_state : see `Sampler`.

    References
    ----------
    R. Nelsen, An Introduction to Copulas, 2nd ed. (2006), https://doi.org/10.1007/0-387-28678-0
    N. Tagasovska, D. Ackerer, T. Vatter, Copulas as High-Dimensional Generative Models: Vine Copula Autoencoders
    (NeurIPS 2019), https://arxiv.org/abs/1906.05423: copulas as samplers of autoencoders.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> skewed = z**2
    >>> bool(zp.samplers.Copula().fit(skewed).sample(1000, random_state=0)[:, 0].min() >= 0)
    True
    """

    name = "copula"
    summary = "The measured density along every principal axis, joined by a normal copula."

    def _learn(self, points: Points) -> None:
        self._tailed = TailedMargins.of(self._margins().axes, self.distribution_.n)
        rank_correlation = self._margins().axes_rank_correlation
        values, vectors = np.linalg.eigh(2 * np.sin(np.pi / 6 * rank_correlation))
        correlation = (vectors * np.maximum(values, FLOOR)) @ vectors.T
        scale = np.sqrt(np.diagonal(correlation))
        self._root = np.linalg.cholesky(correlation / scale / scale[:, None])

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        scores = random.standard_normal((n, len(self._root))) @ self._root.T
        return self._unwhitened(self._tailed.from_scores(scores))

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        values = self._spanned(z) / self.temperature
        scores = self._tailed.to_scores(values)
        free = scores @ np.linalg.inv(self._root).T
        normal = -0.5 * (free**2).sum(axis=1) - np.log(np.diagonal(self._root)).sum()
        single = (self._tailed.log_density(values) + 0.5 * scores**2).sum(axis=1)
        return (
            normal + single - log_volume(self.distribution_.pca) - values.shape[1] * np.log(self.temperature)
        )


class Elliptical(Sampler):
    r"""A normal's directions, with the measured law of the Mahalanobis distances.

    A cloud that is normal in every direction but a mixture of scales in its distances (weak and strong pictures)
    is drawn exactly: :math:`z = \mu + D \Sigma^{1/2} e`, e uniform on the sphere, D from its measured quantiles.
    The density has ellipses (Mahalanobis's) as contours, whatever the law of D. For the 50 farthest vectors D has a
    generalised Pareto tail, and among the 50 nearest the density is constant: it is finite everywhere.

    Parameters
    ----------
    temperature : multiplies D.
    random_state : see `Sampler`.

    References
    ----------
    S. Cambanis, S. Huang, G. Simons, On the theory of elliptically contoured distributions, Journal of Multivariate
    Analysis 11 (1981), https://doi.org/10.1016/0047-259X(81)90082-8

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> zp.samplers.Elliptical().fit(z).sample(1000, random_state=0).std(axis=0).round().tolist()
    [1.0, 2.0, 3.0]
    """

    name = "elliptical"
    summary = "The normal law's directions, and the measured law of the distances from the centre."

    def _learn(self, points: Points) -> None:
        rank = self.distribution_.pca.rank
        self._tailed = TailedMargins.of(self._margins().radii[None], self.distribution_.n, power=rank)

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        direction = random.standard_normal((n, self.distribution_.pca.rank))
        radius = self._tailed.from_scores(random.standard_normal((n, 1)))
        return self._unwhitened(direction * (radius / np.linalg.norm(direction, axis=1)[:, None]))

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        u = self._spanned(z) / self.temperature
        r = u.shape[1]
        radius = np.maximum(np.linalg.norm(u, axis=1), np.finfo(float).tiny)
        log_sphere = np.log(2) + 0.5 * r * np.log(np.pi) - gammaln(r / 2)
        along = self._tailed.log_density(radius[:, None])[:, 0]
        shell = log_sphere + (r - 1) * np.log(radius)
        return along - shell - log_volume(self.distribution_.pca) - r * np.log(self.temperature)

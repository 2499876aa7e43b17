"""The multivariate normal distribution with the z-points' mean and full covariance, whole or cut at a radius."""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import gammainc, gammaincinv

from zpoints.samplers.base import Sampler
from zpoints.samplers.checks import check_number
from zpoints.samplers.points import Points
from zpoints.statistics.pca import PCA

__all__ = ["Core", "Normal"]


class Normal(Sampler):
    r"""Draws :math:`z \sim N(\mu, T^2 \Sigma)`, with the measured mean and covariance, and the temperature T.

    Parameters
    ----------
    temperature : T: multiplies distances from the mean.
    random_state : see `Sampler`.

    References
    ----------
    P. Ghosh, M. Sajjadi, A. Vergari, M. Black, B. Schoelkopf, From Variational to Deterministic Autoencoders
    (ICLR 2020), https://arxiv.org/abs/1903.12436: density estimation after training, with one normal.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> zp.samplers.Normal(temperature=2.0).fit(z).sample(1000, random_state=0).std(axis=0).round().tolist()
    [2.0, 4.0, 6.0]
    """

    name = "normal"
    summary = "Drawn from the multivariate normal distribution with the measured mean and full covariance."

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        return self._unwhitened(random.standard_normal((n, self.distribution_.pca.rank)))

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        return self._whitened(z)[1]


class Core(Sampler):
    r"""Draws from the normal distribution inside the Mahalanobis radius D. Exact, without rejection.

    A uniform direction, and the squared radius from the chi-square law cut at :math:`D^2`, by its inverse
    distribution function. Mean and covariance are those of the robust core, where one was found: outliers and heavy
    flanks do not widen it.

    Parameters
    ----------
    share : the share of the normal distribution inside D, in (0, 1].
    temperature : multiplies distances from the centre, so that D grows with it.
    random_state : see `Sampler`.

    Attributes
    ----------
    radius_ : D at temperature 1.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> sampler = zp.samplers.Core(share=0.5).fit(z)
    >>> bool(np.isinf(sampler.score_samples(z)).mean() > 0.4)  # about half of the vectors lie outside of it
    True
    """

    name = "core"
    summary = (
        "The inner part of the normal distribution of the robust core, a share of {share:g} of it: outliers and "
        "flanks left out."
    )

    def __init__(self, share: float = 0.5, *, temperature: float = 1.0, random_state: Any = None) -> None:
        super().__init__(temperature=temperature, random_state=random_state)
        self.share = share

    def _check(self) -> None:
        check_number(self, "share", above=0, most=1)

    def _learn(self, points: Points) -> None:
        core = self.distribution_.core
        self._pca: PCA = self.distribution_.pca if core is None else core.pca
        self.radius_ = float(np.sqrt(2 * gammaincinv(self._pca.rank / 2, self.share)))

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        half = self._pca.rank / 2
        direction = random.standard_normal((n, self._pca.rank))
        square = 2 * gammaincinv(half, gammainc(half, self.radius_**2 / 2) * random.random(n))
        direction *= (np.sqrt(square) / np.linalg.norm(direction, axis=1))[:, None]
        return self._unwhitened(direction, self._pca)

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        u, log_normal = self._whitened(z, self._pca)
        inside = (u**2).sum(axis=1) <= self.radius_**2
        return np.where(
            inside, log_normal - np.log(gammainc(self._pca.rank / 2, self.radius_**2 / 2)), -np.inf
        )

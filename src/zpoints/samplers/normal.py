"""The multivariate normal distribution with the z-points' mean and full covariance."""

import numpy as np
from jaxtyping import Float

from zpoints.samplers.base import Sampler

__all__ = ["Normal"]


class Normal(Sampler):
    r"""Draws :math:`z \sim N(\mu, \Sigma)`, with the measured mean and covariance.

    References
    ----------
    P. Ghosh, M. Sajjadi, A. Vergari, M. Black, B. Schoelkopf, From Variational to Deterministic Autoencoders
    (ICLR 2020), https://arxiv.org/abs/1903.12436: density estimation after training, with one normal.
    """

    def score_samples(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Logarithm of the normal density at each vector."""
        return self._whitened(z)[1]

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        return self._unwhitened(random.standard_normal((n, self.distribution_.pca.rank)))

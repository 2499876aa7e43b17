"""One Gaussian per component, no correlation: what goes wrong when only single components are looked at."""

import numpy as np
from jaxtyping import Float

from zpoints.samplers.base import Sampler

__all__ = ["Independent"]


class Independent(Sampler):
    r"""Draws each component on its own, :math:`z_j \sim N(\mu_j, \sigma_j^2)`.

    Every component's density is right, and the vectors are wrong all the same: the ellipses in the planes are
    ignored, so nearly every vector lies outside of the region that the Decoder knows.

    Parameters
    ----------
    temperature : multiplies the standard deviations.
    random_state : see `Sampler`.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> zp.samplers.Independent().fit(z).sample(1000, random_state=0).std(axis=0).round().tolist()
    [1.0, 2.0, 3.0]
    """

    name = "independent"
    summary = (
        "Every component from its own Gaussian, correlations ignored: each density is right, and the vectors still "
        "miss the region that the Decoder knows. This is what goes wrong."
    )

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        std = self.distribution_.std * self.temperature
        return self.distribution_.mean + std * random.standard_normal((n, len(std)))

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        std = self.distribution_.std * self.temperature
        u = (z - self.distribution_.mean) / std
        return -0.5 * (u**2).sum(axis=1) - np.log(std).sum() - 0.5 * u.shape[1] * np.log(2 * np.pi)

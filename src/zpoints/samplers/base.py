"""What all samplers share: what they are fitted on, and in what they answer."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Float32

from zpoints.analysis import Analysis, analyse
from zpoints.distribution import Distribution
from zpoints.errors import ArrayError, UsageError

__all__ = ["Sampler"]

BLOCK = 8192  # vectors drawn at a time, so that memory does not grow with their number


class Sampler(ABC):
    """A law of new latent vectors, learnt from the mean, the covariance and the principal axes of given ones.

    Attributes
    ----------
    distribution_ : what was learnt, after `fit`.
    """

    def fit(self, source: Any) -> Self:
        """Learn from z-points.

        Parameters
        ----------
        source : an `Analysis`, a `Distribution`, the path of a ``distribution.npz``, or the vectors themselves
            (an array of shape (n, d), or the path of one).
        """
        self.distribution_ = _distribution(source)
        return self

    def sample(self, n: int, seed: int = 0) -> Float32[np.ndarray, "n d"]:
        """Draw `n` vectors. The same seed gives the same vectors."""
        dimension = self._learnt().dimension
        if n < 1:
            raise UsageError(f"{type(self).__name__}: sample(n={n}); n must be at least 1")
        random = np.random.default_rng(seed)
        out = np.empty((n, dimension), np.float32)
        for start in range(0, n, BLOCK):
            out[start : start + BLOCK] = self._draw(min(BLOCK, n - start), random)
        return out

    @abstractmethod
    def score_samples(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Logarithm of the probability density at each vector."""

    @abstractmethod
    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Draw at most `BLOCK` vectors."""

    def _learnt(self) -> Distribution:
        """What `fit` learnt."""
        if not hasattr(self, "distribution_"):
            raise UsageError(f"{type(self).__name__}: not fitted yet; call fit(analysis) first")
        return self.distribution_

    def _whitened(
        self, z: Float[np.ndarray, "n d"]
    ) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
        """Vectors in units of sigma along the principal axes, and their normal log density."""
        pca = self._learnt().pca
        if pca.rank < self.distribution_.dimension:
            raise ArrayError(
                f"{type(self).__name__}: no density: the {self.distribution_.n} vectors of the fit span "
                f"{pca.rank} of {self.distribution_.dimension} dimensions; fit on more vectors"
            )
        u = pca.whiten(np.asarray(z, np.float64))
        log_volume = 0.5 * np.log(pca.variance).sum() + np.log(pca.scale).sum()
        log_volume += 0.5 * u.shape[1] * np.log(2 * np.pi)
        return u, -0.5 * (u**2).sum(axis=1) - log_volume

    def _unwhitened(self, u: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "n d"]:
        """From units of sigma along the leading `rank` principal axes to latent vectors."""
        pca = self.distribution_.pca
        return pca.mean + (u * np.sqrt(pca.variance[: pca.rank])) @ (pca.axes[: pca.rank] * pca.scale)


def _distribution(source: Any) -> Distribution:
    if isinstance(source, Distribution):
        return source
    if isinstance(source, Analysis):
        return source.distribution
    if isinstance(source, str | Path) and Path(source).name == "distribution.npz":
        return Distribution.load(Path(source))
    return analyse(source).distribution

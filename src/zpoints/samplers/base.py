"""What all samplers share: settings, what they are fitted on, how they draw, and their files."""

import json
from abc import ABC, abstractmethod
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Float32, Num

from zpoints.analysis.distribution import Distribution
from zpoints.errors import ArrayError, UsageError, reason
from zpoints.files.numpy_files import load_npz, write_npz
from zpoints.samplers.points import Points
from zpoints.statistics.margins import Margins
from zpoints.statistics.pca import PCA

__all__ = ["Sampler", "log_volume", "restored"]

BLOCK = 8192  # vectors drawn at a time, so that memory does not grow with their number
FORMAT = 1


class Sampler(ABC):
    """A law of new latent vectors, learnt from given ones.

    Constructor arguments are settings; what was learnt ends in an underscore. Every sampler has a temperature: at 1
    it draws from the law that it learnt, below 1 nearer to where vectors are dense, above 1 farther out. How is
    each sampler's own matter; where nothing else is said, distances from the mean are multiplied by it.

    Attributes
    ----------
    name : as settings and commands call it.
    needs_vectors : whether `fit` needs the vectors themselves, not only their distribution.
    distribution_ : what was measured of the vectors, after `fit`.
    """

    name: ClassVar[str]
    needs_vectors: ClassVar[bool] = False

    def __init__(self, *, temperature: float = 1.0) -> None:
        if not 0 < temperature < np.inf:
            raise UsageError(f"{type(self).__name__}: temperature={temperature}; it must be positive")
        self.temperature = float(temperature)

    def fit(self, source: Any, vectors: Any = None) -> Self:
        """Learn from z-points.

        Parameters
        ----------
        source : an `Analysis`, a `Distribution`, the path of a ``distribution.npz``, or the vectors themselves
            (an array of shape (n, d), or the path of one).
        vectors : the vectors, where `source` does not hold them and the sampler needs them.

        Raises
        ------
        UsageError : the sampler needs vectors and got none.
        ArrayError : vectors that cannot be measured.
        """
        points = Points.of(source, vectors)
        if self.needs_vectors and points.vectors is None:
            raise UsageError(
                f"{type(self).__name__}: needs the latent vectors, not only their distribution; "
                "give them too: fit(source, vectors=z), or on the command line --latents z.npy"
            )
        self.distribution_ = points.distribution
        self._learn(points)
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

    def score_samples(self, z: Num[np.ndarray, "..."]) -> Float[np.ndarray, " n"]:
        """Logarithm of the probability density at each vector.

        Raises
        ------
        UsageError : the law has no density that can be written down.
        ArrayError : vectors of another dimension, or too few vectors for a density in all dimensions.
        """
        z = np.asarray(z, np.float64)
        dimension = self._learnt().dimension
        if z.ndim != 2 or z.shape[1] != dimension:
            raise ArrayError(f"{type(self).__name__}: shape {z.shape}; score_samples takes (n, {dimension})")
        return self._log_density(z)

    def save(self, path: Path | str) -> None:
        """Write settings and what was learnt to an .npz file, atomically; no pickle."""
        self._learnt()
        head = {"format": FORMAT, "sampler": self.name, "settings": self._settings()}
        write_npz(Path(path), {"head": np.array(json.dumps(head)), **self._state()})

    @staticmethod
    def load(path: Path | str) -> "Sampler":
        """Read what `save` wrote: a fitted sampler of the same kind.

        Raises
        ------
        ArrayError : not such a file, or a damaged one.
        """
        from zpoints.samplers import SAMPLERS

        path = Path(path)
        if not path.is_file():
            raise ArrayError(f"{path}: no such file; a sampler's save() writes one")
        arrays = load_npz(path)
        try:
            head = json.loads(str(arrays.pop("head")))
            sampler = SAMPLERS[head["sampler"]](**head["settings"])
            sampler._restore(arrays)
        except UsageError:  # a package that is missing, say
            raise
        except Exception as error:
            raise ArrayError(f"{path}: not a whole sampler ({reason(error)}); save it anew") from error
        return sampler

    def _learn(self, points: Points) -> None:  # noqa: B027 (most have nothing to add)
        """Learn what the distribution alone does not tell."""

    @abstractmethod
    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Draw at most `BLOCK` vectors."""

    @abstractmethod
    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Logarithm of the density at vectors of the right shape."""

    def _state(self) -> dict[str, np.ndarray]:
        """What was learnt, as arrays."""
        return self.distribution_.arrays

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        """The way back from `_state`."""
        self._restore_distribution(arrays)
        self._learn(Points(self.distribution_, None))

    def _restore_distribution(self, arrays: dict[str, np.ndarray]) -> None:
        self.distribution_ = Distribution.of_arrays(arrays, type(self).__name__)

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def _learnt(self) -> Distribution:
        """What `fit` learnt."""
        if not hasattr(self, "distribution_"):
            raise UsageError(f"{type(self).__name__}: not fitted yet; call fit(analysis) first")
        return self.distribution_

    def _whitened(
        self, z: Float[np.ndarray, "n d"], pca: PCA | None = None
    ) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
        """Vectors in units of sigma times temperature along the principal axes, and their normal log density."""
        pca, t = pca or self.distribution_.pca, self.temperature
        u = self._spanned(z, pca) / t
        return u, -0.5 * (u**2).sum(axis=1) - 0.5 * u.shape[1] * np.log(2 * np.pi * t * t) - log_volume(pca)

    def _spanned(self, z: Float[np.ndarray, "n d"], pca: PCA | None = None) -> Float[np.ndarray, "n d"]:
        """Whitened vectors; refused where those of the fit span fewer dimensions, so that there is no density."""
        pca = pca or self.distribution_.pca
        if pca.rank < self.distribution_.dimension:
            raise ArrayError(
                f"{type(self).__name__}: no density: the {self.distribution_.n} vectors of the fit span "
                f"{pca.rank} of {self.distribution_.dimension} dimensions; fit on more vectors"
            )
        return pca.whiten(z)

    def _unwhitened(self, u: Float[np.ndarray, "n r"], pca: PCA | None = None) -> Float[np.ndarray, "n d"]:
        """From units of sigma times temperature along the leading `rank` principal axes to latent vectors."""
        return (pca or self.distribution_.pca).unwhiten(self.temperature * u)

    def _margins(self) -> Margins:
        """Measured margins, for the samplers that need them."""
        margins = self.distribution_.margins
        if margins is None:
            raise UsageError(
                f"{type(self).__name__}: needs the measured margins, which this distribution lacks; "
                "fit on the vectors or on an analysis made by this version"
            )
        return margins


def restored(arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One array of a sampler's file: finite numbers of the shape that it must have."""
    array = arrays[name]
    if array.shape != shape or array.dtype.kind not in "fiu" or not (array.size and np.isfinite(array).all()):
        raise ValueError(f"'{name}' is {array.dtype} of shape {array.shape}, not {shape} finite numbers")
    return array


def log_volume(pca: PCA) -> float:
    """Logarithm of the volume of one cubic sigma."""
    return float(0.5 * np.log(pca.variance).sum() + np.log(pca.scale).sum())

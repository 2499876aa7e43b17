"""What all samplers share: settings, what they are fitted on, how they draw, and their files."""

import json
import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Float32
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import NotFittedError as SklearnNotFittedError

from zpoints.analysis.distribution import Distribution
from zpoints.errors import ArrayError, UsageError, reason
from zpoints.files.numpy_files import load_npz, write_npz
from zpoints.samplers.checks import check_number, generator_of
from zpoints.samplers.points import Points, columns_of, matrix_of
from zpoints.statistics.living import Living
from zpoints.statistics.margins import Margins
from zpoints.statistics.pca import PCA

__all__ = ["NotFittedError", "Sampler", "log_volume", "restored"]

BLOCK = 8192  # vectors drawn at a time, so that memory does not grow with their number
FORMAT = 1


class NotFittedError(UsageError, SklearnNotFittedError):
    """A sampler that was asked before `fit`; scikit-learn's own error of this name, too."""


class Sampler(DensityMixin, BaseEstimator, ABC):
    r"""A law of new latent vectors, learnt from given ones: an estimator by scikit-learn's conventions.

    Constructor arguments are settings, stored as they are given and checked by `fit`; what was learnt ends in an
    underscore. Every sampler has a temperature: at 1 it draws from the law that it learnt, below 1 nearer to where
    vectors are dense, above 1 farther out. How is each sampler's own matter; where nothing else is said, distances
    from the mean are multiplied by it.

    A subclass has a `name`, a `summary`, its settings as arguments of its constructor, and says by `_check` which of
    them cannot be meant, by `_learn` what it learns beyond the distribution, by `_draw` how it draws, by
    `_log_density` its density; by `_state` and `_restore` what is kept in a file of what it learnt beyond it.

    Components that were constant in the vectors of the fit are no subclass's matter: all that it learns from, draws
    and scores are vectors of the living ones, as many as ``distribution_.dimension``. `sample` puts the constants
    back at their places, and `score_samples` is the density of the living components, whatever the others are.

    Parameters
    ----------
    temperature : see above.
    random_state : of whatever the fit draws, and of `sample` where nothing else is said there: a whole number (the
        same vectors again), None (others each time), or a ``numpy.random.Generator`` (which goes on).

    Attributes
    ----------
    name : as settings and commands call it.
    summary : what it does, in a sentence or two for a reader of the report; settings in braces, as ``{sigma:g}``.
    needs_vectors : whether `fit` needs the vectors themselves, not only their distribution.
    distribution_ : what was measured of the vectors' living components, after `fit`.
    living_ : which components live, and the constants of the others; see `zpoints.statistics.living.Living`.
    n_features_in_ : number d of their components, living or not.
    latent_shape_ : shape of one latent array, where the vectors were arrays of more axes: `sample` gives vectors, and
        ``sample(n).reshape(n, *latent_shape_)`` arrays again. Else (d,).
    feature_names_in_ : names of the components, where the vectors came as a table whose columns are named.

    Examples
    --------
    >>> import numpy as np
    >>> from zpoints.samplers import Normal
    >>> z = np.random.default_rng(0).normal(size=(500, 3))
    >>> Normal(random_state=0).fit(z).sample(4).shape
    (4, 3)
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    needs_vectors: ClassVar[bool] = False

    def __init__(self, *, temperature: float = 1.0, random_state: Any = None) -> None:
        self.temperature = temperature
        self.random_state = random_state

    @property
    def description(self) -> str:
        """The summary, with this sampler's settings in it."""
        return self.summary.format(**self.get_params(deep=False))

    def check_settings(self) -> None:
        """Refuse settings that cannot be meant; `fit` does so first.

        Raises
        ------
        UsageError : says which, and what would do.
        """
        check_number(self, "temperature", above=0)
        self._check()

    def fit(self, X: Any, y: Any = None, *, vectors: Any = None) -> Self:
        """Learn from z-points.

        Parameters
        ----------
        X : the vectors: an array or table of shape (n, d), the path of one, a `LatentSet`; or what was measured of
            them: an `Analysis`, a `Distribution`, the path of a ``distribution.npz``.
        y : not used; there by convention.
        vectors : the vectors, where `X` does not hold them and the sampler needs them.

        Raises
        ------
        UsageError : a setting that cannot be meant; the sampler needs vectors and got none.
        ArrayError : vectors that cannot be measured.
        """
        self.check_settings()
        points = Points.of(X, vectors)
        if self.needs_vectors and points.vectors is None:
            raise UsageError(
                f"{type(self).__name__}: needs the latent vectors, not only their distribution; "
                "give them too: fit(source, vectors=z), or on the command line --latents z.npy"
            )
        names = columns_of(X) if vectors is None else columns_of(vectors)
        self.distribution_ = points.distribution.alive
        self._learn_columns(points.distribution.living, names)
        self.latent_shape_ = points.distribution.shape
        self._learn(points.alive)
        return self

    def sample(self, n: int = 1, random_state: Any = None, *, seed: Any = None) -> Float32[np.ndarray, "n d"]:
        """Draw `n` vectors.

        Parameters
        ----------
        n : how many.
        random_state : a whole number gives the same vectors again, a ``numpy.random.Generator`` its next ones; None
            leaves it to the sampler's own `random_state`.
        seed : another word for it.

        Raises
        ------
        NotFittedError : before `fit`.
        UsageError : n below 1, or a random state that is none.
        """
        self._learnt()
        if n < 1:
            raise UsageError(f"{type(self).__name__}: sample(n={n}); n must be at least 1")
        if random_state is not None and seed is not None:
            raise UsageError(f"{type(self).__name__}: sample(): random_state and seed are the same; give one")
        given = seed if random_state is None else random_state
        random = generator_of(self.random_state if given is None else given)
        out = np.empty((n, self.n_features_in_), np.float32)
        for start in range(0, n, BLOCK):
            drawn = self._draw(min(BLOCK, n - start), random)
            out[start : start + BLOCK] = self.living_.put_back(drawn)
        return out

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Natural logarithm of the probability density at each vector, of its living components.

        Parameters
        ----------
        X : vectors of shape (n, d): an array, a table, the path of one, or a `LatentSet`. Or latent arrays of the
            shape of those of the fit.

        Raises
        ------
        NotFittedError : before `fit`.
        UsageError : the law has no density that can be written down.
        ArrayError : vectors of another dimension or with NaN, or too few vectors for a density in all dimensions.
        """
        self._learnt()
        return self._log_density(self.living_.of(self._vectors(X)))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of the log density over the vectors `X`, in nats; larger is better. `y` is there by convention.

        Raises
        ------
        As `score_samples` does.
        """
        return float(np.mean(self.score_samples(X)))

    def save(self, path: Path | str) -> None:
        """Write settings and what was learnt to an .npz file, `path`, atomically; no pickle.

        A generator as `random_state` is not kept: the loaded sampler has None.
        """
        self._learnt()
        head = {"format": FORMAT, "sampler": self.name, "settings": self._settings()}
        if len(self.latent_shape_) > 1:
            head["latent_shape"] = list(self.latent_shape_)
        if hasattr(self, "feature_names_in_"):
            head["columns"] = [str(column) for column in self.feature_names_in_]
        arrays = {"head": np.array(json.dumps(head, default=_plain)), **self._state(), **self.living_.arrays}
        write_npz(Path(path), arrays)

    @classmethod
    def load(cls, path: Path | str) -> "Sampler":
        """Read from `path` what `save` wrote: a fitted sampler of the same kind.

        Raises
        ------
        ArrayError : not such a file, or a damaged one.
        UsageError : of a sampler that is not installed, or lacks a package.
        """
        from zpoints.samplers import SAMPLERS

        path = Path(path)
        if not path.is_file():
            raise ArrayError(f"{path}: no such file; a sampler's save() writes one")
        arrays = load_npz(path)
        try:
            head = json.loads(str(arrays.pop("head")))
            kind = cls if head["sampler"] == getattr(cls, "name", None) else SAMPLERS[head["sampler"]]
            sampler = kind(**_today(head["settings"]))
            sampler.check_settings()
            constants = {str(name): arrays.pop(name) for name in ("dead", "dead_values") if name in arrays}
            sampler._restore(arrays)  # of the living components
            sampler._learn_columns(_living_of(constants, sampler.distribution_), head.get("columns"))
            sampler.latent_shape_ = _shape_of(head, sampler.n_features_in_)
        except UsageError as error:  # a package that is missing, say
            raise UsageError(f"{path}: {error}") from error
        except Exception as error:
            raise ArrayError(f"{path}: not a whole sampler ({reason(error)}); save it anew") from error
        return sampler

    def _check(self) -> None:
        """Refuse settings of its own that cannot be meant."""

    def _learn(self, points: Points) -> None:
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
        settings = self.get_params(deep=False)
        if isinstance(settings["random_state"], np.random.Generator | np.random.RandomState):
            settings["random_state"] = None
        return settings

    def _learnt(self) -> Distribution:
        """What `fit` learnt."""
        if not hasattr(self, "distribution_"):
            raise NotFittedError(f"{type(self).__name__}: not fitted yet; call fit(analysis) first")
        return self.distribution_

    def _learn_columns(self, living: Living, names: Any) -> None:
        """Take note of the components, and of their names."""
        self.living_ = living
        self.n_features_in_ = living.dimension
        if names is not None and len(names) == living.dimension:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _vectors(self, X: Any) -> Float[np.ndarray, "n d"]:
        """Vectors to score: finite, of the right number of components, and under the names of the fit."""
        who = type(self).__name__
        known = getattr(self, "feature_names_in_", None)
        names = columns_of(X, known)
        if names is not None and known is not None and list(names) != list(known):
            wrong = [str(name) for name in names if name not in known] or ["in another order"]
            raise ArrayError(
                f"{who}: the columns are not those of the fit ({', '.join(wrong[:3])}); "
                "give them by the same names, in the same order"
            )
        z = matrix_of(X, who, names)
        if z.shape[1:] == self.latent_shape_:
            z = z.reshape(len(z), -1)
        if z.ndim != 2:
            raise ArrayError(f"{who}: shape {z.shape}; score_samples takes (n, {self.n_features_in_})")
        if z.shape[1] != self.n_features_in_:
            raise ArrayError(  # in scikit-learn's own words
                f"X has {z.shape[1]} features, but {who} is expecting {self.n_features_in_} features as input; give "
                f"shape (n, {self.n_features_in_})"
            )
        wrong_at = np.argwhere(~np.isfinite(z))
        if len(wrong_at):
            row, component = wrong_at[0]
            raise ArrayError(
                f"{who}: vector {row}, component {component} is {z[row, component]}; drop it first"
            )
        return z

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


def _living_of(constants: dict[str, np.ndarray], alive: Distribution) -> Living:
    return Living.of_arrays(constants, alive.dimension + np.size(constants.get("dead", ())))


def _shape_of(head: dict[str, Any], dimension: int) -> tuple[int, ...]:
    shape = tuple(int(length) for length in head.get("latent_shape", [dimension]))
    if math.prod(shape) != dimension:
        raise ValueError(f"'latent_shape' is not that of {dimension} components")
    return shape


def restored(arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One array of a sampler's file: finite numbers of the shape that it must have."""
    array = arrays[name]
    if array.shape != shape or array.dtype.kind not in "fiu" or not (array.size and np.isfinite(array).all()):
        raise ValueError(f"'{name}' is {array.dtype} of shape {array.shape}, not {shape} finite numbers")
    return array


def log_volume(pca: PCA) -> float:
    """Logarithm of the volume of one cubic sigma."""
    return float(0.5 * np.log(pca.variance).sum() + np.log(pca.scale).sum())


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise UsageError(
        f"a setting of type {type(value).__name__} cannot be kept in a file; give a number or text"
    )


def _today(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of files that were written when `random_state` was called `seed`."""
    return {("random_state" if name == "seed" else name): value for name, value in settings.items()}

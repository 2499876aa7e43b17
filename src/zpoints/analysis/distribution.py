"""What a sampler needs to know of the z-points: a few matrices, without the vectors."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from zpoints.errors import ArrayError, reason
from zpoints.files.numpy_files import load_npz, write_npz
from zpoints.statistics.core import Core
from zpoints.statistics.living import Living
from zpoints.statistics.margins import Margins
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.system.notebook import Figures, card, shortened

__all__ = ["Distribution"]


ARRAYS = ("n", "mean", "covariance", "axes", "variance", "rank", "scale")
CORE_SCALARS = ("radius", "n", "kept", "level", "iterations", "converged")


@dataclass(frozen=True, eq=False, repr=False)
class Distribution:
    """Mean, covariance, principal axes, robust core and margins of `n` latent vectors.

    Saved as ``distribution.npz`` with the arrays ``n``, ``mean`` (d), ``covariance`` (d, d), ``axes`` (d, d; one
    unit vector per row, falling variance), ``variance`` (d; along each axis), ``rank`` and ``scale`` (d; by what the
    components are divided before the axes apply; ones, unless the axes are those of the Pearson matrix). Where a
    robust core was found, also ``core_mean`` (d), ``core_covariance`` (d, d) and its scalars ``core_radius``,
    ``core_n``, ``core_kept``, ``core_level``, ``core_iterations``, ``core_converged``. And, unless it was made of
    moments alone, the quantiles of its margins, ``margin_components`` (d, q), ``margin_axes`` (rank, q) and the
    others of `statistics.margins.Margins`. No pickle.

    Components that are constant over all vectors, dead ones, are there with their constant as mean and without
    variance: they have no share in the principal axes, so that Mahalanobis distances are those of the living ones.
    The file names them in ``dead`` (k). What samplers learn from is `alive`.

    Attributes
    ----------
    n : number of vectors.
    mean, covariance : (d,) and (d, d), in the vectors' units and their squares; the covariance is over n - 1.
    pca : principal axes. core : the robust core; None where none was found. margins : quantiles along components and
        axes; None where it was made of moments alone.
    dead : numbers of the components that are constant, ascending; mostly none.
    latent_shape : of one latent array, as (channels, height, width), which is measured as a vector in C order; None
        of vectors.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(1000, 3))
    >>> distribution = zp.analyse(z).distribution
    >>> np.allclose(distribution.covariance, np.cov(z.T))
    True
    >>> zp.samplers.Normal().fit(distribution).sample(5, seed=0).shape
    (5, 3)
    """

    n: int
    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]
    pca: PCA
    core: Core | None = None
    margins: Margins | None = None
    dead: Int[np.ndarray, " k"] = field(default_factory=lambda: np.empty(0, np.int64))
    latent_shape: tuple[int, ...] | None = None

    @classmethod
    def of(cls, moments: Moments) -> "Distribution":
        """Read it out of the `moments` of at least two vectors; without a core."""
        living = Living.among(moments, moments.mean)
        m = moments if living.whole else moments.of_components(living.numbers)
        return cls(m.n, m.mean, m.covariance, PCA.of_moments(m)).with_dead(living)

    @property
    def living(self) -> Living:
        """Which components live, and the constants of the others."""
        return Living(self.dimension, self.dead, self.mean[self.dead])

    @cached_property
    def alive(self) -> "Distribution":
        """The distribution of the living components alone; this one where none is dead."""
        living = self.living
        return self if living.whole else _without_dead(self, living)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one latent array; (d,) of vectors."""
        return self.latent_shape or (self.dimension,)

    def with_dead(self, living: Living) -> "Distribution":
        """The distribution of all components, where this one is that of the `living` ones."""
        return self if living.whole else _with_dead(self, living)

    @property
    def dimension(self) -> int:
        """Number of latent components d."""
        return len(self.mean)

    @property
    def std(self) -> Float[np.ndarray, " d"]:
        """Standard deviation of each component."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All that it holds, by the names of the file."""
        pca = self.pca
        values = (self.n, self.mean, self.covariance, pca.axes, pca.variance, pca.rank, pca.scale)
        arrays = dict(zip(ARRAYS, map(np.asarray, values), strict=True))
        if self.core is not None:
            names = ("mean", "covariance", *CORE_SCALARS)
            arrays |= {f"core_{name}": np.asarray(getattr(self.core, name)) for name in names}
        if self.margins is not None:
            arrays |= {f"margin_{name}": array for name, array in self.margins.arrays.items()}
        if self.latent_shape is not None:
            arrays["latent_shape"] = np.array(self.latent_shape)
        return arrays if self.living.whole else arrays | {"dead": self.dead}

    @classmethod
    def of_arrays(cls, a: dict[str, np.ndarray], where: str) -> Self:
        """The way back from `arrays` (`a`), after a check that they fit together; `where` names them in an error."""
        missing = set(ARRAYS) - a.keys()
        if "core_mean" in a:
            missing |= {f"core_{name}" for name in ("covariance", *CORE_SCALARS)} - a.keys()
        if "margin_axes" in a:
            missing |= {f"margin_{name}" for name in Margins.names()} - a.keys()
        if missing:
            raise ArrayError(
                f"{where}: no array '{sorted(missing)[0]}'; make the file anew with zpoints analyse"
            )
        _check(where, a)
        pca = PCA(a["mean"], a["axes"], a["variance"], int(a["rank"]), a["scale"])
        shape = tuple(int(length) for length in a["latent_shape"]) if "latent_shape" in a else None
        dead = _living(a, where).dead
        return cls(int(a["n"]), a["mean"], a["covariance"], pca, _core(a), _margins(a), dead, shape)

    @property
    def plot(self) -> Figures:
        """The figures of `zpoints.plots` that show a distribution, as methods: ``d.plot.spectrum()``."""
        return Figures(self)

    def __repr__(self) -> str:
        return "\n".join([self._title, *map(shortened, self._lines)])

    def _repr_html_(self) -> str:
        return card(self._title, self._lines, self)

    @property
    def _title(self) -> str:
        return f"Distribution of {self.n:,} vectors of {self.dimension:,} components"

    @property
    def _lines(self) -> list[str]:
        pca, core = self.pca, self.core
        shares = ", ".join(f"{100 * share:.0f} %: {pca.components_for(share)}" for share in (0.8, 0.9, 0.95))
        rank = "" if pca.rank == self.dimension else f" (of {pca.rank} that have variance)"
        living = self.living
        return [
            f"Length of the mean {np.linalg.norm(self.mean):.3g}, total variance {np.trace(self.covariance):.3g}; "
            f"principal axes that explain {shares}{rank}.",
            "No robust core." if core is None else f"Robust core of {100 * core.share:.1f} % of the vectors.",
            *([] if living.whole else [f"{living.sentence[:1].upper()}{living.sentence[1:]}."]),
        ]

    def save(self, path: str | Path) -> None:
        """Write to an .npz file, `path`, whole or not at all."""
        write_npz(Path(path), self.arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read from an .npz file, `path`, that `save` wrote, and check that its arrays fit together.

        Raises
        ------
        ArrayError : no such file, a damaged one, or arrays that do not fit together.
        """
        path = Path(path)
        if not path.is_file():
            raise ArrayError(f"{path}: no such file; make it with `zpoints analyse LATENTS OUT`")
        return cls.of_arrays(load_npz(path), str(path))


def _check(where: str, a: dict[str, np.ndarray]) -> None:
    d = a["mean"].size
    shapes: dict[str, tuple[int, ...]] = {
        "n": (), "rank": (), "mean": (d,), "variance": (d,), "scale": (d,), "covariance": (d, d), "axes": (d, d),
        "core_mean": (d,), "core_covariance": (d, d), **{f"core_{name}": () for name in CORE_SCALARS},
    }  # fmt: skip
    if "margin_axes" in a and a["rank"].shape == ():
        shapes |= {f"margin_{name}": shape for name, shape in Margins.shapes(d, int(a["rank"])).items()}
    for name, shape in shapes.items():
        if name in a and a[name].shape != shape:
            raise ArrayError(f"{where}: '{name}' has shape {a[name].shape}, not {shape}; make the file anew")
        if name in a and (a[name].dtype.kind not in "fiub" or not np.isfinite(a[name]).all()):
            raise ArrayError(f"{where}: '{name}' holds NaN, infinity, or no numbers; make the file anew")
    if not 1 <= a["rank"] <= d:
        raise ArrayError(f"{where}: rank {a['rank']} of {d} components; make the file anew")
    if not (a["scale"] > 0).all():
        raise ArrayError(f"{where}: 'scale' holds values that are not positive; make the file anew")
    latent = a.get("latent_shape", np.array([d]))
    if latent.ndim != 1 or latent.dtype.kind not in "iu" or np.prod(latent) != d:
        raise ArrayError(f"{where}: 'latent_shape' is not that of {d} components; make the file anew")
    if a["rank"] > len(_living(a, where).numbers):
        raise ArrayError(f"{where}: rank {a['rank']} with so many dead components; make the file anew")


def _core(a: dict[str, np.ndarray]) -> Core | None:
    if "core_mean" not in a:
        return None
    return Core(
        mean=a["core_mean"],
        covariance=a["core_covariance"],
        radius=float(a["core_radius"]),
        n=int(a["core_n"]),
        kept=int(a["core_kept"]),
        level=float(a["core_level"]),
        iterations=int(a["core_iterations"]),
        converged=bool(a["core_converged"]),
    )


def _margins(a: dict[str, np.ndarray]) -> Margins | None:
    if "margin_axes" not in a:
        return None
    return Margins(**{name: a[f"margin_{name}"] for name in Margins.names()})


def _living(a: dict[str, np.ndarray], where: str) -> Living:
    try:
        values = a["mean"][a["dead"]] if "dead" in a else np.empty(0)
        return Living.of_arrays({**a, "dead_values": values}, a["mean"].size)
    except (ValueError, IndexError) as error:
        raise ArrayError(f"{where}: {reason(error)}; make the file anew") from error


def _with_dead(alive: Distribution, living: Living) -> Distribution:
    """The arrays of the living components at their places in larger ones, which the dead ones fill up."""
    pca, core, margins = alive.pca, alive.core, alive.margins
    count = len(living.numbers)
    axes = np.zeros((living.dimension, living.dimension))
    axes[:count, living.numbers] = pca.axes
    axes[np.arange(count, living.dimension), living.dead] = 1.0
    variance = np.pad(pca.variance, (0, len(living.dead)))
    if core is not None:
        core = replace(core, mean=living.put_back(core.mean), covariance=_widened(core.covariance, living))
    if margins is not None:
        margins = replace(
            margins,
            components=living.put_back(margins.components.T).T,
            fit_centre=living.put_back(margins.fit_centre),
            fit_fwhm=living.spread(margins.fit_fwhm, 0.0),
        )
    return Distribution(
        alive.n,
        living.put_back(alive.mean),
        _widened(alive.covariance, living),
        PCA(living.put_back(pca.mean), axes, variance, pca.rank, living.spread(pca.scale, 1.0)),
        core,
        margins,
        living.dead,
    )


def _widened(covariance: np.ndarray, living: Living) -> np.ndarray:
    found = np.zeros((living.dimension, living.dimension))
    found[np.ix_(living.numbers, living.numbers)] = covariance
    return found


def _without_dead(whole: Distribution, living: Living) -> Distribution:
    """The way back from `_with_dead`, to the last bit."""
    pca, core, margins, kept = whole.pca, whole.core, whole.margins, living.numbers
    both = np.ix_(kept, kept)
    if core is not None:
        core = replace(core, mean=core.mean[kept], covariance=core.covariance[both])
    if margins is not None:
        margins = replace(
            margins,
            components=margins.components[kept],
            fit_centre=margins.fit_centre[kept],
            fit_fwhm=margins.fit_fwhm[kept],
        )
    count = len(kept)
    alive = PCA(pca.mean[kept], pca.axes[:count, kept], pca.variance[:count], pca.rank, pca.scale[kept])
    return Distribution(whole.n, whole.mean[kept], whole.covariance[both], alive, core, margins)

"""What a sampler needs to know of the z-points: a few matrices, without the vectors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float

from zpoints.errors import ArrayError
from zpoints.files.numpy_files import load_npz, write_npz
from zpoints.statistics.margins import Margins
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.trimming import Core
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

    Attributes
    ----------
    n : number of vectors.
    mean, covariance : (d,) and (d, d), in the vectors' units and their squares; the covariance is over n - 1.
    pca : principal axes. core : the robust core; None where none was found. margins : quantiles along components and
        axes; None where it was made of moments alone.

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

    @classmethod
    def of(cls, moments: Moments) -> Self:
        """Read it out of the moments of at least two vectors; without a core."""
        return cls(moments.n, moments.mean, moments.covariance, PCA.of_moments(moments))

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
        return arrays

    @classmethod
    def of_arrays(cls, a: dict[str, np.ndarray], where: str) -> Self:
        """The way back from `arrays`, after a check that they fit together; `where` names them in an error."""
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
        return cls(int(a["n"]), a["mean"], a["covariance"], pca, _core(a), _margins(a))

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
        return [
            f"Length of the mean {np.linalg.norm(self.mean):.3g}, total variance {np.trace(self.covariance):.3g}; "
            f"principal axes that explain {shares}{rank}.",
            "No robust core." if core is None else f"Robust core of {100 * core.share:.1f} % of the vectors.",
        ]

    def save(self, path: str | Path) -> None:
        """Write to an .npz file, whole or not at all."""
        write_npz(Path(path), self.arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read from an .npz file that `save` wrote, and check that its arrays fit together.

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

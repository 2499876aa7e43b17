"""What a sampler needs to know of the z-points: a few matrices, without the vectors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float

from zpoints.errors import ArrayError
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.storage import load_npz, write_npz

__all__ = ["Distribution"]


@dataclass(frozen=True, eq=False)
class Distribution:
    """Mean, covariance and principal axes of `n` latent vectors.

    Saved as ``distribution.npz`` with the arrays ``n``, ``mean`` (d), ``covariance`` (d, d), ``axes`` (d, d; one
    unit vector per row, falling variance), ``variance`` (d; along each axis) and ``rank``. No pickle.
    """

    n: int
    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]
    pca: PCA

    @classmethod
    def of(cls, moments: Moments) -> Self:
        """Read it out of the moments of at least two vectors."""
        covariance = moments.covariance
        return cls(moments.n, moments.mean, covariance, PCA.of(moments.mean, covariance, moments.n))

    @property
    def dimension(self) -> int:
        """Number of latent components d."""
        return len(self.mean)

    @property
    def std(self) -> Float[np.ndarray, " d"]:
        """Standard deviation of each component."""
        return np.sqrt(np.diagonal(self.covariance))

    def save(self, path: Path) -> None:
        """Write to an .npz file, atomically."""
        arrays = {
            "n": np.array(self.n),
            "mean": self.mean,
            "covariance": self.covariance,
            "axes": self.pca.axes,
            "variance": self.pca.variance,
            "rank": np.array(self.pca.rank),
        }
        write_npz(path, arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read from an .npz file that `save` wrote, and check that its arrays fit together."""
        if not path.is_file():
            raise ArrayError(f"{path}: no such file; make it with `zpoints analyse LATENTS OUT`")
        a = load_npz(path)
        missing = {"n", "mean", "covariance", "axes", "variance", "rank"} - a.keys()
        if missing:
            raise ArrayError(
                f"{path}: no array '{sorted(missing)[0]}'; make the file anew with zpoints analyse"
            )
        d = a["mean"].size
        shapes = {"n": (), "rank": (), "mean": (d,), "variance": (d,), "covariance": (d, d), "axes": (d, d)}
        for name, shape in shapes.items():
            if a[name].shape != shape:
                raise ArrayError(
                    f"{path}: '{name}' has shape {a[name].shape}, not {shape}; make the file anew"
                )
        if not all(np.isfinite(a[name]).all() for name in ("mean", "covariance", "axes", "variance")):
            raise ArrayError(f"{path}: holds NaN or infinity; make the file anew")
        if not 1 <= a["rank"] <= d:
            raise ArrayError(f"{path}: rank {a['rank']} of {d} components; make the file anew")
        pca = PCA(a["mean"], a["axes"], a["variance"], int(a["rank"]))
        return cls(int(a["n"]), a["mean"], a["covariance"], pca)

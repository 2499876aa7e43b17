"""What a sampler is fitted on: the measured distribution of vectors and, where they are at hand, the vectors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from zpoints.analysis.analyse import measure_distribution
from zpoints.analysis.distribution import Distribution
from zpoints.analysis.result import Analysis
from zpoints.errors import ArrayError, reason
from zpoints.files.arrays import open_rows
from zpoints.vectors.latent_set import LatentSet

__all__ = ["Points", "columns_of", "matrix_of"]


@dataclass(frozen=True, eq=False)
class Points:
    """A distribution, and the vectors that it describes, if they are at hand."""

    distribution: Distribution
    vectors: LatentSet | None

    @classmethod
    def of(cls, source: Any, vectors: Any = None) -> Self:
        """Whatever a sampler's `fit` takes."""
        given = None if vectors is None else LatentSet.open(vectors)
        if isinstance(source, cls):
            return cls(source.distribution, source.vectors if given is None else given)
        if isinstance(source, Distribution):
            return cls(source, given)
        if isinstance(source, Analysis):
            return cls(source.distribution, source.latents if given is None else given)
        if isinstance(source, str | Path) and Path(source).name == "distribution.npz":
            return cls(Distribution.load(Path(source)), given)
        latents = LatentSet.open(source)
        return cls(measure_distribution(latents), latents)

    @property
    def alive(self) -> "Points":
        """The same without the components that are constant."""
        living = self.distribution.living
        if living.whole:
            return self
        vectors = None if self.vectors is None else self.vectors.of_components(living.numbers)
        return Points(self.distribution.alive, vectors)


def columns_of(source: Any) -> list[str] | None:
    """The names of a table's columns, where all of them are texts; None for everything else."""
    columns = getattr(source, "columns", None)
    if columns is None or isinstance(source, LatentSet):
        return None
    names = list(columns) if np.iterable(columns) else []
    return names if names and all(isinstance(name, str) for name in names) else None


def matrix_of(source: Any, who: str) -> np.ndarray:
    """Vectors in memory, float64; of any number of axes. `who` asks, for the message.

    Raises
    ------
    ArrayError : no numbers.
    """
    if isinstance(source, LatentSet):
        return source.array()
    if isinstance(source, str | Path):
        rows = open_rows(source)
        return np.asarray(rows[: rows.shape[0] if rows.shape else 0], np.float64)
    try:
        array = np.asarray(source)
        if array.dtype.kind not in "fiuO":
            raise TypeError(f"type {array.dtype} is not numeric")
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ArrayError(f"{who}: no vectors ({reason(error)}); give numbers of shape (n, d)") from error

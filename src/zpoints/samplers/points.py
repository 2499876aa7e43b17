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
from zpoints.files.arrays.columns import Exactly
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.objects import array_of, is_table, names_of, reader_of

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


def columns_of(source: Any, known: Any = None) -> list[str] | None:
    """The names of a table's columns that are components, and of those that are `known` as such; None for everything
    else, and where not all names are texts."""
    return None if isinstance(source, LatentSet) else names_of(source, known)


def matrix_of(source: Any, who: str, columns: list[str] | None = None) -> np.ndarray:
    """Vectors in memory, float64; of any number of axes. `who` asks, for the message; `columns` are those of a table.

    Raises
    ------
    ArrayError : no numbers.
    """
    if isinstance(source, LatentSet):
        return source.array()
    if isinstance(source, str | Path):
        rows = open_rows(source)
        return np.asarray(rows[: rows.shape[0] if rows.shape else 0], np.float64)
    if is_table(source):
        rows = reader_of(source, None if columns is None else Exactly(columns))[1]
        return np.asarray(rows[: rows.shape[0]], np.float64)
    try:
        array = array_of(source)
        if array.dtype.kind not in "fiuO":
            raise TypeError(f"type {array.dtype} is not numeric")
        return array.astype(np.float64)
    except ArrayError:
        raise
    except (TypeError, ValueError) as error:
        raise ArrayError(f"{who}: no vectors ({reason(error)}); give numbers of shape (n, d)") from error

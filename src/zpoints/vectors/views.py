"""Two ways to look at the same vectors: along the latent components, and along the principal axes.

A view hands out standardised values, ready for the kernels, block by block; the vectors themselves stay on disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Float32

from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.planes import LONGEST_BLOCK, standardise
from zpoints.system.threads import map_ordered
from zpoints.vectors.latent_set import LatentSet

__all__ = ["View"]

BUFFER_BYTES = 64 << 20
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class View:
    """Vectors in one set of axes.

    Attributes
    ----------
    basis : ``"z"`` or ``"pca"``.
    mean, std : of the components along these axes.
    pearson : their correlations; the identity along the principal axes of these vectors.
    pca : the principal axes, or None for the components as they are.
    """

    basis: str
    latents: LatentSet
    mean: Float[np.ndarray, " d"]
    std: Float[np.ndarray, " d"]
    pearson: Float[np.ndarray, "d d"]
    pca: PCA | None = None

    @classmethod
    def of_components(cls, latents: LatentSet, moments: Moments) -> Self:
        """Along the latent components."""
        return cls("z", latents, moments.mean, moments.std, moments.pearson)

    @classmethod
    def of_principal_axes(cls, latents: LatentSet, pca: PCA, scores: Moments) -> Self:
        """Along the leading `rank` principal axes; `scores` are the moments along them, measured on the vectors."""
        pearson = scores.pearson
        # What is left between the principal axes of these very vectors is rounding.
        pearson[np.abs(pearson) < ROUNDING] = 0.0
        return cls("pca", latents, scores.mean, scores.std, pearson, pca)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.std)

    def values(self, block: np.ndarray, first: int = 0) -> np.ndarray:
        """Coordinates along the axes from number `first` on: the block's own columns, or float64 scores."""
        if self.pca is None:
            return block[:, first:]
        return self.pca.transform(block, first, self.dimension)

    def standardised(self, size: int, first: int = 0) -> Iterator[Float32[np.ndarray, "c m"]]:
        """Standardised values along the axes from number `first` on, one row per axis.

        The blocks are as long as a buffer of 64 MiB and the kernels allow; `size` is how many vectors are read at a
        time. Each block is valid until the next one is asked for.
        """
        rows = self.dimension - first
        length = min(LONGEST_BLOCK, max(size, BUFFER_BYTES // (4 * rows)), self.latents.n)
        buffer = np.empty((rows, length), np.float32)
        filled = 0
        for values in self._values(size, first):
            start = 0
            while start < len(values):
                stop = min(len(values), start + length - filled)
                out = buffer[:, filled : filled + stop - start]
                standardise(values[start:stop], self.mean[first:], self.std[first:], out)
                filled += stop - start
                start = stop
                if filled == length:
                    yield buffer
                    filled = 0
        if filled:
            yield np.ascontiguousarray(buffer[:, :filled])

    def _values(self, size: int, first: int) -> Iterator[np.ndarray]:
        blocks = self.latents.blocks(size)
        if self.pca is None:
            return (block[:, first:] for block in blocks)
        return map_ordered(lambda block: self.values(block, first), blocks, 16 * size * self.dimension)

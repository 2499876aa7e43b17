"""Two ways to look at the same vectors: along the latent components, and along the principal axes.

A view makes of each block standardised values, ready for the kernels; the vectors themselves stay on disk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Float32, Int

from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.planes import LONGEST_BLOCK, standardise
from zpoints.vectors.reduce import Into

__all__ = ["LongBlocks", "View"]

BUFFER_BYTES = 64 << 20
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class View:
    """Vectors in one set of axes.

    Attributes
    ----------
    basis : ``"z"`` or ``"pca"``.
    n : number of the vectors.
    mean, std : of the components along these axes.
    pearson : their correlations; the identity along the principal axes of these vectors.
    pca : the principal axes, or None for the components as they are.
    numbers : of the components among all, the dead ones counted too; None where all live, and of principal axes.
    """

    basis: str
    n: int
    mean: Float[np.ndarray, " d"]
    std: Float[np.ndarray, " d"]
    pearson: Float[np.ndarray, "d d"]
    pca: PCA | None = None
    numbers: Int[np.ndarray, " d"] | None = None

    @classmethod
    def of_components(cls, moments: Moments, numbers: Int[np.ndarray, " d"] | None = None) -> Self:
        """Along the latent components of the vectors with these moments."""
        return cls("z", moments.n, moments.mean, moments.std, moments.pearson, numbers=numbers)

    @classmethod
    def of_principal_axes(cls, pca: PCA, scores: Moments) -> Self:
        """Along the leading `rank` principal axes; `scores` are the moments along them, measured on the vectors."""
        pearson = scores.pearson
        # What is left between the principal axes of these very vectors is rounding.
        pearson[np.abs(pearson) < ROUNDING] = 0.0
        return cls("pca", scores.n, scores.mean, scores.std, pearson, pca)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.std)

    def values(self, block: np.ndarray, first: int = 0) -> np.ndarray:
        """Coordinates along the axes from number `first` on: the block's own columns, or float64 scores."""
        if self.pca is None:
            return block[:, first:]
        return self.pca.transform(block, first, self.dimension)

    def standardised(self, block: np.ndarray, first: int = 0) -> Float32[np.ndarray, "c m"]:
        """Standardised values along the axes from number `first` on, one row per axis."""
        return standardise(self.values(block, first), self.mean[first:], self.std[first:])


@dataclass(eq=False)
class LongBlocks:
    """Puts standardised values of several blocks together, so that a kernel is given few long ones.

    Counting all planes costs the more per vector the shorter the blocks are: every grid is added to its total once a
    block. The long blocks are of about equal length, as the vectors divide, and as a buffer of 64 MiB allows.

    Attributes
    ----------
    total : what the long blocks are added to.
    count : ``count(total, values)`` adds one.
    buffer, filled : of one row per axis; how many of its columns hold values that are not yet counted.
    """

    total: Any
    count: Callable[[Any, Float32[np.ndarray, "c m"]], None]
    length: int
    buffer: np.ndarray | None = field(default=None, repr=False)
    filled: int = 0

    @classmethod
    def into(
        cls,
        empty: Callable[[], Any],
        count: Callable[[Any, np.ndarray], None],
        rows: int,
        n: int,
        nbytes: int = 0,
        shares: Callable[[int], Sequence[Into]] | None = None,
    ) -> Into:
        """The question; `empty` makes the total, and `n` vectors of `rows` axes will come in all.

        `nbytes` and `shares` as in `Into`.
        """
        longest = min(LONGEST_BLOCK, max(1, BUFFER_BYTES // (4 * rows)))
        length = -(-n // -(-n // longest))
        return Into(partial(_long_blocks, empty, count, length), nbytes=nbytes, shares=shares)

    def add(self, values: Float32[np.ndarray, "c m"]) -> None:
        """Take over the values of one block."""
        start, m = 0, values.shape[1]
        while start < m:
            if self.filled == 0 and m - start >= self.length:  # long enough by itself
                self.count(self.total, values[:, start : start + self.length])
                start += self.length
                continue
            if self.buffer is None:
                self.buffer = np.empty((len(values), self.length), np.float32)
            stop = min(m, start + self.length - self.filled)
            self.buffer[:, self.filled : self.filled + stop - start] = values[:, start:stop]
            self.filled += stop - start
            start = stop
            if self.filled == self.length:
                self.count(self.total, self.buffer)
                self.filled = 0

    def finished(self) -> Any:
        """The total, after what was left in the buffer."""
        if self.filled and self.buffer is not None:
            rest = self.buffer.reshape(-1)[: len(self.buffer) * self.filled].reshape(-1, self.filled)
            for row in range(len(self.buffer)):  # closes up the rows in place: a copy would cost 64 MiB
                rest[row] = self.buffer[row, : self.filled]
            self.count(self.total, rest)
        self.buffer, self.filled = None, 0
        return self.total

    def __add__(self, other: Self) -> Self:
        """Both totals together."""
        return type(self)(self.finished() + other.finished(), self.count, self.length)

    def kept(self) -> Any:
        """What of it goes into a file; the rest is part of the question (`vectors.kept`)."""
        return self.finished()

    def with_kept(self, total: Any) -> Self:
        """The same of a total that was read from a file."""
        return type(self)(total, self.count, self.length)

    def divided(self, most: int) -> "list[LongBlocks]":
        """The total's pieces of at most so many bytes, as `leaves.Divisible` says."""
        return [type(self)(piece, self.count, self.length) for piece in self.finished().divided(most)]

    @classmethod
    def united(cls, pieces: "Sequence[LongBlocks]") -> "LongBlocks":
        """The total of all pieces."""
        totals = [piece.finished() for piece in pieces]
        return cls(type(totals[0]).united(totals), pieces[0].count, pieces[0].length)


def _long_blocks(
    empty: Callable[[], Any], count: Callable[[Any, np.ndarray], None], length: int
) -> LongBlocks:
    return LongBlocks(empty(), count, length)

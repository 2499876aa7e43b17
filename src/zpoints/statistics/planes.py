"""Coverage of the confidence ellipses in every plane of two components, counted point by point.

For d components there are d(d-1)/2 planes. The kernel below tests every vector in every plane against four
ellipses; it is the reason why nobody has to select planes any more.
"""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Int, Num

from zpoints.statistics.ellipses import LEVELS

__all__ = ["PlaneCoverage", "standardise"]

CHUNK = (
    1024  # vectors that one sweep over the planes holds: 256 components of them fit the second-level cache
)


@dataclass(frozen=True, eq=False)
class PlaneCoverage:
    """How many vectors lie inside the 1, 2, 2.5 and 3 sigma ellipse of each plane.

    Attributes
    ----------
    n : number of vectors.
    inside : counts, one row per plane in the order of `correlation.pairs`, one column per level of
        `ellipses.LEVELS`.
    """

    n: int
    inside: Int[np.ndarray, "p 4"]

    @classmethod
    def of(cls, standardised: Float[np.ndarray, "d m"], pearson: Float[np.ndarray, "d d"]) -> Self:
        """Count one block.

        Parameters
        ----------
        standardised : float32, one row per component, each minus its mean and over its standard deviation
            (`standardise` makes it).
        pearson : the correlation matrix that shapes the ellipses.
        """
        d, m = standardised.shape
        u = np.ascontiguousarray(standardised, dtype=np.float32)
        r = np.ascontiguousarray(pearson, dtype=np.float64)
        inside = np.zeros((d * (d - 1) // 2, len(LEVELS)), np.int64)
        _count(u, r, np.array(LEVELS), inside)
        return cls(m, inside)

    def __add__(self, other: Self) -> Self:
        """Counts of both blocks together."""
        return type(self)(self.n + other.n, self.inside + other.inside)

    @property
    def coverage(self) -> Float[np.ndarray, "p 4"]:
        """Share of the vectors inside each ellipse."""
        return self.inside / self.n


def standardise(
    block: Num[np.ndarray, "m d"], mean: Float[np.ndarray, " d"], std: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "d m"]:
    """(x - mean) / std in float64, then float32, one contiguous row per component."""
    if block.dtype not in (np.float32, np.float64):
        # Numba knows neither float16 nor foreign byte order: it fails, or reads the bytes in its own.
        block = block.astype(np.float64)
    out = np.empty((block.shape[1], block.shape[0]), np.float32)
    _standardise(block, mean, 1.0 / std, out)
    return out


@numba.njit(parallel=True, cache=True, error_model="numpy")
def _standardise(block: np.ndarray, mean: np.ndarray, scale: np.ndarray, out: np.ndarray) -> None:
    m, d = block.shape
    tile = 16  # components whose cache lines are used whole while the block is turned
    for t in numba.prange((d + tile - 1) // tile):
        stop = min(d, (t + 1) * tile)
        for row in range(m):
            for c in range(t * tile, stop):
                out[c, row] = np.float32((np.float64(block[row, c]) - mean[c]) * scale[c])


@numba.njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _count(u: np.ndarray, pearson: np.ndarray, levels: np.ndarray, inside: np.ndarray) -> None:
    d, m = u.shape
    one, zero = np.float32(1), np.float32(0)
    t0, t1 = np.float32(levels[0] ** 2), np.float32(levels[1] ** 2)
    t2, t3 = np.float32(levels[2] ** 2), np.float32(levels[3] ** 2)
    # Row i has d - 1 - i planes: taking rows from both ends in turn gives every thread the same work.
    for turn in numba.prange(d - 1):
        i = turn // 2 if turn % 2 == 0 else d - 2 - turn // 2
        first = i * d - i * (i + 1) // 2 - i - 1  # plane (i, j) has number first + j
        for j in range(i + 1, d):
            # (u_j - r u_i) / sqrt(1 - r^2) is what u_i does not explain of u_j. Formed first, it keeps thin
            # ellipses free of the cancellation in u^2 - 2 r u v + v^2.
            rest = (1.0 - pearson[i, j]) * (1.0 + pearson[i, j])
            a = np.float32(1.0 / np.sqrt(rest))
            b = np.float32(-pearson[i, j] / np.sqrt(rest))
            for start in range(0, m, CHUNK):
                ui, uj = u[i, start : start + CHUNK], u[j, start : start + CHUNK]
                # Counting in float32 keeps all lanes of one width; exact up to 2^24 vectors a chunk.
                c0 = c1 = c2 = c3 = zero
                for p in range(len(ui)):
                    w = a * uj[p] + b * ui[p]
                    q = ui[p] * ui[p] + w * w
                    c0 += one if q <= t0 else zero
                    c1 += one if q <= t1 else zero
                    c2 += one if q <= t2 else zero
                    c3 += one if q <= t3 else zero
                inside[first + j, 0] += np.int64(c0)
                inside[first + j, 1] += np.int64(c1)
                inside[first + j, 2] += np.int64(c2)
                inside[first + j, 3] += np.int64(c3)

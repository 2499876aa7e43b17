r"""All planes of two components, counted point by point: ellipse coverage and joint histogram of each.

For d components there are d(d-1)/2 planes. The kernel below looks at every vector in every plane; it is the
reason why nobody has to select planes any more.

In each plane the pair is taken in its own *round* coordinates: with standardised values u, v and Pearson's r,

.. math:: (u, w), \qquad w = (v - r u) / \sqrt{1 - r^2},

in which every confidence ellipse is a circle, :math:`u^2 + w^2 = k^2`. One grid, one kernel and one reference
then serve all planes, thin ones too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Float32, Int, Num, UInt32

from zpoints.statistics.ellipses import LEVELS

__all__ = [
    "GROUP_BYTES",
    "LONGEST_BLOCK",
    "REACH",
    "PlaneCounts",
    "PlaneGroup",
    "bins_for",
    "plane_groups",
    "standardise",
]

REACH = 4.5
"""The grid of a plane covers so many sigma to all sides; what lies beyond is counted in its outermost cells."""

LONGEST_BLOCK = 65_535
"""Vectors of one block at most: the counts of a block are kept in 16 bits, since a grid of them stays in the
first-level cache. That alone makes the counting a fifth faster than with 32 bits."""

GROUP_BYTES = 272 << 20
CHUNK = 512  # points whose cell numbers are worked out before they are counted
TILE = 8  # first components whose values stay in the second-level cache while a second one passes by

Vector = Float[np.ndarray, " d"]
Matrix = Float[np.ndarray, "d d"]


def bins_for(n: int) -> int:
    """Cells along one side of the grid of each plane: as fine as `n` vectors can fill.

    The smoothing that follows is :math:`n^{-1/6}` sigma wide (Scott): 0.13 sigma for 170,000 vectors, 0.28 for
    2,000; a cell of 64 is 0.14 sigma, one of 32 twice that.
    """
    return 64 if n >= 2000 else 32


@dataclass(frozen=True)
class PlaneGroup:
    """The planes (i, j), j > i, of all first components i from `first` up to, not including, `last`."""

    first: int
    last: int
    dimension: int

    @property
    def pairs(self) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
        """First and second component of each plane, in the order of `correlation.pairs`."""
        counts = self.dimension - 1 - np.arange(self.first, self.last)
        i = np.repeat(np.arange(self.first, self.last), counts)
        begin = np.cumsum(counts) - counts
        return i, i + 1 + np.arange(len(i)) - np.repeat(begin, counts)

    def __len__(self) -> int:
        """Number of planes."""
        return sum(self.dimension - 1 - i for i in range(self.first, self.last))

    def parts(self, most: int) -> "list[PlaneGroup]":
        """The same planes in at least one and at most so many groups of about equal size, in order."""
        counts = np.cumsum(self.dimension - 1 - np.arange(self.first, self.last))
        ends = np.searchsorted(counts, counts[-1] * np.arange(1, most + 1) / most) + 1
        last = (self.first + np.unique(ends)).tolist()
        first = [self.first, *last[:-1]]
        return [type(self)(a, b, self.dimension) for a, b in zip(first, last, strict=True)]


def plane_groups(dimension: int, bins: int, limit: int = GROUP_BYTES) -> list[PlaneGroup]:
    """Cut all planes into groups of about equal size whose joint histograms stay below `limit` bytes each."""
    planes = dimension * (dimension - 1) // 2
    parts = max(1, -(-planes * bins * bins * 4 // limit))
    groups: list[PlaneGroup] = []
    first = done = 0
    for i in range(dimension - 1):
        done += dimension - 1 - i
        if done * parts >= planes * (len(groups) + 1) or i == dimension - 2:
            groups.append(PlaneGroup(first, i + 1, dimension))
            first = i + 1
    return groups


@dataclass(eq=False)
class PlaneCounts:
    """Ellipse coverage and joint histogram of every plane of a group: a sum over blocks.

    The one summary that is filled in place: hundreds of MiB are not copied for every block. Two of them still add
    up, exactly.

    Attributes
    ----------
    group : which planes.
    n : number of vectors.
    inside : vectors inside the ellipses of `ellipses.LEVELS`.
    joint : vectors in each cell of the round coordinates (u, w); see the module.
    marginal : vectors in the cells of a single standardised component, for every component from `group.first` on.
    """

    group: PlaneGroup
    n: int
    inside: Int[np.ndarray, "p 4"]
    joint: UInt32[np.ndarray, "p bins bins"]
    marginal: Int[np.ndarray, "c bins"]

    @classmethod
    def empty(cls, group: PlaneGroup, bins: int) -> Self:
        """No vectors yet."""
        planes = len(group)
        return cls(
            group=group,
            n=0,
            inside=np.zeros((planes, len(LEVELS)), np.int64),
            joint=np.zeros((planes, bins, bins), np.uint32),
            marginal=np.zeros((group.dimension - group.first, bins), np.int64),
        )

    @classmethod
    def of(cls, standardised: Float32[np.ndarray, "d m"], pearson: Matrix, bins: int) -> Self:
        """Count one block in all planes; for groups of planes see `empty` and `count`."""
        counts = cls.empty(PlaneGroup(0, max(len(standardised) - 1, 0), len(standardised)), bins)
        counts.count(standardised, pearson)
        return counts

    def count(self, standardised: Float32[np.ndarray, "c m"], pearson: Matrix) -> None:
        """Add one block.

        Parameters
        ----------
        standardised : float32, one row per component from `group.first` on, each minus its mean and over its
            standard deviation (`standardise` makes it).
        pearson : the correlation matrix of all components, which shapes the ellipses.
        """
        u = np.ascontiguousarray(standardised)
        first, dimension = self.group.first, self.group.dimension
        if len(u) != dimension - first:
            raise ValueError(f"{len(u)} rows of values for {dimension - first} components")
        i, j = self.group.pairs
        # Tiles of planes that share components: one by one they would all wait for main memory.
        order = np.lexsort((i, j, i // TILE))
        r = pearson[i, j].astype(np.float64)
        for start in range(0, u.shape[1], LONGEST_BLOCK):
            part = u[:, start : start + LONGEST_BLOCK]
            row = np.empty(part.shape, np.uint16)
            _bin(part, np.float32(REACH), row, self.marginal)
            levels = np.array(LEVELS)
            _count(
                part, row, order, i - first, j - first, r, levels, np.float32(REACH), self.inside, self.joint
            )
        self.n += u.shape[1]

    def __add__(self, other: Self) -> Self:
        """Counts of both sets of vectors together."""
        if self.group != other.group:
            raise ValueError(f"counts of different planes do not add up: {self.group} and {other.group}")
        return type(self)(
            group=self.group,
            n=self.n + other.n,
            inside=self.inside + other.inside,
            joint=self.joint + other.joint,
            marginal=self.marginal + other.marginal,
        )

    def divided(self, most: int) -> "list[PlaneCounts]":
        """The same in groups of planes of about so many bytes at most; each has all planes of a first component."""
        size = self.joint.nbytes + self.inside.nbytes
        groups = self.group.parts(-(-size // most)) if size > most else [self.group]
        ends = np.cumsum([0, *map(len, groups)])
        return [
            type(self)(
                group,
                self.n,
                self.inside[start:stop],
                self.joint[start:stop],
                self.marginal[group.first - self.group.first :],
            )
            for group, start, stop in zip(groups, ends, ends[1:], strict=False)
        ]

    @classmethod
    def united(cls, pieces: "Sequence[PlaneCounts]") -> "PlaneCounts":
        """The counts of all pieces' planes; the pieces in order, of the same vectors."""
        first, last = pieces[0].group, pieces[-1].group
        if len(pieces) == 1:
            return pieces[0]
        return cls(
            PlaneGroup(first.first, last.last, first.dimension),
            pieces[0].n,
            np.concatenate([piece.inside for piece in pieces]),
            np.concatenate([piece.joint for piece in pieces]),
            pieces[0].marginal,
        )

    @property
    def bins(self) -> int:
        """Cells along one side."""
        return self.joint.shape[1]

    @property
    def coverage(self) -> Float[np.ndarray, "p 4"]:
        """Share of the vectors inside each ellipse."""
        return self.inside / self.n


def standardise(
    block: Num[np.ndarray, "m d"],
    mean: Vector,
    std: Vector,
    out: Float32[np.ndarray, "d m"] | None = None,
) -> Float32[np.ndarray, "d m"]:
    """(x - mean) / std in float64, then float32, one row per component; into `out` if given.

    Works on the calling thread alone, and lets others work.
    """
    if block.dtype not in (np.float32, np.float64):
        # Numba knows neither float16 nor foreign byte order: it fails, or reads the bytes in its own.
        block = block.astype(np.float64)
    if out is None:
        out = np.empty((block.shape[1], block.shape[0]), np.float32)
    _standardise(block, mean, 1.0 / std, out)
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _standardise(block: np.ndarray, mean: np.ndarray, scale: np.ndarray, out: np.ndarray) -> None:
    m, d = block.shape
    # A tile is a cache line of each of its vectors, and one of each of its components: read once, written once.
    # Rows of `out` are often a power of two apart, and share their places in the cache: whole lines in turn evade it.
    tile = 16
    for top in range(0, m, tile):
        bottom = min(m, top + tile)
        for left in range(0, d, tile):
            for c in range(left, min(d, left + tile)):
                for row in range(top, bottom):
                    out[c, row] = np.float32((np.float64(block[row, c]) - mean[c]) * scale[c])


@numba.njit(parallel=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _bin(u: np.ndarray, reach: np.float32, row: np.ndarray, marginal: np.ndarray) -> None:
    """Number of each value's first cell in the grid, and how many values fall into each bin."""
    d, m = u.shape
    bins = marginal.shape[1]
    scale, offset = np.float32(bins / (2.0 * reach)), np.float32(bins / 2)
    low, high = np.float32(0), np.float32(bins - 0.5)
    for c in numba.prange(d):
        for p in range(m):
            x = u[c, p] * scale + offset
            x = x if x > low else low
            x = x if x < high else high
            row[c, p] = np.uint16(np.int32(x))
        for p in range(m):
            marginal[c, row[c, p]] += 1
            row[c, p] *= np.uint16(bins)


@numba.njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _count(
    u: np.ndarray,
    row: np.ndarray,
    order: np.ndarray,
    plane_i: np.ndarray,
    plane_j: np.ndarray,
    pearson: np.ndarray,
    levels: np.ndarray,
    reach: np.float32,
    inside: np.ndarray,
    joint: np.ndarray,
) -> None:
    m, bins = u.shape[1], joint.shape[1]
    one, zero = np.float32(1), np.float32(0)
    t0, t1 = np.float32(levels[0] ** 2), np.float32(levels[1] ** 2)
    t2, t3 = np.float32(levels[2] ** 2), np.float32(levels[3] ** 2)
    scale, offset = np.float32(bins / (2.0 * reach)), np.float32(bins / 2)
    low, high = np.float32(0), np.float32(bins - 0.5)
    for turn in numba.prange(len(order)):
        plane = order[turn]
        cell = np.empty(CHUNK, np.uint16)
        grid = np.zeros(bins * bins, np.uint16)
        # w = (u_j - r u_i) / sqrt(1 - r^2), formed first: it keeps thin ellipses free of the cancellation in
        # u^2 - 2 r u v + v^2.
        rest = (1.0 - pearson[plane]) * (1.0 + pearson[plane])
        a = np.float32(1.0 / np.sqrt(rest))
        b = np.float32(-pearson[plane] / np.sqrt(rest))
        i, j = plane_i[plane], plane_j[plane]
        n0 = n1 = n2 = n3 = np.int64(0)
        for start in range(0, m, CHUNK):
            ui, uj = u[i, start : start + CHUNK], u[j, start : start + CHUNK]
            first = row[i, start : start + CHUNK]
            # Counting in float32 keeps all lanes of one width; exact up to 2^24 vectors a chunk.
            c0 = c1 = c2 = c3 = zero
            for p in range(len(ui)):
                w = a * uj[p] + b * ui[p]
                q = ui[p] * ui[p] + w * w
                c0 += one if q <= t0 else zero
                c1 += one if q <= t1 else zero
                c2 += one if q <= t2 else zero
                c3 += one if q <= t3 else zero
                x = w * scale + offset
                x = x if x > low else low
                x = x if x < high else high
                cell[p] = first[p] + np.uint16(np.int32(x))
            # A loop of its own: the one above works on many points at once, this one cannot.
            for p in range(len(ui)):
                grid[cell[p]] += np.uint16(1)
            n0, n1, n2, n3 = n0 + np.int64(c0), n1 + np.int64(c1), n2 + np.int64(c2), n3 + np.int64(c3)
        inside[plane, 0] += n0
        inside[plane, 1] += n1
        inside[plane, 2] += n2
        inside[plane, 3] += n3
        total = joint[plane].reshape(bins * bins)
        for c in range(bins * bins):
            total[c] += np.uint32(grid[c])

"""The number density of each component: histograms as a sum over blocks."""

from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np
from jaxtyping import Float, Int

from zpoints.statistics.living import Living

__all__ = ["FINE_BINS", "RANGE", "TAIL_LEVELS", "Histograms", "Vector", "fine_bins", "fixed_bins", "place_of"]

RANGE = 8.0
"""Histograms reach so many standard deviations to both sides of the mean; what lies beyond is counted apart."""

FINE_BINS = 1024
"""Bins of a fine histogram, 1/64 of a standard deviation each; coarser ones are joined from them."""

MOST_BINS = 4096
"""More bins of a fixed width than this are refused: 8 bytes each, for every component."""

TAIL_LEVELS = (2.0, 3.0, 4.0)
"""The levels, in standard deviations, beyond which values are counted."""

CHUNK = 1024  # values whose bin numbers are worked out together, before they are counted one by one

Vector = Float[np.ndarray, " d"]
Number = Any  # of any width: in compiled code a float32 is no float


def fine_bins(dimension: int) -> tuple[Vector, Vector, int]:
    """Start, width and number of equal bins of 1/64 over +/- 8 standard deviations, for every component.

    Examples
    --------
    >>> start, width, bins = fine_bins(3)
    >>> start[0].item(), width[0].item(), bins
    (-8.0, 0.015625, 1024)
    """
    return np.full(dimension, -RANGE), np.full(dimension, 2 * RANGE / FINE_BINS), FINE_BINS


def fixed_bins(
    mean: Vector, std: Vector, width: float, numbers: Int[np.ndarray, " d"] | None = None
) -> tuple[Vector, Vector, int]:
    """Start, width and number of bins that are `width` wide in the units of the data.

    Their edges are whole multiples of the width, and they cover the mean +/- 8 standard deviations, or more: all
    components get as many bins as the widest one needs. `numbers` are those of the components, for the message.

    Raises
    ------
    ValueError : a component needs more than 4096 bins.
    """
    first, last = np.floor((mean - RANGE * std) / width), np.ceil((mean + RANGE * std) / width)
    needed = last - first
    widest = int(np.argmax(needed))
    if not needed[widest] <= MOST_BINS:
        number = widest if numbers is None else numbers[widest]
        raise ValueError(
            f"component {number} (standard deviation {std[widest]:g}) would need {needed[widest]:.0f} bins of "
            f"width {width:g}, more than {MOST_BINS}; take a width of {17 * std[widest] / MOST_BINS:.3g} or more"
        )
    first -= (needed[widest] - needed) // 2
    return (first * width - mean) / std, width / std, int(needed[widest])


@dataclass(frozen=True, eq=False)
class Histograms:
    """Counts of all components in equal bins, mergeable without loss.

    Attributes
    ----------
    counts : one row per component, one column per bin, whose left edge belongs to it.
    below, above : how many values lie outside of the bins, to either side.
    start, width : left edge of the first bin and width of a bin, in standard deviations from the mean.
    beyond : how many values are farther than 2, 3 and 4 standard deviations from the mean; exact, whatever the bins.

    Examples
    --------
    >>> u = np.random.default_rng(0).normal(size=(2, 10_000)).astype(np.float32)
    >>> bins = fine_bins(2)
    >>> histograms = Histograms.of(u[:, :4000], *bins) + Histograms.of(u[:, 4000:], *bins)
    >>> histograms.n, histograms.counts.shape
    (10000, (2, 1024))
    >>> bool(np.abs(histograms.median - np.median(u, axis=1)).max() < 1 / 64)
    True
    """

    counts: Int[np.ndarray, "d bins"]
    below: Int[np.ndarray, " d"]
    above: Int[np.ndarray, " d"]
    start: Float[np.ndarray, " d"]
    width: Float[np.ndarray, " d"]
    beyond: Int[np.ndarray, "d 3"]

    @classmethod
    def of(cls, standardised: Float[np.ndarray, "d m"], start: Vector, width: Vector, bins: int) -> Self:
        """Count one block of standardised values (`planes.standardise`) in bins from `fine_bins` or `fixed_bins`."""
        d = len(standardised)
        counts, beyond = np.zeros((d, bins + 2), np.int64), np.zeros((d, len(TAIL_LEVELS)), np.int64)
        u = np.ascontiguousarray(standardised, dtype=np.float32)
        _count(u, start, 1 / width, np.array(TAIL_LEVELS, np.float32), counts, beyond)
        return cls(counts[:, 1:-1].copy(), counts[:, 0].copy(), counts[:, -1].copy(), start, width, beyond)

    def __add__(self, other: Self) -> Self:
        """Counts of both blocks together."""
        if not (np.array_equal(self.start, other.start) and np.array_equal(self.width, other.width)):
            raise ValueError("histograms of different bins do not add up")
        return type(self)(
            self.counts + other.counts,
            self.below + other.below,
            self.above + other.above,
            self.start,
            self.width,
            self.beyond + other.beyond,
        )

    def with_dead(self, living: Living) -> Self:
        """With a row for each dead component, all of whose values lie in the bin in the middle."""
        if living.whole:
            return self
        bins, n = self.counts.shape[1], self.n
        counts = living.spread(self.counts.T, 0).T
        counts[living.dead, bins // 2] = n
        return type(self)(
            counts,
            living.spread(self.below, 0),
            living.spread(self.above, 0),
            living.spread(self.start, -RANGE),
            living.spread(self.width, 2 * RANGE / bins),
            living.spread(self.beyond.T, 0).T,
        )

    @property
    def n(self) -> int:
        """Number of vectors."""
        return int(self.counts[0].sum() + self.below[0] + self.above[0])

    @property
    def edges(self) -> Float[np.ndarray, "d edges"]:
        """Edges of the bins, in standard deviations from the mean."""
        return self.start[:, None] + np.arange(self.counts.shape[1] + 1) * self.width[:, None]

    @property
    def centres(self) -> Float[np.ndarray, "d bins"]:
        """Centres of the bins, in standard deviations from the mean."""
        return self.start[:, None] + (np.arange(self.counts.shape[1]) + 0.5) * self.width[:, None]

    @property
    def density(self) -> Float[np.ndarray, "d bins"]:
        """Share of the vectors per standard deviation; integrates to 1 (less what lies outside)."""
        return self.counts / (self.n * self.width[:, None])

    @property
    def cumulative(self) -> Int[np.ndarray, "d edges"]:
        """How many values lie below each edge."""
        return self.below[:, None] + np.pad(np.cumsum(self.counts, axis=1), ((0, 0), (1, 0)))

    def quantile(self, share: float) -> Vector:
        """Value below which the given share of the vectors lies: linear inside a bin, never outside of the bins."""
        cumulative, target = self.cumulative, share * self.n
        rows = np.arange(len(cumulative))
        # The first edge with enough values below it, and the bin that ends there.
        last = np.clip((cumulative < target).sum(axis=1), 1, self.counts.shape[1])
        held = self.counts[rows, last - 1]
        # An empty last bin must not hold back a quantile that lies above all bins.
        part = (target - cumulative[rows, last - 1]) / np.maximum(held, 1e-9)
        return self.start + (last - 1 + np.clip(part, 0.0, 1.0)) * self.width

    @property
    def median(self) -> Vector:
        """Median of each component, in standard deviations from the mean."""
        return self.quantile(0.5)

    @property
    def interquartile_range(self) -> Vector:
        """Third quartile less the first, in standard deviations; 1.349 for a normal distribution."""
        return self.quantile(0.75) - self.quantile(0.25)

    def chosen_factor(self) -> int:
        r"""How many bins to join for a drawing or a fit, so that the data choose the width.

        Freedman and Diaconis' width, :math:`2\,\mathrm{IQR}\,n^{-1/3}`, of the median component, in whole bins; at
        most so many that 16 joined bins or more cover +/- 4 standard deviations, and at least 1.

        References
        ----------
        D. Freedman, P. Diaconis, On the histogram as a density estimator: L2 theory, Z. Wahrscheinlichkeitstheorie
        verw. Gebiete 57, 453 (1981), https://doi.org/10.1007/BF01025868
        """
        wanted = np.median(2 * self.interquartile_range * self.n ** (-1 / 3) / self.width)
        # A hair of slack: 8 / 16 / (1 / 64) is 32, not a little less.
        most = np.floor(8 / 16 / self.width.max() + 1e-9)
        return int(max(1, min(np.round(wanted), most)))

    def merged(self, factor: int) -> Self:
        """Join `factor` neighbours into one bin; what is left over at both ends counts as below and above."""
        d, bins = self.counts.shape
        joined, left_over = divmod(bins, factor)
        if factor < 1 or joined < 1:
            raise ValueError(f"{bins} bins cannot be joined by {factor}")
        first, last = left_over // 2, left_over // 2 + joined * factor
        return type(self)(
            self.counts[:, first:last].reshape(d, joined, factor).sum(axis=2),
            self.below + self.counts[:, :first].sum(axis=1),
            self.above + self.counts[:, last:].sum(axis=1),
            self.start + first * self.width,
            self.width * factor,
            self.beyond,
        )


@numba.njit(cache=True, inline="always", error_model="numpy")
def place_of(value: Number, first: Number, per_width: Number, bins: Number) -> Number:
    """Column of a value: 0 below the bins, then one for each bin, the last above; the same wherever it is asked."""
    place = (np.float64(value) - first) * per_width
    # Limited as floats: a value far out would overflow as an integer.
    place = place if place >= -1.0 else -1.0
    place = place if place < bins else np.float64(bins)
    return np.int32(place + 1.0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _count(
    u: np.ndarray,
    start: np.ndarray,
    scale: np.ndarray,
    levels: np.ndarray,
    counts: np.ndarray,
    beyond: np.ndarray,
) -> None:
    d, m = u.shape
    bins = counts.shape[1] - 2
    level0, level1, level2 = levels[0], levels[1], levels[2]
    for c in range(d):
        first, factor = start[c], scale[c]
        places = np.empty(CHUNK, np.int32)
        for begin in range(0, m, CHUNK):
            part = u[c, begin : begin + CHUNK]
            two = np.int32(0)
            three = np.int32(0)
            four = np.int32(0)
            # This loop runs in vector registers; only the counting below goes value by value.
            for p in range(len(part)):
                places[p] = place_of(part[p], first, factor, bins)
                distance = abs(part[p])
                two += distance > level0
                three += distance > level1
                four += distance > level2
            for p in range(len(part)):
                counts[c, places[p]] += 1
            beyond[c, 0] += two
            beyond[c, 1] += three
            beyond[c, 2] += four

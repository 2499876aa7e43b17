"""The readings of the vectors: each goes once through the file and adds up summaries.

Memory holds one block and the summaries, whatever the number of vectors; a random sample of them stays for what
cannot be a sum (mixtures, projection pursuit, the first steps of the robust core).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Int

from zpoints.analysis.checks import check_moments, refuse_not_finite
from zpoints.statistics.core import CoreStep
from zpoints.statistics.cuts import CutMoments, fwhm_reach
from zpoints.statistics.directions import Projections
from zpoints.statistics.histograms import Histograms
from zpoints.statistics.location import Lengths
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.planes import PlaneCounts, PlaneGroup, bins_for, standardise
from zpoints.statistics.radii import Radii
from zpoints.statistics.ranks import RankSums
from zpoints.statistics.third_moments import MAX_DIMENSION, ThirdMoments
from zpoints.system.threads import map_ordered
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.views import View

__all__ = [
    "First",
    "Whitened",
    "core_step",
    "count_components",
    "cut",
    "first_reading",
    "inner_planes",
    "moments_along",
    "moments_of",
    "rank_sums",
    "whitened_reading",
]

SAMPLE = 32_768  # vectors kept in memory, or as many as fit into the bytes below
SAMPLE_BYTES = 64 << 20

Advance = Callable[[int], None]
Sum = TypeVar("Sum")


def total(parts: Iterable[Sum]) -> Sum:
    """Add up summaries."""
    return reduce(add, parts)


def _bytes(latents: LatentSet, size: int) -> int:
    """Memory of the work on one block: three float64 copies of it at a time."""
    return 3 * 8 * min(size, latents.n) * latents.dimension


@dataclass(frozen=True, eq=False)
class First:
    """What the first reading yields.

    Attributes
    ----------
    moments, lengths : of all vectors.
    sample : vectors chosen at random, in their order.
    """

    moments: Moments
    lengths: Lengths
    sample: Float[np.ndarray, "s d"]


def first_reading(latents: LatentSet, size: int, advance: Advance, seed: int = 0) -> First:
    """Moments, lengths and a random sample; refuses vectors that cannot be measured.

    Raises
    ------
    ArrayError : NaN or infinity, values too large for their fourth powers, a constant component.
    """
    # float16 would be too coarse to whiten, float32 too small for all that float64 holds.
    kept = np.result_type(latents.reader.dtype, np.float32).newbyteorder("=")
    chosen = _chosen(latents, kept.itemsize, seed)
    sample = np.empty((len(chosen), latents.dimension), kept)
    moments: Moments | None = None
    lengths: Lengths | None = None
    start = 0

    def measure(block: np.ndarray) -> tuple[np.ndarray, Moments, Lengths]:
        with np.errstate(invalid="ignore", over="ignore"):
            return block, Moments.of(block), Lengths.of(block)

    for block, part, length in map_ordered(measure, latents.blocks(size), _bytes(latents, size)):
        if not np.isfinite(part.mean).all():
            refuse_not_finite(latents, block, start)
        with np.errstate(invalid="ignore", over="ignore"):
            moments = part if moments is None else moments + part
            lengths = length if lengths is None else lengths + length
        first, last = np.searchsorted(chosen, (start, start + len(block)))
        sample[first:last] = block[chosen[first:last] - start]
        start += len(block)
        advance(len(block))
    assert moments is not None, "LatentSet holds at least two vectors"
    assert lengths is not None
    check_moments(latents, moments)
    return First(moments, lengths, sample)


def _chosen(latents: LatentSet, bytes_each: int, seed: int) -> Int[np.ndarray, " s"]:
    """Numbers of the vectors of the sample, ascending; the same for any block length."""
    count = min(latents.n, SAMPLE, max(2, SAMPLE_BYTES // (bytes_each * latents.dimension)))
    return np.sort(np.random.default_rng(seed).choice(latents.n, count, replace=False, shuffle=False))


def moments_of(latents: LatentSet, size: int, advance: Advance) -> Moments:
    """Moments of the vectors as they are."""

    def parts() -> Iterable[Moments]:
        for part in map_ordered(Moments.of, latents.blocks(size), _bytes(latents, size)):
            yield part
            advance(part.n)

    return total(parts())


def moments_along(latents: LatentSet, pca: PCA, size: int, advance: Advance) -> tuple[Moments, Radii]:
    """Moments of the coordinates along the leading `rank` principal axes, and Mahalanobis distances in them.

    Measured on the vectors themselves.
    """
    sigma = np.sqrt(pca.variance[: pca.rank])

    def measure(block: np.ndarray) -> tuple[Moments, Radii]:
        along = pca.transform(block, 0, pca.rank)
        return Moments.of(along), Radii.of(along / sigma)

    moments: Moments | None = None
    radii: Radii | None = None
    for part, distances in map_ordered(measure, latents.blocks(size), _bytes(latents, size)):
        moments = part if moments is None else moments + part
        radii = distances if radii is None else radii + distances
        advance(part.n)
    assert moments is not None
    assert radii is not None
    return moments, radii


def count_components(
    view: View,
    bins: list[tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"], int]],
    size: int,
    advance: Advance,
) -> list[Histograms]:
    """Histograms of all components, one per way to cut bins (`histograms.fine_bins`, `histograms.fixed_bins`)."""
    found: list[Histograms] | None = None
    for u in view.standardised(size):
        parts = [Histograms.of(u, *cut) for cut in bins]
        found = parts if found is None else [a + b for a, b in zip(found, parts, strict=True)]
        advance(u.shape[1])
    assert found is not None
    return found


def rank_sums(view: View, fine: Histograms, size: int, advance: Advance) -> RankSums:
    """Sums for Spearman's coefficients."""

    def parts() -> Iterable[RankSums]:
        for u in view.standardised(size):
            yield RankSums.of(u, fine)
            advance(u.shape[1])

    return total(parts())


def cut(
    latents: LatentSet,
    centre: Float[np.ndarray, " d"],
    fwhm: Float[np.ndarray, " d"],
    factors: tuple[float, ...],
    size: int,
    advance: Advance,
) -> CutMoments:
    """Moments of the vectors between the factors of the FWHM cut."""

    def parts() -> Iterable[CutMoments]:
        reached = ((block, fwhm_reach(block, centre, fwhm)) for block in latents.blocks(size))
        for part in map_ordered(lambda found: CutMoments.of(*found, factors), reached, _bytes(latents, size)):
            yield part
            advance(part.n)

    return total(parts())


def inner_planes(
    latents: LatentSet,
    centre: Float[np.ndarray, " d"],
    fwhm: Float[np.ndarray, " d"],
    cuts: list[tuple[float, PCA]],
    leading: int,
    size: int,
    advance: Advance,
) -> list[PlaneCounts]:
    """Joint histograms of the leading planes of what each cut leaves, each along the axes of its own survivors.

    Parameters
    ----------
    cuts : factor of the FWHM cut (infinity for no cut) and the principal axes of its survivors.
    leading : so many axes, so `leading` (`leading` - 1) / 2 planes.
    """
    bins, group = bins_for(latents.n), PlaneGroup(0, leading - 1, leading)
    found = [PlaneCounts.empty(group, bins) for _ in cuts]
    for block in latents.blocks(max(size, 1 << 14)):
        reach = fwhm_reach(block, centre, fwhm)
        for (factor, pca), counts in zip(cuts, found, strict=True):
            scores = pca.transform(block[reach <= factor], 0, leading)
            if len(scores):
                std = np.sqrt(pca.variance[:leading])
                counts.count(standardise(scores, np.zeros(leading), std), np.eye(leading))
        advance(len(block))
    return found


def core_step(latents: LatentSet, pca: PCA, radius: float, size: int, advance: Advance) -> CoreStep:
    """Moments of the vectors within a Mahalanobis radius."""

    def parts() -> Iterable[CoreStep]:
        def measure(block: np.ndarray) -> CoreStep:
            return CoreStep.of(block, pca, radius)

        for part in map_ordered(measure, latents.blocks(size), _bytes(latents, size)):
            yield part
            advance(part.n)

    return total(parts())


@dataclass(frozen=True, eq=False)
class Whitened:
    """What is added up along whitened axes: distances, third moments, projections.

    Attributes
    ----------
    third : of the leading `third.dimension` axes.
    """

    radii: Radii
    third: ThirdMoments
    projections: Projections


def whitened_reading(
    latents: LatentSet, pca: PCA, directions: Float[np.ndarray, "k r"], size: int, advance: Advance
) -> Whitened:
    """Distances, Mardia's third moments and projections of all vectors, whitened by the given axes."""
    third = ThirdMoments.empty(min(pca.rank, MAX_DIMENSION))
    radii: Radii | None = None
    projections: Projections | None = None

    def measure(block: np.ndarray) -> tuple[np.ndarray, Radii, Projections]:
        u = pca.whiten(block)
        return u, Radii.of(u), Projections.of(u, directions)

    memory = _bytes(latents, size) + 8 * size * len(directions)
    for u, radius, projection in map_ordered(measure, latents.blocks(size), memory):
        third.add(u[:, : third.dimension])
        radii = radius if radii is None else radii + radius
        projections = projection if projections is None else projections + projection
        advance(len(u))
    assert radii is not None
    assert projections is not None
    return Whitened(radii, third, projections)

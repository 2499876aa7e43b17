"""The questions that an analysis asks of the vectors; how often they are read for them, `vectors.inquiries` decides.

Memory holds some blocks and the summaries, whatever the number of vectors; a random sample of them stays for what
cannot be a sum (mixtures, projection pursuit, the first steps of the robust core).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Self

import numpy as np
from jaxtyping import Float, Float32, Int

from zpoints.analysis.checks import living_of, refuse_not_finite
from zpoints.statistics.channels import Channels, ChannelSums
from zpoints.statistics.core import CoreStep
from zpoints.statistics.cuts import CutMoments, fwhm_reach
from zpoints.statistics.directions import Projections
from zpoints.statistics.fingerprints import fingerprints
from zpoints.statistics.histograms import Histograms
from zpoints.statistics.living import Living
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.planes import PlaneCounts, PlaneGroup, bins_for, standardise
from zpoints.statistics.radii import Radii
from zpoints.statistics.ranks import RankSums
from zpoints.statistics.repeats import Repeats
from zpoints.statistics.third_moments import MAX_DIMENSION, ThirdMoments
from zpoints.vectors.latent_set import LatentSet, drawn
from zpoints.vectors.reduce import Into, Numbered, Question, Through, reduce, rows
from zpoints.vectors.views import LongBlocks, View

__all__ = [
    "SAMPLE",
    "First",
    "along",
    "channel_sums",
    "core_step",
    "count_components",
    "counted",
    "cut",
    "first",
    "inner_planes",
    "moments_of",
    "moments_of_picked",
    "picked",
    "rank_sums",
    "whitened",
    "whitening",
]

SAMPLE = 32_768  # vectors kept in memory, or as many as fit into the bytes below
SAMPLE_BYTES = 64 << 20

Bins = tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"], int]


# --- what is made of a block, once for all questions that name it ---------------------------------------------------


@dataclass(frozen=True)
class Scores:
    """Coordinates along the leading `rank` principal axes."""

    pca: PCA

    def __call__(self, block: np.ndarray) -> Float[np.ndarray, "m r"]:
        return self.pca.transform(block, 0, self.pca.rank)


@dataclass(frozen=True)
class Whitened:
    """The same in standard deviations."""

    pca: PCA

    def __call__(self, scores: Float[np.ndarray, "m r"]) -> Float[np.ndarray, "m r"]:
        return scores / np.sqrt(self.pca.variance[: self.pca.rank])


@dataclass(frozen=True)
class Standardised:
    """Values for the kernels, along the axes of a view from number `first` on, one row per axis."""

    view: View
    first: int = 0

    def __call__(self, block: np.ndarray) -> Float32[np.ndarray, "c m"]:
        return self.view.standardised(block, self.first)


def whitening(pca: PCA, of: Question) -> Through:
    """Questions about whitened vectors."""
    return Through(Scores(pca), Through(Whitened(pca), of))


# --- the first reading ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class First:
    """What the first reading yields.

    Attributes
    ----------
    living : which components live; all further figures are theirs alone.
    moments : of all vectors.
    sample : vectors chosen at random, in their order.
    repeats : which vectors are the first of their kind.
    """

    living: Living
    moments: Moments
    sample: Float[np.ndarray, "s l"]
    repeats: Repeats

    @property
    def whole(self) -> bool:
        """Whether the sample is all vectors."""
        return len(self.sample) == self.moments.n


def first(latents: LatentSet, seed: int = 0) -> tuple[Question, Callable[[tuple], First]]:
    """Moments and a random sample; and what makes a `First` of the answer.

    Both refuse vectors that cannot be measured.

    Raises
    ------
    ArrayError : NaN or infinity, values too large for their fourth powers, nothing but constant components.
    """
    # float16 would be too coarse to whiten, float32 too small for all that float64 holds.
    kept = np.result_type(latents.reader.dtype, np.float32).newbyteorder("=")
    count = min(latents.n, SAMPLE, max(2, SAMPLE_BYTES // (kept.itemsize * latents.dimension)))
    chosen = drawn(latents.n, count, seed)

    def of(answer: tuple) -> First:
        found, rows_of_sample, numbers = answer
        sample = rows_of_sample.array()
        living = living_of(latents, found, sample[0])
        if not living.whole:
            found = found.of_components(living.numbers)
        return First(living, found, living.of(sample), Repeats.of(numbers.array()))

    return (Numbered(partial(_moments, latents)), rows(picked(chosen, kept)), rows(fingerprints)), of


def _moments(latents: LatentSet, start: int, block: np.ndarray) -> Moments:
    with np.errstate(invalid="ignore", over="ignore"):
        found = Moments.of(block)
    if not np.isfinite(found.mean).all():
        refuse_not_finite(latents, block, start)
    return found


def picked(chosen: Int[np.ndarray, " s"], kept: np.dtype | None = None) -> Numbered:
    """Those vectors of a block whose numbers were chosen, ascending, as they are or as `kept`."""

    return Numbered(partial(_picked, chosen, kept))


def _picked(
    chosen: Int[np.ndarray, " s"], kept: np.dtype | None, start: int, block: np.ndarray
) -> np.ndarray:
    low, high = np.searchsorted(chosen, (start, start + len(block)))
    found = block[chosen[low:high] - start]
    return found if kept is None else found.astype(kept, copy=False)


def moments_of_picked(chosen: Int[np.ndarray, " s"]) -> Through:
    """Moments of those vectors whose numbers were chosen, ascending."""
    return Through(picked(chosen), _moments_of_some)


def _moments_of_some(block: np.ndarray) -> Moments | None:
    return Moments.of(block) if len(block) else None


def moments_of(latents: LatentSet, size: int | None = None) -> Moments:
    """Moments of the vectors as they are, in a reading of their own."""
    return reduce(latents, Moments.of, size=size)


# --- later readings -------------------------------------------------------------------------------------------------


def along(pca: PCA) -> Through:
    """Moments of the coordinates along the leading `rank` principal axes, and Mahalanobis distances in them.

    Measured on the vectors themselves.
    """
    return Through(Scores(pca), (Moments.of, Through(Whitened(pca), Radii.of)))


def channel_sums(
    living: Living, channels: Channels, centre: Float[np.ndarray, " c"]
) -> Callable[[np.ndarray], ChannelSums]:
    """Sums per channel, around these centres, of vectors whose dead components were left out."""
    return partial(_channel_sums, living, channels, centre)


def _channel_sums(
    living: Living, channels: Channels, centre: Float[np.ndarray, " c"], block: np.ndarray
) -> ChannelSums:
    return ChannelSums.of(living.put_back(block), channels, centre)


def count_components(view: View, bins: list[Bins]) -> Through:
    """Histograms of all components, one per way to cut bins (`histograms.fine_bins`, `histograms.fixed_bins`)."""
    return Through(Standardised(view), tuple(partial(_histograms, cut) for cut in bins))


def _histograms(cut: Bins, u: np.ndarray) -> Histograms:
    return Histograms.of(u, *cut)


def rank_sums(view: View, fine: Histograms) -> Through:
    """Sums for Spearman's coefficients."""
    return Through(Standardised(view), partial(RankSums.of, histograms=fine))


def counted(view: View, group: PlaneGroup) -> Through:
    """Counts of a group of planes; answered by `LongBlocks`, whose total are the `PlaneCounts`."""
    return Through(Standardised(view, group.first), _counts_of(view, group, group))


def _counts_of(view: View, within: PlaneGroup, group: PlaneGroup) -> Into:
    """Counts of `group`, of values that begin with the first component of the group that it lies in."""
    bins = bins_for(view.n)
    return LongBlocks.into(
        partial(PlaneCounts.empty, group, bins),
        partial(_count, view.pearson, group.first - within.first),
        view.dimension - within.first,
        view.n,
        nbytes=len(group) * bins * bins * 4,
        shares=partial(_shared, view, group) if within == group else None,
    )


def _count(pearson: np.ndarray, leave: int, counts: PlaneCounts, u: Float32[np.ndarray, "c m"]) -> None:
    counts.count(u[leave:], pearson)


def _shared(view: View, group: PlaneGroup, most: int) -> list[Into]:
    """The same planes in groups, for as many machines: each looks at all vectors."""
    return [_counts_of(view, group, part) for part in group.parts(most)]


def cut(
    centre: Float[np.ndarray, " d"], fwhm: Float[np.ndarray, " d"], factors: tuple[float, ...]
) -> Callable[[np.ndarray], CutMoments]:
    """Moments of the vectors between the factors of the FWHM cut."""
    return partial(_cut, centre, fwhm, factors)


def _cut(
    centre: Float[np.ndarray, " d"],
    fwhm: Float[np.ndarray, " d"],
    factors: tuple[float, ...],
    block: np.ndarray,
) -> CutMoments:
    return CutMoments.of(block, fwhm_reach(block, centre, fwhm), factors)


def inner_planes(
    centre: Float[np.ndarray, " d"],
    fwhm: Float[np.ndarray, " d"],
    cuts: list[tuple[float, PCA]],
    leading: int,
    n: int,
) -> Through:
    """Joint histograms of the leading planes of what each cut leaves, each along the axes of its own survivors.

    Answered by one `LongBlocks` of `PlaneCounts` per cut.

    Parameters
    ----------
    cuts : factor of the FWHM cut (infinity for no cut) and the principal axes of its survivors.
    leading : so many axes, so `leading` (`leading` - 1) / 2 planes.
    n : number of all vectors.
    """
    standardised = _OfCuts.of(centre, fwhm, cuts, leading)
    group, bins = PlaneGroup(0, leading - 1, leading), bins_for(n)
    into = LongBlocks.into(
        partial(PlaneCounts.empty, group, bins),
        partial(PlaneCounts.count, pearson=np.eye(leading)),
        leading,
        n,
    )
    return Through(standardised, tuple(Through(itemgetter(k), into) for k in range(len(cuts))))


@dataclass(frozen=True, eq=False)
class _OfCuts:
    """Standardised values of what each cut leaves of a block, along its own axes.

    All axes of all cuts in one product, from one centre; the centres of the cuts lie a little off it.
    """

    centre: Float[np.ndarray, " d"]
    fwhm: Float[np.ndarray, " d"]
    factors: tuple[float, ...]
    leading: int
    middle: Float[np.ndarray, " d"]
    together: Float[np.ndarray, "d k"]
    offset: list[np.ndarray]
    std: list[np.ndarray]

    @classmethod
    def of(cls, centre: np.ndarray, fwhm: np.ndarray, cuts: list[tuple[float, PCA]], leading: int) -> Self:
        middle = cuts[0][1].mean
        axes = [pca.axes[:leading] / pca.scale for _, pca in cuts]
        offset = [(pca.mean - middle) @ own.T for (_, pca), own in zip(cuts, axes, strict=True)]
        std = [np.sqrt(pca.variance[:leading]) for _, pca in cuts]
        factors = tuple(factor for factor, _ in cuts)
        return cls(centre, fwhm, factors, leading, middle, np.concatenate(axes).T, offset, std)

    def __call__(self, block: np.ndarray) -> list[np.ndarray]:
        reach = fwhm_reach(block, self.centre, self.fwhm)
        scores = (block - self.middle) @ self.together
        found = []
        for k, factor in enumerate(self.factors):
            own = scores[reach <= factor, k * self.leading : (k + 1) * self.leading]
            found.append(standardise(own, self.offset[k], self.std[k]))
        return found


def core_step(pca: PCA, radius: float) -> Callable[[np.ndarray], CoreStep]:
    """Moments of the vectors within a Mahalanobis radius."""
    return partial(CoreStep.of, pca=pca, radius=radius)


def whitened(pca: PCA, directions: Float[np.ndarray, "k r"]) -> Through:
    """Distances, Mardia's third moments (of the leading axes) and projections of vectors whitened by the axes."""
    count = min(pca.rank, MAX_DIMENSION)
    into = Into(partial(ThirdMoments.empty, count), nbytes=ThirdMoments.bytes_of(count))
    third = Through(_Leading(count), into)
    return whitening(pca, (Radii.of, third, partial(Projections.of, directions=directions)))


@dataclass(frozen=True)
class _Leading:
    count: int

    def __call__(self, u: Float[np.ndarray, "m r"]) -> Float[np.ndarray, "m c"]:
        return u[:, : self.count]

"""The scalar results of a comparison, one class a part; what ``compare.json`` holds."""

from dataclasses import dataclass
from typing import ClassVar

from zpoints.files.records import Document, Record

__all__ = [
    "ClassifierResult",
    "CloudSummary",
    "ComparisonSummary",
    "Difference",
    "EqualVectors",
    "Kind",
    "LeftOut",
]


@dataclass(frozen=True, eq=False)
class CloudSummary(Record):
    """One cloud for itself; lengths in the vectors' units, the distance of the origin Mahalanobis's.

    `d` counts all components, `dimension` those that were compared. `regions_of_halves` are those of two halves of
    the sample, equally large in A and B; none where A and B have as many regions, or in files of before version 3.
    """

    name: str
    n: int
    d: int
    dimension: int
    rank: int
    mean_length: float
    std_length: float
    centre_offset: float
    origin_distance: float
    inverse_trace: float
    best_b: float
    total_variance: float
    axes_for_80_percent: int
    regions: int
    clusters: str
    regions_of_halves: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Difference(Record):
    """A squared difference, what random halves show that are equal but for chance, and whether it is far above."""

    value: float
    noise: float
    stands_out: bool


@dataclass(frozen=True, eq=False)
class FrechetDifference(Difference):
    """Squared Fréchet distance; `of_means` is the part of the centres."""

    of_means: float


@dataclass(frozen=True, eq=False)
class SubspaceDifference(Difference):
    """Of the spaces of the first `axes` principal axes: mean squared sine of their angles, which are in degrees."""

    axes: int
    largest_angle: float
    median_angle: float


@dataclass(frozen=True, eq=False)
class Kind(Record):
    """One kind of difference: `different` components show it, `component` the clearest, by `z` standard errors."""

    different: int
    component: int
    effect: float
    z: float


@dataclass(frozen=True, eq=False)
class ComponentKinds(Record):
    """Each kind of difference; beyond `limit` standard errors a component counts as different."""

    limit: float
    mean: Kind
    spread: Kind
    skewness: Kind
    tails: Kind


@dataclass(frozen=True, eq=False)
class PairDifference(Record):
    """Pearson's coefficients of two components in both clouds; `z` compares Fisher's transforms."""

    i: int
    j: int
    r_a: float
    r_b: float
    difference: float
    z: float


@dataclass(frozen=True, eq=False)
class CorrelationDifferences(Record):
    """The pairs that differ most, and how many beyond `limit` standard errors; no limit where there is no pair."""

    different: int
    limit: float | None
    pairs: tuple[PairDifference, ...]


@dataclass(frozen=True, eq=False)
class DistanceDifference(Record):
    """Median Mahalanobis distances under a normal fitted to half of A: of that half, of A's other half, of B.

    `b_farther` is the chance that a vector of B lies farther out than a held-out one of A; `p` of that by chance.
    """

    axes: int
    median_a: float
    median_a_held_out: float
    median_b: float
    b_farther: float
    p: float


@dataclass(frozen=True, eq=False)
class ClassifierResult(Record):
    """Share of `n` held-out vectors that a classifier assigns to the right cloud; `p` by guessing."""

    name: str
    accuracy: float
    error: float
    p: float
    n: int


@dataclass(frozen=True, eq=False)
class LeftOut(Record):
    """A component that is constant in A, in B, or in both.

    `value_a` and `value_b` are the constants, None where it varies, by `std_a` and `std_b`; `p` is the chance that
    all vectors with another value would be in one cloud, if both had the same law.
    """

    component: int
    value_a: float | None
    value_b: float | None
    std_a: float
    std_b: float
    p: float


@dataclass(frozen=True, eq=False)
class EqualVectors(Record):
    """Vectors of each cloud that stand in the other too, and those that equal an earlier one of their own cloud."""

    shared_a: int
    shared_b: int
    repeats_a: int
    repeats_b: int


@dataclass(frozen=True, eq=False)
class ComparisonSummary(Document):
    """Every scalar result of a comparison, in words and in figures.

    Attributes
    ----------
    a, b : each cloud for itself.
    frechet, correlation_difference, subspaces : squared differences beside what random halves show.
    components, correlations : how many differ, and which most clearly.
    distance : of B's vectors from A's centre.
    classifiers : that try to tell the clouds apart, the best one first.
    left_out : components that are constant in one of the clouds; no other figure knows them.
    equal_vectors : how many stand in both clouds, or several times in one; None in files of before version 3.
    differ_in : the kinds of differences that are more than noise.
    verdict : sentences, the conclusion first.
    seconds, peak_ram_mib, peak_vram_mib : what the comparison took.
    version : of the file format.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> random = np.random.default_rng(0)
    >>> c = zp.compare(random.normal(size=(400, 3)), random.normal(1, size=(400, 3)))
    >>> c.summary.components.mean.different, c.summary.differ_in[0]
    (3, 'mean')
    """

    VERSION: ClassVar[int] = 3

    a: CloudSummary
    b: CloudSummary
    frechet: FrechetDifference
    correlation_difference: Difference
    subspaces: tuple[SubspaceDifference, ...]
    components: ComponentKinds
    correlations: CorrelationDifferences
    distance: DistanceDifference
    classifiers: tuple[ClassifierResult, ...]
    left_out: tuple[LeftOut, ...] = ()
    equal_vectors: EqualVectors | None = None
    differ_in: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    seconds: float | None = None
    peak_ram_mib: float | None = None
    peak_vram_mib: float | None = None
    version: int = VERSION

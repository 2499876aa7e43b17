"""The scalar results of an analysis, one class a part; what ``analysis.json`` holds.

Whoever measures returns plain figures; here they get names and types, and whatever a file holds is checked.
A figure that could not be measured is None.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from zpoints.analysis.axes_summaries import AxesSummary, PicturesSummary, SpectrumSummary
from zpoints.analysis.evidence import Evidence
from zpoints.analysis.group_summaries import GroupsSummary
from zpoints.analysis.table_summaries import ComponentSummary, Coverage, PlaneSummary
from zpoints.files.records import Bases, Document, Record

__all__ = [
    "AnalysisSummary",
    "ClustersSummary",
    "CoreSummary",
    "MardiaSummary",
    "NormalitySummary",
    "RadiiSummary",
    "RegionSummary",
    "TrimmingSummary",
]


@dataclass(frozen=True, eq=False)
class DeadComponent(Record):
    """A component that has the same value in all vectors."""

    component: int
    value: float


@dataclass(frozen=True, eq=False)
class LatentSummary(Record):
    """Latent arrays with a shape, over all vectors and positions.

    Attributes
    ----------
    shape : of one array. layout : whether its channels come first or last. channels : how many there are.
    mean, std : of all values. latents_mean, latents_std : of each channel.
    """

    shape: tuple[int, ...]
    layout: str
    channels: int
    mean: float
    std: float
    latents_mean: tuple[float, ...]
    latents_std: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """The channels in words."""
        where, few = self.layout.removeprefix("channels-"), self.channels <= 4
        means, stds = (
            ", ".join(f"{value:.4g}" for value in values)
            if few
            else f"{min(values):.4g} to {max(values):.4g}"
            for values in (self.latents_mean, self.latents_std)
        )
        constant = sum(std == 0 for std in self.latents_std)
        left = f"; {constant:,} constant, for which channels.json has 1" if constant else ""
        factor = f" (scaling_factor {1 / self.std:.4g}, shift_factor {self.mean:.4g})" if self.std > 0 else ""
        return (
            f"Channels ({self.channels:,}, {where}, of {self.shape}): means {means}; standard deviations "
            f"{stds}{left}; that of all values {self.std:.4g}{factor}."
        )


@dataclass(frozen=True, eq=False)
class Pair(Record):
    """Pearson's coefficient of two components."""

    i: int
    j: int
    r: float


@dataclass(frozen=True, eq=False)
class RankDisagreement(Record):
    """A pair whose rank correlation is not `of_normal_pair`, that of a normal pair with the same r."""

    i: int
    j: int
    r: float
    rank_correlation: float
    of_normal_pair: float


@dataclass(frozen=True, eq=False)
class Survivors(Record):
    """What the cut at a factor of the FWHM leaves: vectors, their share, and the share in normal clouds.

    `normal_share` is an ideal normal's with the same correlations, centred on its mean and with a FWHM of 2.3548
    standard deviations; `independent_share` has no correlations.
    """

    factor: float
    survivors: int
    share: float
    normal_share: float
    normal_share_error: float
    independent_share: float


@dataclass(frozen=True, eq=False)
class Turn(Record):
    """How a cut turns the leading axes, in degrees."""

    factor: float
    axis_turn: tuple[float, ...]
    largest_subspace_angle: float


@dataclass(frozen=True, eq=False)
class CoreSummary(Record):
    """The robust core, or the reason why there is none.

    Attributes
    ----------
    share, normal_share : of the vectors inside, and of a normal cloud with the core's covariance.
    vectors, radius : inside, and the Mahalanobis radius.
    iterations, converged, sample : of the search, and the vectors that it began with.
    axis_turn : of the leading axes against those of all vectors, in degrees.
    variance_ratio : total variance of the core over that of all vectors.
    """

    found: bool
    reason: str = ""
    share: float | None = None
    normal_share: float | None = None
    vectors: int | None = None
    radius: float | None = None
    iterations: int | None = None
    converged: bool | None = None
    sample: int | None = None
    axis_turn: tuple[float, ...] = ()
    variance_ratio: float | None = None


@dataclass(frozen=True, eq=False)
class TrimmingSummary(Record):
    """What cutting outer vectors does."""

    survivors: tuple[Survivors, ...]
    turns: tuple[Turn, ...]
    core: CoreSummary


@dataclass(frozen=True, eq=False)
class MardiaFigure(Record):
    """A statistic, its mean and standard error in normal samples, its distance in these, and log10 of the p value."""

    value: float | None
    normal: float | None
    error: float | None
    z: float | None
    log10_p: float | None


@dataclass(frozen=True, eq=False)
class MardiaSummary(Record):
    """Mardia's tests along the leading `axes`, the squared skewness, and the variance of each vector's own scale."""

    axes: int
    skewness: MardiaFigure
    kurtosis: MardiaFigure
    squared_skewness: float | None
    squared_skewness_error: float | None
    scale_variance: float | None
    scale_variance_error: float | None


@dataclass(frozen=True, eq=False)
class RadiiShare(Record):
    """Share of the vectors within the radius that holds `chi_square` of a normal law, and a normal sample's share."""

    chi_square: float
    measured: float
    normal: float


@dataclass(frozen=True, eq=False)
class RadiiQuantiles(Record):
    """Quantiles of the squared Mahalanobis distance, of a normal sample and of the vectors."""

    normal: tuple[float, ...]
    measured: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class RadiiSummary(Record):
    """Squared Mahalanobis distances along `dimension` axes, beside those of a normal sample."""

    dimension: int
    mean: float
    std: float
    normal_std: float
    scale_variance: float | None
    scale_variance_error: float | None
    scale_spread: float
    ks_distance: float
    normal_ks_distance: float
    median_distance: float
    normal_median_distance: float
    shares: tuple[RadiiShare, ...]
    quantiles: RadiiQuantiles


@dataclass(frozen=True, eq=False)
class Spread(Record):
    """Of one figure over many directions."""

    mean: float | None
    std: float | None
    least: float | None
    median: float | None
    largest: float | None


@dataclass(frozen=True, eq=False)
class RandomDirections(Record):
    """Moments along random directions, and their standard errors in a normal sample."""

    count: int
    skewness: Spread
    excess_kurtosis: Spread
    skewness_error: float | None
    excess_kurtosis_error: float | None


@dataclass(frozen=True, eq=False)
class Direction(Record):
    """One of the least normal directions: judged on vectors held out from the search, then measured on all."""

    score: float
    log10_p: float
    held_out_skewness: float
    held_out_excess_kurtosis: float
    skewness: float
    excess_kurtosis: float
    leading_axes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LeastNormalDirections(Record):
    """What a projection pursuit found, worst first, or the reason why there was none."""

    found: tuple[Direction, ...]
    reason: str = ""
    fitted: int | None = None
    judged: int | None = None
    reach: float | None = None
    score_of_normal: float | None = None


@dataclass(frozen=True, eq=False)
class NormalitySummary(Record):
    """All dimensions together."""

    mardia: MardiaSummary
    radii: RadiiSummary
    random_directions: RandomDirections
    least_normal_directions: LeastNormalDirections
    henze_zirkler: str


class _RegionRecord(Record):
    """Files of before also have figures of mixtures of normals here: these are passed over."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {**Record.__pydantic_config__, "extra": "ignore"}


@dataclass(frozen=True, eq=False)
class ValleySummary(_RegionRecord):
    """What separates two regions; see `zpoints.statistics.clusters.Valley`."""

    regions: tuple[int, int]
    peaks: tuple[int, int]
    valley: int
    dip: float
    z: float


@dataclass(frozen=True, eq=False)
class ClustersSummary(_RegionRecord):
    """Separate regions, at least, and the evidence for them; see `zpoints.statistics.clusters.Clusters`.

    `distinct` is None in files of before.
    """

    n_fitted: int
    n_held_out: int
    dimension: int
    regions: int
    shares: tuple[float, ...]
    evidence: tuple[ValleySummary, ...]
    sentence: str
    distinct: int | None = None


@dataclass(frozen=True, eq=False)
class RegionSummary(Record):
    """Where the cloud lies: lengths in the vectors' units, distances Mahalanobis's; `best_b` of a uniform box."""

    mean_length: float
    std_length: float
    centre_length: float
    centre_offset: float
    origin_distance: float
    typical_distance: float
    best_b: float
    best_b_distance: float
    clusters: ClustersSummary


@dataclass(frozen=True, eq=False)
class PCASummary(Record):
    """Which matrix of which vectors decided the principal axes, and how many vectors these were."""

    matrix: str
    of: str
    vectors: int


@dataclass(frozen=True, eq=False)
class AnalysisSummary(Document):
    """Every scalar result of an analysis, in words and in figures.

    Attributes
    ----------
    n, d, rank : vectors, components, and axes along which the vectors vary.
    dead : components that are constant; they are left out of all else, but counted in d.
    latent : channels of latent arrays with a shape; None of vectors.
    components_for_variance : principal axes that explain 80, 90 and 95 % of the variance.
    largest_off_diagonal : largest absolute correlation of two components, and of two principal axes.
    strongest_pairs : of components, by their correlation.
    components, coverage, planes : by basis, ``z`` and ``pca``.
    rank_disagreements : pairs that depend on each other otherwise than normal pairs with their correlation.
    trimming, normality, region, pca : see their classes.
    kind : of law, in a few words (`conclusion.conclusion`); empty in files up to format 2.
    evidence : what decides that; None in files up to format 2.
    repeated : vectors that equal an earlier one; each was counted once, and n are different (but not where vectors
        take so few values that these are what there is to say).
    spectrum : how many principal axes are more than noise; None in files of older formats.
    leading : all dimensions together, of the axes that hold 95 % of the variance alone; None where these are all.
    pictures : how many axes change the decoded picture; None without a model.
    groups : figures by group; None without labels.
    verdict : sentences, the conclusion first.
    notes : what was left out of the vectors' file or table, or guessed about it.
    seconds, peak_ram_mib, peak_vram_mib : what the analysis took.
    version : of the file format.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> a.summary.n, a.summary.components.z.not_normal, a.summary.planes.pca.planes
    (500, 0, 3)
    """

    VERSION: ClassVar[int] = 3

    n: int
    d: int
    rank: int
    components_for_variance: dict[str, int]
    largest_off_diagonal: Bases[float]
    strongest_pairs: tuple[Pair, ...]
    components: Bases[ComponentSummary]
    coverage: Coverage
    planes: Bases[PlaneSummary]
    rank_disagreements: tuple[RankDisagreement, ...]
    trimming: TrimmingSummary
    normality: NormalitySummary
    region: RegionSummary
    pca: PCASummary
    dead: tuple[DeadComponent, ...] = ()
    latent: LatentSummary | None = None
    kind: str = ""
    evidence: Evidence | None = None
    repeated: int = 0
    spectrum: SpectrumSummary | None = None
    leading: AxesSummary | None = None
    pictures: PicturesSummary | None = None
    groups: GroupsSummary | None = None
    verdict: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    peak_ram_mib: float | None = None
    peak_vram_mib: float | None = None
    version: int = VERSION

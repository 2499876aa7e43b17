"""The scalar results of the tables: of all components and of all planes of one basis. A part of ``analysis.json``."""

from dataclasses import dataclass, field

from zpoints.files.records import Record

__all__ = ["ComponentSummary", "Coverage", "CoverageRow", "PlaneSummary"]


@dataclass(frozen=True, eq=False)
class ComponentMedians(Record):
    """Medians over the components; `beyond_2` and so on are shares."""

    skewness: float | None
    excess_kurtosis: float | None
    ks_distance: float | None
    core_sigma: float
    beyond_2: float
    beyond_3: float
    beyond_4: float


@dataclass(frozen=True, eq=False)
class LargestMoments(Record):
    """Largest absolute values over the components."""

    absolute_skewness: float | None
    absolute_excess_kurtosis: float | None


@dataclass(frozen=True, eq=False)
class MomentErrors(Record):
    """Standard errors of a normal sample of the same size."""

    skewness: float | None
    excess_kurtosis: float | None


@dataclass(frozen=True, eq=False)
class WorstComponent(Record):
    """One of the least normal components; deviation in standard errors, log10 of its p-value (None of old files)."""

    component: int
    skewness: float | None
    excess_kurtosis: float | None
    modes: int
    core_sigma: float | None
    deviation: float | None
    log10_p: float | None = None


@dataclass(frozen=True, eq=False)
class ComponentSummary(Record):
    """The components of one basis.

    Attributes
    ----------
    level : a component counts as not normal, as `not_normal` do, when its p-value times their number is below this;
        None of files up to format 2, where `limit` was a deviation in standard errors.
    dominant : components with more than 1.5 of the median standard deviation, the largest first.
    narrow : those that leave their Gaussian within 1.5 sigma. several_modes : those with more than one maximum.
    normal_tail : what a normal component has beyond 2, 3 and 4 sigma.
    worst : the least normal ones first.
    """

    not_normal: int
    dominant: tuple[int, ...]
    narrow: tuple[int, ...]
    several_modes: tuple[int, ...]
    median: ComponentMedians
    largest: LargestMoments
    normal_tail: dict[str, float]
    standard_error: MomentErrors
    worst: tuple[WorstComponent, ...]
    level: float | None = None
    limit: float | None = None


@dataclass(frozen=True, eq=False)
class CoverageRow(Record):
    """Share of the vectors inside the ellipse of one level: of a normal pair, and over the planes."""

    sigma: float
    normal: float
    median: float | None
    least: float | None
    largest: float | None


@dataclass(frozen=True, eq=False)
class Coverage(Record):
    """One row a level for the latent components and for the principal axes; none where there is no plane."""

    z: tuple[CoverageRow, ...] = ()
    pca: tuple[CoverageRow, ...] = ()


@dataclass(frozen=True, eq=False)
class PlaneFigure(Record):
    """Median of a figure over the planes, and mean and standard deviation over the planes of a normal sample."""

    median: float | None
    normal: float | None
    spread: float | None


@dataclass(frozen=True, eq=False)
class WorstPlane(Record):
    """One of the least normal planes; deviation in standard errors."""

    i: int
    j: int
    r: float
    coverage_1: float | None
    coverage_2: float | None
    coverage_2_5: float | None
    coverage_3: float | None
    mutual_information_excess: float | None
    agreement: float | None
    deviation: float | None


@dataclass(frozen=True, eq=False)
class Spoiler(Record):
    """A component that spoils `planes` of its planes, `of` in all."""

    component: int
    planes: int
    of: int


@dataclass(frozen=True, eq=False)
class PlaneSummary(Record):
    """The planes of one basis.

    Attributes
    ----------
    planes : how many there are.
    fewest_vectors : given where there are too few vectors for anything else.
    limit : deviation in standard errors from which on a plane counts as not normal; `not_normal` do.
    degenerate : planes that hold one component twice.
    figures : by the name of the column.
    worst : the least normal ones first. spoilers : components that spoil most planes, the worst first.
    """

    planes: int
    fewest_vectors: int | None = None
    limit: float | None = None
    not_normal: int = 0
    degenerate: int = 0
    largest_deviation: float | None = None
    figures: dict[str, PlaneFigure] = field(default_factory=dict)
    worst: tuple[WorstPlane, ...] = ()
    spoilers: tuple[Spoiler, ...] = ()

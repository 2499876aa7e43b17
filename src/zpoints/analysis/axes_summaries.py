"""The scalar results of the axes that matter: how many are more than noise, and all dimensions of those alone."""

from dataclasses import dataclass
from typing import Protocol

from zpoints.files.records import Record

__all__ = ["AxesSummary", "PicturesSummary", "SpectrumSummary", "axes_sentences"]


@dataclass(frozen=True, eq=False)
class EdgeSummary(Record):
    """Where the noise of one spectrum ends; see `zpoints.statistics.spectrum.SignalEdge`.

    Attributes
    ----------
    noise, edge, limit : None where there is no floor of equal variances.
    axes : how many variances exceed the limit.
    """

    noise: float | None
    edge: float | None
    limit: float | None
    axes: int


@dataclass(frozen=True, eq=False)
class SpectrumSummary(Record):
    """The variances along the principal axes of all vectors, and what is more than noise in them.

    Attributes
    ----------
    dimension : living components. axes : principal axes of the covariance with variance.
    covariance : edge of the noise of the covariance; its level is estimated.
    correlation : of the correlation matrix, beside independent components; None where it was not looked at.
    effective_rank : RankMe. participation_ratio : likewise in axes.
    scale_variance : of the squared scales that the edges allow each vector.
    """

    dimension: int
    axes: int
    covariance: EdgeSummary
    correlation: EdgeSummary | None
    effective_rank: float
    participation_ratio: float
    scale_variance: float

    @property
    def sentence(self) -> str:
        """Both edges and both ranks in words."""
        found, correlation, axes = self.covariance, self.correlation, f"{self.axes:,} principal axes"
        if self.axes < 2:
            return ""
        if found.noise is None:
            text = f"the variances of {axes} fall without a floor of noise"
        elif found.axes:
            verb = "stand" if found.axes > 1 else "stands"
            text = f"{found.axes:,} of {axes} {verb} out of a floor of noise of variance {found.noise:.3g}"
        else:
            text = f"none of {axes} stands out: their variances differ by no more than those of equal ones"
        if correlation is not None:
            count = f"{correlation.axes:,}" if correlation.axes else "no"
            text += (
                f"; along {count} ax{'i' if correlation.axes == 1 else 'e'}s of the correlation matrix is the "
                "variance larger than independent components could have it"
            )
        return (
            f"Spectrum: {text}. Effective rank {self.effective_rank:.1f} (RankMe), participation ratio "
            f"{self.participation_ratio:.1f}."
        )


@dataclass(frozen=True, eq=False)
class FigureOfAxes(Record):
    """A statistic, what a normal sample has, its standard error there, and the distance in these."""

    value: float
    normal: float
    error: float
    z: float | None
    log10_p: float | None


@dataclass(frozen=True, eq=False)
class AxesSummary(Record):
    """All dimensions together, of some principal axes alone; the same figures as `NormalitySummary` has of all.

    Attributes
    ----------
    axes : how many. variance : the share of the variance that they hold. what : which they are, in words.
    not_normal : how many of them alone differ from a Gaussian; None where the table has other axes.
    skewness : Mardia's; None where it was not measured. kurtosis : Mardia's.
    std, normal_std : of the squared Mahalanobis distance. scale_variance : variance of each vector's squared scale.
    ks_distance, normal_ks_distance : of the distances. beyond, normal_beyond : shares beyond the radius that 0.1 % of
        a normal law exceed.
    """

    axes: int
    variance: float
    what: str
    not_normal: int | None
    skewness: FigureOfAxes | None
    kurtosis: FigureOfAxes
    std: float
    normal_std: float
    scale_variance: float
    scale_variance_error: float
    ks_distance: float
    normal_ks_distance: float
    beyond: float
    normal_beyond: float

    @property
    def sentence(self) -> str:
        """The figures in words."""
        tests = [("skewness", self.skewness), ("kurtosis", self.kurtosis)]
        said = ", ".join(f"{name} {test.z:+.1f}" for name, test in tests if test and test.z is not None)
        alone = (
            "" if self.not_normal is None else f"{self.not_normal or 'none'} differ from a Gaussian alone; "
        )
        mardia = f"; Mardia's tests, in standard errors: {said}" if said else ""
        return (
            f"Of the {self.axes:,} {self.what}: {alone}the squared Mahalanobis distance has standard deviation "
            f"{self.std:.1f} where a normal sample has {self.normal_std:.1f} (variance of each vector's squared "
            f"scale {self.scale_variance:+.3f} +/- {self.scale_variance_error:.3f}){mardia}."
        )


@dataclass(frozen=True, eq=False)
class PicturesSummary(Record):
    """How much one sigma along each axis changes the decoded picture.

    Attributes
    ----------
    base_points : z-points around which pictures were changed. decoded : pictures in all.
    components, axes : how many were measured, of each basis; the others have no figure.
    visible_components, visible_axes : how many of these change the picture by more than one grey level.
    visible_variance : share of the variance along those principal axes.
    largest : the largest change by a principal axis, in grey levels.
    normality : all dimensions together, of the visible principal axes; None where these are none or all.
    """

    base_points: int
    decoded: int
    components: int
    axes: int
    visible_components: int
    visible_axes: int
    visible_variance: float
    largest: float
    left_out: int
    normality: AxesSummary | None = None

    @property
    def sentence(self) -> str:
        """What is visible, in words."""
        left = f" ({self.left_out:,} more were not tried)" if self.left_out else ""
        text = (
            f"Pictures: one sigma along {self.visible_axes:,} of {self.axes:,} principal axes{left} changes the "
            f"decoded picture by more than one grey level; they hold {100 * self.visible_variance:.0f} % of the "
            f"variance. Of the components {self.visible_components:,} of {self.components:,} do."
        )
        return f"{text} {self.normality.sentence}" if self.normality else text


class Measured(Protocol):
    """The summary that holds these."""

    @property
    def spectrum(self) -> SpectrumSummary | None: ...
    @property
    def leading(self) -> AxesSummary | None: ...
    @property
    def pictures(self) -> PicturesSummary | None: ...


def axes_sentences(summary: Measured) -> tuple[str, ...]:
    """What the verdict says of the axes that matter."""
    parts = (summary.leading, summary.spectrum, summary.pictures)
    return tuple(part.sentence for part in parts if part)

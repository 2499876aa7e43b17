"""What the figures say, in sentences: effect sizes first, then how sure one can be of them.

With many vectors every test rejects, so "within the noise" and "near enough to draw from" are two questions, and both
are answered.
"""

import numpy as np
from scipy.special import ndtr

from zpoints.analysis.components import NARROW
from zpoints.analysis.normality import SURE_LOG10_P
from zpoints.analysis.summary import AnalysisSummary
from zpoints.statistics.living import NAMED, Living, named
from zpoints.statistics.measures import FEWEST

__all__ = ["verdict"]

SURE = 5.0  # standard errors from which on one figure of all vectors together counts as measured
SURE_KS = 3.0  # in mean distances of a normal sample; 1.5 is the 95 % point


def verdict(summary: AnalysisSummary) -> tuple[str, ...]:
    """Sentences: the conclusion, then components, planes, all dimensions together, the core, the region."""
    parts = [
        _dead(summary),
        _components(summary),
        _planes(summary),
        _together(summary),
        _core(summary),
        _region(summary),
        summary.latent.sentence if summary.latent else "",
    ]
    return (_conclusion(summary), *(part for part in parts if part))


def _conclusion(summary: AnalysisSummary) -> str:
    if summary.n < FEWEST:
        return f"{summary.n} vectors are too few to tell whether they are normally distributed."
    regions = summary.region.clusters.regions
    if regions > 1:
        return f"Not one normal distribution: the vectors lie in at least {regions} separate regions."
    if within_noise(summary):
        return f"A multivariate normal distribution, within the noise of {summary.n:,} vectors."
    z = summary.components.z
    reach, narrow = z.median.core_sigma, z.narrow
    if not any(table.not_normal for table in (summary.components.z, summary.components.pca)):
        return (
            "Not a multivariate normal distribution, though every component alone is a Gaussian within the noise of "
            f"{summary.n:,} vectors: how the components depend on each other is more than correlation."
        )
    if reach < NARROW:
        return f"Not a normal distribution: the median component's density leaves its Gaussian at {reach:g} sigma."
    but = f", but for component{'s' if len(narrow) > 1 else ''} {named(narrow)}" if narrow else ""
    limit = " (farther out there are too few vectors to tell)" if reach >= visible_sigma(summary.n) else ""
    return (
        f"Nearly a multivariate normal distribution{but}: the core is normal up to about {reach:g} sigma{limit}, "
        f"{_flanks(summary)}."
    )


def visible_sigma(n: int) -> float:
    """Where a normal sample's own core ends: from there a quarter of a sigma holds fewer than 10 of n vectors."""
    edges = np.arange(0, 8, 0.25)
    return float(edges[(n * np.diff(ndtr(edges)) >= 10).sum()])


def within_noise(summary: AnalysisSummary) -> bool:
    """Whether no figure differs from those of a normal sample of the same size."""
    both = (summary.components, summary.planes)
    if any(part.z.not_normal or part.pca.not_normal for part in both):
        return False
    normality = summary.normality
    mardia = (normality.mardia.skewness.z, normality.mardia.kurtosis.z)
    if any(z is not None and abs(z) > SURE for z in mardia):
        return False
    if normality.radii.ks_distance > SURE_KS * normality.radii.normal_ks_distance:
        return False
    return all(row.log10_p > SURE_LOG10_P for row in normality.least_normal_directions.found)


def _flanks(summary: AnalysisSummary) -> str:
    scale = summary.normality.radii.scale_variance or 0.0
    error = summary.normality.radii.scale_variance_error or 0.0
    if scale > SURE * error:
        return "with heavier flanks"
    if scale < -SURE * error:
        return "with lighter flanks"
    return "with flanks of normal weight"


def _dead(summary: AnalysisSummary) -> str:
    if not summary.dead:
        return ""
    sentence = Living(
        summary.d,
        np.array([row.component for row in summary.dead]),
        np.array([row.value for row in summary.dead]),
    ).sentence
    return f"Dead: {sentence}; left out here, and put back by samplers."


def _components(summary: AnalysisSummary) -> str:
    z = summary.components.z
    d, off, median = summary.d - len(summary.dead), z.not_normal, z.median
    if not off:
        return f"Components: none of {d} differs from a Gaussian by more than noise."
    worst = [row.component for row in z.worst[:NAMED]]
    text = (
        f"Components: {off} of {d} differ from a Gaussian by more than noise, most of all {named(worst)}; the "
        f"median component has skewness {median.skewness:+.2f}, excess kurtosis {median.excess_kurtosis:+.2f} "
        f"(standard errors {z.standard_error.skewness:.3f} and {z.standard_error.excess_kurtosis:.3f}), "
        f"and follows its Gaussian up to {median.core_sigma:g} sigma."
    )
    if z.several_modes:
        text += f" More than one maximum: component {named(z.several_modes)}."
    return text


def _planes(summary: AnalysisSummary) -> str:
    planes = summary.planes.z
    if not planes.planes or "agreement" not in planes.figures or planes.figures["agreement"].median is None:
        return ""
    agreement, outer = planes.figures["agreement"], planes.figures["coverage_3"]
    inner = planes.figures["coverage_1"]
    alike = planes.degenerate
    copies = f" {alike:,} plane{'s hold' if alike > 1 else ' holds'} one component twice." if alike else ""
    if not planes.not_normal:
        return (
            f"Planes: none of {planes.planes:,} differs from a normal pair by more than noise; contours agree "
            f"with their ellipses to {agreement.median:.3f} in the median.{copies}"
        )
    text = (
        f"Planes: {planes.not_normal:,} of {planes.planes:,} differ from a normal pair by more than noise. In "
        f"the median plane contours agree with their ellipses to {agreement.median:.3f} (normal sample: "
        f"{agreement.normal:.3f} +/- {agreement.spread:.3f}); the 1 sigma ellipse holds "
        f"{_percent(inner.median)} % (normal: {_percent(inner.normal)}), the 3 sigma ellipse "
        f"{_percent(outer.median)} % (normal: {_percent(outer.normal)})."
    )
    spoilers = [row.component for row in planes.spoilers[:NAMED]]
    if spoilers:
        text += f" Most planes are spoilt by component {named(spoilers)}."
    return text + copies


def _together(summary: AnalysisSummary) -> str:
    radii, mardia = summary.normality.radii, summary.normality.mardia
    if radii.dimension < 2 or summary.n < FEWEST:
        return ""
    text = (
        f"All {radii.dimension} axes together: the squared Mahalanobis distance has standard deviation "
        f"{radii.std:.1f} where a normal sample has {radii.normal_std:.1f}"
    )
    scale, error = radii.scale_variance, radii.scale_variance_error
    if scale is not None and error and scale > SURE * error:
        text += (
            f", as if each vector had its own scale, whose square varies by {100 * radii.scale_spread:.0f} %"
        )
    last = radii.shares[-1]
    text += (
        f"; {100 * (1 - last.measured):.2f} % lie beyond the radius that {100 * (1 - last.normal):.2f} % of a "
        "normal sample exceed."
    )
    figures = [("skewness", mardia.skewness), ("kurtosis", mardia.kurtosis)]
    tests = ", ".join(f"{name} {test.z:+.1f}" for name, test in figures if test.z is not None)
    if tests:
        text += f" Mardia's tests, in standard errors: {tests}."
    found = [row for row in summary.normality.least_normal_directions.found if row.log10_p < SURE_LOG10_P]
    if found:
        first = found[0]
        text += (
            f" The least normal direction found has skewness {first.skewness:+.2f} and excess kurtosis "
            f"{first.excess_kurtosis:+.2f}."
        )
    return text


def _core(summary: AnalysisSummary) -> str:
    core = summary.trimming.core
    if not core.found:
        return ""
    return (
        f"Core: {_percent(core.share)} % of the vectors lie within the radius that holds "
        f"{_percent(core.normal_share)} % of a normal cloud with the core's covariance."
    )


def _region(summary: AnalysisSummary) -> str:
    region = summary.region
    return (
        f"{region.clusters.sentence} The origin lies {region.origin_distance:.1f} Mahalanobis units from "
        f"the centre, the vectors themselves at {region.typical_distance:.1f}; uniform vectors of their mean "
        f"length (b = {region.best_b:.2g}) at {region.best_b_distance:.0f}."
    )


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.1f}"

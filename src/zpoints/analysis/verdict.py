"""What the figures say, in sentences: effect sizes first, then how sure one can be of them.

With many vectors every test rejects, so "within the noise" and "near enough to draw from" are two questions, and both
are answered.
"""

import numpy as np

from zpoints.analysis.axes_summaries import axes_sentences
from zpoints.analysis.conclusion import conclusion
from zpoints.analysis.normality import SURE_LOG10_P
from zpoints.analysis.summary import AnalysisSummary
from zpoints.statistics.living import NAMED, Living, named
from zpoints.statistics.measures import FEWEST

__all__ = ["verdict"]

SURE = 5.0  # standard errors from which on one figure of all vectors together counts as measured


def verdict(summary: AnalysisSummary) -> tuple[str, ...]:
    """Sentences: the conclusion, then components, planes, all dimensions together, the core, the region."""
    parts = [
        _dead(summary),
        _repeated(summary),
        _few_values(summary),
        _components(summary),
        _planes(summary),
        _together(summary),
        *axes_sentences(summary),
        _core(summary),
        _region(summary),
        summary.latent.sentence if summary.latent else "",
        *(summary.groups.sentences if summary.groups else ()),
    ]
    return (conclusion(summary).sentence, *(part for part in parts if part))


def _dead(summary: AnalysisSummary) -> str:
    if not summary.dead:
        return ""
    sentence = Living(
        summary.d,
        np.array([row.component for row in summary.dead]),
        np.array([row.value for row in summary.dead]),
    ).sentence
    return f"Dead: {sentence}; left out here, and put back by samplers."


def _repeated(summary: AnalysisSummary) -> str:
    if not summary.repeated:
        return ""
    return (
        f"Repeated: {summary.repeated:,} of {summary.n + summary.repeated:,} vectors equal an earlier one; each was "
        f"counted once, and all figures are of the {summary.n:,} different ones."
    )


def _few_values(summary: AnalysisSummary) -> str:
    e = summary.evidence
    if e is None or not (e.few_values or e.atoms):
        return ""
    few = f"component {named(list(e.few_values))} takes few different values" if e.few_values else ""
    atoms = f"component {named(list(e.atoms))} has one value in 5 % of the vectors or more" if e.atoms else ""
    return f"Discrete in part: {'; '.join(part for part in (few, atoms) if part)}."


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

"""Which kind of law the vectors follow, in one sentence with the one or two effect sizes that say so.

The kinds, in the order in which they are asked: too few vectors, few values, a sphere, several regions, normal within
the noise; then what the rival densities of `statistics.negentropy` explain decides between elliptical, normal but for
named components or directions, nearly normal, not normal along hidden directions, margins, and dependence beyond
correlation.
"""

from dataclasses import dataclass

import numpy as np

from zpoints.analysis.components import LEVEL
from zpoints.analysis.evidence import Evidence, GainSummary
from zpoints.analysis.normality import SURE_LOG10_P
from zpoints.analysis.summary import AnalysisSummary
from zpoints.statistics.living import NAMED, named
from zpoints.statistics.measures import FEWEST
from zpoints.statistics.repeats import OFTEN

__all__ = ["Conclusion", "conclusion", "within_noise"]

FEWEST_PER_AXIS = 5
"""Vectors for each axis, from which on something can be said of all dimensions together."""

ON_SPHERE = 0.02
"""Standard deviation of the lengths, in those of a component; normal vectors have 0.7 at least."""
EVIDENT = 4.0  # standard errors of a gain
MAIN = 0.8  # share of the negentropy that an elliptical law explains where the law is called so
LEFT = 0.05  # nats for each axis that another law may explain beyond it; of heavy tails shares hide much
STUDENT = 0.9  # share of what the radii explain that a t law must explain to be named
SMALL_GAIN, SMALL_TOLD, NEAR_COVERAGE = 0.1, 0.55, 0.45
"""Nearly normal: gain in nats per vector and right answers at most, and what the median 1 sigma ellipse may hold."""
SKEWED, HEAVY, LIGHT = 0.1, 1.1, 0.9
"""`Evidence.asymmetry` and `tail_weight` from which on the words are said."""


@dataclass(frozen=True)
class Conclusion:
    """Kind of law, in a few words, and a sentence about it."""

    kind: str
    sentence: str


def conclusion(summary: AnalysisSummary) -> Conclusion:
    """The kind of law and a sentence about it.

    Kinds: ``too few vectors``, ``discrete``, ``sphere``, ``several regions``, ``normal``, ``elliptical``,
    ``normal but for components``, ``normal but for directions``, ``nearly normal``, ``directions``, ``margins``,
    ``dependence``.
    """
    for asked in (
        _too_few,
        _discrete,
        _sphere,
        _regions,
        _normal,
        _elliptical,
        _but_for,
        _nearly,
        _directions,
        _margins,
    ):
        if found := asked(summary):
            return Conclusion(*found)
    return Conclusion(*_dependence(summary))


Found = tuple[str, str] | None


def _too_few(s: AnalysisSummary) -> Found:
    if s.n < FEWEST:
        return "too few vectors", f"{s.n} vectors are too few to tell whether they are normally distributed."
    living = s.d - len(s.dead)
    if s.n >= FEWEST_PER_AXIS * living or not within_noise(s):
        return None
    return (
        "too few vectors",
        f"Too few vectors: {s.n:,} of {living:,} components. No component and no plane differs from normal by more "
        f"than noise; of all dimensions together nothing can be said with fewer than {FEWEST_PER_AXIS * living:,}.",
    )


def _discrete(s: AnalysisSummary) -> Found:
    e, living = s.evidence, s.d - len(s.dead)
    if e is None:
        return None
    if e.distinct * OFTEN <= s.n:
        return "discrete", f"Discrete: the {s.n:,} vectors take {e.distinct:,} different values in all."
    if 2 * len(e.few_values) < living:
        return None
    every = len(e.few_values) == living
    which = "every component takes" if every else f"{len(e.few_values)} of {living} components take"
    return "discrete", f"Discrete: {which} a few different values only, where a normal one would repeat none."


def _sphere(s: AnalysisSummary) -> Found:
    e = s.evidence
    if e is None or s.rank < 2 or e.length_spread > ON_SPHERE:
        return None
    spread = s.normality.random_directions.excess_kurtosis
    uniform = -6 / (s.rank + 2)
    return (
        "sphere",
        f"On a sphere: the vectors have length {s.region.mean_length:.4g} +/- {s.region.std_length:.1g}; the centre "
        f"lies {s.region.centre_length:.2g} from the origin. Along random directions the excess kurtosis is "
        f"{_signed(spread.median)} in the median, where uniform vectors of a sphere have {uniform:+.3f}.",
    )


def _regions(s: AnalysisSummary) -> Found:
    clusters = s.region.clusters
    if clusters.regions < 2:
        return None
    return (
        "several regions",
        f"Not one normal distribution: the vectors lie in at least {clusters.regions} separate regions.",
    )


def _normal(s: AnalysisSummary) -> Found:
    if not within_noise(s):
        return None
    return "normal", f"A multivariate normal distribution, within the noise of {s.n:,} vectors."


def _elliptical(s: AnalysisSummary) -> Found:
    e = s.evidence
    if e is None or not e.gains or not _evident(e, e.gains["elliptical"]):
        return None
    gain, best = e.gains["elliptical"], e.gains[e.best]
    if gain.nats < MAIN * best.nats or best.nats - gain.nats > LEFT * s.rank:
        return None
    kappa, error = s.normality.radii.scale_variance or 0.0, s.normality.radii.scale_variance_error or 0.0
    text = "Elliptical, in the main," if gain.nats < best.nats else "Elliptical,"
    text += (
        f" with {'heavier' if kappa > 0 else 'lighter'} radii than a normal law{_student(e)}. {_nats(best)}"
    )
    if gain.nats < best.nats:
        text += f", and the elliptical law explains {100 * gain.nats / best.nats:.0f} % of that"
    spread = s.normality.random_directions.excess_kurtosis
    if spread.median is not None and spread.std is not None:
        text += (
            f"; the excess kurtosis along random directions is {spread.median:+.2f} +/- {spread.std:.2f}, where an "
            f"elliptical law has 3 kappa = {3 * kappa:+.2f} along all (error in normal samples {3 * error:.1g})"
        )
    return "elliptical", f"{text}."


def _student(e: Evidence) -> str:
    """The multivariate t law that comes nearest, where it explains what the radii do."""
    if e.freedom is None:
        return ""
    share = (e.freedom_gain or 0.0) / e.gains["elliptical"].nats
    if share > STUDENT:
        return f", as a multivariate t law of {e.freedom:.3g} degrees of freedom"
    return f" (a multivariate t law explains {100 * max(share, 0.0):.0f} % of that)"


def _but_for(s: AnalysisSummary) -> Found:
    e = s.evidence
    if e is None:
        return None
    if e.rest_without_components:
        off = list(e.off_components)
        worst = {row.component: row for row in s.components.z.worst}
        figures = "; ".join(
            f"{component} has skewness {_signed(worst[component].skewness)} and excess kurtosis "
            f"{_signed(worst[component].excess_kurtosis)}"
            for component in off[:2]
            if component in worst
        )
        return (
            "normal but for components",
            f"Normal, but for component{'s' if len(off) > 1 else ''} {named(off)} ({figures}): all others together "
            f"are a multivariate normal distribution within the noise.{_gain_of(e)}",
        )
    if e.rest_without_directions:
        found = _confirmed(s)
        first, count = found[0], len(found)
        which = "one direction" if count == 1 else f"{count} directions"
        return (
            "normal but for directions",
            f"Normal, but for {which} (the least normal has skewness {first.skewness:+.2f} and excess kurtosis "
            f"{first.excess_kurtosis:+.2f}; they are in histograms.npz): all axes at right angles to "
            f"{'it' if count == 1 else 'them'} together are a multivariate normal distribution within the "
            f"noise.{_gain_of(e)}",
        )
    return None


def _nearly(s: AnalysisSummary) -> Found:
    e = s.evidence
    if e is None or not e.gains:
        return None
    gain = e.gains[e.best]
    inner = s.planes.z.figures.get("coverage_1")
    if gain.nats > SMALL_GAIN or gain.told_apart > SMALL_TOLD or s.components.z.not_normal:
        return None
    if inner is not None and inner.median is not None and inner.median > NEAR_COVERAGE:
        return None
    return (
        "nearly normal",
        f"Nearly a multivariate normal distribution: what differs is beyond the noise, but small. {_nats(gain)}.",
    )


def _directions(s: AnalysisSummary) -> Found:
    """Laws of their own along hidden directions explain more than twice what those of the components do."""
    e, off = s.evidence, s.components.z.not_normal
    if not off or e is None or e.best != "directions" or not _evident(e, e.gains["directions"]):
        return None
    if 2 * e.gains["margins"].nats > e.gains["directions"].nats:
        return None
    found = _confirmed(s)
    first, count = found[0], len(found)
    which = f"at least {count} hidden directions" if count > 1 else "a hidden direction"
    return (
        "directions",
        f"Not normal along {which} (the least normal has skewness {first.skewness:+.2f} and excess kurtosis "
        f"{first.excess_kurtosis:+.2f}), and therefore in {off} of {s.d - len(s.dead)} components.{_gain_of(e)}",
    )


def _margins(s: AnalysisSummary) -> Found:
    e, off = s.evidence, s.components.z.not_normal
    if not off:
        return None
    which = f" ({named(list(e.off_components))})" if e is not None and off <= NAMED else ""
    return (
        "margins",
        f"Not normal: {_shape(s)} margins; {off} of {s.d - len(s.dead)} components differ from a Gaussian{which}."
        f"{_gain_of(e)}",
    )


def _dependence(s: AnalysisSummary) -> tuple[str, str]:
    planes = s.planes.z
    shown = []
    if planes.not_normal:
        shown.append(f"{planes.not_normal:,} of {planes.planes:,} planes differ from a normal pair")
    mardia = s.normality.mardia
    shown += [
        f"Mardia's {name} lies {test.z:+.1f} standard errors off"
        for name, test in (("skewness", mardia.skewness), ("kurtosis", mardia.kurtosis))
        if test.z is not None and _beyond(test.log10_p)
    ]
    if count := len(_confirmed(s)):
        shown.append(f"{count} hidden direction{'s are' if count > 1 else ' is'} not normal")
    because = "; ".join(shown) or "the Mahalanobis distances have another law"
    return (
        "dependence",
        "Normal margins, but dependence beyond correlation: every component alone is a Gaussian within the noise, "
        f"and all together are not a normal distribution ({because}).{_gain_of(s.evidence)}",
    )


def within_noise(s: AnalysisSummary) -> bool:
    """Whether no figure differs from those of a normal sample of the same size, each by its corrected p-value.

    Each family of tests (components, planes, skewness, kurtosis, radii, directions; both bases) may be wrong once in
    2,000 normal clouds, all together once in 250.
    """
    both = (s.components, s.planes)
    if any(part.z.not_normal or part.pca.not_normal for part in both):
        return False
    mardia, radii = s.normality.mardia, s.normality.radii
    if _beyond(mardia.skewness.log10_p) or _beyond(mardia.kurtosis.log10_p):
        return False
    if np.log(2) - 2 * s.n * radii.ks_distance**2 < np.log(LEVEL):
        return False
    return not _confirmed(s)


def _beyond(log10_p: float | None) -> bool:
    return log10_p is not None and log10_p < np.log10(LEVEL)


def _confirmed(s: AnalysisSummary) -> list:
    return [row for row in s.normality.least_normal_directions.found if row.log10_p < SURE_LOG10_P]


def _evident(e: Evidence, gain: GainSummary) -> bool:
    """By the mean gain; or by the share told apart, since of heavy tails single vectors decide the mean's error."""
    guessing = 0.5 / np.sqrt(max(e.held_out, 1))
    return gain.nats > 0 and (gain.nats > EVIDENT * gain.error or gain.told_apart - 0.5 > EVIDENT * guessing)


def _nats(gain: GainSummary) -> str:
    return (
        f"Negentropy at least {gain.nats:.2g} +/- {gain.error:.1g} nats per vector; {100 * gain.told_apart:.0f} % of "
        "held-out vectors and normal draws are told apart (50 % is guessing)"
    )


def _gain_of(e: Evidence | None) -> str:
    if e is None or not e.gains or not _evident(e, e.gains[e.best]):
        return ""
    parts = f" {_nats(e.gains[e.best])}"
    elliptical = e.gains["elliptical"]
    if e.best != "elliptical" and _evident(e, elliptical):
        parts += f"; an elliptical law explains {100 * elliptical.nats / e.gains[e.best].nats:.0f} % of that"
    return f"{parts}."


def _shape(s: AnalysisSummary) -> str:
    """Skewed, heavy or light, by quantiles; uniform has a tail weight of 0.52, Laplace 1.74, exponential 1.26."""
    e = s.evidence
    skew, weight = (e.asymmetry or 0.0, e.tail_weight or 1.0) if e else (0.0, 1.0)
    tails = "heavy" if weight > HEAVY else "light" if weight < LIGHT else ""
    words = [word for word in ("skewed" if skew > SKEWED else "", tails) if word]
    return " and ".join(words) or ("slightly heavy" if weight > 1 else "slightly light")


def _signed(value: float | None) -> str:
    return "?" if value is None else f"{value:+.2f}"

"""The findings in words: the kinds of differences that are more than noise, and a sentence on each."""

from collections.abc import Iterator

from zpoints.comparison.components import ALPHA_MANY, KINDS
from zpoints.comparison.summary import ComparisonSummary, LeftOut
from zpoints.statistics.living import named

__all__ = ["differ_in", "verdict"]

ALPHA = 0.001  # chance of a false alarm, where a test is exact


def differ_in(summary: ComparisonSummary) -> tuple[str, ...]:
    """The kinds of differences that are more than noise."""
    found = [kind for kind in KINDS if summary.components[kind]["different"]]
    if _differ(summary):
        found.append("dead components")
    if summary.correlations.different or summary.correlation_difference.stands_out:
        found.append("correlations")
    if any(row.stands_out for row in summary.subspaces):
        found.append("leading axes")
    if summary.distance.p < ALPHA:
        found.append("distance from the centre")
    if summary.frechet.stands_out:
        found.append("Fréchet distance")
    if _regions_differ(summary):
        found.append("regions")
    if min(row.p for row in summary.classifiers) < ALPHA / 2:
        found.append("classifier")
    return tuple(found)


def _regions_differ(summary: ComparisonSummary) -> bool:
    """Whether A has more than B, whole and in each half, or fewer."""
    a, b = ((cloud.regions, *cloud.regions_of_halves) for cloud in (summary.a, summary.b))
    return min(a) > max(b) or min(b) > max(a)


def verdict(summary: ComparisonSummary) -> tuple[str, ...]:
    """The findings, one sentence each; `summary` has its ``differ_in``."""
    differ = summary.differ_in
    first = f"They differ in: {', '.join(differ)}." if differ else "No difference beyond noise was found."
    lines = (_classifier_line(summary), _frechet_line(summary), *_difference_lines(summary))
    return (first, *_equal_lines(summary), *_left_out_lines(summary), *lines)


def _equal_lines(summary: ComparisonSummary) -> Iterator[str]:
    found, a, b = summary.equal_vectors, summary.a, summary.b
    if found is None:
        return
    if found.shared_a:
        yield (
            f"Equal vectors: {found.shared_a:,} of A's {a.n:,} stand in B too, and {found.shared_b:,} of B's "
            f"{b.n:,} in A. None of them trains on one side and tests on the other. Clouds with vectors in common "
            "differ by less than two samples of one law do."
        )
    repeated = [
        f"{count:,} of {name}'s {n:,}"
        for count, name, n in ((found.repeats_a, "A", a.n), (found.repeats_b, "B", b.n))
        if count
    ]
    if repeated:
        yield (
            f"Repeats: {' and '.join(repeated)} equal an earlier one of their own cloud; the standard errors of "
            "components and pairs count each of them as a vector of its own."
        )


def _differ(summary: ComparisonSummary) -> list[LeftOut]:
    """Components left out that differ by more than chance, the clearest first."""
    limit = ALPHA_MANY / summary.a.d
    return sorted((row for row in summary.left_out if row.p < limit), key=lambda row: row.p)


def _left_out_lines(summary: ComparisonSummary) -> Iterator[str]:
    rows = summary.left_out
    both = [row.component for row in rows if row.value_a is not None and row.value_b is not None]
    one = [row.component for row in rows if row.value_a is None or row.value_b is None]
    parts = [
        f"{len(numbers):,} in {where} ({named(numbers)})"
        for numbers, where in ((both, "both clouds"), (one, "one of them"))
        if numbers
    ]
    if parts:
        yield (
            f"Dead: of {summary.a.d:,} components, {' and '.join(parts)} are constant; left out of all other figures."
        )
    if found := _differ(summary):
        row = found[0]
        a, b = (
            f"varies by {std:.3g}" if value is None else f"is always {value:g}"
            for value, std in ((row.value_a, row.std_a), (row.value_b, row.std_b))
        )
        yield (
            f"Dead components: {len(found)} differ by more than chance, component {row.component} most clearly: it "
            f"{a} in A and {b} in B."
        )


def _classifier_line(summary: ComparisonSummary) -> str:
    best = summary.classifiers[0]
    accuracy = f"{100 * best.accuracy:.1f} +/- {100 * best.error:.1f} % of held-out vectors right"
    if "classifier" not in summary.differ_in:
        return f"A classifier cannot tell them apart: {accuracy} where guessing has 50 % ({best.name})."
    how = "hardly tells" if best.accuracy < 0.55 else "tells"
    return f"A classifier {how} them apart: {accuracy} where guessing has 50 % ({best.name})."


def _frechet_line(summary: ComparisonSummary) -> str:
    found = summary.frechet
    share = 100 * found.of_means / found.value if found.value > 0 else 0.0
    times = f", {found.value / found.noise:.1f} times as much" if found.noise > 0 else ""
    return (
        f"Squared Fréchet distance {found.value:.4g}{times} as random halves of both, mixed, have "
        f"({found.noise:.4g}); {share:.0f} % of it is the distance of the centres."
    )


def _difference_lines(summary: ComparisonSummary) -> Iterator[str]:
    d, components = summary.a.d - len(summary.left_out), summary.components
    words = {
        "mean": "by {effect:+.3g} of its standard deviations",
        "spread": "its standard deviation in B is {effect:.3g} times that in A",
        "skewness": "by {effect:+.3g}",
        "tails": "its excess kurtosis differs by {effect:+.3g}",
    }
    for kind in KINDS:
        row = components[kind]
        if row.different:
            effect = words[kind].format(effect=row.effect)
            most = f"component {row.component} most clearly: {effect} ({abs(row.z):.0f} standard errors)"
            yield f"{kind.capitalize()}: different in {row.different} of {d} components, {most}."
    if "correlations" in summary.differ_in:
        pair = summary.correlations.pairs[0]
        yield (
            f"Correlations: components {pair.i} and {pair.j} have r = {pair.r_a:.3f} in A and "
            f"{pair.r_b:.3f} in B ({abs(pair.z):.0f} standard errors)."
        )
    for row in [row for row in summary.subspaces if row.stands_out][:1]:
        shared, of_halves = (100 * max(1 - row[name], 0) for name in ("value", "noise"))
        yield (
            f"Leading axes: the first {row.axes} of A and of B span spaces at up to {row.largest_angle:.0f} "
            f"degrees; they share {shared:.0f} %, halves of one cloud {of_halves:.0f} %."
        )
    if "distance from the centre" in summary.differ_in:
        row = summary.distance
        where = "farther from" if row.b_farther > 0.5 else "nearer to"
        yield (
            f"Distance: B's vectors lie {where} A's centre than A's own held-out ones: median Mahalanobis distance "
            f"{row.median_b:.2f} against {row.median_a_held_out:.2f}."
        )
    if "regions" in summary.differ_in:
        yield f"Regions: A has at least {summary.a.regions} and B at least {summary.b.regions}."

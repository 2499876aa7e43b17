"""What a study found, in sentences that say no more than the errors allow."""

from collections.abc import Sequence

import numpy as np

from zpoints.study.comparisons import Comparison, Prediction
from zpoints.study.figures import words_of

__all__ = ["differences_seen", "no_differences", "number", "predictions_seen", "with_error"]

SURE = 0.05


def with_error(value: float, error: float) -> str:
    """A value and its standard error, to the digits that the error leaves.

    Examples
    --------
    >>> with_error(3.14159, 0.042), with_error(1234.5, 87.0), with_error(2.0, float("nan"))
    ('3.142 ± 0.042', '1,234 ± 87', '2')
    """
    if not np.isfinite(error) or error <= 0:
        return number(value)
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:,.{digits}f} ± {error:,.{digits}f}"


def number(value: float) -> str:
    """Three digits, or all of a large whole number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def differences_seen(compared: Sequence[Comparison]) -> list[str]:
    """A sentence for each difference that is left after the correction, the surest first within each figure."""
    count = sum(not np.isnan(c.p) for c in compared)
    seen = [c for c in compared if c.p < SURE]
    return [_difference(c, count) for c in sorted(seen, key=lambda c: (c.figure, c.block, c.factor, c.p))]


def _difference(c: Comparison, count: int) -> str:
    more = "larger" if c.found.value > 0 else "smaller"
    value = with_error(abs(c.found.value), c.found.error)
    return (
        f"{words_of(c.figure)}: {more} with {_level(c.factor, c.second)} than with {_level(c.factor, c.first)}, by "
        f"{value} (p = {_p(c.p)}, Holm, {count} comparisons; {_conditions(c)})."
    )


def no_differences(compared: Sequence[Comparison]) -> list[str]:
    """A sentence for each comparison that shows no sure difference, with the size of what it may have missed."""
    unseen = [c for c in compared if c.p >= SURE]
    return [_none(c) for c in sorted(unseen, key=lambda c: (c.figure, c.block, c.factor))]


def _none(c: Comparison) -> str:
    # Alone, this comparison would have passed: that is no sign of equality either.
    seen = "no difference seen" if c.found.p >= SURE else f"no sure difference (p = {_p(c.p)} after Holm)"
    return (
        f"{words_of(c.figure)}: {seen} between {_level(c.factor, c.second)} and {_level(c.factor, c.first)}; it is "
        f"smaller than {number(c.found.bound)} at 95 % (found {with_error(c.found.value, c.found.error)}; "
        f"{_conditions(c)})."
    )


def _conditions(c: Comparison) -> str:
    """What the mean is over, and whether it hides that conditions differ."""
    seeds = f"{c.seeds} seeds"
    if c.found.conditions == 1:
        return seeds
    same = f"{c.found.agreeing} of {c.found.conditions} conditions have this sign"
    return f"mean of {c.found.conditions} conditions, {seeds} each; {same}"


def _level(factor: str, level: str) -> str:
    if factor in ("source", "variant"):
        return level
    return f"{factor.rpartition('.')[2]} {level}"


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-4 else f"{p:.0e}"


def predictions_seen(found: Sequence[Prediction]) -> list[str]:
    """A sentence for each pair of figures: the rank correlation, its interval, and whether that excludes 0."""
    return [_prediction(p) for p in found]


def _prediction(p: Prediction) -> str:
    a = p.over_all
    text = f"{words_of(p.figure)} and {words_of(p.of)}: tau {a.tau:+.2f} ({a.low:+.2f} to {a.high:+.2f})"
    text += f" over {a.points} conditions, {_verdict(a.low, a.high)}"
    if p.within is not None and np.isfinite(p.within.tau):
        w = p.within
        text += f"; within a source {w.tau:+.2f} ({w.low:+.2f} to {w.high:+.2f}), {_verdict(w.low, w.high)}"
    return f"{text}."


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return "both rise together"
    return "one falls where the other rises" if high < 0 else "no order seen"

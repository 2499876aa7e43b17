"""What may be said of figures that were measured several times: differences with errors, and ranks that agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

__all__ = ["Difference", "Level", "RankAgreement", "difference", "holm", "mean_over", "rank_agreement"]

LEVEL = 0.95


@dataclass(frozen=True)
class Level:
    """A mean over conditions.

    Attributes
    ----------
    mean : of the conditions' means. error : its standard error from the repeats; NaN where nothing was repeated.
    freedom : degrees of freedom of the error. conditions : number of them.
    """

    mean: float
    error: float
    freedom: float
    conditions: int


@dataclass(frozen=True)
class Difference:
    """A mean difference, second minus first, over conditions.

    Attributes
    ----------
    value, error, freedom : as of `Level`. p : of a two-sided t test; NaN without an error.
    bound : no difference larger than this, in absolute value, agrees with the repeats at 95 %.
    conditions, agreeing : number of conditions, and of those whose own difference has the sign of the mean.
    """

    value: float
    error: float
    freedom: float
    p: float
    bound: float
    conditions: int
    agreeing: int


@dataclass(frozen=True)
class RankAgreement:
    """Kendall's tau-b, and its bootstrap interval at 95 % over `points`."""

    tau: float
    low: float
    high: float
    points: int


def mean_over(conditions: Sequence[Float[np.ndarray, " _"]]) -> Level:
    r"""Mean of means, :math:`\bar x = \frac1C \sum_c \bar x_c`, with the error that the repeats give it.

    Conditions are what they are, not drawn: only the spread of the repeats within each counts,
    :math:`V = \frac1{C^2} \sum_c s_c^2 / n_c`, with Welch and Satterthwaite's degrees of freedom.

    Parameters
    ----------
    conditions : the repeats of each.

    Examples
    --------
    >>> found = mean_over([np.array([1.0, 3.0]), np.array([5.0, 7.0])])
    >>> found.mean, round(found.error, 4), found.freedom
    (4.0, 0.7071, 2.0)
    """
    parts = [_variance_of_mean(x) for x in conditions]
    mean = float(np.mean([x.mean() for x in conditions])) if conditions else np.nan
    error, freedom = _error(parts, len(conditions))
    return Level(mean, error, freedom, len(conditions))


def difference(
    conditions: Sequence[tuple[Float[np.ndarray, " _"], Float[np.ndarray, " _"]]], paired: bool
) -> Difference:
    """Compare two levels under the same conditions: the mean of the conditions' differences, second minus first.

    Parameters
    ----------
    conditions : of each the repeats at the first level, and at the second.
    paired : repeat k at both levels shares what is random (the pictures of one seed): differences are then taken one
        by one. Else the errors of both sides add up (Welch).

    Examples
    --------
    >>> a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.5, 4.5])
    >>> found = difference([(a, b)], paired=True)
    >>> round(found.value, 3), round(found.error, 3), round(found.p, 4)
    (1.333, 0.167, 0.0153)
    """
    each = np.array([b.mean() - a.mean() for a, b in conditions])
    parts: list[tuple[int, float]] = []
    for a, b in conditions:
        sides = [b - a] if paired else [a, b]
        parts += [_variance_of_mean(x) for x in sides]
    value = float(each.mean()) if len(each) else np.nan
    error, freedom = _error(parts, len(conditions))
    if error > 0:
        p = float(2 * stats.t.sf(abs(value) / error, freedom))
        bound = abs(value) + float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    else:  # no repeats, or none that differ: how far chance reaches is not known
        p = bound = np.nan
    agreeing = int((np.sign(each) == np.sign(value)).sum())
    return Difference(value, error, freedom, p, bound, len(each), agreeing)


def _variance_of_mean(x: Float[np.ndarray, " _"]) -> tuple[int, float]:
    """Its degrees of freedom, and the variance of the mean of some repeats; NaN of a single one."""
    return (len(x) - 1, float(np.var(x, ddof=1)) / len(x)) if len(x) > 1 else (0, np.nan)


def _error(parts: Sequence[tuple[int, float]], conditions: int) -> tuple[float, float]:
    """Standard error of a mean over conditions, and its degrees of freedom, from (freedom, variance of a mean)."""
    variances = np.array([variance for _, variance in parts])
    if not len(parts) or np.isnan(variances).any():
        return np.nan, 0.0
    total = variances.sum()
    each = np.array([freedom for freedom, _ in parts], np.float64)
    freedom = float(total**2 / (variances**2 / each).sum()) if total > 0 else float(each.sum())
    return float(np.sqrt(total)) / conditions, freedom


def holm(p: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """p values corrected for their number, by Holm's step-down method; NaN stays, and does not count.

    References
    ----------
    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(6)
    array([0.03, 0.06, 0.06])
    """
    found = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    found[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return found


def rank_agreement(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> RankAgreement:
    r"""Kendall's tau-b: concordant less discordant pairs, over the geometric mean of pairs that are not tied.

    Parameters
    ----------
    x, y : two figures of the same n points. groups : only pairs within one group are compared, so that differences
        between groups make no agreement. draws : resamples of the points, for the percentile interval.

    Examples
    --------
    >>> rank_agreement(np.arange(5.0), np.arange(5.0) ** 2).tau
    1.0
    """
    n = len(x)
    allowed = np.ones((n, n)) if groups is None else (groups[:, None] == groups).astype(np.float64)
    sx, sy = (np.sign(v[:, None] - v) * allowed for v in (x, y))
    forms = (sx * sy, np.abs(sx), np.abs(sy))

    def tau(weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
        same, one, other = (np.einsum("bi,bi->b", weights @ form, weights) for form in forms)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: np.ndarray = same / np.sqrt(one * other)
        return found

    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), draws).astype(np.float64)
    spread = tau(drawn)
    spread = spread[~np.isnan(spread)]
    low, high = np.percentile(spread, [2.5, 97.5]) if len(spread) else (np.nan, np.nan)
    return RankAgreement(float(tau(np.ones((1, n)))[0]), float(low), float(high), n)

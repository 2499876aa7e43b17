r"""Margins with tails: what lies beyond the measured quantiles gets a law too, so that every value has a density."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float
from scipy.integrate import trapezoid
from scipy.special import log_ndtr, ndtr, ndtri_exp

from zpoints.statistics.margins import SCORES, from_scores, log_density, rising, to_scores

__all__ = ["TailedMargins"]

VECTORS, SHARE = 50, 0.1  # of a tail: so many vectors, and not more than that share of all
HEAVIEST = 0.5  # largest shape: the variance stays finite
THINNEST = 1e-6  # smallest scale, as a share of the distance between both tails: where many values are equal

Values = Float[np.ndarray, "n k"]


@dataclass(frozen=True, eq=False)
class TailedMargins:
    r"""Quantiles of several components between two scores, and generalised Pareto tails beyond.

    The outer 50 vectors on each side (or the outer tenth, of fewer than 500) are described by

    .. math:: P(X > q + y) = p \, (1 + \xi y / \beta)^{-1/\xi}, \qquad y \ge 0,

    which is :math:`p \, e^{-y/\beta}` for :math:`\xi = 0`. Scale and shape follow from probability weighted moments;
    the shape is limited to 0 (exponential; a shorter tail would end, and what lies beyond its end could not be) and
    1/2. Of a measured distance from a centre, the lower tail is :math:`p (x / q)^r`, as of a constant density in r
    dimensions.

    Attributes
    ----------
    margins : quantiles at `margins.SCORES`.
    outer : how many quantiles on each side belong to the tail; the tail begins at the last of them.
    lower, upper : scale and shape of each component's tails.
    power : r; None where the lower tail is as the upper one.

    References
    ----------
    J. Pickands, Statistical inference using extreme order statistics (1975), https://doi.org/10.1214/aos/1176343003
    J. Hosking, J. Wallis, Parameter and quantile estimation for the generalized Pareto distribution (1987),
    https://doi.org/10.1080/00401706.1987.10488243

    Examples
    --------
    A normal margin, measured with 10,000 vectors:

    >>> tailed = TailedMargins.of(SCORES[None].copy(), 10_000)
    >>> values = np.array([[0.0], [4.0], [40.0]])
    >>> tailed.to_scores(values).round(1)[:2, 0].tolist(), bool(np.isfinite(tailed.log_density(values)).all())
    ([0.0, 3.9], True)
    """

    margins: Float[np.ndarray, "k q"]
    outer: int
    lower: Float[np.ndarray, "k 2"]
    upper: Float[np.ndarray, "k 2"]
    power: int | None = None

    @classmethod
    def of(cls, margins: Float[np.ndarray, "k q"], n: int, power: int | None = None) -> Self:
        """Fit the tails.

        Parameters
        ----------
        margins : quantiles at `margins.SCORES`. n : how many vectors they are of.
        power : of lengths in so many dimensions; None for components, which may have any sign.
        """
        share = min(VECTORS / n, SHARE)
        outer = max(int(np.searchsorted(ndtr(SCORES), share)), 2)
        span = np.maximum(margins[:, -1] - margins[:, 0], np.finfo(float).tiny)
        lower = np.array([_fit(m[outer] - m[: outer + 1]) for m in margins])
        upper = np.array([_fit((m - m[-1 - outer])[: -2 - outer : -1]) for m in margins])
        for tail in (lower, upper):
            tail[:, 0] = np.maximum(tail[:, 0], THINNEST * span)
        return cls(margins, outer, lower, upper, power)

    @property
    def _inner(self) -> tuple[Float[np.ndarray, "k q"], Float[np.ndarray, " q"]]:
        kept = slice(self.outer, len(SCORES) - self.outer)
        return self.margins[:, kept], SCORES[kept]

    def from_scores(self, scores: Values) -> Values:
        """Values of each component at normal scores."""
        first = SCORES[self.outer]
        found = from_scores(np.clip(scores, first, -first), self.margins)
        for k in range(scores.shape[1]):
            for sign, tail in ((-1, self.lower[k]), (1, self.upper[k])):
                out = np.flatnonzero(sign * scores[:, k] > -first)
                log_ratio = log_ndtr(-sign * scores[out, k]) - log_ndtr(first)
                if sign < 0 and self.power:
                    found[out, k] *= np.exp(log_ratio / self.power)
                else:
                    found[out, k] += sign * _beyond(log_ratio, *tail)
        return found

    def to_scores(self, values: Values) -> Values:
        """Normal scores of values: the way back."""
        return self._read(values)[0]

    def log_density(self, values: Values) -> Values:
        """Logarithm of each component's density: finite everywhere, but for lengths below 0."""
        return self._read(values)[1]

    def _read(self, values: Values) -> tuple[Values, Values]:
        margins, at = self._inner
        scores, density = to_scores(values, margins, at), log_density(values, margins, at)
        for k, margin in enumerate(margins):
            knots, of_knots = rising(margin, at)
            for sign, tail, knot, score in (
                (-1, self.lower[k], knots[0], of_knots[0]),
                (1, self.upper[k], knots[-1], of_knots[-1]),
            ):
                out = np.flatnonzero(sign * (values[:, k] - knot) > 0)
                x, log_share = values[out, k], log_ndtr(-sign * score)
                if sign < 0 and self.power:
                    knot = max(knot, np.finfo(float).tiny)
                    with np.errstate(divide="ignore", invalid="ignore"):
                        ratio = np.where(x >= 0, np.log(x / knot), -np.inf)
                    left = self.power * ratio
                    slope = (
                        left - ratio + np.log(self.power / knot)
                        if self.power > 1
                        else np.where(x >= 0, -np.log(knot), -np.inf)
                    )
                else:
                    left, slope = _survival(sign * (x - knot), *tail)
                scores[out, k] = -sign * ndtri_exp(log_share + left)
                density[out, k] = log_share + slope
        return scores, density


def _fit(excess: Float[np.ndarray, " t"]) -> tuple[float, float]:
    """Scale and shape from quantiles of the excess, from the outermost inwards to 0."""
    share = ndtr(SCORES[: len(excess)])
    # Of the share beyond, from 0 (outermost) to 1: the first quantile stands for what lies beyond it too.
    beyond = np.concatenate([[0.0], share / share[-1]])
    y = np.concatenate([excess[:1], excess])
    mean = float(trapezoid(y, beyond))
    weighted = float(trapezoid(y * beyond, beyond))
    if not mean > 2 * weighted > 0:
        return max(mean, 0.0), 0.0
    shape = min(2 - mean / (mean - 2 * weighted), HEAVIEST)
    return (mean, 0.0) if shape <= 0 else (mean * (1 - shape), shape)


def _beyond(log_ratio: np.ndarray, scale: float, shape: float) -> np.ndarray:
    """How far beyond the quantile a share lies, of that beyond the quantile."""
    return scale * (-log_ratio if shape == 0 else np.expm1(-shape * log_ratio) / shape)


def _survival(y: np.ndarray, scale: float, shape: float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the share beyond y, of that beyond the quantile, and of its density."""
    if shape == 0:
        return -y / scale, -y / scale - np.log(scale)
    logarithm = np.log1p(shape * y / scale)
    return -logarithm / shape, -(1 / shape + 1) * logarithm - np.log(scale)

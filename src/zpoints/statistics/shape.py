"""Scale, asymmetry and tails of a component by estimates that a few outer vectors do not decide, with errors."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float

__all__ = ["Shape"]

OF_NORMAL = 1.152741983143268
"""Mean of (1 + u^2)^(1/4) for a standard normal u: that makes the scale of a normal its standard deviation."""
STEPS, ENOUGH = 50, 1e-10  # of Newton's method

Sample = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Shape:
    r"""M-estimates of one component, and their standard errors from the influence of each value.

    Centre c and scale s solve, with :math:`u = (x - c) / s`,

    .. math:: E[u (1 + u^2)^{-1/4}] = 0, \qquad E[(1 + u^2)^{1/4}] = 1.1527.

    Both are sums of order 1/2 in the outer values, so that the errors hold wherever the mean exists, where those of
    the standard deviation need a fourth moment. The scale is 0 for a constant component only, however many of its
    values are equal.

    Attributes
    ----------
    centre, scale : c and s, in the units of the values.
    asymmetry : :math:`E[u |u| (1 + u^2)^{-3/4}]`; 0 for a symmetric law.
    tails : :math:`1 - E[u^2 / (1 + u^2)]`; 0.656 for a normal law, larger for heavier tails at that scale.
    log_scale_error, asymmetry_error, tails_error : standard errors of ln s and of the others; infinite where all
        values are equal.

    References
    ----------
    P. Huber, Robust estimation of a location parameter (1964), https://doi.org/10.1214/aoms/1177703732
    F. Hampel, The influence curve and its role in robust estimation (1974),
    https://doi.org/10.1080/01621459.1974.10482962

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(5, 2, 100_000)
    >>> found = Shape.of(x)
    >>> round(found.centre, 1), round(found.scale, 1), abs(found.asymmetry) < 0.01, round(found.tails, 2)
    (5.0, 2.0, True, 0.66)
    """

    centre: float
    scale: float
    asymmetry: float
    tails: float
    log_scale_error: float
    asymmetry_error: float
    tails_error: float

    @classmethod
    def of(cls, x: Sample) -> Self:
        """Measure one component."""
        spread = float(np.abs(x - x.mean()).mean())
        if not spread > 0:
            return cls(float(x.mean()), 0.0, 0.0, 0.0, np.inf, np.inf, np.inf)
        centre, scale = _centre_and_scale(x, spread)
        u = (x - centre) / scale
        size, q = np.abs(u), 1 + u * u
        root = np.sqrt(np.sqrt(q))
        first, second = u / root, root - OF_NORMAL
        of_centre, of_scale = np.linalg.pinv(_slopes(u, q, root)) @ np.stack([first, second])
        threefold = root * np.sqrt(q)  # (1 + u^2)^(3/4)
        asymmetric, inner = u * size / threefold, 1 / q
        errors = [of_scale.std()]
        for function, slope in (
            (asymmetric, size * (2 - 1.5 * u * u / q) / threefold),
            (inner, -2 * u / q**2),
        ):
            influence = function - slope.mean() * of_centre - (u * slope).mean() * of_scale
            errors.append(influence.std())
        # An influence that is the same for all values is rounding: a law of two values has no tails of its own.
        errors = [max(float(error), 1e-9) / np.sqrt(len(x)) for error in errors]
        return cls(float(centre), scale, float(asymmetric.mean()), float(inner.mean()), *errors)


def _centre_and_scale(x: Sample, spread: float) -> tuple[float, float]:
    """Newton's method, from the median and the mean deviation."""
    centre, scale = float(np.median(x)), spread
    for _ in range(STEPS):
        u = (x - centre) / scale
        q = 1 + u * u
        root = np.sqrt(np.sqrt(q))
        off = np.array([(u / root).mean(), root.mean() - OF_NORMAL])
        step = np.linalg.pinv(_slopes(u, q, root)) @ off
        step /= max(1.0, np.abs(step).max())  # never by more than one scale
        centre, scale = centre + step[0] * scale, scale * float(np.exp(step[1]))
        if np.abs(step).max() < ENOUGH:
            break
    return centre, scale


def _slopes(u: Sample, q: Sample, root: Sample) -> Float[np.ndarray, "2 2"]:
    """How both equations change with c / s and with ln s; with the opposite sign."""
    of_first = (1 + 0.5 * u * u) / (q * root)
    of_second = 0.5 * u * root / q
    return np.array([[of_first.mean(), (u * of_first).mean()], [of_second.mean(), (u * of_second).mean()]])

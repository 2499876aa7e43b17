r"""Confidence ellipses of pairs of components.

With standardised values u, v and Pearson's coefficient r, the k sigma ellipse is
:math:`u^2 - 2 r u v + v^2 = k^2 (1 - r^2)`; its bounding box is :math:`\mu \pm k s` in both directions.

References
----------
C. Schelp, An alternative way to plot the covariance ellipse (2018),
https://carstenschelp.github.io/2018/09/14/Plot_Confidence_Ellipse_001.html
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float

__all__ = ["LEVELS", "Ellipses", "normal_coverage"]

LEVELS = (1.0, 2.0, 2.5, 3.0)
"""The levels k, in sigma, at which coverage is measured."""


def normal_coverage(sigma: float) -> float:
    r"""Share of a normal pair inside its k sigma ellipse, :math:`1 - e^{-k^2/2}`, whatever the correlation.

    39.35, 86.47, 95.61 and 98.89 % at k = 1, 2, 2.5 and 3; not the 68 % of a single component.

    Examples
    --------
    >>> [round(normal_coverage(sigma), 4) for sigma in LEVELS]
    [0.3935, 0.8647, 0.9561, 0.9889]
    """
    return float(-np.expm1(-0.5 * sigma * sigma))


@dataclass(frozen=True, eq=False)
class Ellipses:
    """The 1 sigma ellipses of many planes.

    Attributes
    ----------
    half_axis_major, half_axis_minor : in the units of the data; times k for the k sigma ellipse.
    angle : degrees in (-90, 90], from the first component's axis to the major axis.

    Examples
    --------
    Two planes: one with standard deviations 3 and 1 and no correlation, one with 1, 1 and 0.6:

    >>> ellipses = Ellipses.of(np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([0.0, 0.6]))
    >>> ellipses.angle.round(6).tolist()
    [0.0, 45.0]
    >>> ellipses.half_axis_major.round(4).tolist(), ellipses.half_axis_minor.round(4).tolist()
    ([3.0, 1.2649], [1.0, 0.6325])
    >>> ellipses.outline(plane=1, sigma=2.0).shape
    (200, 2)
    """

    half_axis_major: Float[np.ndarray, " p"]
    half_axis_minor: Float[np.ndarray, " p"]
    angle: Float[np.ndarray, " p"]

    @classmethod
    def of(
        cls, std_i: Float[np.ndarray, " p"], std_j: Float[np.ndarray, " p"], r: Float[np.ndarray, " p"]
    ) -> Self:
        """Ellipses from the standard deviations of both components and their correlation, plane by plane."""
        a, b, c = std_i**2, std_j**2, r * std_i * std_j
        radius = np.hypot((a - b) / 2, c)
        major = (a + b) / 2 + radius
        # The product of the eigenvalues is the determinant: no cancellation when the ellipse is a thin one.
        minor = a * b * (1 - r) * (1 + r) / major
        angle = np.degrees(0.5 * np.arctan2(2 * c, a - b))
        # The two ends of the axis are one direction; a negative zero would give the other end.
        return cls(np.sqrt(major), np.sqrt(minor), np.where(angle <= -90, 90.0, angle))

    def outline(self, plane: int, sigma: float, points: int = 200) -> Float[np.ndarray, "points 2"]:
        """Points on the k sigma ellipse of one plane, around the origin, for drawing."""
        t = np.linspace(0, 2 * np.pi, points)
        turn = np.radians(self.angle[plane])
        x = sigma * self.half_axis_major[plane] * np.cos(t)
        y = sigma * self.half_axis_minor[plane] * np.sin(t)
        return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1)

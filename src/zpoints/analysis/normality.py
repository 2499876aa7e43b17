"""Is it a multivariate normal? Distances, third moments, random directions and the least normal ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from zpoints.files.documents import json_number
from zpoints.statistics.directions import Projections, Pursuit, pursue, random_directions
from zpoints.statistics.mardia import MardiaTest
from zpoints.statistics.pca import PCA
from zpoints.statistics.radii import SHARES, Radii
from zpoints.statistics.third_moments import ThirdMoments

__all__ = [
    "RANDOM_DIRECTIONS",
    "SURE_LOG10_P",
    "Normality",
    "Search",
    "least_normal",
    "mardia_figures",
    "normality",
]

RANDOM_DIRECTIONS = 1000
PURSUED = 8
SURE_LOG10_P = -4.0
"""A direction is confirmed when normal vectors would look so in fewer than one of 10,000 searches."""

FEWEST_PER_AXIS = 10  # vectors per dimension from which on a search for directions finds more than chance

HENZE_ZIRKLER = (
    "Not computed over all components: in double precision the statistic is the same for any cloud from about 100 "
    "dimensions on. Its values in planes are in planes.parquet."
)


@dataclass(frozen=True, eq=False)
class Normality:
    """Scalars, and the directions that look least normal.

    Attributes
    ----------
    directions : unit vectors in whitened coordinates, worst first.
    confirmed : those of them that look so to vectors which they were not fitted to.
    judging : numbers of these vectors in the sample.
    third : the third moments, of which those of leading axes are a part.
    """

    summary: dict[str, Any]
    directions: Float[np.ndarray, "k r"]
    confirmed: Float[np.ndarray, "k r"]
    judging: Int[np.ndarray, " j"]
    third: ThirdMoments


@dataclass(frozen=True, eq=False)
class Search:
    """Directions to project all vectors on: random ones, and behind them the least normal ones of the sample.

    Attributes
    ----------
    directions : unit vectors in whitened coordinates.
    pursuit : how the least normal ones were found; None where there are too few vectors for that.
    """

    directions: Float[np.ndarray, "k r"]
    pursuit: Pursuit | None

    @property
    def found(self) -> Float[np.ndarray, "p r"]:
        """The least normal ones."""
        return self.directions[RANDOM_DIRECTIONS:]


def least_normal(whole: PCA, sample: Float[np.ndarray, "s d"]) -> Search:
    """Look for the least normal directions in the sample."""
    rank = whole.rank
    pursuit = None
    if rank > 1 and len(sample) >= FEWEST_PER_AXIS * rank:
        pursuit = pursue(whole.whiten(sample), min(PURSUED, rank), seed=0)
    found = np.empty((0, rank)) if pursuit is None else pursuit.directions
    return Search(np.concatenate([random_directions(rank, RANDOM_DIRECTIONS, seed=0), found]), pursuit)


def normality(search: Search, radii: Radii, third: ThirdMoments, projections: Projections) -> Normality:
    """What all vectors say: the answers to `readings.whitened` for the directions of the search."""
    pursuit, found = search.pursuit, search.found
    summary = {
        "mardia": _mardia(third),
        "radii": _radii(radii),
        "random_directions": _random(projections),
        "least_normal_directions": _pursued(pursuit, projections),
        "henze_zirkler": HENZE_ZIRKLER,
    }
    sure = found if pursuit is None else found[pursuit.log10_p < SURE_LOG10_P]
    judging = np.empty(0, np.int64) if pursuit is None else pursuit.judging
    return Normality(summary, found, sure, judging, third)


def _mardia(third: ThirdMoments) -> dict[str, Any]:
    return {
        "axes": third.dimension,
        "skewness": mardia_figures(third.skewness_test),
        "kurtosis": mardia_figures(third.kurtosis_test),
        "squared_skewness": json_number(third.squared_skewness),
        "squared_skewness_error": json_number(third.squared_skewness_error),
        "scale_variance": json_number(third.scale_variance),
        "scale_variance_error": json_number(third.scale_variance_error),
    }


def mardia_figures(test: MardiaTest) -> dict[str, float | None]:
    """One of Mardia's tests, as plain figures."""
    figures = {
        "value": test.value,
        "normal": test.expected,
        "error": test.error,
        "z": test.z,
        "log10_p": test.log10_p,
    }
    return {name: json_number(value) for name, value in figures.items()}


def _radii(radii: Radii) -> dict[str, Any]:
    normal, measured = radii.quantiles()
    return {
        "dimension": radii.dimension,
        "mean": radii.mean,
        "std": radii.std,
        "normal_std": radii.null.std,
        "scale_variance": json_number(radii.scale_variance),
        "scale_variance_error": json_number(radii.scale_variance_error),
        "scale_spread": radii.scale_spread,
        "ks_distance": radii.distance_to_normal,
        "normal_ks_distance": 0.67 / np.sqrt(radii.n),
        "median_distance": float(radii.quantile(np.array([0.5]))[0]),
        "normal_median_distance": float(np.sqrt(radii.null.quantile(np.array([0.5]))[0])),
        "shares": [
            {"chi_square": share, "measured": float(found), "normal": float(exact)}
            for share, found, exact in zip(SHARES, radii.shares, radii.normal_shares, strict=True)
        ],
        "quantiles": {"normal": [float(q) for q in normal], "measured": [float(q) for q in measured]},
    }


def _random(projections: Projections) -> dict[str, Any]:
    """Spread of the moments along random directions, beside that of normal samples."""
    skewness = projections.skewness[:RANDOM_DIRECTIONS]
    kurtosis = projections.excess_kurtosis[:RANDOM_DIRECTIONS]
    skewness_error, kurtosis_error = projections.errors
    return {
        "count": RANDOM_DIRECTIONS,
        "skewness": _spread(skewness),
        "excess_kurtosis": _spread(kurtosis),
        "skewness_error": skewness_error,
        "excess_kurtosis_error": kurtosis_error,
    }


def _spread(values: np.ndarray) -> dict[str, float | None]:
    figures = {
        "mean": values.mean(),
        "std": values.std(),
        "least": values.min(),
        "median": np.median(values),
        "largest": values.max(),
    }
    return {name: json_number(value) for name, value in figures.items()}


def _pursued(pursuit: Pursuit | None, projections: Projections) -> dict[str, Any]:
    """The least normal directions: judged on vectors that they were not fitted to, then measured on all."""
    if pursuit is None:
        return {"found": [], "reason": f"fewer than {FEWEST_PER_AXIS} vectors per dimension"}
    skewness = projections.skewness[RANDOM_DIRECTIONS:]
    kurtosis = projections.excess_kurtosis[RANDOM_DIRECTIONS:]
    return {
        "fitted": pursuit.fitted,
        "judged": pursuit.projections.n,
        "reach": pursuit.reach,
        "score_of_normal": pursuit.score_error,
        "found": [
            {
                "score": float(pursuit.score[k]),
                "log10_p": float(pursuit.log10_p[k]),
                "held_out_skewness": float(pursuit.projections.skewness[k]),
                "held_out_excess_kurtosis": float(pursuit.projections.excess_kurtosis[k]),
                "skewness": float(skewness[k]),
                "excess_kurtosis": float(kurtosis[k]),
                "leading_axes": [int(axis) for axis in np.argsort(-np.abs(pursuit.directions[k]))[:3]],
            }
            for k in range(len(pursuit.directions))
        ],
    }

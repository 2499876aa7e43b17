r"""The margins of a cloud as quantiles: every component, every principal axis, and the distance from the centre.

Quantiles stand at even steps of a normal's quantiles (:math:`\Phi(-4.5), ..., \Phi(4.5)`, 16 to a sigma), so that
those of a normal law lie on a straight line, and what is between them is linear to a very good approximation.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from zpoints.statistics.histograms import Histograms
from zpoints.statistics.radii import Radii

__all__ = [
    "SCORES",
    "Margins",
    "from_scores",
    "log_density",
    "quantiles",
    "radius_quantiles",
    "rising",
    "to_scores",
]

SCORES = np.linspace(-4.5, 4.5, 145)
"""The normal scores at which quantiles are kept."""


@dataclass(frozen=True, eq=False)
class Margins:
    """Quantiles at `SCORES`, and what else a sampler needs of single components.

    Attributes
    ----------
    components : of every latent component, in its own units.
    axes : along every principal axis, in standard deviations of that axis.
    radii : of the Mahalanobis distance from the centre.
    axes_rank_correlation : Spearman's coefficients between the principal axes.
    fit_centre, fit_fwhm : of the Gaussian fitted to each component's number density.
    mean_length : mean length of the vectors.
    """

    components: Float[np.ndarray, "d q"]
    axes: Float[np.ndarray, "r q"]
    radii: Float[np.ndarray, " q"]
    axes_rank_correlation: Float[np.ndarray, "r r"]
    fit_centre: Float[np.ndarray, " d"]
    fit_fwhm: Float[np.ndarray, " d"]
    mean_length: Float[np.ndarray, ""]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All of them by name."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def shapes(cls, dimension: int, rank: int) -> dict[str, tuple[int, ...]]:
        """Shapes that the arrays have."""
        q = len(SCORES)
        return {
            "components": (dimension, q),
            "axes": (rank, q),
            "radii": (q,),
            "axes_rank_correlation": (rank, rank),
            "fit_centre": (dimension,),
            "fit_fwhm": (dimension,),
            "mean_length": (),
        }


def quantiles(histograms: Histograms) -> Float[np.ndarray, "d q"]:
    """Quantiles of every component at `SCORES`, in standard deviations from the mean."""
    return np.stack([histograms.quantile(float(share)) for share in ndtr(SCORES)], axis=1)


def radius_quantiles(radii: Radii) -> Float[np.ndarray, " q"]:
    """Quantiles of the Mahalanobis distance at `SCORES`."""
    return radii.quantile(ndtr(SCORES))


def from_scores(
    scores: Float[np.ndarray, "n k"], margins: Float[np.ndarray, "k q"]
) -> Float[np.ndarray, "n k"]:
    """Values of each component at normal scores; beyond the last one there is nothing, but see `tails`."""
    place = np.clip((scores - SCORES[0]) / (SCORES[1] - SCORES[0]), 0, len(SCORES) - 1)
    left = np.minimum(place.astype(np.int64), len(SCORES) - 2)
    part = place - left
    row = np.arange(len(margins))
    low = margins[row, left]
    return low + part * (margins[row, left + 1] - low)


def to_scores(
    values: Float[np.ndarray, "n k"], margins: Float[np.ndarray, "k q"], at: Float[np.ndarray, " q"] = SCORES
) -> Float[np.ndarray, "n k"]:
    """Normal scores of values; minus and plus infinity outside of the quantiles kept."""
    columns = zip(np.asarray(values, np.float64).T, margins, strict=True)
    return np.stack([np.interp(x, *rising(m, at), left=-np.inf, right=np.inf) for x, m in columns], axis=1)


def log_density(
    values: Float[np.ndarray, "n k"], margins: Float[np.ndarray, "k q"], at: Float[np.ndarray, " q"] = SCORES
) -> Float[np.ndarray, "n k"]:
    """Logarithm of each component's density at the values; minus infinity outside of the quantiles kept."""
    found = np.full(np.shape(values), -np.inf)
    for k, (x, margin) in enumerate(zip(np.asarray(values, np.float64).T, margins, strict=True)):
        knots, scores = rising(margin, at)
        place = np.clip(np.searchsorted(knots, x, side="right"), 1, len(knots) - 1)
        slope = np.diff(scores)[place - 1] / np.diff(knots)[place - 1]
        score = np.interp(x, knots, scores)
        inside = (x >= knots[0]) & (x <= knots[-1])
        found[inside, k] = (-0.5 * score**2 - 0.5 * np.log(2 * np.pi) + np.log(slope))[inside]
    return found


def rising(
    margin: Float[np.ndarray, " q"], at: Float[np.ndarray, " q"] = SCORES
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles that rise, and their scores: of equal ones only the middle stays."""
    knots, first, counts = np.unique(margin, return_index=True, return_counts=True)
    if len(knots) < 2:
        raise ValueError("a component whose quantiles are all the same has no density")
    return knots, (at[first] + at[first + counts - 1]) / 2

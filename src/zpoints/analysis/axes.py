"""The axes that matter: how many are more than noise, and the figures of all dimensions for the leading ones alone.

The last axes of a wide latent space hold hardly any variance, and yet count as much as the first ones in every
figure of whitened vectors. So each of these figures is given twice: of all axes, and of those that hold 95 % of the
variance. In whitened principal axes these are the first columns: one more sum over some columns that are there.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from zpoints.analysis.components import spoilt_places
from zpoints.analysis.normality import mardia_figures
from zpoints.analysis.readings import whitening
from zpoints.files.documents import json_number
from zpoints.statistics.mardia import MardiaTest
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.radii import Radii
from zpoints.statistics.spectrum import SignalEdge, effective_rank, own_scales, participation_ratio
from zpoints.statistics.third_moments import ThirdMoments
from zpoints.vectors.latent_set import LatentSet, some_of
from zpoints.vectors.reduce import Through, reduce

__all__ = [
    "MATTER",
    "AxesPowers",
    "axes_summary",
    "leading_axes",
    "leading_powers",
    "leading_summary",
    "measure_axes",
    "spectrum_summary",
]

MATTER = 0.95
"""The leading axes that matter hold so much of the variance."""
SCALED = 4096  # vectors of the sample whose own scales are looked at
LARGEST_CORRELATION = 4096  # components; the eigenvalues of more take minutes


@dataclass(frozen=True)
class Columns:
    """The first columns."""

    count: int

    def __call__(self, u: Float[np.ndarray, "m r"]) -> Float[np.ndarray, "m c"]:
        return u[:, : self.count]


@dataclass(frozen=True, eq=False)
class AxesPowers:
    """Mahalanobis distances along some whitened axes, and the sum of their sixth powers, mergeable.

    Examples
    --------
    >>> u = np.random.default_rng(0).normal(size=(1000, 3))
    >>> (AxesPowers.of(u[:400]) + AxesPowers.of(u[400:])).radii.n
    1000
    """

    radii: Radii
    sixth: float

    @classmethod
    def of(cls, u: Float[np.ndarray, "m c"]) -> Self:
        """Measure one block."""
        return cls(Radii.of(u), float(np.sum(np.einsum("ij,ij->i", u, u) ** 3)))

    def __add__(self, other: Self) -> Self:
        """Of both sets together."""
        return type(self)(self.radii + other.radii, self.sixth + other.sixth)


def leading_axes(pca: PCA) -> int:
    """How many leading axes hold 95 % of the variance."""
    return min(pca.components_for(MATTER), pca.rank)


def leading_powers(pca: PCA) -> Through:
    """The question for the distances along those axes alone."""
    return whitening(pca, Through(Columns(leading_axes(pca)), AxesPowers.of))


def leading_summary(
    pca: PCA, powers: AxesPowers, third: ThirdMoments, table: pd.DataFrame | None
) -> dict[str, Any] | None:
    """The figures of the axes that hold 95 % of the variance, as plain values; None where these are all or one.

    Parameters
    ----------
    table : of the components along these very axes; None where the settings chose others.
    """
    count = powers.radii.dimension
    if count == pca.rank or count < 2:
        return None
    share = float(pca.explained_variance_ratio[:count].sum())
    what = f"axes that hold {100 * MATTER:.0f} % of the variance"
    return axes_summary(powers, third, share, what, None if table is None else table.iloc[:count])


def axes_summary(
    powers: AxesPowers,
    third: ThirdMoments | None,
    variance: float,
    what: str,
    table: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """The figures of all dimensions for some axes, as plain values; see `axes_summaries.AxesSummary`.

    Parameters
    ----------
    third : third moments of these axes, or of more, of which these are the first; None leaves the skewness out.
    variance : the share that these axes hold. what : which they are, in words.
    table : rows of these principal axes in the table of components.
    """
    radii = powers.radii
    skewness = None
    if third is not None and radii.dimension <= third.dimension:
        skewness = mardia_figures(
            third.leading(radii.dimension, radii.total_square, powers.sixth).skewness_test
        )
    kurtosis = radii.total_square / radii.n * (radii.n / (radii.n - 1)) ** 2
    return {
        "axes": radii.dimension,
        "variance": variance,
        "what": what,
        "not_normal": None if table is None else len(spoilt_places(table)),
        "skewness": skewness,
        "kurtosis": mardia_figures(MardiaTest.of_kurtosis(kurtosis, radii.n, radii.dimension)),
        "std": radii.std,
        "normal_std": radii.null.std,
        "scale_variance": radii.scale_variance,
        "scale_variance_error": radii.scale_variance_error,
        "ks_distance": radii.distance_to_normal,
        "normal_ks_distance": 0.67 / np.sqrt(radii.n),
        "beyond": 1 - float(radii.shares[-1]),
        "normal_beyond": 1 - float(radii.normal_shares[-1]),
    }


def measure_axes(
    latents: LatentSet, pca: PCA, axes: Int[np.ndarray, " k"], what: str, **options: Any
) -> dict[str, Any]:
    """The same of any principal axes, in a reading of its own; options as for `reduce`."""
    sigma, directions = np.sqrt(pca.variance[axes]), pca.axes[axes] / pca.scale

    def along(block: np.ndarray) -> Float[np.ndarray, "m k"]:
        return (block - pca.mean) @ (directions / sigma[:, None]).T

    powers = reduce(latents, Through(along, AxesPowers.of), **options)
    share = float(pca.explained_variance_ratio[axes].sum())
    return axes_summary(powers, None, share, what)


def spectrum_summary(moments: Moments, whole: PCA, sample: Float[np.ndarray, "s d"]) -> dict[str, Any]:
    """How many axes are more than noise, as plain values; see `axes_summaries.SpectrumSummary`.

    Parameters
    ----------
    moments : of all vectors. whole : their principal axes, by covariance. sample : some of the vectors.
    """
    n, d, variance = moments.n, moments.dimension, whole.variance[: whole.rank]
    scales = own_scales(whole.whiten(some_of(sample, SCALED, seed=2)), variance, n, d)
    correlation = None
    if 1 < d <= LARGEST_CORRELATION:
        unit = np.linalg.eigvalsh(moments.pearson)[::-1][: whole.rank]
        correlation = _edge(SignalEdge.of(unit, n, d, scales, noise=1.0))
    return {
        "dimension": d,
        "axes": whole.rank,
        "covariance": _edge(SignalEdge.of(variance, n, d, scales)),
        "correlation": correlation,
        "effective_rank": effective_rank(variance),
        "participation_ratio": participation_ratio(variance),
        "scale_variance": float(scales.var()),
    }


def _edge(found: SignalEdge) -> dict[str, Any]:
    figures = {"noise": found.noise, "edge": found.edge, "limit": found.limit}
    return {name: json_number(value) for name, value in figures.items()} | {"axes": found.axes}

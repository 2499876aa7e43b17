"""What everything else builds on: moments, margins, cuts, core and principal axes. Samplers need no more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from zpoints.analysis import cuts as trimming
from zpoints.analysis.components import gaussian_fits
from zpoints.analysis.distribution import Distribution
from zpoints.analysis.readings import (
    Advance,
    First,
    count_components,
    cut,
    first_reading,
    moments_along,
    moments_of,
    rank_sums,
)
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError
from zpoints.statistics.core import Core
from zpoints.statistics.correlation import largest_off_diagonal
from zpoints.statistics.cuts import CutMoments
from zpoints.statistics.gaussian_fits import GaussianFits
from zpoints.statistics.histograms import Histograms, fine_bins, fixed_bins
from zpoints.statistics.margins import Margins, quantiles, radius_quantiles
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.radii import Radii
from zpoints.system.progress import Progress
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.views import View

__all__ = ["Groundwork", "Measurement"]

ALIGNED = 1e-12  # correlations after the transform; above, the axes are refined by what was measured

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Groundwork:
    """What all further measurements, and the samplers, build on.

    Attributes
    ----------
    first, whole : moments, lengths and sample of all vectors, and their principal axes by covariance.
    view, along : the vectors along the components, and along the principal axes that the settings choose.
    fine, drawn, fine_pca, drawn_pca : histograms of both, fine ones and those to draw.
    fits, cut_moments, core : Gaussian fits of the components, what the cuts leave, and the robust core.
    scores : moments along the principal axes, measured on the vectors.
    distribution : what samplers learn from.
    """

    first: First
    whole: PCA
    view: View
    fine: Histograms
    drawn: Histograms
    fits: GaussianFits
    cut_moments: CutMoments
    core: trimming.CoreFound
    scores: Moments
    along: View
    fine_pca: Histograms
    drawn_pca: Histograms
    distribution: Distribution


@dataclass(frozen=True, eq=False)
class Measurement:
    """Readings under way: what all steps share."""

    latents: LatentSet
    settings: AnalysisSettings
    progress: Progress

    def groundwork(self) -> "Groundwork":
        """Everything but planes and tests: enough for samplers."""
        size = self.size
        first = self.step("moments", 1, lambda advance: first_reading(self.latents, size, advance))
        view = View.of_components(self.latents, first.moments)
        fine, drawn = self._histograms(view, self.settings.bin_width)
        fits = gaussian_fits(fine, first.moments)
        cut_moments = self.step(
            "cuts",
            1,
            lambda advance: cut(
                self.latents, fits.centre, fits.fwhm, self.settings.trim_factors, size, advance
            ),
        )
        core = self.step(
            "core",
            trimming.CORE_STEPS,
            lambda advance: trimming.find_core(self.latents, first.sample, size, advance),
        )
        chosen = self._chosen(first, cut_moments, core.core)
        pca, scores, radii = self._principal_axes(chosen)
        along = View.of_principal_axes(self.latents, pca, scores)
        fine_pca, drawn_pca = self._histograms(along, self.settings.pca_bin_width)
        ranks = self.ranks(along, fine_pca)
        margins = Margins(
            components=first.moments.mean[:, None] + first.moments.std[:, None] * quantiles(fine),
            axes=(scores.mean[:, None] + scores.std[:, None] * quantiles(fine_pca))
            / np.sqrt(pca.variance[: pca.rank, None]),
            radii=radius_quantiles(radii),
            axes_rank_correlation=ranks,
            fit_centre=fits.centre,
            fit_fwhm=fits.fwhm,
            mean_length=np.asarray(first.lengths.mean),
        )
        distribution = Distribution(chosen.n, chosen.mean, chosen.covariance, pca, core.core, margins)
        return Groundwork(
            first=first,
            whole=_axes(_Chosen.of(first.moments), "covariance"),
            view=view,
            fine=fine,
            drawn=drawn,
            fits=fits,
            cut_moments=cut_moments,
            core=core,
            scores=scores,
            along=along,
            fine_pca=fine_pca,
            drawn_pca=drawn_pca,
            distribution=distribution,
        )

    @property
    def size(self) -> int:
        """Vectors per block."""
        return self.settings.block_of(self.latents.dimension)

    def step(self, label: str, times: int, work: Callable[[Advance], Result]) -> Result:
        """One step that reads all vectors `times` times, with its own line of progress."""
        with self.progress.task(label, times * self.latents.n, "vectors") as task:
            return work(lambda amount: task.advance(amount))

    def ranks(self, view: View, fine: Histograms) -> np.ndarray:
        """Spearman's coefficients of all pairs along a view."""
        sums = self.step(f"{view.basis} ranks", 1, lambda advance: rank_sums(view, fine, self.size, advance))
        return sums.rank_correlation

    def _principal_axes(self, chosen: "_Chosen") -> tuple[PCA, Moments, Radii]:
        """The axes, and moments and distances along them, measured on the vectors."""
        pca = _axes(chosen, self.settings.pca)
        scores, radii = self._along(pca)
        if self.settings.pca_of == "all" and largest_off_diagonal(scores.pearson) > ALIGNED:
            pca = pca.refined(scores)
            scores, radii = self._along(pca)
        return pca, scores, radii

    def _along(self, pca: PCA) -> tuple[Moments, Radii]:
        return self.step("pca", 1, lambda advance: moments_along(self.latents, pca, self.size, advance))

    def _chosen(self, first: First, cut_moments: CutMoments, core: Core | None) -> "_Chosen":
        """The vectors that decide the principal axes."""
        of, name = self.settings.pca_of, self.latents.name
        if of == "trimmed":
            left = cut_moments.moments(self.settings.trim_factors.index(self.settings.trim_factor))
            if left is None:
                raise ArrayError(
                    f"{name}: the cut at factor {self.settings.trim_factor:g} leaves no vectors for the principal "
                    "axes; choose a larger factor"
                )
            return _Chosen.of(left)
        if of == "core":
            if core is None:
                raise ArrayError(f'{name}: no robust core was found; set analysis.pca_of to "all"')
            return _Chosen(core.kept, core.mean, core.covariance)
        if of == "sample" and self.settings.pca_sample < self.latents.n:
            part = self.latents.some(self.settings.pca_sample, seed=0)
            return _Chosen.of(moments_of(part, self.size, lambda _: None))
        return _Chosen.of(first.moments)

    def _histograms(self, view: View, width: float | str) -> tuple[Histograms, Histograms]:
        """Fine histograms, and those to draw, of the width that was set or that the data choose."""
        bins = [fine_bins(view.dimension)]
        if isinstance(width, float):
            try:
                bins.append(fixed_bins(view.mean, view.std, width))
            except ValueError as error:
                raise ArrayError(f'{self.latents.name}: {error}; choose a larger one, or "auto"') from error
        found = self.step(
            f"{view.basis} axes", 1, lambda advance: count_components(view, bins, self.size, advance)
        )
        fine = found[0]
        return fine, found[1] if len(found) > 1 else fine.merged(fine.chosen_factor())


@dataclass(frozen=True, eq=False)
class _Chosen:
    """What the principal axes are made of."""

    n: int
    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, moments: Moments) -> Self:
        return cls(moments.n, moments.mean, moments.covariance)


def _axes(of: _Chosen, matrix: str) -> PCA:
    axes = PCA.of if matrix == "covariance" else PCA.of_pearson
    return axes(of.mean, of.covariance, of.n)

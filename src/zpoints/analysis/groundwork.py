"""What everything else builds on: moments, margins, cuts, core and principal axes. Samplers need no more."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np

from zpoints.analysis import cuts as trimming
from zpoints.analysis import readings
from zpoints.analysis.channels import ChannelTables, channels_of, shape_in_words
from zpoints.analysis.components import gaussian_fits
from zpoints.analysis.distribution import Distribution
from zpoints.analysis.readings import First
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError
from zpoints.statistics.correlation import largest_off_diagonal
from zpoints.statistics.cuts import CutMoments
from zpoints.statistics.gaussian_fits import GaussianFits
from zpoints.statistics.histograms import Histograms, fine_bins, fixed_bins
from zpoints.statistics.location import Lengths
from zpoints.statistics.margins import Margins, quantiles, radius_quantiles
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.radii import Radii
from zpoints.statistics.ranks import EXACT, exact_rank_correlation
from zpoints.statistics.repeats import Repeats
from zpoints.system.progress import Progress
from zpoints.vectors.inquiries import Inquiries, Line, line
from zpoints.vectors.latent_set import LatentSet, drawn
from zpoints.vectors.views import View

__all__ = ["Axes", "Counted", "Groundwork", "counted_once"]

Answer = TypeVar("Answer")

ALIGNED = 1e-12  # correlations after the transform; above, the axes are refined by what was measured


class RepeatedVectorsError(Exception):
    """Some vectors equal an earlier one: all has to be measured of the different ones alone."""

    def __init__(self, repeats: Repeats) -> None:
        super().__init__("repeated vectors")
        self.repeats = repeats


@dataclass(frozen=True, eq=False)
class Counted:
    """Histograms of all components of a view: fine ones, and those to draw."""

    fine: Histograms
    drawn: Histograms


@dataclass(frozen=True, eq=False)
class Axes:
    """Principal axes, and moments and Mahalanobis distances along them, measured on the vectors."""

    pca: PCA
    scores: Moments
    radii: Radii


class Groundwork:
    """Lines of thought that all further measurements, and the samplers, build on; each is asked for by its name.

    The chain of questions: moments; then histograms along the components, scores along the principal axes, and the
    first step of the core; then the cuts (which need Gaussian fits), the histograms along the principal axes, and the
    second step of the core; then the ranks. Axes that have to be refined, or that only the trimmed vectors or the
    core decide, make the chain longer.

    Parameters
    ----------
    latents, settings : the vectors, and what to make of them.
    progress : where to report.
    repeats : how many vectors equal an earlier one, where these are left out already.
    """

    def __init__(
        self,
        latents: LatentSet,
        settings: AnalysisSettings,
        progress: Progress,
        repeats: Repeats | None = None,
    ) -> None:
        self.latents, self.settings, self.progress, self.repeats = latents, settings, progress, repeats
        self.size = settings.block_of(latents.dimension)
        self.inquiries = Inquiries(latents, self.size, progress)
        if words := shape_in_words(latents, settings):
            progress.say(words)

    @line
    async def first(self) -> First:
        """Moments and a random sample; from here on only the components that live are read."""
        question, of = readings.first(self.latents)
        first = of(await self.inquiries.ask(question, "moments"))
        if self.repeats is None:
            self.repeats = first.repeats
            if first.repeats.counted(first.sample) < self.latents.n:
                raise RepeatedVectorsError(first.repeats)
        if not first.living.whole:
            self.inquiries.turn_to(self.latents.of_components(first.living.numbers))
            self.progress.say(f"{self.latents.name}: {first.living.sentence}; left out")
        return first

    @line
    async def lengths(self) -> Lengths:
        """Lengths of the vectors, of their living components."""
        await self.first()
        return await self.inquiries.ask(Lengths.of, "lengths")

    @line
    async def whole(self) -> PCA:
        """The principal axes of all vectors, by covariance."""
        return _axes(Chosen.of((await self.first()).moments), "covariance")

    @line
    async def channels(self) -> ChannelTables | None:
        """Of latent arrays with a shape; all components count, the dead ones too."""
        first, channels = await self.first(), channels_of(self.latents, self.settings)
        if channels is None:
            return None
        living, mean = first.living, first.living.put_back(first.moments.mean)
        centre = channels.of(mean[None])[0].mean(axis=1)
        question = readings.channel_sums(living, channels, centre)
        sums = await self.inquiries.ask(question, "channels", 3 * 8 * self.size * living.dimension)
        return ChannelTables.of(channels, sums, first.moments, living)

    @line
    async def view(self) -> View:
        """The vectors along the components."""
        first = await self.first()
        return View.of_components(first.moments, None if first.living.whole else first.living.numbers)

    @line
    async def counted(self) -> Counted:
        """Histograms of the components."""
        return await self._histograms(await self.view(), self.settings.bin_width)

    @line
    async def fits(self) -> GaussianFits:
        """Gaussian fits of the components."""
        return gaussian_fits((await self.counted()).fine, (await self.first()).moments)

    @line
    async def cut_moments(self) -> CutMoments:
        """What the FWHM cut leaves, at every factor."""
        fits, factors = await self.fits(), self.settings.trim_factors
        besides = 8 * (len(factors) + 1) * self.latents.dimension**2
        return await self.inquiries.ask(readings.cut(fits.centre, fits.fwhm, factors), "cuts", besides)

    @line
    async def core(self) -> trimming.CoreFound:
        """The robust core: iterated on the sample, then twice over all vectors (unless the sample is all of them)."""
        first = await self.first()
        found = trimming.core_of_sample(first.sample)
        for _ in range(0 if first.whole else trimming.CORE_STEPS):
            if (core := found.core) is None:
                break
            question = readings.core_step(core.pca, core.radius)
            found = trimming.next_core(
                core, await self.inquiries.ask(question, "core", 8 * self.latents.dimension**2)
            )
        return found

    @line
    async def axes(self) -> Axes:
        """The principal axes that the settings choose, refined where rounding has left correlations."""
        settings = self.settings
        if (settings.pca_of, settings.pca) == ("all", "covariance"):
            pca = await self.whole()  # the very same, so that both are asked of one transform
        else:
            pca = _axes(await self.chosen(), settings.pca)
        scores, radii = await self._along(pca)
        if settings.pca_of == "all" and largest_off_diagonal(scores.pearson) > ALIGNED:
            pca = pca.refined(scores)
            scores, radii = await self._along(pca)
        return Axes(pca, scores, radii)

    async def _along(self, pca: PCA) -> tuple[Moments, Radii]:
        return await self.inquiries.ask(readings.along(pca), "pca", 8 * pca.rank**2)

    @line
    async def view_along(self) -> View:
        """The vectors along the principal axes."""
        axes = await self.axes()
        return View.of_principal_axes(axes.pca, axes.scores)

    @line
    async def counted_along(self) -> Counted:
        """Histograms along the principal axes."""
        return await self._histograms(await self.view_along(), self.settings.pca_bin_width)

    @line
    async def ranks(self) -> np.ndarray:
        """Spearman's coefficients of all pairs of components."""
        first = await self.first()
        if self._exact(first):
            return exact_rank_correlation(first.sample)
        return await self._rank_sums(await self.view(), await self.counted())

    @line
    async def ranks_along(self) -> np.ndarray:
        """Spearman's coefficients of all pairs of principal axes."""
        first, axes = await self.first(), await self.axes()
        if self._exact(first):
            return exact_rank_correlation(axes.pca.transform(first.sample, 0, axes.pca.rank))
        return await self._rank_sums(await self.view_along(), await self.counted_along())

    def _exact(self, first: First) -> bool:
        return first.whole and first.moments.n <= EXACT

    async def _rank_sums(self, view: View, counted: Counted) -> np.ndarray:
        """Ranks from the fine histograms."""
        besides = 8 * view.dimension * (view.dimension + self.size)
        question = readings.rank_sums(view, counted.fine)
        return (await self.inquiries.ask(question, f"{view.basis} ranks", besides)).rank_correlation

    async def _histograms(self, view: View, width: float | str) -> Counted:
        """Fine histograms, and those to draw, of the width that was set or that the data choose."""
        bins = [fine_bins(view.dimension)]
        if isinstance(width, float):
            try:
                bins.append(fixed_bins(view.mean, view.std, width, view.numbers))
            except ValueError as error:
                raise ArrayError(f'{self.latents.name}: {error}; choose a larger one, or "auto"') from error
        besides = sum(8 * 2 * view.dimension * count for *_, count in bins)
        question = readings.count_components(view, bins)
        fine, *others = await self.inquiries.ask(question, f"{view.basis} axes", besides)
        return Counted(fine, others[0] if others else fine.merged(fine.chosen_factor()))

    @line
    async def distribution(self) -> Distribution:
        """What samplers learn from."""
        for begin in (self.fits, self.core, self.chosen, self.lengths, self.ranks_along):
            begin()
        first, chosen, axes, core = (
            await self.first(),
            await self.chosen(),
            await self.axes(),
            await self.core(),
        )
        fits, counted = await self.fits(), await self.counted()
        along, ranks = await self.counted_along(), await self.ranks_along()
        pca, scores = axes.pca, axes.scores
        margins = Margins(
            components=first.moments.mean[:, None] + first.moments.std[:, None] * quantiles(counted.fine),
            axes=(scores.mean[:, None] + scores.std[:, None] * quantiles(along.fine))
            / np.sqrt(pca.variance[: pca.rank, None]),
            radii=radius_quantiles(axes.radii),
            axes_rank_correlation=ranks,
            fit_centre=fits.centre,
            fit_fwhm=fits.fwhm,
            mean_length=np.asarray((await self.lengths()).mean),
        )
        found = Distribution(chosen.n, chosen.mean, chosen.covariance, pca, core.core, margins)
        shape = self.latents.latent_shape
        return replace(found.with_dead(first.living), latent_shape=shape if len(shape) > 1 else None)

    @line
    async def chosen(self) -> "Chosen":
        """The vectors that decide the principal axes."""
        settings, name = self.settings, self.latents.name
        if settings.pca_of == "trimmed":
            left = (await self.cut_moments()).moments(settings.trim_factors.index(settings.trim_factor))
            if left is None:
                raise ArrayError(
                    f"{name}: the cut at factor {settings.trim_factor:g} leaves no vectors for the principal "
                    "axes; choose a larger factor"
                )
            return Chosen.of(left)
        if settings.pca_of == "core":
            core = (await self.core()).core
            if core is None:
                raise ArrayError(f'{name}: no robust core was found; set analysis.pca_of to "all"')
            return Chosen(core.kept, core.mean, core.covariance)
        if settings.pca_of == "sample" and settings.pca_sample < self.latents.n:
            question = readings.moments_of_picked(drawn(self.latents.n, settings.pca_sample, seed=0))
            moments = await self.inquiries.ask(question, "moments")  # in the first reading: of all components
            return Chosen.of(moments.of_components((await self.first()).living.numbers))
        return Chosen.of((await self.first()).moments)


@dataclass(frozen=True, eq=False)
class Chosen:
    """What the principal axes are made of."""

    n: int
    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, moments: Moments) -> Self:
        return cls(moments.n, moments.mean, moments.covariance)


def _axes(of: Chosen, matrix: str) -> PCA:
    axes = PCA.of if matrix == "covariance" else PCA.of_pearson
    return axes(of.mean, of.covariance, of.n)


Work = TypeVar("Work", bound=Groundwork)


def counted_once(
    kind: type[Work],
    latents: LatentSet,
    settings: AnalysisSettings,
    progress: Progress,
    asked: Callable[[Work], Line[Answer]],
) -> Answer:
    """The answer to a question, of the different vectors alone where some are repeated."""
    try:
        work = kind(latents, settings, progress)
        return work.inquiries.run(asked(work))
    except RepeatedVectorsError as found:
        repeats = found.repeats
    progress.say(
        f"{latents.name}: {repeats.repeated:,} of {latents.n:,} vectors equal an earlier one; each is counted once"
    )
    work = kind(latents.subset(repeats.first), settings, progress, repeats)
    return work.inquiries.run(asked(work))

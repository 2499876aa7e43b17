"""Asks everything that there is to ask of a set of latent vectors, and puts the answers together.

What is asked in which reading follows from what each question builds on (`vectors.inquiries`,
`analysis.groundwork`). An analysis reads the vectors 4 times where one group of joint histograms holds all
planes of a set of axes, and 6 times with two groups of each, as 170,000 vectors of 256 components have: (1)
moments; (2) histograms, scores along the principal axes, distances, third moments, projections, core; (3)
histograms of the scores, cuts, core, ranks, planes; (4) to (6) turns, ranks of the scores, and the other
planes. Each further group of planes costs one reading. Axes that have to be refined, and those of the trimmed
vectors or of the core, ask for up to two more.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from zpoints.analysis import cuts as trimming
from zpoints.analysis.axes import AxesPowers, leading_powers, leading_summary, spectrum_summary
from zpoints.analysis.channels import channels_of
from zpoints.analysis.components import component_summary, component_table, spoilt_places, with_dead
from zpoints.analysis.conclusion import conclusion
from zpoints.analysis.distribution import Distribution
from zpoints.analysis.evidence import evidence_of
from zpoints.analysis.groundwork import Groundwork, counted_once
from zpoints.analysis.groups import Labels, with_groups
from zpoints.analysis.normality import Normality, least_normal, normality
from zpoints.analysis.pictures import with_pictures
from zpoints.analysis.plane_statistics import plane_statistics
from zpoints.analysis.planes import (
    expected_cost,
    group_table,
    groups_of,
    plane_summary,
    planes_table,
    rank_disagreements,
    tables_cost,
)
from zpoints.analysis.readings import counted, inner_planes, whitened
from zpoints.analysis.region import region_summary
from zpoints.analysis.result import Analysis
from zpoints.analysis.summary import AnalysisSummary
from zpoints.analysis.verdict import verdict
from zpoints.config import AnalysisSettings
from zpoints.statistics.correlation import largest_off_diagonal, strongest_pairs
from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.statistics.living import Living
from zpoints.statistics.measures import COVERAGE, FEWEST, Noise
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.system.budget import require
from zpoints.system.forecast import forecast
from zpoints.system.kernels import compiling_told
from zpoints.system.meter import Meter
from zpoints.system.progress import Progress, Silent
from zpoints.vectors.dask_cluster import executor_for
from zpoints.vectors.inquiries import Line, line
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import working_by
from zpoints.vectors.views import View

if TYPE_CHECKING:
    from zpoints.models.codec import Codec

__all__ = ["analyse", "measure_distribution"]

MANY_PLANES = 1 << 20  # whose tables take more memory than all else
LONG = 500_000_000  # vectors times planes that take long enough to say beforehand how long
SHARES = (0.80, 0.90, 0.95)


def analyse(
    source: Any,
    settings: AnalysisSettings | None = None,
    rows: np.ndarray | None = None,
    progress: Progress | None = None,
    columns: str | Sequence[str] | None = None,
    codec: "Codec | None" = None,
    by: Any = None,
    client: Any = None,
) -> Analysis:
    """Measure every component and every plane of a set of latent vectors.

    Components that are constant (`statistics.living` says what counts as such) are left out, and named: in
    ``a.summary.dead``, the verdict, and the table of components, where their rows have ``dead`` set. All other
    components keep their numbers, and samplers put the constants back.

    Parameters
    ----------
    source : whatever `LatentSet.open` takes: array of shape (n, d), or of more axes, as (n, c, h, w), which is
        measured as vectors and per channel and position as well; tensor, table, or path of one in any format.
    settings : bin widths, cuts, and what decides the principal axes.
    rows : numbers of the vectors to use, ascending; None is all.
    progress : where to report; silent by default.
    columns : of a table that are components; see `LatentSet.open`.
    codec : the model of these vectors; what one sigma along each axis changes in its pictures is then measured too
        (``pixels_per_sigma``, see `zpoints.analysis.pictures`).
    by : a label for each vector (an array, a list, a pandas column); figures by group are then measured too
        (``groups``, see `zpoints.analysis.groups`).
    client : a ``distributed.Client``: its workers read the vectors, which lie in files that all of them see, or in a
        Dask array (`vectors.dask_executor`). Without one, threads of this process do.

    Raises
    ------
    BudgetError : so many components that the tables of their planes do not fit into the memory that may be taken.
    ArrayError : not an (n, d) array of numbers, fewer than 2 vectors, NaN or infinity, all vectors the same.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(2000, 3)))
    >>> len(a.components), len(a.planes)
    (3, 3)
    >>> a.verdict[0]
    'A multivariate normal distribution, within the noise of 2,000 vectors.'
    """
    latents = LatentSet.open(source, rows, columns)
    settings, progress = settings or AnalysisSettings(), progress or Silent()
    labels = None if by is None else Labels.of(by).for_vectors(latents)
    with Meter() as meter, compiling_told(progress):
        _say_how_long(latents, settings, progress)
        with working_by(executor_for(client, latents)):
            found = counted_once(Measurement, latents, settings, progress, Measurement.analysis)
        found = replace(found, latents=latents)
        if codec is not None:
            found = _in_words(with_pictures(found, codec, progress))
        if labels is not None:
            found = _in_words(with_groups(found, labels))
    return replace(found, summary=replace(found.summary, **asdict(meter.cost)))


def _in_words(a: Analysis) -> Analysis:
    """The verdict anew, after more was measured."""
    return replace(a, summary=replace(a.summary, verdict=verdict(a.summary)))


def _say_how_long(latents: LatentSet, settings: AnalysisSettings, progress: Progress) -> None:
    planes = latents.dimension * (latents.dimension - 1) // 2
    if planes > MANY_PLANES:
        what = f"{latents.name}: the tables of {planes:,} planes of {latents.dimension:,} components, and matrices"
        require(tables_cost(latents), what, "reduce the components first, to the leading principal axes say")
    if planes * latents.n > LONG:
        seconds, ram = expected_cost(latents, settings.block_of(latents.dimension))
        what = f"{latents.n:,} vectors, {latents.dimension} components, {planes:,} planes along both kinds of axes"
        progress.say(forecast("analyse", what, ram, seconds))


def measure_distribution(source: Any, progress: Progress | None = None) -> Distribution:
    """Only what samplers learn from: mean, covariance, principal axes, core and margins; no planes, no tests.

    Equal to `analyse(source).distribution`, in a fraction of the time. Parameters and errors as there.
    """
    progress = progress or Silent()
    with compiling_told(progress):
        return counted_once(
            Groundwork, LatentSet.open(source), AnalysisSettings(), progress, Groundwork.distribution
        )


@dataclass(frozen=True, eq=False)
class _Planes:
    noise: Noise | None
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class _Turned:
    summary: list[dict[str, Any]]
    table: pd.DataFrame


class Measurement(Groundwork):
    """The lines of thought of a whole analysis."""

    @line
    async def analysis(self) -> Analysis:
        """Everything. All lines begin at once: each question is asked in the first reading that can answer."""
        for begin in (
            self.planes,
            self.distribution,
            self.turned,
            self.normality,
            self.leading,
            self.lengths,
            self.channels,
        ):
            begin()
        planes, distribution, turned = await self.planes(), await self.distribution(), await self.turned()
        shape, cut_moments = await self.normality(), await self.cut_moments()
        first, whole, axes, core = (
            await self.first(),
            await self.whole(),
            await self.axes(),
            await self.core(),
        )
        components, along = await self.counted(), await self.counted_along()
        shaped, shape_of = await self.channels(), channels_of(self.latents, self.settings)
        moments, living, pca, noise = first.moments, first.living, axes.pca, planes.noise
        spread = moments.std**2
        tables = {
            "z": component_table("z", moments, components.fine, spread / spread.sum(), living.numbers),
            "pca": component_table("pca", axes.scores, along.fine, pca.explained_variance_ratio[: pca.rank]),
        }
        own = tables["pca"] if pca is whole else None
        summary = {
            "notes": list(self.latents.notes),
            **_overview(moments, living, pca, axes.scores, whole),
            "components": {basis: component_summary(table) for basis, table in tables.items()},
            "coverage": {
                basis: _coverage_summary(table)
                for basis, table in planes.tables.items()
                if moments.dimension > 1
            },
            "planes": {basis: plane_summary(table, noise) for basis, table in planes.tables.items()},
            "rank_disagreements": (
                rank_disagreements(planes.tables["z"], moments.n) if moments.dimension > 1 else []
            ),
            "trimming": {
                "survivors": trimming.survivors(cut_moments, moments),
                "turns": turned.summary,
                "core": trimming.core_summary(core, whole),
            },
            "normality": shape.summary,
            "spectrum": spectrum_summary(moments, whole, first.sample),
            "leading": leading_summary(whole, await self.leading(), shape.third, own),
            "region": region_summary(whole, await self.lengths(), first.sample, shape.directions),
            "latent": shaped.summary(shape_of, moments.n) if shaped and shape_of else None,
            "evidence": evidence_of(
                whole,
                first.sample,
                living.numbers,
                spoilt_places(tables["z"]),
                shape,
                (await self.lengths()).std / float(np.sqrt(np.mean(spread))),
                first.repeats.distinct,
            ),
            "repeated": 0 if self.repeats is None else self.repeats.n - moments.n,
            "pca": {"matrix": self.settings.pca, "of": self.settings.pca_of, "vectors": distribution.n},
        }
        typed = AnalysisSummary.from_dict(summary, "the analysis")
        return Analysis.of_tables(
            summary=replace(typed, kind=conclusion(typed).kind, verdict=verdict(typed)),
            components=[with_dead(tables["z"], living), tables["pca"]],
            planes=list(planes.tables.values()),
            trimming=turned.table,
            distribution=distribution,
            histograms={"z": components.drawn.with_dead(living), "pca": along.drawn},
            directions=living.spread(_directions(shape, whole), 0.0),
            latents=self.latents,
            channels=shaped and shaped.channels,
            positions=shaped and shaped.positions,
        )

    @line
    async def planes(self) -> _Planes:
        """All planes, one group of one view after the other: their counts are what takes most memory."""
        # Counted in the same reading as the ranks, which the table needs; so it waits for the histograms.
        await self.counted()
        noise = None
        if self.latents.n >= FEWEST:
            noise = Noise.simulate(self.latents.n, statistics=plane_statistics())
        z = await self._planes_of(await self.view(), noise, self.ranks())
        await self.counted_along()
        pca = await self._planes_of(await self.view_along(), noise, self.ranks_along())
        return _Planes(noise, {"z": z, "pca": pca})

    async def _planes_of(self, view: View, noise: Noise | None, ranks: Line[np.ndarray]) -> pd.DataFrame:
        tables = []
        for group in groups_of(view):
            found = await self.inquiries.ask(counted(view, group), f"{view.basis} planes")
            tables.append(group_table(view, found.finished(), noise, await ranks))
            del found  # one group's counts are gone before the next group's are made
        return planes_table(tables)

    @line
    async def turned(self) -> _Turned:
        """How the leading axes, and the inner contours of their planes, turn by each cut."""
        whole, fits = await self.whole(), await self.fits()
        summary, cuts = trimming.turns(await self.cut_moments(), whole)
        leading, found = min(trimming.LEADING, whole.rank), ()
        if leading > 1:
            question = inner_planes(fits.centre, fits.fwhm, cuts, leading, self.latents.n)
            besides = 16 * self.size * leading * len(cuts)
            found = await self.inquiries.ask(question, "turns", besides)
        return _Turned(summary, trimming.turn_table(cuts, found, self.latents.n))

    @line
    async def normality(self) -> Normality:
        """Whether it is a multivariate normal; the least normal directions are looked for in the sample first."""
        whole, first = await self.whole(), await self.first()
        search = least_normal(whole, first.sample)
        question = whitened(whole, search.directions)
        besides = 8 * self.size * (whole.rank + len(search.directions))
        return normality(search, *await self.inquiries.ask(question, "normality", besides))

    @line
    async def leading(self) -> AxesPowers:
        """Distances along the axes that hold 95 % of the variance."""
        return await self.inquiries.ask(leading_powers(await self.whole()), "leading axes")


def _directions(shape: Normality, whole: PCA) -> np.ndarray:
    """The least normal directions in the units of the living components."""
    return (shape.directions / np.sqrt(whole.variance[: whole.rank])) @ whole.axes[: whole.rank]


def _overview(moments: Moments, living: Living, pca: PCA, scores: Moments, whole: PCA) -> dict[str, Any]:
    pearson, number = moments.pearson, living.numbers.tolist()
    return {
        "n": moments.n,
        "d": living.dimension,
        "dead": [
            {"component": int(c), "value": float(value)}
            for c, value in zip(living.dead, living.values, strict=True)
        ],
        "rank": whole.rank,
        "components_for_variance": {f"{share:.2f}": pca.components_for(share) for share in SHARES},
        "largest_off_diagonal": {
            "z": largest_off_diagonal(pearson),
            "pca": largest_off_diagonal(scores.pearson),
        },
        "strongest_pairs": [
            {"i": number[i], "j": number[j], "r": r} for i, j, r in strongest_pairs(pearson, 10)
        ],
    }


def _coverage_summary(planes: pd.DataFrame) -> list[dict[str, float | None]]:
    """Median, least and largest coverage over the planes, beside what a normal pair has."""
    rows = []
    for sigma, column in zip(LEVELS, COVERAGE, strict=True):
        found = planes[column].dropna() if column in planes else pd.Series(dtype=float)
        figures = (found.median(), found.min(), found.max()) if len(found) else (None, None, None)
        median, least, largest = (None if figure is None else float(figure) for figure in figures)
        exact = normal_coverage(sigma)
        rows.append({"sigma": sigma, "normal": exact, "median": median, "least": least, "largest": largest})
    return rows

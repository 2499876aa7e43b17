"""Streams latent vectors through the statistics, and holds what was measured.

The readings follow from what each needs to know: moments first; then histograms and Gaussian fits along the
components; the cuts, which need the fits; the principal axes; every plane of both sets of axes; and at last what
needs whitened vectors: distances, third moments, projections.
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from zpoints.analysis import cuts as trimming
from zpoints.analysis import normality
from zpoints.analysis.components import component_summary, component_table
from zpoints.analysis.distribution import Distribution
from zpoints.analysis.groundwork import Measurement
from zpoints.analysis.planes import (
    expected_cost,
    groups_of,
    measure_planes,
    plane_summary,
    rank_disagreements,
)
from zpoints.analysis.region import region_summary
from zpoints.analysis.result import Analysis
from zpoints.analysis.summary import AnalysisSummary
from zpoints.analysis.verdict import verdict
from zpoints.config import AnalysisSettings
from zpoints.statistics.correlation import largest_off_diagonal, strongest_pairs
from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.statistics.measures import COVERAGE, FEWEST, Noise
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.system.forecast import forecast
from zpoints.system.meter import Meter
from zpoints.system.progress import Progress, Silent
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.views import View

__all__ = ["analyse", "measure_distribution"]

LONG = 500_000_000  # vectors times planes that take long enough to say beforehand how long
SHARES = (0.80, 0.90, 0.95)


def analyse(
    source: Any,
    settings: AnalysisSettings | None = None,
    rows: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Measure every component and every plane of a set of latent vectors.

    Parameters
    ----------
    source : array of shape (n, d), `LatentSet`, or path of a .npy, .npz, .parquet, .safetensors or .zarr array.
    settings : bin widths, cuts, and what decides the principal axes.
    rows : numbers of the vectors to use, ascending; None is all.
    progress : where to report; silent by default.

    Raises
    ------
    ArrayError : not an (n, d) array of numbers, fewer than 2 vectors, NaN or infinity, a constant component.
    """
    latents = LatentSet.open(source, rows)
    measurement = Measurement(latents, settings or AnalysisSettings(), progress or Silent())
    with Meter() as meter:
        _say_how_long(measurement)
        found = _analysis(measurement)
    return replace(found, summary=replace(found.summary, **asdict(meter.cost)))


def _say_how_long(measurement: Measurement) -> None:
    latents = measurement.latents
    planes = latents.dimension * (latents.dimension - 1) // 2
    if planes * latents.n > LONG:
        seconds, ram = expected_cost(latents, measurement.size)
        what = f"{latents.n:,} vectors, {latents.dimension} components, {planes:,} planes along both kinds of axes"
        measurement.progress.say(forecast("analyse", what, ram, seconds))


def measure_distribution(source: Any, progress: Progress | None = None) -> Distribution:
    """Only what samplers learn from: mean, covariance, principal axes, core and margins; no planes, no tests.

    Equal to `analyse(source).distribution`, in a fraction of the time. Parameters and errors as there.
    """
    latents = LatentSet.open(source)
    return Measurement(latents, AnalysisSettings(), progress or Silent()).groundwork().distribution


def _analysis(measurement: Measurement) -> Analysis:
    """Everything, step by step."""
    latents, settings, size = measurement.latents, measurement.settings, measurement.size
    n, f = latents.n, measurement.groundwork()
    first, view, along, fits, cut_moments = f.first, f.view, f.along, f.fits, f.cut_moments
    moments, whole = first.moments, f.whole
    pca, scores, core = f.distribution.pca, f.scores, f.core
    noise = Noise.simulate(n) if n >= FEWEST else None
    spread = moments.std**2
    components = [
        component_table("z", moments, f.fine, spread / spread.sum()),
        component_table("pca", scores, f.fine_pca, pca.explained_variance_ratio[: pca.rank]),
    ]
    margins = f.distribution.margins
    assert margins is not None, "the groundwork has them"
    planes = [
        _planes(measurement, view, noise, measurement.ranks(view, f.fine)),
        _planes(measurement, along, noise, margins.axes_rank_correlation),
    ]
    turned, cuts = trimming.turns(cut_moments, whole)
    turn_table = measurement.step(
        "turns", 1, lambda advance: trimming.turn_table(latents, fits, cuts, size, advance)
    )
    shape = measurement.step(
        "normality",
        1,
        lambda advance: normality.measure(latents, whole, first.sample, size, advance),
    )
    summary = {
        **_overview(moments, pca, scores, whole),
        "components": {table["basis"].iloc[0]: component_summary(table) for table in components},
        "coverage": {
            axes: _coverage_summary(table)
            for axes, table in zip(("z", "pca"), planes, strict=True)
            if moments.dimension > 1
        },
        "planes": {
            axes: plane_summary(table, noise) for axes, table in zip(("z", "pca"), planes, strict=True)
        },
        "rank_disagreements": rank_disagreements(planes[0], n) if moments.dimension > 1 else [],
        "trimming": {
            "survivors": trimming.survivors(cut_moments, moments, fits),
            "turns": turned,
            "core": trimming.core_summary(core, whole),
        },
        "normality": shape.summary,
        "region": region_summary(whole, first.lengths, first.sample, shape.confirmed),
        "pca": {
            "matrix": settings.pca,
            "of": settings.pca_of,
            "vectors": f.distribution.n,
        },
    }
    found = AnalysisSummary.from_dict(summary, "the analysis")
    return Analysis.of_tables(
        summary=replace(found, verdict=verdict(found)),
        components=components,
        planes=planes,
        trimming=turn_table,
        distribution=f.distribution,
        histograms={"z": f.drawn, "pca": f.drawn_pca},
        directions=(shape.directions / np.sqrt(whole.variance[: whole.rank])) @ whole.axes[: whole.rank],
        latents=latents,
    )


def _planes(
    measurement: Measurement, view: View, noise: Noise | None, rank_correlation: np.ndarray | None
) -> pd.DataFrame:
    groups = groups_of(view)
    return measurement.step(
        f"{view.basis} planes",
        len(groups),
        lambda advance: measure_planes(view, noise, measurement.size, rank_correlation, advance, groups),
    )


def _overview(moments: Moments, pca: PCA, scores: Moments, whole: PCA) -> dict[str, Any]:
    pearson = moments.pearson
    return {
        "n": moments.n,
        "d": moments.dimension,
        "rank": whole.rank,
        "components_for_variance": {f"{share:.2f}": pca.components_for(share) for share in SHARES},
        "largest_off_diagonal": {
            "z": largest_off_diagonal(pearson),
            "pca": largest_off_diagonal(scores.pearson),
        },
        "strongest_pairs": [{"i": i, "j": j, "r": r} for i, j, r in strongest_pairs(pearson, 10)],
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

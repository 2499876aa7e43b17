"""Streams latent vectors through the statistics, and holds what was measured.

Two passes over the data: the first adds up moments, which give the ellipses and the principal axes; the second
counts, in both sets of axes, histograms and the coverage of every plane.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd

from zpoints.budget import Meter
from zpoints.config import AnalysisSettings
from zpoints.distribution import Distribution
from zpoints.errors import ArrayError
from zpoints.latents import LatentSet
from zpoints.progress import Progress, Silent, Task
from zpoints.statistics.correlation import largest_off_diagonal, pairs, strongest_pairs
from zpoints.statistics.ellipses import LEVELS, Ellipses, normal_coverage
from zpoints.statistics.marginals import GaussianFits, Histograms
from zpoints.statistics.moments import Moments
from zpoints.statistics.planes import PlaneCoverage, standardise
from zpoints.storage import atomic_path, load_npz, read_json, write_json, write_npz

__all__ = ["COVERAGE_COLUMNS", "Analysis", "analyse"]

COVERAGE_COLUMNS = ("coverage_1", "coverage_2", "coverage_2_5", "coverage_3")
DEGENERATE = 1e-9  # planes with 1 - r^2 below this hold one component twice; their ellipse is a line
SHARES = (0.80, 0.90, 0.95)


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was measured of a set of latent vectors.

    Attributes
    ----------
    summary : every scalar result, as in ``analysis.json``.
    components : one row per component in the original axes (``axes == "z"``) and along the principal ones
        (``"pca"``): mean, std, fit_centre, fit_sigma, fwhm, fit_error, skewness, excess_kurtosis,
        explained_variance (share of the total).
    planes : one row per plane i < j and set of axes: r, angle (degrees), half_axis_major and half_axis_minor of
        the 1 sigma ellipse (times k for the k sigma one), and the share of the vectors inside the 1, 2, 2.5
        and 3 sigma ellipse.
    distribution : mean, covariance and principal axes: what a sampler needs.
    histograms : the counts behind the number densities, by axes.
    """

    summary: dict[str, Any]
    components: pd.DataFrame
    planes: pd.DataFrame
    distribution: Distribution
    histograms: dict[str, Histograms]

    def save(self, folder: Path) -> None:
        """Write analysis.json, components.parquet, planes.parquet, distribution.npz and histograms.npz."""
        folder.mkdir(parents=True, exist_ok=True)
        _save_table(folder / "components.parquet", self.components)
        _save_table(folder / "planes.parquet", self.planes)
        counts = {
            f"{axes}_{part}": getattr(histogram, part)
            for axes, histogram in self.histograms.items()
            for part in ("counts", "below", "above")
        }
        write_npz(folder / "histograms.npz", counts)
        self.distribution.save(folder / "distribution.npz")
        write_json(folder / "analysis.json", self.summary)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        if not (folder / "analysis.json").is_file():
            raise ArrayError(f"{folder}: no analysis here; make one with `zpoints analyse LATENTS {folder}`")
        counts = load_npz(folder / "histograms.npz")
        return cls(
            summary=read_json(folder / "analysis.json"),
            components=_load_table(folder / "components.parquet"),
            planes=_load_table(folder / "planes.parquet"),
            distribution=Distribution.load(folder / "distribution.npz"),
            histograms={
                axes: Histograms(*(counts[f"{axes}_{part}"] for part in ("counts", "below", "above")))
                for axes in ("z", "pca")
            },
        )


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
    settings : block length and number of histogram bins.
    rows : numbers of the vectors to use, ascending; None is all.
    progress : where to report; silent by default.

    Raises
    ------
    ArrayError : not an (n, d) array of numbers, fewer than 2 vectors, NaN or infinity, a constant component.
    """
    settings = settings or AnalysisSettings()
    latents = LatentSet.open(source, rows)
    with Meter() as meter, (progress or Silent()).task("analyse", 2 * latents.n, "vectors") as task:
        moments = _first_pass(latents, settings, task)
        distribution = Distribution.of(moments)
        counted = _second_pass(latents, settings, moments, distribution, task)
        components = _components(moments, distribution, counted)
        planes = _planes(moments, distribution, counted)
    summary = _summary(moments, distribution, counted, planes) | asdict(meter.cost)
    return Analysis(summary, components, planes, distribution, {"z": counted.z, "pca": counted.pca})


@dataclass(frozen=True, eq=False)
class _Counted:
    """Everything the second pass adds up: histograms and plane coverage in both axes, moments after PCA."""

    z: Histograms
    pca: Histograms
    planes_z: PlaneCoverage
    planes_pca: PlaneCoverage
    scores: Moments

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.z + other.z,
            self.pca + other.pca,
            self.planes_z + other.planes_z,
            self.planes_pca + other.planes_pca,
            self.scores + other.scores,
        )


def _first_pass(latents: LatentSet, settings: AnalysisSettings, task: Task) -> Moments:
    total: Moments | None = None
    start = 0
    for block in latents.blocks(settings.block):
        with np.errstate(invalid="ignore", over="ignore"):
            part = Moments.of(block)
            if not np.isfinite(part.mean).all():
                _refuse_not_finite(latents, block, start)
            total = part if total is None else total + part
        start += len(block)
        task.advance(len(block))
    assert total is not None, "LatentSet holds at least two vectors"
    if not np.isfinite(total.fourth).all():
        _refuse_too_large(latents)
    _refuse_constant(latents, total)
    return total


def _refuse_not_finite(latents: LatentSet, block: np.ndarray, start: int) -> None:
    wrong = np.argwhere(~np.isfinite(block))
    if not len(wrong):
        _refuse_too_large(latents)
    row, component = wrong[0]
    number = start + row if latents.rows is None else latents.rows[start + row]
    value = block[row, component]
    raise ArrayError(
        f"{latents.name}: vector {number}, component {component} is {value}; "
        "drop such vectors first, as in z[np.isfinite(z).all(axis=1)]"
    )


def _refuse_too_large(latents: LatentSet) -> NoReturn:
    raise ArrayError(
        f"{latents.name}: values are too large for their fourth powers; divide them by a constant first"
    )


def _refuse_constant(latents: LatentSet, moments: Moments) -> None:
    # Rounding of the mean leaves a constant component a scatter of this order.
    rounding = moments.n * (4 * np.finfo(np.float64).eps * np.abs(moments.mean)) ** 2
    constant = np.flatnonzero(np.diagonal(moments.scatter) <= rounding)
    if len(constant):
        more = f" and {len(constant) - 1} more" if len(constant) > 1 else ""
        raise ArrayError(
            f"{latents.name}: component {constant[0]}{more} is constant ({moments.mean[constant[0]]:g} in all "
            f"{moments.n} vectors) and has no distribution; drop it, as in z[:, z.std(axis=0) > 0]"
        )


def _second_pass(
    latents: LatentSet, settings: AnalysisSettings, moments: Moments, distribution: Distribution, task: Task
) -> _Counted:
    pca = distribution.pca
    axes, scale = pca.axes[: pca.rank], np.sqrt(pca.variance[: pca.rank])
    pearson, aligned, centre = moments.pearson, np.eye(pca.rank), np.zeros(pca.rank)

    def parts() -> Iterator[_Counted]:
        for block in latents.blocks(settings.block):
            scores = (block - moments.mean) @ axes.T
            u, w = standardise(block, moments.mean, moments.std), standardise(scores, centre, scale)
            yield _Counted(
                Histograms.of(u, settings.bins),
                Histograms.of(w, settings.bins),
                PlaneCoverage.of(u, pearson),
                PlaneCoverage.of(w, aligned),
                Moments.of(scores),
            )
            task.advance(len(block))

    summaries = parts()
    total = next(summaries)
    for part in summaries:
        total = total + part
    return total


def _components(moments: Moments, distribution: Distribution, counted: _Counted) -> pd.DataFrame:
    variance = moments.std**2
    ratio = distribution.pca.explained_variance_ratio[: distribution.pca.rank]
    return pd.concat(
        [
            _component_rows("z", moments, counted.z, variance / variance.sum()),
            _component_rows("pca", counted.scores, counted.pca, ratio),
        ],
        ignore_index=True,
    )


def _component_rows(axes: str, moments: Moments, histograms: Histograms, ratio: np.ndarray) -> pd.DataFrame:
    fits = GaussianFits.of(histograms, moments.mean, moments.std)
    return pd.DataFrame(
        {
            "axes": axes,
            "component": np.arange(moments.dimension),
            "mean": moments.mean,
            "std": moments.std,
            "fit_centre": fits.centre,
            "fit_sigma": fits.sigma,
            "fwhm": fits.fwhm,
            "fit_error": fits.rms_error,
            "skewness": moments.skewness,
            "excess_kurtosis": moments.excess_kurtosis,
            "explained_variance": ratio,
        }
    )


def _planes(moments: Moments, distribution: Distribution, counted: _Counted) -> pd.DataFrame:
    return pd.concat(
        [
            _plane_rows("z", moments, counted.planes_z),
            _plane_rows("pca", counted.scores, counted.planes_pca),
        ],
        ignore_index=True,
    )


def _plane_rows(axes: str, moments: Moments, counted: PlaneCoverage) -> pd.DataFrame:
    i, j = pairs(moments.dimension)
    r = moments.pearson[i, j]
    ellipses = Ellipses.of(moments.std[i], moments.std[j], r)
    coverage = np.where(((1 - r) * (1 + r) < DEGENERATE)[:, None], np.nan, counted.coverage)
    return pd.DataFrame(
        {
            "axes": axes,
            "i": i,
            "j": j,
            "r": r,
            "angle": ellipses.angle,
            "half_axis_major": ellipses.half_axis_major,
            "half_axis_minor": ellipses.half_axis_minor,
            **dict(zip(COVERAGE_COLUMNS, coverage.T, strict=True)),
        }
    )


def _summary(
    moments: Moments, distribution: Distribution, counted: _Counted, planes: pd.DataFrame
) -> dict[str, Any]:
    pca = distribution.pca
    scores = pca.axes[: pca.rank] @ -moments.mean / np.sqrt(pca.variance[: pca.rank])
    pearson = moments.pearson
    return {
        "n": moments.n,
        "d": moments.dimension,
        "rank": pca.rank,
        "mean_length": float(np.linalg.norm(moments.mean)),
        "origin_mahalanobis": float(np.linalg.norm(scores)),
        "components_for_variance": {f"{share:.2f}": pca.components_for(share) for share in SHARES},
        "largest_off_diagonal": {
            "z": largest_off_diagonal(pearson),
            "pca": largest_off_diagonal(counted.scores.pearson),
        },
        "strongest_pairs": [{"i": i, "j": j, "r": r} for i, j, r in strongest_pairs(pearson, 10)],
        "coverage": {
            axes: _coverage_summary(planes[planes["axes"] == axes])
            for axes in ("z", "pca")
            if moments.dimension > 1
        },
    }


def _coverage_summary(planes: pd.DataFrame) -> list[dict[str, float | None]]:
    """Median, least and largest coverage over the planes, beside what a normal pair has."""
    rows = []
    for sigma, column in zip(LEVELS, COVERAGE_COLUMNS, strict=True):
        found = planes[column].dropna()
        figures = (found.median(), found.min(), found.max()) if len(found) else (None, None, None)
        median, least, largest = (None if figure is None else float(figure) for figure in figures)
        exact = normal_coverage(sigma)
        rows.append({"sigma": sigma, "normal": exact, "median": median, "least": least, "largest": largest})
    return rows


def _save_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


def _load_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors derive from these
        raise ArrayError(f"{path}: cannot be read as parquet ({error}); analyse the vectors again") from error

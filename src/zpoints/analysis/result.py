"""What an analysis found, and its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from zpoints.analysis.distribution import Distribution
from zpoints.errors import ArrayError
from zpoints.files.documents import read_json, read_table, write_json, write_table
from zpoints.files.numpy_files import load_npz, write_npz
from zpoints.files.readable import ANEW
from zpoints.statistics.histograms import Histograms
from zpoints.vectors.latent_set import LatentSet

__all__ = ["ANALYSIS_FILES", "Analysis"]

TABLES = ("components", "planes", "trimming")
ANALYSIS_FILES = (
    *(f"{name}.parquet" for name in TABLES),
    "histograms.npz",
    "distribution.npz",
    "analysis.json",
)
HISTOGRAM_PARTS = ("counts", "below", "above", "start", "width", "beyond")


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was measured of a set of latent vectors.

    Attributes
    ----------
    summary : every scalar result, as in ``analysis.json``; ``summary["verdict"]`` are sentences.
    components : one row per component in the original axes (``basis == "z"``) and along the principal ones
        (``"pca"``): mean, std, median, fit_centre, fit_sigma, fwhm, fwhm_histogram, fit_error, skewness,
        excess_kurtosis and their standard errors, ks_distance, beyond_2, beyond_3, beyond_4 (shares), modes,
        core_sigma (up to how many sigma the density follows the fit), explained_variance, deviation (the largest,
        in standard errors of a normal sample) and rank (1 is the least normal).
    planes : one row per plane i < j and set of axes: r, rank_correlation (Spearman), angle (degrees),
        half_axis_major and half_axis_minor of the 1 sigma ellipse; coverage_1, _2, _2_5, _3 and their
        deviations; mutual_information_excess (nats); henze_zirkler; for the highest-density regions of 39, 68, 86
        and 95 %: shift (sigma), turn and turn_error (degrees), axis_ratio, agreement; agreement (their mean);
        deviation and rank as above.
    trimming : the inner contour of each plane of the leading axes at every factor of the FWHM cut.
    distribution : mean, covariance, principal axes and core: what a sampler needs.
    histograms : the counts behind the number densities, by axes.
    directions : least normal directions that a projection pursuit found, worst first, in the latent components' own
        units: ``(z - mean) @ directions.T`` has standard deviation 1.
    latents : where the vectors are, for samplers that need them; None after `load`.
    """

    summary: dict[str, Any]
    components: pd.DataFrame
    planes: pd.DataFrame
    trimming: pd.DataFrame
    distribution: Distribution
    histograms: dict[str, Histograms]
    directions: np.ndarray
    latents: LatentSet | None = None

    def save(self, folder: Path) -> None:
        """Write analysis.json, three tables (.parquet), distribution.npz and histograms.npz."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            write_table(folder / f"{name}.parquet", getattr(self, name))
        counts = {
            f"{axes}_{part}": getattr(histogram, part)
            for axes, histogram in self.histograms.items()
            for part in HISTOGRAM_PARTS
        }
        write_npz(folder / "histograms.npz", counts | {"directions": self.directions})
        self.distribution.save(folder / "distribution.npz")
        write_json(folder / "analysis.json", self.summary)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        if not (folder / "analysis.json").is_file():
            raise ArrayError(f"{folder}: no analysis here; make one with `zpoints analyse LATENTS {folder}`")
        counts = load_npz(folder / "histograms.npz")
        try:
            histograms = {
                axes: Histograms(*(counts[f"{axes}_{part}"] for part in HISTOGRAM_PARTS))
                for axes in ("z", "pca")
            }
            directions = counts["directions"]
        except KeyError as error:
            raise ArrayError(f"{folder / 'histograms.npz'}: no array {error}; {ANEW}") from error
        return cls(
            summary=read_json(folder / "analysis.json"),
            components=read_table(folder / "components.parquet"),
            planes=read_table(folder / "planes.parquet"),
            trimming=read_table(folder / "trimming.parquet"),
            distribution=Distribution.load(folder / "distribution.npz"),
            histograms=histograms,
            directions=directions,
        )

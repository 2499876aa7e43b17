"""What an analysis found, and its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from zpoints.analysis.channels import CHANNEL_FILES, ChannelTables, save_for_diffusers
from zpoints.analysis.distribution import Distribution
from zpoints.analysis.summary import AnalysisSummary
from zpoints.errors import ArrayError
from zpoints.files.documents import read_table, write_table
from zpoints.files.numpy_files import load_npz, write_npz
from zpoints.files.readable import ANEW
from zpoints.statistics.histograms import Histograms
from zpoints.system.notebook import Figures, card, explored, in_lines, shortened
from zpoints.vectors.latent_set import LatentSet

__all__ = ["ANALYSIS_FILES", "BASES", "GROUP_FILES", "Analysis", "Basis"]

Basis = Literal["z", "pca"]
BASES: tuple[Basis, Basis] = ("z", "pca")
"""The latent components, and the principal axes."""

INDEX = {"components": ["component"], "planes": ["i", "j"]}
TABLES = (*INDEX, "trimming")
ANALYSIS_FILES = (
    *(f"{name}.parquet" for name in TABLES),
    "histograms.npz",
    "distribution.npz",
    "analysis.json",
)
GROUP_FILES = ("groups.parquet", "group_pairs.parquet")
HISTOGRAM_PARTS = ("counts", "below", "above", "start", "width", "beyond")


@dataclass(frozen=True, eq=False, repr=False)
class Analysis:
    """What was measured of a set of n latent vectors with d components.

    Made by `zpoints.analyse`, or read by `load`. Figures are methods of `plot`: ``a.plot.plane(3, 7)``.

    Attributes
    ----------
    summary : every scalar result, as in ``analysis.json``, by attribute: ``a.summary.region.mean_length``.
    components : one row per latent component, by its number: mean, std, median, fit_centre, fit_sigma, fwhm,
        fwhm_histogram (all in the vectors' units), fit_error, skewness, excess_kurtosis and their standard errors,
        ks_distance, beyond_2, beyond_3, beyond_4 (shares), modes, core_sigma (up to how many sigma the density
        follows the fit), explained_variance (share), pixels_per_sigma and its standard error (by how many grey levels
        one sigma changes the decoded picture; NaN without a model), deviation (the largest, in standard errors of a
        normal sample), rank (1 is the least normal) and dead (constant: mean and median are its value, std is 0, and
        there are no other figures).
    planes : one row per plane of two living latent components, by its numbers (i, j), i < j: r, rank_correlation
        (Spearman), angle (degrees), half_axis_major and half_axis_minor of the 1 sigma ellipse; coverage_1, _2, _2_5,
        _3 and their deviations; mutual_information_excess (nats); henze_zirkler; for the highest-density regions of
        39, 68, 86 and 95 %: shift (sigma), turn and turn_error (degrees), axis_ratio, agreement; agreement (their
        mean); deviation and rank as above.
    principal_components : the same as `components` along the principal axes, by the number of the axis.
    principal_planes : the same as `planes`, of two principal axes.
    trimming : the inner contour of each plane of the leading axes at every factor of the FWHM cut.
    distribution : mean, covariance, principal axes and core: what a sampler needs.
    histograms : the counts behind the number densities, by basis: ``"z"`` and ``"pca"``.
    directions : (k, d), least normal directions that a projection pursuit found, worst first, in the latent
        components' own units: ``(z - mean) @ directions.T`` has standard deviation 1.
    channels : of latent arrays with a shape, one row per channel: mean and std over all vectors and positions, their
        standard errors (which take one vector's values as dependent), and dead, how many of its components are; None
        where the latents are vectors.
    positions : mean and std over all vectors and channels at each position, by its ``row`` and ``column``; likewise.
    groups : by label, one row per group: how many vectors, and how normal they are (see
        `zpoints.analysis.group_summaries.GroupSummary`); None without labels.
    group_pairs : by the labels a and b of two groups: distance of their centres in standard deviations within groups,
        its error and p; covariance_distance (affine-invariant, beyond that of permuted groups), covariance_null and
        covariance_z of the latter.
    latents : where the vectors are, for samplers and figures that need them; None after `load` without them.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 4)) * [1, 2, 3, 4]
    >>> a = zp.analyse(z)
    >>> a.verdict[0]
    'A multivariate normal distribution, within the noise of 2,000 vectors.'
    >>> a.components["std"].round().tolist()
    [1.0, 2.0, 3.0, 4.0]
    >>> abs(float(a.planes.loc[(0, 3), "r"])) < 0.1
    True
    >>> a.plot.plane(0, 3)  # doctest: +ELLIPSIS
    <Figure size ...>
    """

    summary: AnalysisSummary
    components: pd.DataFrame
    planes: pd.DataFrame
    principal_components: pd.DataFrame
    principal_planes: pd.DataFrame
    trimming: pd.DataFrame
    distribution: Distribution
    histograms: dict[str, Histograms]
    directions: np.ndarray
    latents: LatentSet | None = None
    channels: pd.DataFrame | None = None
    positions: pd.DataFrame | None = None
    groups: pd.DataFrame | None = None
    group_pairs: pd.DataFrame | None = None

    @classmethod
    def of_tables(
        cls, *, components: Sequence[pd.DataFrame], planes: Sequence[pd.DataFrame], **others: Any
    ) -> Self:
        """An analysis of tables as the files hold them, where the column ``basis`` tells the two bases apart.

        Parameters
        ----------
        components, planes : tables that together hold the rows of both bases.
        others : all other attributes.
        """
        z, pca = (_of_basis(components, "components", basis) for basis in BASES)
        plane_z, plane_pca = (_of_basis(planes, "planes", basis) for basis in BASES)
        return cls(
            components=z,
            principal_components=pca,
            planes=plane_z,
            principal_planes=plane_pca,
            **others,
        )

    def components_of(self, basis: Basis) -> pd.DataFrame:
        """`components` for the `basis` ``"z"``, `principal_components` for ``"pca"``."""
        return {"z": self.components, "pca": self.principal_components}[basis]

    def planes_of(self, basis: Basis) -> pd.DataFrame:
        """`planes` for the `basis` ``"z"``, `principal_planes` for ``"pca"``."""
        return {"z": self.planes, "pca": self.principal_planes}[basis]

    @property
    def verdict(self) -> tuple[str, ...]:
        """The findings in sentences, the conclusion first."""
        return self.summary.verdict

    @property
    def plot(self) -> Figures:
        """The figures of `zpoints.plots` that show an analysis, as methods: ``a.plot.spectrum()``."""
        return Figures(self)

    def explore(self, codec: Any = None, **options: Any) -> Any:
        """The explorer, a page in which one moves through latent space; `codec`, `options`: see `zpoints.explore`."""
        return explored(self, codec=codec, **options)

    def __repr__(self) -> str:
        first, *others = self.verdict
        lines = [f"Analysis of {self._size}", *in_lines(first, 2), *(shortened(text) for text in others[:2])]
        if self.summary.latent:
            lines.append(shortened(self.summary.latent.sentence))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return card(f"Analysis of {self._size}", self.verdict[:3], self)

    @property
    def _size(self) -> str:
        dead = f", {len(self.summary.dead):,} of them dead" if self.summary.dead else ""
        latent = self.summary.latent
        shape = f", arrays of shape {latent.shape}" if latent else ""
        return f"{self.summary.n:,} vectors of {self.summary.d:,} components{dead}{shape}"

    def save(self, folder: str | Path) -> None:
        """Write analysis.json, three tables (.parquet), distribution.npz and histograms.npz into the `folder`.

        The tables hold both bases, told apart by their column ``basis``. Every file is written whole or not at all.
        By group also groups.parquet and group_pairs.parquet. Of latent arrays with a shape also channels.parquet,
        positions.parquet, and channels.json: means and standard deviations per channel as the
        config.json of an autoencoder of diffusers takes them.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in INDEX:
            write_table(folder / f"{name}.parquet", self._both(name))
        write_table(folder / "trimming.parquet", self.trimming)
        counts = {
            f"{basis}_{part}": getattr(histogram, part)
            for basis, histogram in self.histograms.items()
            for part in HISTOGRAM_PARTS
        }
        write_npz(folder / "histograms.npz", counts | {"directions": self.directions})
        self.distribution.save(folder / "distribution.npz")
        for name in (*CHANNEL_FILES, *GROUP_FILES):
            (folder / name).unlink(missing_ok=True)  # of another analysis
        if self.channels is not None and self.positions is not None and self.summary.latent:
            ChannelTables(self.channels, self.positions).save(folder)
            save_for_diffusers(folder / "channels.json", self.summary.latent)
        for name, table in zip(GROUP_FILES, (self.groups, self.group_pairs), strict=True):
            if table is not None:
                write_table(folder / name, table.reset_index())
        self.summary.write(folder / "analysis.json")

    def _both(self, name: str) -> pd.DataFrame:
        tables = [getattr(self, f"{name}_of")(basis).reset_index() for basis in BASES]
        for table, basis in zip(tables, BASES, strict=True):
            table.insert(0, "basis", np.full(len(table), basis, object))
        return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)

    @classmethod
    def load(cls, folder: str | Path, latents: Any = None) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        folder : of the analysis; ``runs/NAME/analysis`` of a run.
        latents : the vectors that were analysed, for figures that show them: whatever `LatentSet.open` takes.

        Raises
        ------
        ArrayError : a file is missing, damaged, or does not fit the others.
        """
        folder = Path(folder)
        if not (folder / "analysis.json").is_file():
            raise ArrayError(f"{folder}: no analysis here; make one with `zpoints analyse LATENTS {folder}`")
        counts = load_npz(folder / "histograms.npz")
        try:
            histograms = {
                basis: Histograms(*(counts[f"{basis}_{part}"] for part in HISTOGRAM_PARTS)) for basis in BASES
            }
            directions = counts["directions"]
        except KeyError as error:
            raise ArrayError(f"{folder / 'histograms.npz'}: no array {error}; {ANEW}") from error
        summary = AnalysisSummary.read(folder / "analysis.json")
        tables = ChannelTables.load(folder) if summary.latent else None
        groups, pairs = (
            (read_table(folder / name) for name in GROUP_FILES) if summary.groups else (None, None)
        )
        return cls.of_tables(
            summary=summary,
            components=[_read(folder, "components")],
            planes=[_read(folder, "planes")],
            trimming=read_table(folder / "trimming.parquet"),
            distribution=Distribution.load(folder / "distribution.npz"),
            histograms=histograms,
            directions=directions,
            latents=None if latents is None else LatentSet.open(latents),
            channels=tables and tables.channels,
            positions=tables and tables.positions,
            groups=None if groups is None else groups.set_index("group"),
            group_pairs=None if pairs is None else pairs.set_index(["a", "b"]),
        )


def _read(folder: Path, name: str) -> pd.DataFrame:
    path = folder / f"{name}.parquet"
    table = read_table(path)
    if "basis" not in table:
        table = table.rename(columns={"axes": "basis"})  # as the first format called it
    if name == "components" and "dead" not in table:
        table = table.assign(dead=False)  # once refused, so there were none
    if name == "components" and "pixels_per_sigma" not in table:
        table = table.assign(pixels_per_sigma=np.nan, pixels_per_sigma_error=np.nan)  # no model was asked
    missing = [column for column in ("basis", *INDEX[name]) if column not in table]
    if missing:
        raise ArrayError(f"{path}: no column '{missing[0]}'; {ANEW}")
    return table


def _of_basis(tables: Sequence[pd.DataFrame], name: str, basis: Basis) -> pd.DataFrame:
    """The rows of one basis, by the numbers of their components; all tables get the columns of the widest one."""
    widest = max(tables, key=lambda table: table.shape[1])
    parts = [table[table["basis"] == basis] for table in tables]
    parts = [part.reindex(columns=widest.columns) for part in parts if len(part)] or [widest.head(0)]
    rows = parts[0] if len(parts) == 1 else pd.concat(parts)
    return rows.drop(columns="basis").set_index(INDEX[name])

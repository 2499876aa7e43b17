"""What a judgement found: a row of figures for each sampler, and the sentence that follows from them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from zpoints.comparison.summary import ClassifierResult
from zpoints.files.records import Document, Record
from zpoints.system.notebook import card, shortened

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Judgement", "PictureFigures", "SamplerFigures"]

COLUMNS = (
    *(
        "frechet",
        "frechet_error",
        "ratio",
        "kernel_distance",
        "density",
        "coverage",
        "mahalanobis",
        "two_sample",
    ),
    *("violated_planes", "nearest_ratio", "round_trip", "fit_seconds", "vectors_per_second", "bytes"),
)
SHOWN = (
    "frechet",
    "frechet_error",
    "ratio",
    "density",
    "coverage",
    "mahalanobis",
    "two_sample",
    "nearest_ratio",
)
"""Columns for a notebook, as many as fit beside each other."""


@dataclass(frozen=True, eq=False)
class MahalanobisFigures(Record):
    """Mahalanobis distances of drawn vectors: median, 5 and 95 %; `ks_distance` to the held-out vectors' law."""

    median: float
    low: float
    high: float
    ks_distance: float


@dataclass(frozen=True, eq=False)
class PictureFigures(Record):
    """How near a set of pictures lies to held-out ones, by the features of the judge.

    Attributes
    ----------
    frechet, frechet_error : squared Fréchet distance along the judge's axes, and its bootstrap standard error.
    kernel_distance, kernel_distance_error : the kernel distance, and its standard error over disjoint parts.
    density, coverage : of the held-out pictures' neighbourhoods by this set's pictures.
    """

    frechet: float
    frechet_error: float
    kernel_distance: float
    kernel_distance_error: float | None
    density: float
    coverage: float


@dataclass(frozen=True, eq=False)
class SamplerFigures(PictureFigures):
    """The same of a sampler's pictures, and what was found of its vectors.

    Attributes
    ----------
    mahalanobis : see its class.
    two_sample : the better of two classifiers at telling drawn vectors from held-out ones; accuracy 0.5 is guessing.
    violated_planes : mean share of the planes of two principal axes in which a vector lies outside of 3 sigma; None
        where there is one axis only.
    nearest, nearest_ratio : median distance to the nearest training vector, and the same over that of held-out
        vectors: below 0.9 a sampler copies. None where held-out vectors repeat training vectors.
    round_trip : median Mahalanobis distance between vectors and what the Encoder makes of their pictures.
    fit_seconds, vectors_per_second, bytes : what the sampler costs; None if the fit's time was not measured.
    ratio : Fréchet distance over that of reconstructions; None where that is 0.
    """

    mahalanobis: MahalanobisFigures
    violated_planes: float | None
    two_sample: ClassifierResult
    nearest: float
    nearest_ratio: float | None
    round_trip: float
    fit_seconds: float | None
    vectors_per_second: float
    bytes: int
    ratio: float | None

    def copies(self, limit: float) -> bool:
        """Whether its vectors lie nearer to training vectors than `limit` times the held-out ones' distance."""
        return self.nearest_ratio is not None and self.nearest_ratio < limit


@dataclass(frozen=True, eq=False, repr=False)
class Judgement(Document):
    """The judge's table, and which sampler to use. It is ``scores.json``, by attribute or by key.

    Attributes
    ----------
    n, asked_for : pictures in each row, and how many the settings asked for.
    skipped : why nothing was judged; None where the table is there.
    features, axes : by which features pictures were compared, along how many of their principal axes.
    held_out_nearest : median distance of held-out vectors to the nearest training vector.
    held_out_round_trip : median Mahalanobis distance between them and what the Encoder makes of their pictures.
    baselines, samplers : a row of figures by name; ``"reconstructions"`` bound what a sampler can reach.
    best, as_good, copies : the sampler to use, those that are as good within the noise, those that copy.
    sentence, warnings : the same in words, and what has to be known beside it.
    version : of the file format.

    Examples
    --------
    >>> import zpoints as zp
    >>> j = zp.Run("runs/faces").scores  # doctest: +SKIP
    >>> j.best, j.samplers["elliptical"].frechet  # doctest: +SKIP
    ('elliptical', 931.4)
    >>> zp.Judgement(n=0, skipped="no held-out pictures")
    Judgement: not judged: no held-out pictures
    """

    VERSION: ClassVar[int] = 2

    n: int
    asked_for: int | None = None
    skipped: str | None = None
    features: str | None = None
    axes: int | None = None
    held_out_nearest: float | None = None
    held_out_round_trip: float | None = None
    baselines: dict[str, PictureFigures] = field(default_factory=dict)
    samplers: dict[str, SamplerFigures] = field(default_factory=dict)
    best: str | None = None
    as_good: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sentence: str = ""
    version: int = VERSION

    @property
    def ranked(self) -> list[tuple[str, SamplerFigures]]:
        """The samplers' rows, the smallest Fréchet distance first."""
        return sorted(self.samplers.items(), key=lambda row: row[1].frechet)

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each baseline and sampler, best sampler first; empty where a figure is not defined."""
        import pandas as pd

        rows = {name: row.to_dict() for name, row in [*self.baselines.items(), *self.ranked]}
        for row in rows.values():
            if "two_sample" in row:
                row |= {
                    "mahalanobis": row["mahalanobis"]["median"],
                    "two_sample": row["two_sample"]["accuracy"],
                }
        return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=list(COLUMNS))

    def lines(self) -> list[str]:
        """The table as lines of text: baselines first, then the samplers, best first; warnings and sentence."""
        if self.skipped is not None:
            return [f"not judged: {self.skipped}"]
        lines = [f"{'':<20}{'Fréchet':>10}{'+/-':>8}{'density':>9}{'coverage':>10}{'nearest':>9}"]
        for name, row in [*self.baselines.items(), *self.ranked]:
            ratio = row.nearest_ratio if isinstance(row, SamplerFigures) else None
            lines.append(
                f"{name:<20}{row.frechet:>10,.1f}{row.frechet_error:>8,.1f}{row.density:>9.2f}"
                f"{row.coverage:>10.2f}{'' if ratio is None else f'{ratio:>9.2f}'}"
            )
        return [*lines, *self.warnings, self.sentence]

    def __repr__(self) -> str:
        if self.skipped is not None:
            return f"Judgement: not judged: {shortened(self.skipped)}"
        return "\n".join([self._title, *self.lines()])

    def _repr_html_(self) -> str:
        said = [self.sentence, *self.warnings] if self.skipped is None else [f"Not judged: {self.skipped}"]
        table = (
            "" if self.skipped is not None else self.table.to_html(float_format="{:.3g}".format, na_rep="")
        )
        return card(self._title, said) + table

    @property
    def _title(self) -> str:
        if self.skipped is not None:
            return "Judgement"
        return f"Judgement of {len(self.samplers)} samplers: {self.n:,} pictures each, by {self.features}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

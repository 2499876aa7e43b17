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
        "frechet_plain",
        "ratio",
        "kernel_distance",
        "density",
        "coverage",
        "recall",
        "vendi",
    ),
    *("mahalanobis", "two_sample", "violated_planes", "copied", "copied_error", "copying_z", "nearest_ratio"),
    *("round_trip", "fit_seconds", "vectors_per_second", "bytes"),
)
WIDTHS = (10, 8, 10, 9, 10, 8, 8, 8)
COPIES, DOUBT = 0.01, 2.33
"""A sampler copies where more than one draw in a hundred does: beyond doubt, at so many standard errors (1 %)."""
NEAR = 0.9
"""Files of format 2 have no share: there a sampler copies whose `nearest_ratio` is below that."""


@dataclass(frozen=True, eq=False)
class MahalanobisFigures(Record):
    """Mahalanobis distances of drawn vectors: median, 5 and 95 %; `ks_distance` to the held-out vectors' law."""

    median: float
    low: float
    high: float
    ks_distance: float


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureFigures(Record):
    """How near a set of pictures lies to held-out ones, by the features of the judge.

    Attributes
    ----------
    frechet, frechet_error : squared Fréchet distance along the judge's axes, extrapolated to any number of pictures,
        and its standard error; see `judging.frechet`. Files of format 2 have the plain one.
    frechet_plain : of so many pictures as they are, as published figures have it; too large, and more so for pictures
        that vary more. None in files of format 2.
    kernel_distance, kernel_distance_error : the kernel distance, and its standard error over disjoint parts.
    density, coverage, recall : of the held-out pictures' neighbourhoods by this set's pictures, and the other way
        round; see `judging.distances`.
    vendi : Vendi score, the effective number of different pictures; see `judging.distances.vendi_score`.
    second_frechet, second_frechet_error : the same distance by the second kind of features, in its own units; None
        without one.
    """

    frechet: float
    frechet_error: float
    frechet_plain: float | None = None
    kernel_distance: float
    kernel_distance_error: float | None
    density: float
    coverage: float
    recall: float | None = None
    vendi: float | None = None
    second_frechet: float | None = None
    second_frechet_error: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class SamplerFigures(PictureFigures):
    """The same of a sampler's pictures, and what was found of its vectors.

    Attributes
    ----------
    mahalanobis : see its class.
    two_sample : the better of two classifiers at telling drawn vectors from held-out ones; accuracy 0.5 is guessing.
    violated_planes : mean share of the planes of two principal axes in which a vector lies outside of 3 sigma; None
        where there is one axis only.
    copied, copied_error : share of the drawn vectors that copy a training vector, and its standard error; see
        `judging.neighbours.copied_share`. None in files of format 2.
    copying_z : Meehan's C_T, below -3 where drawn vectors lie nearer to training vectors than held-out ones do; a
        sampler that is merely narrow does, too.
    copied_pictures, copied_pictures_error, copying_z_pictures : the same of the pictures, among original training
        pictures; the share by the kind of features that tells most copies.
    nearest, nearest_ratio : median distance to the nearest training vector, and the same over that of held-out
        vectors. None where held-out vectors repeat training vectors.
    round_trip : median Mahalanobis distance between vectors and what the Encoder makes of their pictures.
    fit_seconds, vectors_per_second, bytes : what the sampler costs; None if the fit's time was not measured.
    ratio : Fréchet distance over that of reconstructions; None where that is 0 within its error.
    """

    mahalanobis: MahalanobisFigures
    violated_planes: float | None
    two_sample: ClassifierResult
    copied: float | None = None
    copied_error: float | None = None
    copying_z: float | None = None
    copied_pictures: float | None = None
    copied_pictures_error: float | None = None
    copying_z_pictures: float | None = None
    nearest: float
    nearest_ratio: float | None
    round_trip: float
    fit_seconds: float | None
    vectors_per_second: float
    bytes: int
    ratio: float | None

    @property
    def copies(self) -> bool:
        """Whether more than 1 % of the draws are copies, in latent space or by their pictures, beyond doubt."""
        if self.copied is None:
            return self.nearest_ratio is not None and self.nearest_ratio < NEAR
        by = (self.copied, self.copied_error), (self.copied_pictures, self.copied_pictures_error)
        return any(share - DOUBT * (error or 0.0) > COPIES for share, error in by if share is not None)


@dataclass(frozen=True, eq=False, repr=False)
class Judgement(Document):
    """The judge's table, and which sampler to use. It is ``scores.json``, by attribute or by key.

    Attributes
    ----------
    n, asked_for : pictures in each row, and how many the settings asked for.
    skipped : why nothing was judged; None where the table is there.
    features, axes : by which features pictures were compared, along how many of their principal axes.
    second, second_axes : the second kind of features, and along how many of its axes; None without one.
    second_best, tau, tau_p : the sampler that the second features put first; Kendall's tau of the samplers' two
        orders, 1 where they agree, and its p value; None for fewer than two samplers.
    rebuilt : which pictures the reconstructions are of. Not the held-out ones of the table, since these lie nearer to
        their own reconstructions than any sampler's pictures could.
    held_out_copied : share of the held-out vectors that would count as copies; subtracted from the samplers'.
    held_out_vendi : Vendi score of the held-out pictures.
    held_out_nearest : median distance of held-out vectors to the nearest training vector.
    held_out_round_trip : median Mahalanobis distance between the vectors of the rebuilt pictures and what the Encoder
        makes of their pictures.
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

    VERSION: ClassVar[int] = 3

    n: int
    asked_for: int | None = None
    skipped: str | None = None
    features: str | None = None
    axes: int | None = None
    second: str | None = None
    second_axes: int | None = None
    second_best: str | None = None
    tau: float | None = None
    tau_p: float | None = None
    rebuilt: str | None = None
    held_out_copied: float | None = None
    held_out_vendi: float | None = None
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
    def agreement(self) -> str:
        """Whether another kind of features puts the samplers into the same order, in words; empty without one."""
        if self.tau is None:
            return ""
        same = "the same one" if self.second_best == self.best else self.second_best
        return (
            f"by {self.second} the samplers' order agrees with that by {self.features} with Kendall's tau "
            f"{self.tau:.2f} (1: the same order, 0: none); {same} is first"
        )

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
        heads = ("Fréchet", "+/-", "plain", "density", "coverage", "recall", "Vendi", "copied")
        lines = [f"{'':<20}" + "".join(f"{head:>{width}}" for head, width in zip(heads, WIDTHS, strict=True))]
        for name, row in [*self.baselines.items(), *self.ranked]:
            figures = (
                f"{row.frechet:,.1f}",
                f"{row.frechet_error:,.1f}",
                "" if row.frechet_plain is None else f"{row.frechet_plain:,.1f}",
                f"{row.density:.2f}",
                f"{row.coverage:.2f}",
                "" if row.recall is None else f"{row.recall:.2f}",
                "" if row.vendi is None else f"{row.vendi:,.4g}",
                _percent(row.copied) if isinstance(row, SamplerFigures) else "",
            )
            cells = (f"{figure:>{width}}" for figure, width in zip(figures, WIDTHS, strict=True))
            lines.append(f"{name:<20}{''.join(cells)}".rstrip())
        said = [*self.warnings, self.agreement, self.sentence]
        return [*lines, *(line for line in said if line)]

    def __repr__(self) -> str:
        if self.skipped is not None:
            return f"Judgement: not judged: {shortened(self.skipped)}"
        return "\n".join([self._title, *self.lines()])

    def _repr_html_(self) -> str:
        said = (
            [self.sentence, *self.warnings, *filter(None, [self.agreement])]
            if self.skipped is None
            else [f"Not judged: {self.skipped}"]
        )
        table = (
            "" if self.skipped is not None else self.table.to_html(float_format="{:.3g}".format, na_rep="")
        )
        return card(self._title, said) + table

    @property
    def _title(self) -> str:
        if self.skipped is not None:
            return "Judgement"
        return f"Judgement of {len(self.samplers)} samplers: {self.n:,} pictures each, by {self.features}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"

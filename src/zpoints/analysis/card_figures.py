"""What a card holds, and how it reads: a table, a line for a log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from zpoints.analysis.axes_summaries import SpectrumSummary
from zpoints.analysis.normality import SURE_LOG10_P
from zpoints.files.records import Document, Record

__all__ = ["DirectionFigures", "EppsPulleyFigures", "Gaussianity", "NegentropyFigures", "markdown_table"]

SURE = 4.0
"""Standard errors from which on a figure counts as different from that of normal vectors."""


@dataclass(frozen=True, eq=False)
class EppsPulleyFigures(Record):
    """Epps and Pulley's statistic along random directions; see `zpoints.statistics.epps_pulley`.

    Attributes
    ----------
    directions : number of them.
    mean : over them. normal_mean, normal_std : of that mean for normal vectors (or the sphere's) of the same n and d.
    z : (mean - normal_mean) / normal_std. log10_p : share of such clouds with a larger mean.
    largest : along one direction.
    """

    directions: int
    mean: float
    normal_mean: float
    normal_std: float
    z: float
    log10_p: float | None
    largest: float


@dataclass(frozen=True, eq=False)
class DirectionFigures(Record):
    """A direction that was looked for in half of a sample, and is judged by the other half.

    Attributes
    ----------
    statistic : Epps and Pulley's, of the other half.
    log10_p : of normal vectors, times the number of directions. skewness, excess_kurtosis : of the other half.
    components, weights : the five that make up most of it, and their share: weights of all components, each in its
        own standard deviations, have length 1.
    """

    statistic: float
    log10_p: float
    skewness: float
    excess_kurtosis: float
    components: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def words(self) -> str:
        """What it is made of."""
        parts = [f"{weight:+.2f} z{c}" for c, weight in zip(self.components, self.weights, strict=True)]
        return " ".join(parts)


@dataclass(frozen=True, eq=False)
class NegentropyFigures(Record):
    """Nats per held-out vector over the normal law, of the leading `axes`; see `zpoints.statistics.negentropy`."""

    axes: int
    held_out: int
    best: str
    nats: float
    error: float
    told_apart: float


@dataclass(frozen=True, eq=False)
class Gaussianity(Document):
    """How Gaussian a set of vectors is.

    Attributes
    ----------
    version : of the file format.
    n, d, dimension, distinct : vectors, components, those that are not constant, different vectors.
    as_it_is : beside N(0, 1) along every direction, nothing standardised: what LeJEPA asks for.
    whitened : beside normal vectors after taking away mean and covariance: is the law normal at all?
    sphere : where all vectors have one length, beside uniform directions; None elsewhere.
    searched_axes : leading axes among which the least normal directions were looked for, 256 at most; 0 where there
        are fewer than 10 vectors for each.
    worst : these directions.
    mean_length, length_spread : of the vectors; standard deviation over mean.
    kappa, kappa_error : variance of the squared scale, 0 for a normal law, its standard error; the same along every
        direction where the law is elliptical.
    negentropy : of the kind of law that explains most; None where there are too few vectors.
    freedom : degrees of freedom of the t law that fits the radii best; None is infinity.
    spectrum : effective rank (RankMe), participation ratio, axes above the noise.
    intrinsic_dimension, normal_intrinsic_dimension, neighbours_of : by the two nearest neighbours, that of as many
        normal vectors of this covariance, and among how many; the first two are None without scikit-dimension.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> card = zp.gaussianity(np.random.default_rng(0).normal(size=(2000, 8)) * 3 + 1)
    >>> card.n, card.as_it_is.mean > 100, card.kind
    (2000, True, 'normal within the noise')
    """

    VERSION: ClassVar[int] = 1

    version: int
    n: int
    d: int
    dimension: int
    distinct: int
    as_it_is: EppsPulleyFigures
    whitened: EppsPulleyFigures
    sphere: EppsPulleyFigures | None
    searched_axes: int
    worst: tuple[DirectionFigures, ...]
    mean_length: float
    length_spread: float
    kappa: float | None
    kappa_error: float | None
    negentropy: NegentropyFigures | None
    freedom: float | None
    spectrum: SpectrumSummary
    intrinsic_dimension: float | None
    normal_intrinsic_dimension: float | None
    neighbours_of: int

    @property
    def kind(self) -> str:
        """The law in words, as far as these figures tell it."""
        if self.sphere is not None:
            uniform = self.sphere.z < SURE
            return "uniform on a sphere within the noise" if uniform else "on a sphere, not uniform"
        heavy = self.kappa is not None and self.kappa_error is not None
        kappa_z = self.kappa / self.kappa_error if heavy and self.kappa_error else 0.0  # type: ignore[operator]
        odd = [one for one in self.worst if one.log10_p < SURE_LOG10_P]
        if self.whitened.z < SURE and abs(kappa_z) < SURE and not odd:
            return "normal within the noise"
        if self.negentropy is not None and self.negentropy.best == "elliptical" and abs(kappa_z) >= SURE:
            law = f", about t with {self.freedom:.1f} degrees of freedom" if self.freedom else ""
            return f"elliptical{law}"
        if self.negentropy is not None and self.negentropy.best == "margins":
            return "not normal in its components"
        return "not normal along some directions" if odd else "not normal"

    @property
    def line(self) -> str:
        """One line for a log."""
        parts = [
            f"n={self.n} d={self.d}",
            f"EP {self.as_it_is.mean:.3g} (normal {self.as_it_is.normal_mean:.3g})",
            f"whitened {self.whitened.mean:.3g} ({self.whitened.normal_mean:.3g}, z {self.whitened.z:+.1f})",
        ]
        if self.negentropy is not None:
            parts.append(f"J {self.negentropy.nats:.3g}+/-{self.negentropy.error:.1g}")
        if self.kappa is not None:
            parts.append(f"kappa {self.kappa:+.3g}")
        parts.append(f"rank {self.spectrum.effective_rank:.1f}")
        return "  ".join([*parts, self.kind])

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """Name, value, and what normal vectors have, of each line of the table."""
        found = [
            ("vectors, components", f"{self.n:,} x {self.d}", ""),
            _row("Epps-Pulley as it is", self.as_it_is),
            _row("Epps-Pulley, whitened", self.whitened),
        ]
        if self.sphere is not None:
            found.append(_row("Epps-Pulley beside a uniform sphere", self.sphere))
        for one in self.worst[:2]:
            sure = f"log10 p {one.log10_p:.1f}"
            within = f" of {self.searched_axes} axes" if self.searched_axes < self.spectrum.axes else ""
            found.append((f"least normal direction{within} {one.words}", f"{one.statistic:.3g}", sure))
        if self.negentropy is not None:
            j = self.negentropy
            explains = f"at least, by {j.best}" if j.nats > SURE * j.error else "not found"
            what = f"negentropy, nats, {j.axes} axes: {explains}"
            found.append((what, f"{j.nats:.3g} +/- {j.error:.2g}", "0"))
            found.append(("told from normal draws", f"{100 * j.told_apart:.1f} %", "50 %"))
        if self.kappa is not None:
            found.append(("kappa", f"{self.kappa:+.3g} +/- {self.kappa_error or 0:.2g}", "0"))
        s = self.spectrum
        axes = "no floor of noise" if s.covariance.noise is None else f"{s.covariance.axes}"
        found += [
            (
                "effective rank (RankMe), participation ratio",
                f"{s.effective_rank:.1f}, {s.participation_ratio:.1f}",
                "",
            ),
            ("axes above the noise", axes, ""),
            ("length: mean, spread", f"{self.mean_length:.4g}, {100 * self.length_spread:.1f} %", ""),
        ]
        if self.intrinsic_dimension is not None:
            normal = (
                "" if self.normal_intrinsic_dimension is None else f"{self.normal_intrinsic_dimension:.1f}"
            )
            what = f"intrinsic dimension (TwoNN, {self.neighbours_of:,} vectors)"
            found.append((what, f"{self.intrinsic_dimension:.1f}", normal))
        return [*found, ("law", self.kind, "")]

    @property
    def markdown(self) -> str:
        """A table."""
        return markdown_table(("figure", "value", "normal vectors"), self.rows)

    def __str__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown

    def save(self, path: Path | str) -> None:
        """Write the card as JSON to `path`."""
        self.write(Path(path))

    @classmethod
    def load(cls, path: Path | str) -> "Gaussianity":
        """Read the card in `path`. Raises ArrayError: it is missing, damaged, or of a newer format."""
        return cls.read(Path(path))


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, by its head and its rows."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _row(name: str, found: EppsPulleyFigures) -> tuple[str, str, str]:
    value = f"{found.mean:.4g} (largest {found.largest:.3g})"
    return (
        f"{name}, {found.directions} directions",
        value,
        f"{found.normal_mean:.4g} +/- {found.normal_std:.2g}",
    )

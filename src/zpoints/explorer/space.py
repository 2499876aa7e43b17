"""What there is to explore: where the vectors lie, and whatever is at hand of model, pictures and samplers."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from jaxtyping import Int

from zpoints.analysis.distribution import Distribution
from zpoints.analysis.result import Analysis
from zpoints.errors import ArrayError, UsageError
from zpoints.vectors.latent_set import LatentSet, drawn

if TYPE_CHECKING:
    from zpoints.images.store import ImageStore
    from zpoints.models.codec import Codec
    from zpoints.run.folder import Run
    from zpoints.samplers import Sampler

__all__ = ["POINTS", "Space", "open_space"]

POINTS = 20_000
"""Dots in a plane: of more vectors, so many drawn at random. Contours and counts are always those of all."""
PLAIN = ("id", "source", "split")
"""Columns of an index that are no attributes."""


@dataclass(frozen=True, eq=False)
class Space:
    """A latent space with what is known of it.

    Attributes
    ----------
    name : what the page is called.
    distribution : where the vectors lie.
    latents : the vectors that were measured; ``n`` of them, and the page numbers them 0 to n - 1.
    analysis : tables of components and planes; None where only the distribution was measured.
    store : the pictures; None without any.
    rows : number of each vector's picture in `store`; None without pictures.
    samplers : fitted samplers, or where they are saved, by name.
    get_codec : opens the model; None without one.
    """

    name: str
    distribution: Distribution
    latents: LatentSet
    analysis: Analysis | None = None
    store: "ImageStore | None" = None
    rows: Int[np.ndarray, " n"] | None = None
    samplers: "Mapping[str, Sampler | Path]" = field(default_factory=dict)
    get_codec: "Callable[[], Codec] | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        if self.distribution.dimension != self.latents.dimension:
            raise ArrayError(
                f"{self.latents.name}: vectors of {self.latents.dimension} components, and "
                f"{self.distribution.dimension} were measured; give the vectors that were analysed"
            )
        if self.rows is not None and len(self.rows) != self.latents.n:
            raise ArrayError(
                f"{self.latents.name}: {self.latents.n:,} vectors for {len(self.rows):,} pictures; give the "
                "pictures of these vectors, one for each, in the same order"
            )

    @classmethod
    def of_run(cls, run: "Run") -> Self:
        """Of a run that was analysed: its training pictures, its model, its samplers."""
        store = run.store
        methods = [
            m for m in run.settings.samples.methods if (run.paths.samples(m) / "sampler.npz").is_file()
        ]
        analysis = run.analysis
        assert analysis.latents is not None, "a run's analysis knows its vectors"
        return cls(
            run.settings.name,
            analysis.distribution,
            analysis.latents,
            analysis,
            store,
            store.rows("train"),
            {method: run.paths.samples(method) / "sampler.npz" for method in methods},
            lambda: run.codec,
        )

    @property
    def codec(self) -> "Codec | None":
        """The model, opened at first use, and once, whoever asks first."""
        with self._lock:
            found = self._opened
        if found is not None and found.dimension != self.latents.dimension:
            raise ArrayError(
                f"{self.name}: the model takes vectors of {found.dimension} components, and these have "
                f"{self.latents.dimension}; give the model that made them"
            )
        return found

    @cached_property
    def _opened(self) -> "Codec | None":
        return None if self.get_codec is None else self.get_codec()

    @cached_property
    def shown(self) -> Int[np.ndarray, " k"]:
        """Numbers of the vectors whose dots are drawn; the same ones in every plane."""
        n = self.latents.n
        return np.arange(n) if n <= POINTS else drawn(n, POINTS, seed=0)

    def sampler(self, name: str) -> "Sampler":
        """A fitted sampler.

        Raises
        ------
        UsageError : there is none of that name.
        """
        from zpoints.samplers import Sampler

        if name not in self.samplers:
            raise UsageError(f"no sampler '{name:.40}' here; there are {', '.join(self.samplers) or 'none'}")
        found = self.samplers[name]
        return Sampler.load(found) if isinstance(found, Path) else found

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per vector: the attributes of its picture; no columns where nothing is known."""
        if self.store is None or self.rows is None:
            return pd.DataFrame(index=range(self.latents.n))
        table = self.store.index.iloc[self.rows].reset_index(drop=True)
        return table.drop(columns=[name for name in PLAIN if name in table])


def open_space(
    source: Any,
    *,
    latents: Any = None,
    codec: Any = None,
    images: Any = None,
    columns: Any = None,
    name: str = "",
) -> Space:
    """What there is to explore of a run, an analysis, or vectors.

    Parameters
    ----------
    source : a `Run` or its folder; an `Analysis` or its folder; or vectors, as `LatentSet.open` takes them, of which
        only the distribution is measured then, and no plane is ranked.
    latents : the vectors, with an analysis from a folder.
    codec : a `Codec` or the folder of a trained model. images : an `ImageStore` or its
        folder: a picture per vector, or per row of the array that the vectors are chosen from.
    columns : of a table that are components.

    Raises
    ------
    UsageError : an analysis without vectors. ArrayError : things that do not belong together.
    """
    from zpoints.run.folder import Run

    if isinstance(source, Run):
        return Space.of_run(source)
    folder = Path(source).expanduser() if isinstance(source, str | Path) else None
    if folder is not None and (folder / "run.json").is_file():
        return Space.of_run(Run(folder))
    if folder is not None and (folder / "analysis.json").is_file():
        if latents is None:
            raise UsageError(
                f"{folder}: an analysis; give its vectors too, by --latents, in Python by latents="
            )
        source = Analysis.load(folder, latents=latents)
    if isinstance(source, Analysis):
        vectors = source.latents if latents is None else LatentSet.open(latents)
        if vectors is None:
            raise UsageError("explore: the analysis was loaded without its vectors; give them by latents=")
        distribution, analysis = source.distribution, source
    else:
        from zpoints.analysis.analyse import measure_distribution

        vectors = LatentSet.open(source, columns=columns)
        distribution, analysis = measure_distribution(vectors), None
    store = _store(images)
    return Space(
        name or Path(vectors.name).name,
        distribution,
        vectors,
        analysis,
        store,
        None if store is None else _rows(vectors, len(store)),
        get_codec=_opener(codec),
    )


def _rows(vectors: LatentSet, pictures: int) -> Int[np.ndarray, " n"]:
    """Numbers of the pictures: of chosen rows of an array, those rows, where there is a picture for all of it."""
    if vectors.rows is not None and vectors.total == pictures:
        return vectors.rows
    return np.arange(pictures)


def _store(images: Any) -> "ImageStore | None":
    from zpoints.images.store import ImageStore

    if images is None or isinstance(images, ImageStore):
        return images
    return ImageStore.open(Path(images).expanduser())


def _opener(codec: Any) -> "Callable[[], Codec] | None":
    if codec is None:
        return None
    if not isinstance(codec, str | Path):
        return lambda: codec
    from zpoints.models.kinds import open_codec

    return lambda: open_codec(Path(codec).expanduser())

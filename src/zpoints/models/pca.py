"""A linear codec: the leading principal axes of the pictures' pixels, found in two readings, by NumPy alone.

Of all linear maps to d numbers and back it makes the least squared error on the training pictures, but for a few per
cent (see `zpoints.models.range_finder`). It is what a network has to beat.
"""

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Real, UInt8
from safetensors import safe_open
from safetensors.numpy import save_file

from zpoints.config import Settings, TrainingSettings
from zpoints.errors import StageError, UsageError
from zpoints.files.atomic import atomic_path
from zpoints.files.documents import fingerprint
from zpoints.files.readable import ANEW, readable
from zpoints.images.batches import batches
from zpoints.images.store import ImageStore
from zpoints.models.codec import MODEL, Codec, CodecKind, read_model, save_model
from zpoints.models.range_finder import LeadingAxes, leading_axes, range_finder_bytes
from zpoints.system.budget import require, share
from zpoints.system.disk import check_room
from zpoints.system.lock import locked
from zpoints.system.notebook import card
from zpoints.system.progress import Progress, Silent, Task
from zpoints.system.sizes import MIB

__all__ = ["PCA_KIND", "PCACodec", "most_components"]

AXES = "axes.safetensors"
IMPORTED = 160 * MIB
"""What Python, NumPy and all else that is imported take; measured, with a tenth on top."""
BLOCK = 512  # pictures in a block; fewer where the budget is small
FEWEST = 16
AHEAD = 5  # blocks of bytes that wait or are being read
RECIPE = 1


class PCACodec:
    """Pictures as scores along principal axes of their pixels, in 0..1, and back. See `zpoints.models.codec.Codec`.

    Parameters
    ----------
    shape : (height, width, colours) of the pictures.
    mean, axes : of the pixels: (p,) and (d, p), p the product of the shape.
    details : for those who want to know: ``n``, number of training pictures; ``variances`` along the axes;
        ``explained_variance``, their share of all, at least; ``error``, the mean squared error of the training
        pictures' values, at most.

    Examples
    --------
    >>> codec = PCACodec((1, 2, 1), np.array([0.5, 0.5]), np.array([[0.6, 0.8]]))
    >>> codec.encode(np.array([[[[255], [255]]]], np.uint8))
    array([[0.7]], dtype=float32)
    """

    kind = "pca"

    def __init__(
        self,
        shape: tuple[int, int, int],
        mean: np.ndarray,
        axes: np.ndarray,
        details: dict[str, Any] | None = None,
    ) -> None:
        self.shape = shape
        self.mean, self.axes = np.asarray(mean, np.float32), np.ascontiguousarray(axes, np.float32)
        self.details = details or {}

    @classmethod
    def fit(
        cls,
        store: ImageStore,
        rows: np.ndarray,
        dimension: int,
        seed: int = 0,
        progress: Progress | None = None,
        label: str = "pca",
    ) -> "PCACodec":
        """Find the axes of some pictures, in two readings.

        Parameters
        ----------
        rows : numbers of the pictures.
        dimension : number d of axes; at most `most_components`.
        seed : of the range finder.

        Raises
        ------
        UsageError : fewer pictures or pixels than axes.
        BudgetError : not even small blocks fit the budget.
        """
        most, p = most_components(store.shape, len(rows)), int(np.prod(store.shape))
        if dimension > most or len(rows) < 2:
            raise UsageError(
                f"autoencoder.latent = {dimension}: {len(rows):,} training pictures of {p:,} values have at most "
                f"{most:,} principal axes; choose fewer, or give more or larger pictures"
            )
        with (progress or Silent()).task(label, 2 * len(rows), "images") as task:
            size = _block_of(p, dimension)
            found = leading_axes(lambda: _read(store, rows, size, task), p, dimension, len(rows), seed)
        return cls._of(store.shape, found)

    @classmethod
    def _of(cls, shape: tuple[int, int, int], found: LeadingAxes) -> "PCACodec":
        details = {
            "n": found.n,
            "explained_variance": found.explained,
            "error": found.error / 255**2,
            "variances": (found.variances / 255**2).tolist(),
        }
        return cls(shape, found.mean / 255, found.axes, details)

    @property
    def dimension(self) -> int:
        """Number d of axes."""
        return len(self.axes)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(d,): the latent array is a vector."""
        return (self.dimension,)

    @cached_property
    def key(self) -> str:
        """Follows from shape, mean and axes."""
        digest = hashlib.sha256(self.mean.data)
        digest.update(self.axes.data)
        return fingerprint(self.kind, self.shape, digest.hexdigest())

    def encode(self, pictures: UInt8[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n d"]:
        """Scores of one batch of pictures: :math:`z = A (x - \\mu)`, with pixels x in 0..1."""
        x = pictures.reshape(len(pictures), -1).astype(np.float32)
        x /= 255
        x -= self.mean
        return x @ self.axes.T

    def decode(self, z: Real[np.ndarray, "n d"]) -> UInt8[np.ndarray, "n h w c"]:
        """Pictures of one batch of scores: :math:`x = A^T z + \\mu`, cut to 0..1 and rounded to 256 levels."""
        x = np.asarray(z, np.float32) @ self.axes
        x += self.mean
        x *= 255
        np.rint(np.clip(x, 0, 255, out=x), out=x)
        return x.astype(np.uint8).reshape(len(x), *self.shape)

    def bytes_for(self, n: int) -> int:
        """The pixels as float32 and as bytes, and the scores."""
        return n * (5 * len(self.mean) + 8 * self.dimension)

    def save(self, path: Path, mark: str = "") -> None:
        """Write ``mean`` and ``axes`` as safetensors, atomically; `mark` says of which work they are the result."""
        check_room(path, self.mean.nbytes + self.axes.nbytes)
        # In one note: safetensors writes several in no fixed order, and the file is to have the same bytes each time.
        notes = {"zpoints": json.dumps({"shape": self.shape, "details": self.details, "mark": mark})}
        with atomic_path(path) as temporary:
            save_file({"mean": self.mean, "axes": self.axes}, temporary, notes)

    @classmethod
    def load(cls, path: Path, mark: str | None = None) -> "PCACodec | None":
        """Read what `save` wrote; None if it bears another mark than the one that is wanted.

        Raises
        ------
        StageError : the file is damaged, or holds something else.
        """
        with readable(path, "principal axes", ANEW, StageError), safe_open(path, framework="numpy") as file:
            notes = json.loads((file.metadata() or {})["zpoints"])
            if mark is not None and notes["mark"] != mark:
                return None
            height, width, colours = notes["shape"]
            mean, axes = file.get_tensor("mean"), file.get_tensor("axes")
            if mean.shape != (height * width * colours,) or axes.shape[1:] != mean.shape or axes.ndim != 2:
                raise ValueError(
                    f"shapes {mean.shape} and {axes.shape} are not those of {height}x{width} pictures"
                )
            if not (np.isfinite(mean).all() and np.isfinite(axes).all()):
                raise ValueError("it holds values that are not finite")
            return cls((height, width, colours), mean, axes, notes["details"])

    def __repr__(self) -> str:
        height, width, colours = self.shape
        return f"PCACodec({height}x{width}x{colours} pictures, {self.dimension} components)"

    def _repr_html_(self) -> str:
        lines = []
        if "explained_variance" in self.details:
            share, n = self.details["explained_variance"], self.details["n"]
            lines = [
                f"{100 * share:.1f} % of the variance of {n:,} training pictures.",
                "Leading principal axes, one a column, two standard deviations to both sides of the mean picture:",
            ]
        return card(repr(self), lines, self, below=True)


def most_components(shape: tuple[int, int, int], pictures: int) -> int:
    """The largest number of axes that so many pictures of this shape have."""
    return min(int(np.prod(shape)), pictures)


def _block_of(p: int, dimension: int) -> int:
    """Pictures in a block, as the budget allows."""
    row = (AHEAD + 4 + 4) * p
    axes = range_finder_bytes(p, dimension)
    require(axes + FEWEST * row, "pca", "choose a smaller autoencoder.latent or smaller pictures")
    return max(FEWEST, min(BLOCK, (share(axes + BLOCK * row, 0.9) - axes) // row))


def _read(store: ImageStore, rows: np.ndarray, size: int, task: Task) -> Iterator[UInt8[np.ndarray, "m p"]]:
    for block in batches(store.pixels, rows, size):
        yield block.reshape(len(block), -1)
        task.advance(len(block))


def training_mark(store: ImageStore, rows: np.ndarray, dimension: int, seed: int) -> str:
    """Identifies the axes of some pictures: others have another mark."""
    chosen = hashlib.sha256(np.ascontiguousarray(rows, np.int64).data).hexdigest()
    return fingerprint("pca", RECIPE, store.key, chosen, dimension, seed)


def fitted(
    path: Path, store: ImageStore, dimension: int, seed: int, progress: Progress, label: str = "pca"
) -> PCACodec:
    """The codec of the training pictures, out of a file if it is there, else found and written to it."""
    rows = store.rows("train")
    mark = training_mark(store, rows, dimension, seed)
    found = PCACodec.load(path, mark) if path.is_file() else None
    if found is None:
        found = PCACodec.fit(store, rows, dimension, seed, progress, label)
        found.save(path, mark)
    return found


class PCAKind(CodecKind):
    """Of the settings it takes ``autoencoder.latent`` and ``seed``; it has no epochs, and so no history."""

    name = "pca"
    outputs = (MODEL, AXES)

    def train(self, store: ImageStore, out: Path, settings: Settings, progress: Progress) -> Codec:
        """See `CodecKind`. An interrupted training starts anew: it takes seconds."""
        with locked(out):
            codec = fitted(out / AXES, store, settings.autoencoder.latent, settings.seed, progress, "train")
            height, width, colours = codec.shape
            save_model(
                out,
                self.name,
                {
                    "height": height,
                    "width": width,
                    "colours": colours,
                    "latent": codec.dimension,
                    "seed": settings.seed,
                    "pictures": codec.details["n"],
                    "explained_variance": codec.details["explained_variance"],
                    "error": codec.details["error"],
                },
            )
            return codec

    def open(self, folder: Path, training: TrainingSettings) -> Codec:
        """See `CodecKind`; the device is the processor."""
        content, path = read_model(folder), Path(folder) / AXES
        codec = PCACodec.load(path)
        said = [content.get(name) for name in ("height", "width", "colours", "latent")]
        if codec is None or said != [*codec.shape, codec.dimension]:
            raise StageError(f"{path}: {MODEL} describes other axes; {ANEW}")
        return codec

    def smallest_memory(self, shape: tuple[int, int, int], settings: Settings) -> int:
        """The range finder, and blocks of few pictures."""
        p = int(np.prod(shape))
        return IMPORTED + range_finder_bytes(p, settings.autoencoder.latent) + FEWEST * (AHEAD + 8) * p


PCA_KIND = PCAKind()

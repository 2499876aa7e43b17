"""Pictures as one array: a .npy file, or one array in a .npz file, read in blocks."""

import zipfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import pandas as pd
from PIL import Image

from zpoints.errors import ArrayError, SourceError, reason
from zpoints.files.numpy_files import open_array, read_member_header, read_npy_header
from zpoints.files.readable import readable
from zpoints.images.files import file_mark
from zpoints.images.source import Opener, Source, UnusableError

__all__ = ["ArraySource", "Layout", "npy", "npz", "picture"]

CHANNELS = (1, 3, 4)
PREFERRED = ("images", "data", "x", "arr_0", "X")
"""Names of a .npz file's array of pictures, best first, where it holds several arrays."""
LISTED = 6
"""So many arrays of a file are named in an error."""
LOOK = 16
"""So many pictures are looked at before the work begins."""
ROUNDING = 1e-3
"""How far a float may leave 0..1: what a resampling or a float16 does."""


class Rows(Protocol):
    """An array of which only ranges of rows are read, front to back."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


@dataclass(frozen=True)
class Layout:
    """What the axes of an array of pictures mean: NHW, NHWC or NCHW.

    Where both would do, the last axis is the channels.
    """

    height: int
    width: int
    channels: int
    channels_first: bool = False

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Layout | None":
        """Read a shape; None if it is no stack of pictures."""
        if len(shape) == 3:
            return cls(shape[1], shape[2], 1)
        if len(shape) == 4 and shape[3] in CHANNELS:
            return cls(*shape[1:])
        if len(shape) == 4 and shape[1] in CHANNELS:
            return cls(shape[2], shape[3], shape[1], channels_first=True)
        return None

    def upright(self, row: np.ndarray) -> np.ndarray:
        """Bring one row to (height, width, channels)."""
        if self.channels_first:
            return row.transpose(1, 2, 0)
        return row.reshape(self.height, self.width, self.channels)


class ArraySource(Source):
    """The rows of an array, uint8 or float in 0..1, as pictures.

    Raises `SourceError` if the array cannot be meant as pictures, or if most of the first ones are not.
    """

    def __init__(
        self, rows: Rows, name: str, mark: str, count: int | None, max_megapixels: float, lazily: bool
    ) -> None:
        self.rows, self.name, self.mark, self.lazily = rows, name, mark, lazily
        self.layout = _checked_layout(rows, name, max_megapixels)
        self.count = min(len_ := rows.shape[0], count or len_)
        self.picture_size = (self.layout.height, self.layout.width)
        self.channels = 1 if self.layout.channels == 1 else None
        row_values = self.layout.height * self.layout.width * self.layout.channels
        self.held_bytes = 0 if lazily else row_values * rows.dtype.itemsize
        self._look()

    def __len__(self) -> int:
        return self.count

    def describe(self) -> str:
        """Say how large the array is."""
        shape = "x".join(map(str, self.rows.shape))
        return f"array {self.name}: {shape}, {self.rows.dtype}"

    def fingerprint(self) -> str:
        """Name the file, its size and its time."""
        return f"array {self.mark}"

    def label(self, item: int) -> str:
        """Return the number of the row."""
        return f"row {item}"

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener per row: of a memory map it reads the row itself, else the block is read here."""
        if self.lazily:
            return [partial(self._open, item) for item in range(start, stop)]
        return [partial(picture, self.layout.upright(row)) for row in self.rows[start:stop]]

    def close(self) -> None:
        """Close the file."""
        if isinstance(self.rows, _ZippedRows):
            self.rows.close()

    def _open(self, item: int) -> Image.Image:
        return picture(self.layout.upright(self.rows[item : item + 1][0]))

    def _look(self) -> None:
        """Refuse an array of which most rows would be rejected for the same simple reason."""
        problems = []
        openers = self.openers(0, min(LOOK, len(self)))
        for opener in openers:
            try:
                opener()
            except UnusableError as error:
                problems.append(str(error))
        if 2 * len(problems) > len(openers):
            raise SourceError(f"{self.name}: {problems[0]}; give uint8, or floats in 0..1")


def picture(pixels: np.ndarray) -> Image.Image:
    """Make a picture of (height, width, channels). Raises `UnusableError` for NaN, or floats outside 0..1."""
    if pixels.dtype != np.uint8:
        low, high = pixels.min(), pixels.max()
        if np.isnan(low):
            raise UnusableError("holds NaN")
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise UnusableError(f"holds values from {low:.4g} to {high:.4g}, outside 0..1")
        pixels = np.round(np.clip(pixels, 0, 1).astype(np.float32) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))


def npy(path: Path, name: str, count: int | None, max_megapixels: float) -> ArraySource:
    """Open a .npy file as a memory map."""
    try:
        rows = open_array(path, shared=True)
    except ArrayError as error:
        raise SourceError(str(error)) from error
    return ArraySource(rows, name, file_mark(path), count, max_megapixels, lazily=True)


def npz(path: Path, name: str, count: int | None, max_megapixels: float) -> ArraySource:
    """Open the array of pictures in a .npz file; it is read as a stream and never held whole."""
    with _readable(name):
        archive = zipfile.ZipFile(path)
    arrays: dict[str, _ZippedRows] = {}
    try:
        arrays = _arrays(archive, name)
        chosen = _choose(arrays, name)
        mark = f"{file_mark(path)} {chosen}"
        return ArraySource(arrays[chosen], name, mark, count, max_megapixels, lazily=False)
    except BaseException:
        for rows in arrays.values():
            rows.close()
        archive.close()
        raise


def _arrays(archive: zipfile.ZipFile, name: str) -> dict[str, "_ZippedRows"]:
    members = [member for member in archive.namelist() if member.endswith(".npy")]
    with _readable(name):
        return {member.removesuffix(".npy"): _ZippedRows(archive, member, name) for member in members}


def _readable(name: str) -> AbstractContextManager[None]:
    return readable(name, ".npz", "write it with numpy.savez", SourceError)


class _ZippedRows:
    """An array in a zip. Rows come front to back; going back starts the stream anew."""

    def __init__(self, archive: zipfile.ZipFile, member: str, name: str) -> None:
        self.archive, self.member, self.name = archive, member, name
        self.shape, self.fortran, self.dtype = read_member_header(archive, member)
        self.row_bytes = int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize
        self.stream: IO[bytes] | None = None
        self.position = 0

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(self.shape[0])
        try:
            if self.stream is None or start < self.position:
                self._rewind()
            while self.position < start:
                self._read(1)
            return self._read(stop - start)
        except Exception as error:  # every way of packing has its own class for damage
            raise SourceError(
                f"{self.name}: damaged at row {self.position} ({reason(error)}); write it anew"
            ) from error

    def close(self) -> None:
        """Close the stream and the file."""
        if self.stream:
            self.stream.close()
        self.archive.close()

    def _rewind(self) -> None:
        if self.stream:
            self.stream.close()
        self.stream, self.position = self.archive.open(self.member), 0
        read_npy_header(self.stream)

    def _read(self, rows: int) -> np.ndarray:
        assert self.stream is not None
        content = self.stream.read(rows * self.row_bytes)
        if len(content) < rows * self.row_bytes:
            raise EOFError("the file ends early")
        self.position += rows
        return np.frombuffer(content, self.dtype).reshape(rows, *self.shape[1:])


def _choose(arrays: dict[str, _ZippedRows], name: str) -> str:
    """Choose the array of pictures: the only one, or the best of the usual names."""
    named_few = [
        f"{key:.40} {array.shape} {array.dtype!s:.40}" for key, array in islice(arrays.items(), LISTED)
    ]
    there = ", ".join(named_few) or "no array"
    if len(arrays) > LISTED:
        there += f" and {len(arrays) - LISTED} more"
    named = [key for key in PREFERRED if key in arrays and Layout.of(arrays[key].shape)]
    chosen = next(iter(arrays)) if len(arrays) == 1 else next(iter(named), None)
    if chosen is None:
        raise SourceError(
            f"{name}: which array holds the pictures? It has {there}; name one of them 'images', "
            "of shape (N, height, width, channels)"
        )
    if arrays[chosen].fortran:
        raise SourceError(f"{name}: '{chosen}' is in Fortran order; save numpy.ascontiguousarray of it")
    return chosen


def _checked_layout(rows: Rows, name: str, max_megapixels: float) -> Layout:
    layout, shape = Layout.of(rows.shape), "x".join(map(str, rows.shape))
    if rows.dtype != np.uint8 and rows.dtype.kind != "f":
        raise SourceError(f"{name}: holds {rows.dtype!s:.60}; give pictures as uint8, or as floats in 0..1")
    if layout is None:
        raise SourceError(
            f"{name}: shape {shape} is no stack of pictures; give (N, height, width) or "
            "(N, height, width, channels) with 1, 3 or 4 channels"
        )
    if 0 in rows.shape:
        raise SourceError(f"{name}: shape {shape} holds no pictures; give at least one")
    if layout.height * layout.width > max_megapixels * 1e6:
        raise SourceError(
            f"{name}: pictures of {layout.width}x{layout.height} are more than {max_megapixels:g} "
            "megapixels; raise images.max_megapixels"
        )
    return layout


def with_persons(source: ArraySource, persons: np.ndarray) -> ArraySource:
    """Add a column that says whom each picture shows."""
    source.attributes = pd.DataFrame({"person": persons[: len(source)].astype(np.int16)})
    return source

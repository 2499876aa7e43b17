"""Pictures as one array: in a file or in memory, read in ranges of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from zpoints.errors import ArrayError, SourceError
from zpoints.files.arrays import Reader, Rows
from zpoints.images.source import Opener, Source

__all__ = ["ArraySource", "Layout"]

CHANNELS = (1, 3, 4)
FRAME = 16
"""Three arrays of so many rows and columns are the colours of one picture, and no three grey ones."""


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
    """The rows of an array of numbers as pictures; what their values mean is found out when they are prepared.

    Raises `SourceError` if the array cannot be meant as pictures.
    """

    has_names = False

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
        try:
            block = self.rows[start:stop]
        except ArrayError as error:  # a damaged file
            raise SourceError(str(error)) from error
        return [partial(np.asarray, self.layout.upright(row)) for row in block]

    def close(self) -> None:
        """Close the file."""
        if isinstance(self.rows, Reader):
            self.rows.close()

    def _open(self, item: int) -> np.ndarray:
        return np.asarray(self.layout.upright(self.rows[item : item + 1][0]))


def _checked_layout(rows: Rows, name: str, max_megapixels: float) -> Layout:
    layout, shape = Layout.of(rows.shape), "x".join(map(str, rows.shape))
    if rows.dtype.kind not in "buif":
        raise SourceError(f"{name}: holds {rows.dtype!s:.60}; give pictures as uint8, or as floats in 0..1")
    if _is_one_picture(rows.shape):
        raise SourceError(
            f"{name}: shape {shape} is one picture, not a stack of them; give (N, height, width, channels)"
        )
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


def _is_one_picture(shape: tuple[int, ...]) -> bool:
    """Whether three axes are the height, width and colours of a picture, in either order: as a stack, pictures of a
    few columns, or three pictures, it would be of no use."""
    if len(shape) != 3:
        return False
    return (shape[2] in CHANNELS and shape[1] > max(CHANNELS)) or (shape[0] == 3 and min(shape[1:]) >= FRAME)

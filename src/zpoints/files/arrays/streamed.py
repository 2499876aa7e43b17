"""Formats that are read from front to back: ranges of rows out of a stream, which is never in memory whole."""

import gzip
import math
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np

from zpoints.errors import ArrayError, reason
from zpoints.files.arrays.rows import Reader, exactly, taken
from zpoints.files.numpy_files import read_npy_header
from zpoints.files.readable import readable

__all__ = ["NpyGzReader", "Streamed", "check_plain", "rows_from"]

PIECE_BYTES = 2**20
"""Bytes that are read at a time on the way to a later row."""


class Streamed(Reader):
    """A reader of what comes in order; a subclass gives `pieces`, each call a stream of its own."""

    light = True
    _cursor: "_Cursor | None" = None

    @abstractmethod
    def pieces(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, in pieces of any length, none much longer than `size`. Whoever stops early closes it."""

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """A range of rows. Where the last one ended the stream goes on; going back starts it anew."""
        start, stop = taken(self, rows)
        if start == stop:
            return np.empty((0, *self.shape[1:]), self.dtype)
        if self._cursor is None or start < self._cursor.position:
            self.close()
            row_bytes = max(1, math.prod(self.shape[1:]) * self.dtype.itemsize)
            self._cursor = _Cursor(self.pieces(max(1, PIECE_BYTES // row_bytes)))
        try:
            return self._cursor.rows(start, stop)
        except BaseException:
            self.close()  # a stream that has failed gives nothing more
            raise

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, through a stream of their own."""
        yield from exactly(self.pieces(size), size)

    def close(self) -> None:
        """Close the stream of the ranges of rows."""
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None


class _Cursor:
    """A stream that stands before row `position`."""

    def __init__(self, pieces: Iterator[np.ndarray]) -> None:
        self.pieces, self.position = pieces, 0
        self.held: np.ndarray | None = None

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows from `start`, which is not before `position`, to before `stop`."""
        found = []
        while self.position < stop:
            if self.held is None or not len(self.held):
                self.held = next(self.pieces, None)
                if self.held is None:
                    raise EOFError("the file ends early")
            count = min(len(self.held), (start if self.position < start else stop) - self.position)
            if self.position >= start:
                found.append(self.held[:count])
            self.held, self.position = self.held[count:], self.position + count
        return found[0] if len(found) == 1 else np.concatenate(found)

    def close(self) -> None:
        if (close := getattr(self.pieces, "close", None)) is not None:
            close()


def rows_from(
    stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype, size: int, name: str
) -> Iterator[np.ndarray]:
    """The rows of an array whose bytes begin here, in pieces of `size`. Damage is told with the row where it lies."""
    row_bytes, start = math.prod(shape[1:]) * dtype.itemsize, 0
    try:
        while start < shape[0]:
            rows = min(size, shape[0] - start)
            content = stream.read(rows * row_bytes)
            if len(content) < rows * row_bytes:
                start += len(content) // row_bytes
                raise EOFError("the file ends early")
            yield np.frombuffer(content, dtype).reshape(rows, *shape[1:])
            start += rows
    except MemoryError:
        raise
    except Exception as error:  # every way of packing has its own class for damage
        raise ArrayError(f"{name}: damaged at row {start} ({reason(error)}); write it anew") from error


def check_plain(name: str, shape: tuple[int, ...], fortran: bool, dtype: np.dtype) -> None:
    """Refuse arrays that no stream gives row by row."""
    if dtype.hasobject:
        raise ArrayError(f"{name} holds pickled objects, which are never read; save numbers")
    if fortran and len(shape) > 1:
        raise ArrayError(
            f"{name} is stored column by column (Fortran order); save numpy.ascontiguousarray of it, or save it "
            "as .npy"
        )


class NpyGzReader(Streamed):
    """A .npy file that was packed by gzip."""

    suffixes = (".npy.gz",)

    def __init__(self, path: Path) -> None:
        self.path = path
        with readable(path, ".npy.gz"), gzip.open(path) as file:
            stream = cast(IO[bytes], file)
            self.shape, fortran, self.dtype = read_npy_header(stream)
        check_plain(f"{path}: the array", self.shape, fortran, self.dtype)

    def pieces(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, inflated as they are asked for."""
        with gzip.open(self.path) as file:
            stream = cast(IO[bytes], file)
            read_npy_header(stream)
            yield from rows_from(stream, self.shape, self.dtype, size, str(self.path))

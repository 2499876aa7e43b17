"""NumPy's .npz: one of its arrays, inflated as a stream and never in memory whole."""

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import numpy as np

from zpoints.errors import ArrayError, reason
from zpoints.files.arrays.rows import Reader, chosen_array
from zpoints.files.numpy_files import read_member_header, read_npy_header
from zpoints.files.readable import readable

__all__ = ["Member", "NpzReader"]

PREFERRED = ("z", "latents", "arr_0")
SKIPPED = 2**20
"""Bytes that are read at a time on the way to a later row."""


@dataclass(frozen=True)
class Member:
    """What the header of one array in a .npz file says."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype


class NpzReader(Reader):
    """One array of a .npz file: the one of that name, or the one that holds the vectors.

    Parameters
    ----------
    path : the file.
    array : its name in the file; None is the only one, or the first of ``z``, ``latents`` and ``arr_0``.
    name : what messages call the file; its path, unless told.
    """

    suffixes = (".npz",)

    def __init__(self, path: Path, array: str | None = None, name: str | None = None) -> None:
        self.path, self.name = path, name or str(path)
        members = self.members(path, name)
        self.array = array or _chosen(path, list(members))
        member = members[self.array]
        if member.dtype.hasobject:
            raise ArrayError(
                f"{self.name}: {self.array} holds pickled objects, which are never read; save numbers"
            )
        if member.fortran and len(member.shape) > 1:
            raise ArrayError(
                f"{self.name}: {self.array} is stored column by column (Fortran order); save "
                "numpy.ascontiguousarray of it, or save it as .npy"
            )
        self.shape, self.dtype = member.shape, member.dtype
        self._cursor: _Cursor | None = None

    @classmethod
    def members(cls, path: Path, name: str | None = None) -> dict[str, Member]:
        """The headers of all arrays in a file, by name; no data is read."""
        with readable(name or path, ".npz", "write it with numpy.savez"), zipfile.ZipFile(path) as archive:
            return {
                member.removesuffix(".npy"): Member(*read_member_header(archive, member))
                for member in archive.namelist()
                if member.endswith(".npy")
            }

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """A range of rows. Where the last one ended the stream goes on; going back starts it anew."""
        start, stop, _ = rows.indices(self.shape[0])
        if self._cursor is None or start < self._cursor.position:
            self.close()
            self._cursor = _Cursor(self)
        return self._cursor.rows(start, stop)

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, through a stream of their own."""
        with _Cursor(self) as cursor:
            for start in range(0, self.shape[0], size):
                yield cursor.rows(start, min(start + size, self.shape[0]))

    def close(self) -> None:
        """Close the stream of the ranges of rows."""
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None


class _Cursor:
    """A stream of one member that stands before row `position`."""

    def __init__(self, reader: NpzReader) -> None:
        self.reader = reader
        self.row_shape = reader.shape[1:]
        self.row_bytes = math.prod(self.row_shape) * reader.dtype.itemsize
        self.position = 0
        self._archive: zipfile.ZipFile | None = None
        self._stream: IO[bytes] | None = None

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows from `start`, which is not before `position`, to before `stop`."""
        try:
            stream = self._opened()
            while self.position < start:
                self._read(stream, min(start - self.position, max(1, SKIPPED // max(1, self.row_bytes))))
            content = self._read(stream, max(0, stop - start))
            return np.frombuffer(content, self.reader.dtype).reshape(-1, *self.row_shape)
        except MemoryError:
            raise
        except Exception as error:  # every way of packing has its own class for damage
            raise ArrayError(
                f"{self.reader.name}: damaged at row {self.position} ({reason(error)}); write it anew"
            ) from error

    def close(self) -> None:
        for open_ in (self._stream, self._archive):
            if open_ is not None:
                open_.close()
        self._stream = self._archive = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _opened(self) -> IO[bytes]:
        if self._stream is None:
            self._archive = zipfile.ZipFile(self.reader.path)
            self._stream = self._archive.open(f"{self.reader.array}.npy")
            read_npy_header(self._stream)
        return self._stream

    def _read(self, stream: IO[bytes], rows: int) -> bytes:
        content = stream.read(rows * self.row_bytes)
        if len(content) < rows * self.row_bytes:
            raise EOFError("the file ends early")
        self.position += rows
        return content


def _chosen(path: Path, names: list[str]) -> str:
    chosen = chosen_array(path, [f"{name}.npy" for name in names], tuple(f"{name}.npy" for name in PREFERRED))
    return chosen.removesuffix(".npy")

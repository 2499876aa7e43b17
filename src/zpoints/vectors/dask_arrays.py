"""Dask's arrays as rows: computed where their blocks lie, and where nobody works with Dask, block by block here."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays import Reader

__all__ = ["DaskRows", "dask_rows_in", "hand_over", "is_dask_array"]


def is_dask_array(source: Any) -> bool:
    """Whether it is one; Dask is not imported for the question."""
    array: Any = sys.modules.get("dask.array")
    return array is not None and isinstance(source, array.Array)


class DaskRows(Reader):
    """A Dask array with its blocks of rows; it is computed as it is read.

    Pickled without its graph: a worker is handed the rows that it works on.

    Raises
    ------
    ArrayError : chunks of unknown length.
    """

    def __init__(self, array: Any) -> None:
        if any(length != length for length in array.shape):
            raise ArrayError(
                "the Dask array: has chunks of unknown length; call its .compute_chunk_sizes() first"
            )
        if array.ndim > 1:
            array = array.rechunk(dict.fromkeys(range(1, array.ndim), -1))  # whole vectors
        self.array: Any = array
        self.shape, self.dtype = tuple(int(n) for n in array.shape), np.dtype(array.dtype)
        self.rows: np.ndarray | None = None
        self.start = 0

    def __getstate__(self) -> dict[str, Any]:
        """Without the array."""
        return self.__dict__ | {"array": None, "rows": None}

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        if self.rows is not None:
            return self.rows[rows.start - self.start : rows.stop - self.start]
        return np.asarray(self.array[rows].compute())

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order; each block of the array is computed once."""
        from zpoints.files.arrays.rows import exactly

        yield from exactly((np.asarray(part.compute()) for part in self.parts()), size)

    def parts(self) -> list[Any]:
        """The blocks of rows, as arrays of their own."""
        return [self.array.blocks[number] for number in range(self.array.numblocks[0])]


def dask_rows_in(reader: Any) -> DaskRows | None:
    """The Dask array below what is made of it, if there is one."""
    while reader is not None and not isinstance(reader, DaskRows):
        reader = getattr(reader, "reader", None)
    return reader


def hand_over(reader: Any, rows: np.ndarray | None, start: int) -> None:
    """Give a worker's copy of such a reader the rows that it is to read; `start` is the first one's number."""
    found = dask_rows_in(reader)
    assert found is not None, "only Dask arrays are handed over"
    found.rows, found.start = rows, start

"""Apache Parquet: a table whose numeric columns are the components, or one column of lists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.files.arrays.columns import Wanted
from zpoints.files.arrays.rows import Reader, exactly, taken
from zpoints.files.readable import readable
from zpoints.files.remote import Address

__all__ = ["ParquetReader"]


class ParquetReader(Reader):
    """Columns of a table, chosen as `columns.choose` says."""

    suffixes = (".parquet", ".pq")
    chooses = "columns"

    def __init__(self, path: Path | Address, columns: Wanted = None) -> None:
        from zpoints.files.arrays.tables import Components

        with readable(str(path), "parquet"):
            self.file = self._opened(path)
            schema, rows = self.file.schema_arrow, self.file.metadata.num_rows
            groups = [self.file.metadata.row_group(g).num_rows for g in range(self.file.num_row_groups)]
            self.ends = np.cumsum([0, *groups])
            self.components = Components.of(
                str(path), schema, columns, lambda names: next(self.file.iter_batches(1, columns=names), None)
            )
        self.shape, self.dtype = (rows, *self.components.shape), self.components.dtype
        self.names, self.notes = self.components.names, self.components.notes
        self.left_out = self.components.left_out

    def _opened(self, path: Any) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(path, memory_map=True)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """A range of rows; the row groups that it touches are read whole."""
        start, stop = taken(self, rows)
        if stop <= start:
            return np.empty((0, *self.shape[1:]), self.dtype)
        first = int(np.searchsorted(self.ends, start, side="right")) - 1
        last = int(np.searchsorted(self.ends, stop, side="left"))
        table = self.file.read_row_groups(range(first, last), columns=list(self.names))
        part = table.slice(start - int(self.ends[first]), stop - start)
        return np.concatenate(list(self.components.pieces(part.to_batches(), len(part), start)))

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order; a batch at a time, whatever the size of a row group."""
        batches = self.file.iter_batches(size, columns=list(self.names))
        yield from exactly(self.components.pieces(batches, size), size)

    def between(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        """Some of the rows in order; of the row groups that hold them, a batch at a time."""
        first = int(np.searchsorted(self.ends, start, side="right")) - 1
        last = int(np.searchsorted(self.ends, stop, side="left"))
        batches = self.file.iter_batches(size, row_groups=range(first, last), columns=list(self.names))
        yield from exactly(self._cut(batches, start - int(self.ends[first]), stop - start, size), size)

    def _cut(self, batches: Iterator[Any], leave: int, count: int, size: int) -> Iterator[np.ndarray]:
        """The rows after the first `leave`, so many as are wanted."""
        for piece in self.components.pieces(batches, size):
            part = piece[leave : leave + count]
            leave, count = max(0, leave - len(piece)), count - len(part)
            yield part
            if not count:
                return

    def close(self) -> None:
        """Close the file."""
        self.file.close()

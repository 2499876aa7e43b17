"""Apache Parquet: a table whose numeric columns are the components, or one column of fixed-size lists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import Reader
from zpoints.files.readable import readable

__all__ = ["ParquetReader"]


class ParquetReader(Reader):
    """All numeric columns of a table, or its one column of fixed-size lists."""

    suffixes = (".parquet",)

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        with readable(path, "parquet"):
            self.file = pq.ParquetFile(path, memory_map=True)
            fields = list(self.file.schema_arrow)
            groups = [self.file.metadata.row_group(g).num_rows for g in range(self.file.num_row_groups)]
        self.ends = np.cumsum([0, *groups])
        lists = [f for f in fields if pa.types.is_fixed_size_list(f.type)]
        numbers = [f for f in fields if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)]
        self.one_list = len(lists) == 1
        if self.one_list:
            self.names, width = [lists[0].name], lists[0].type.list_size
            with readable(path, "parquet"):
                self.dtype = np.dtype(lists[0].type.value_type.to_pandas_dtype())
        elif numbers and not lists:
            self.names, width, self.dtype = [f.name for f in numbers], len(numbers), np.dtype(np.float64)
        else:
            raise ArrayError(f"{path}: expected numeric columns, or one column of fixed-size lists")
        self.shape: tuple[int, ...] = (self.file.metadata.num_rows, width)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """A range of rows; the row groups that it touches are read whole."""
        start, stop, _ = rows.indices(self.shape[0])
        if stop <= start:
            return np.empty((0, *self.shape[1:]), self.dtype)
        first = int(np.searchsorted(self.ends, start, side="right")) - 1
        last = int(np.searchsorted(self.ends, stop, side="left"))
        table = self.file.read_row_groups(range(first, last), columns=self.names)
        part = table.slice(start - int(self.ends[first]), stop - start)
        return np.concatenate([self._matrix(batch) for batch in part.to_batches()])

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order; a batch at a time, whatever the size of a row group."""
        for batch in self.file.iter_batches(size, columns=self.names):
            yield self._matrix(batch)

    def _matrix(self, batch: Any) -> np.ndarray:
        if not self.one_list:
            columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
            return np.stack(columns, axis=1).astype(np.float64)
        # flatten drops the items of missing lists: filled, they would silently shift the rows.
        if batch.column(0).null_count:
            raise ArrayError(f"{self.path}: column '{self.names[0]}' has missing vectors; drop them first")
        return batch.column(0).flatten().to_numpy(zero_copy_only=False).reshape(len(batch), -1)

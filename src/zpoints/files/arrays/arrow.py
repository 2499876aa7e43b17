"""Arrow's own files: Feather, and the streams that Hugging Face's datasets keep. Same columns as Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.columns import Wanted
from zpoints.files.arrays.streamed import Streamed
from zpoints.files.readable import readable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ArrowReader"]

FILE, OLD = b"ARROW1", b"FEA1"


class ArrowReader(Streamed):
    """Columns of a table in Arrow's file or stream format; batches are read one by one, out of a memory map."""

    suffixes = (".feather", ".arrow", ".arrows", ".ipc")
    chooses = "columns"

    def __init__(self, path: Path, columns: Wanted = None) -> None:
        from zpoints.files.arrays.tables import Components

        self.path = path
        with path.open("rb") as file:
            start = file.read(len(FILE))
        if start.startswith(OLD):
            raise ArrayError(
                f"{path}: is a Feather file of version 1; write it anew: "
                f"python -c \"import pandas; pandas.read_feather({str(path)!r}).to_parquet('z.parquet')\""
            )
        self.is_file = start == FILE
        with readable(path, "Arrow"):
            schema = self._schema()
            self.components = Components.of(
                str(path), schema, columns, lambda names: next(self._batches(names), None)
            )
            self.names, self.notes = self.components.names, self.components.notes
            self.left_out = self.components.left_out
            rows = sum(len(batch) for batch in self._batches(self.names))
        self.shape: tuple[int, ...] = (rows, *self.components.shape)
        self.dtype: np.dtype = self.components.dtype

    def pieces(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order."""
        yield from self.components.pieces(self._batches(self.names), size)

    def _schema(self) -> "pa.Schema":
        import pyarrow as pa

        with pa.memory_map(str(self.path)) as source:
            open_ = pa.ipc.open_file if self.is_file else pa.ipc.open_stream
            return open_(source).schema

    def _batches(self, names: tuple[str, ...]) -> Iterator[Any]:
        """The batches, of some columns only: others are not unpacked."""
        import pyarrow as pa

        schema = self._schema()
        options = pa.ipc.IpcReadOptions(included_fields=[schema.get_field_index(name) for name in names])
        with pa.memory_map(str(self.path)) as source:
            if self.is_file:
                file = pa.ipc.open_file(source, options=options)
                batches = (file.get_batch(number) for number in range(file.num_record_batches))
            else:
                batches = iter(pa.ipc.open_stream(source, options=options))
            for batch in batches:
                # Arrow ends the whole process where a list says that it begins behind its end.
                batch.validate(full=True)
                if len(batch):
                    yield batch

"""Arrays that grow block by block and survive a kill.

Work in progress lies beside the finished file, under a name that ends in ``.partial``.
"""

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.documents import read_json, write_json
from zpoints.system.disk import check_room, writing

__all__ = ["ArrayWriter"]


class ArrayWriter:
    """A .npy file that grows by blocks of rows and can be continued after a kill.

    Rows go to ``NAME.partial``; ``NAME.partial.json`` says how many of them are safely on disk, and the
    caller's `key` says of which work they are part. `finish` writes the true shape into the header and renames.

    Parameters
    ----------
    path : the finished file.
    row_shape, dtype : shape and type of one row.
    key : identifies the work; rows that an earlier run left under another key are dropped.
    """

    HEADER_BYTES = 128  # what NumPy writes for any shape that we meet; checked below

    def __init__(
        self, path: str | Path, row_shape: tuple[int, ...], dtype: np.dtype | type, key: str
    ) -> None:
        path = Path(path)
        self.path, self.row_shape, self.dtype, self.key = path, row_shape, np.dtype(dtype), key
        self.partial = path.with_name(path.name + ".partial")
        self.journal = path.with_name(path.name + ".partial.json")
        self.row_bytes = int(np.prod(row_shape, dtype=np.int64)) * self.dtype.itemsize
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.rows = self._rows_on_disk()
            self._file: BinaryIO = self.partial.open("r+b" if self.partial.exists() else "w+b")
        self.rewind(self.rows)

    def rewind(self, rows: int) -> None:
        """Drop every row after the first `rows`."""
        self.rows = rows
        with writing(self.path):
            self._file.truncate(self.HEADER_BYTES + rows * self.row_bytes)
            self._file.seek(0)
            self._file.write(self._header(rows))
            self._file.seek(0, os.SEEK_END)
        self.sync()  # else the note of an earlier `sync` would vouch for rows that are gone

    def append(self, block: np.ndarray) -> None:
        """Add the rows of `block`."""
        if block.shape[1:] != self.row_shape:
            raise ValueError(f"rows of shape {block.shape[1:]} do not fit a file of rows {self.row_shape}")
        with writing(self.path):
            self._file.write(np.ascontiguousarray(block, dtype=self.dtype).data)
        self.rows += len(block)

    def expect(self, rows: int) -> None:
        """Refuse to go on if the disk has no room for so many rows in all. Raises `DiskError`."""
        check_room(self.path, max(0, rows - self.rows) * self.row_bytes)

    def sync(self) -> None:
        """Bring all rows safely to disk and note their number."""
        with writing(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        write_json(self.journal, {"rows": self.rows, "key": self.key})

    def finish(self) -> None:
        """Write the true shape into the header, and give the file its name."""
        with writing(self.path):
            self._file.seek(0)
            self._file.write(self._header(self.rows))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self.partial.replace(self.path)
        self.journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Close without finishing: a later run goes on from the last `sync`."""
        with suppress(OSError):  # the disk may be too full even for what lies in the buffer
            self._file.close()

    def __enter__(self) -> "ArrayWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _rows_on_disk(self) -> int:
        if not (self.partial.exists() and self.journal.exists()):
            return 0
        try:
            note = read_json(self.journal)
            rows = int(note["rows"]) if note["key"] == self.key else 0
        except (ArrayError, KeyError, TypeError, ValueError):
            return 0
        enough = self.partial.stat().st_size >= self.HEADER_BYTES + rows * self.row_bytes
        return rows if enough else 0

    def _header(self, rows: int) -> bytes:
        buffer = io.BytesIO()
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(buffer, header | {"shape": (rows, *self.row_shape)})
        if buffer.tell() != self.HEADER_BYTES:
            raise ValueError(
                f"unexpected .npy header of {buffer.tell()} bytes for rows of shape {self.row_shape}"
            )
        return buffer.getvalue()

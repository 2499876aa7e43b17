"""Prepared pictures on disk: what `prepare` leaves, and what every later stage reads."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from zpoints.errors import ArrayError, StageError
from zpoints.files.documents import parquet_frame, read_json
from zpoints.files.numpy_files import open_array
from zpoints.files.readable import ANEW, readable

__all__ = ["ImageStore"]

PIXELS = "pixels.npy"
INDEX = "index.parquet"
REJECTED = "rejected.csv"
DESCRIPTION = "prepare.json"


@dataclass(frozen=True)
class ImageStore:
    """A folder of prepared pictures. Open one with `ImageStore.open`."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> "ImageStore":
        """Open a folder that `prepare` has finished.

        Raises `StageError` if it is not finished, or if its files do not fit together.
        """
        folder = Path(folder)
        for name in (PIXELS, INDEX):
            if not (folder / name).is_file():
                raise StageError(f"{folder}: no {name} there; run zpoints prepare first")
        store = cls(folder)
        pixels, rows = store.pixels, _parquet_rows(folder / INDEX)
        if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[3] not in (1, 3):
            raise StageError(
                f"{folder / PIXELS}: is {pixels.dtype} of shape {pixels.shape}, not uint8 (N, H, W, 1 or 3)"
                "; run zpoints prepare anew"
            )
        if len(pixels) != rows:
            raise StageError(
                f"{folder}: {PIXELS} has {len(pixels):,} rows, {INDEX} {rows:,}; run zpoints prepare anew"
            )
        return store

    @cached_property
    def pixels(self) -> np.ndarray:
        """uint8 (N, height, width, channels), a memory map for reading only."""
        try:
            return open_array(self.folder / PIXELS, shared=True)
        except ArrayError as error:
            raise StageError(str(error)) from error

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per picture: id, source, split, then the attributes."""
        path = self.folder / INDEX
        with _readable(path):
            table = parquet_frame(path)
        _check_columns(path, table.columns)  # pandas' own notes in the file may rename what the schema says
        return table

    @cached_property
    def details(self) -> dict[str, Any]:
        """What ``prepare.json`` says: description, counts, sizes, seconds; empty if there is none."""
        path = self.folder / DESCRIPTION
        return read_json(path) if path.is_file() else {}

    @property
    def description(self) -> str:
        """What the pictures are, in one line."""
        return str(self.details.get("description", f"pictures of {self.folder}"))

    @property
    def remarks(self) -> list[str]:
        """What the pictures have lost when they were prepared, and what was decided for all; a line each."""
        lines = [str(line) for line in self.details.get("remarks", [])]
        if rejected := self.details.get("rejected"):
            mostly = self.details.get("rejected_mostly")
            why = f" (most often: {mostly})" if mostly else ""
            total = rejected + len(self)
            lines.append(f"{rejected:,} of {total:,} were left out{why}; {self.folder / REJECTED} says why")
        return lines

    @property
    def key(self) -> str:
        """A text that identifies the pictures: other pictures, another key."""
        return str(self.details.get("key", f"{self.folder.resolve()} {self.pixels.shape}"))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of each picture."""
        height, width, channels = self.pixels.shape[1:]
        return height, width, channels

    def __len__(self) -> int:
        return len(self.pixels)

    def rows(self, split: Literal["train", "val", "test"]) -> np.ndarray:
        """Return the row numbers of one split, int64, ascending."""
        return np.flatnonzero(self.index["split"].to_numpy() == split).astype(np.int64)


def _readable(path: Path) -> AbstractContextManager[None]:
    return readable(path, "parquet", ANEW, StageError)


def _parquet_rows(path: Path) -> int:
    import pyarrow.parquet

    with _readable(path):
        columns = pyarrow.parquet.read_schema(path).names
        rows = pyarrow.parquet.read_metadata(path).num_rows
    _check_columns(path, columns)
    return rows


def _check_columns(path: Path, columns: Iterable[str]) -> None:
    if missing := {"id", "source", "split"} - set(columns):
        raise StageError(f"{path}: has no column {', '.join(sorted(missing))}; {ANEW}")

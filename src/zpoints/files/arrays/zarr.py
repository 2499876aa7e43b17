"""zarr, versions 2 and 3: an array in chunks, a folder. Needs the package zarr."""

from pathlib import Path
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import Reader, chosen_array
from zpoints.files.readable import readable
from zpoints.files.remote import Address

__all__ = ["ZarrReader"]

MARKS = ("zarr.json", ".zarray", ".zgroup")


class ZarrReader(Reader):
    """One zarr array: the folder itself, or one of a group, by its name or as `chosen_array` says."""

    suffixes = (".zarr",)
    folders = True
    chooses = "array"

    def __init__(self, path: Path | Address, array: str | None = None) -> None:
        try:
            import zarr
        except ImportError as error:
            raise ArrayError(
                f"{path}: reading .zarr needs the package zarr: pip install 'zpoints[zarr]'"
            ) from error
        with readable(str(path), "zarr"):
            found: Any = zarr.open(self._store(path), mode="r")
            if not isinstance(found, zarr.Array):
                arrays = {name: each for name, each in found.members(None) if isinstance(each, zarr.Array)}
                shapes = {name: each.shape for name, each in arrays.items()}
                chosen, self.notes = chosen_array(path, shapes, array)
                found = arrays[chosen]
            elif array is not None:
                raise ArrayError(f"{path}: is one zarr array, no group; there is no '{array:.40}' in it")
        self.array, self.shape, self.dtype = found, found.shape, np.dtype(found.dtype)

    def _store(self, path: Any) -> Any:
        return str(path)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the name says so, or what zarr writes lies in the folder."""
        return super().matches(path) or any((path / mark).is_file() for mark in MARKS)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return np.asarray(self.array[rows])

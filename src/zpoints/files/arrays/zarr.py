"""zarr, versions 2 and 3: an array in chunks, a folder. Needs the package zarr."""

from pathlib import Path

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import Reader
from zpoints.files.readable import readable

__all__ = ["ZarrReader"]


class ZarrReader(Reader):
    """One zarr array; a group is refused."""

    suffixes = (".zarr",)

    def __init__(self, path: Path) -> None:
        try:
            import zarr
        except ImportError as error:
            raise ArrayError(
                f"{path}: reading .zarr needs the package zarr: pip install 'zpoints[zarr]'"
            ) from error
        with readable(path, "zarr"):
            found = zarr.open(str(path), mode="r")
        if not isinstance(found, zarr.Array):
            raise ArrayError(f"{path}: is a zarr group, not an array; name the array inside it")
        self.array, self.shape, self.dtype = found, found.shape, np.dtype(found.dtype)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return np.asarray(self.array[rows])

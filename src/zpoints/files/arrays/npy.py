"""NumPy's .npy, as a memory map."""

from pathlib import Path

import numpy as np

from zpoints.files.arrays.rows import Reader
from zpoints.files.numpy_files import open_array

__all__ = ["NpyReader"]


class NpyReader(Reader):
    """One array in a .npy file.

    `shared` maps it for reading only: such pages do not count as memory of this process. Else writing to a block
    changes the block, and never the file.
    """

    suffixes = (".npy",)

    def __init__(self, path: Path, shared: bool = False) -> None:
        self.array = open_array(path, shared)
        self.shape, self.dtype = self.array.shape, self.array.dtype

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return np.asarray(self.array[rows])

"""NumPy's .npz: one of its arrays, inflated as a stream and never in memory whole."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import chosen_array
from zpoints.files.arrays.streamed import Streamed, check_plain, rows_from
from zpoints.files.numpy_files import read_member_header, read_npy_header
from zpoints.files.readable import readable

__all__ = ["Member", "NpzReader"]

SPARSE = {"data", "format", "shape"}
"""Arrays of a file that scipy.sparse.save_npz wrote."""


@dataclass(frozen=True)
class Member:
    """What the header of one array in a .npz file says."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype


class NpzReader(Streamed):
    """One array of a .npz file: the one of that name, or the one that holds the vectors.

    Parameters
    ----------
    path : the file.
    array : its name in the file; None leaves it to `chosen_array`.
    name : what messages call the file; its path, unless told.
    """

    suffixes = (".npz",)
    chooses = "array"

    def __init__(self, path: Path, array: str | None = None, name: str | None = None) -> None:
        self.path, self.name = path, name or str(path)
        members = self.members(path, name)
        shapes = {key: member.shape for key, member in members.items()}
        if array is None and members.keys() >= SPARSE:
            raise ArrayError(f"{self.name}: holds a sparse matrix; save the .toarray() of it")
        self.array, self.notes = chosen_array(path, shapes, array)
        member = members[self.array]
        check_plain(f"{self.name}: {self.array}", member.shape, member.fortran, member.dtype)
        self.shape, self.dtype = member.shape, member.dtype

    @classmethod
    def members(cls, path: Path, name: str | None = None) -> dict[str, Member]:
        """The headers of all arrays in a file, by name; no data is read."""
        with readable(name or path, ".npz", "write it with numpy.savez"), zipfile.ZipFile(path) as archive:
            return {
                member.removesuffix(".npy"): Member(*read_member_header(archive, member))
                for member in archive.namelist()
                if member.endswith(".npy")
            }

    def pieces(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, inflated as they are asked for."""
        with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.array}.npy") as stream:
            read_npy_header(stream)
            yield from rows_from(stream, self.shape, self.dtype, size, self.name)

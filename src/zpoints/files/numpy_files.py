"""NumPy's own files, .npy and .npz: headers that are not believed before they were checked, and no pickle."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.atomic import atomic_path
from zpoints.files.readable import ANEW, readable
from zpoints.system.disk import check_room

__all__ = [
    "check_length",
    "load_npz",
    "open_array",
    "read_member_header",
    "read_npy_header",
    "write_npy",
    "write_npz",
]

MOST_AXES = 32  # NumPy before 2.0 makes no array of more
INFLATED = 4
SMALL = 2**26
"""A .npz file that is read whole may hold so many times its own bytes, and these beside them: no bomb."""


def write_npy(path: str | Path, array: np.ndarray) -> None:
    """Write one array atomically as .npy."""
    check_room(path, array.nbytes)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def write_npz(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays atomically as .npz, without pickle."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})


def load_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Read all arrays of a small .npz file, without pickle."""
    with readable(path, ".npz", ANEW), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        size = sum(member.file_size for member in members)
        if size > SMALL + INFLATED * Path(path).stat().st_size:
            raise ValueError(f"it would inflate to {size:,} bytes")
        return {member.filename.removesuffix(".npy"): _read_member(archive, member) for member in members}


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    read_member_header(archive, member)
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def open_array(path: str | Path, shared: bool = False) -> np.ndarray:
    """Open a .npy file as a memory map. The file itself cannot change: pages are copied when they are written to.

    `shared` maps it for reading only. Then ``ulimit -d`` does not count the pages, as if they were memory of our own.
    """
    path = Path(path)
    if not path.is_file():
        raise ArrayError(f"{path}: no such file")
    with readable(path, ".npy", ANEW):
        with path.open("rb") as stream:
            shape, _, dtype = read_npy_header(stream)
            check_length(path.name, shape, dtype, path.stat().st_size - stream.tell())
        if dtype.hasobject:
            raise ArrayError(
                f"{path}: holds pickled objects, which are never read, since they can run any program; save numbers: "
                f"numpy.save({path.name!r}, numpy.stack(list(z)))"
            )
        return np.load(path, mmap_mode="r" if shared else "c", allow_pickle=False)


def read_npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and type of the array whose .npy file begins here; the stream then stands at its data.

    Raises
    ------
    ValueError : no such header, or a shape that no array has.
    """
    if np.lib.format.read_magic(stream) == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    if len(shape) > MOST_AXES or not all(0 <= length < 2**63 for length in shape):
        raise ValueError(f"no array has the shape {shape!s:.100}")
    return shape, fortran, dtype


def read_member_header(
    archive: zipfile.ZipFile, member: str | zipfile.ZipInfo
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """The same of an array in a .npz file, which must be large enough for what its header claims."""
    with archive.open(member) as stream:
        shape, fortran, dtype = read_npy_header(stream)
        check_length(stream.name, shape, dtype, archive.getinfo(stream.name).file_size - stream.tell())
    return shape, fortran, dtype


def check_length(name: str, shape: tuple[int, ...], dtype: np.dtype, there: int) -> None:
    """A header may claim any shape: what the file does not hold must not be asked of the memory."""
    needed = math.prod(shape) * dtype.itemsize
    if needed > there and not dtype.hasobject:  # pickled objects have any length; they are refused elsewhere
        raise ValueError(f"{name} ends early: {needed:,} bytes are announced, {there:,} are there")

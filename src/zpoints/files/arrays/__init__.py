"""Arrays in files of any format, read in ranges of rows. To add a format: a `Reader` in one file, and its name.

A format of this package is named in `ARRAYS` here; one of another package by an entry point of the group
``zpoints.arrays``. See `rows.Reader` for an example. Nothing is ever unpickled.
"""

from pathlib import Path

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import Reader, Rows, Sliced
from zpoints.files.readable import readable
from zpoints.system.registry import Registry

__all__ = ["ARRAYS", "Reader", "Rows", "Sliced", "known_suffixes", "open_rows"]

ARRAYS: Registry[type[Reader]] = Registry(
    "array format",
    "zpoints.arrays",
    {
        "npy": "zpoints.files.arrays.npy:NpyReader",
        "npz": "zpoints.files.arrays.npz:NpzReader",
        "parquet": "zpoints.files.arrays.parquet:ParquetReader",
        "safetensors": "zpoints.files.arrays.safetensors:SafetensorsReader",
        "zarr": "zpoints.files.arrays.zarr:ZarrReader",
    },
)
"""All formats by name."""


def open_rows(path: Path | str) -> Reader:
    """Open an array in a file of any known format; the first format that takes the file for its own.

    Parameters
    ----------
    path : of the file; ``~`` is the user's folder.

    Returns
    -------
    The array: its `shape` and `dtype`, ranges of rows by ``[start:stop]``, and `blocks`.

    Raises
    ------
    ArrayError : no such file, of no known format, damaged, or of pickled objects.

    Examples
    --------
    >>> import numpy, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "z.npy"
    >>> numpy.save(path, numpy.arange(6.0).reshape(3, 2))
    >>> rows = open_rows(path)
    >>> rows.shape, rows[1:2].tolist()
    ((3, 2), [[2.0, 3.0]])
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ArrayError(f"{path}: no such file; name a {known_suffixes()} array")
    for name, kind in ARRAYS.members():
        with readable(path, name):
            if kind.matches(path):
                found = kind.open(path)
                return found if isinstance(found, Reader) else Sliced(found)
    raise ArrayError(
        f"{path}: '{path.suffix.lower()}' is no known array format; known are {known_suffixes()}"
    )


def known_suffixes() -> str:
    """The ends of the names of all known formats' files, for messages: ``.npy, .npz, ... or .zarr``."""
    suffixes = [suffix for _, kind in ARRAYS.members() for suffix in kind.suffixes]
    return " or ".join([", ".join(suffixes[:-1]), suffixes[-1]])

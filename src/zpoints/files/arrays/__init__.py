"""Arrays in files of any format, read in ranges of rows. To add a format: a `Reader` in one file, and its name.

A format of this package is named in `ARRAYS` here; one of another package by an entry point of the group
``zpoints.arrays``. See `rows.Reader` for an example. Nothing is ever unpickled.
"""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.columns import Exactly, Wanted
from zpoints.files.arrays.foreign import advice
from zpoints.files.arrays.rows import Reader, Rows, Sliced, listed
from zpoints.files.arrays.shards import Shards, files_of, is_pattern, left_out_of
from zpoints.files.readable import readable
from zpoints.files.remote import Address
from zpoints.files.shard import check_shards
from zpoints.files.stamps import stamp_of
from zpoints.system.registry import Registry

__all__ = ["ARRAYS", "Reader", "Rows", "Sliced", "files_behind", "known_suffixes", "open_rows"]

ARRAYS: Registry[type[Reader]] = Registry(
    "array format",
    "zpoints.arrays",
    {
        "npy": "zpoints.files.arrays.npy:NpyReader",
        "npz": "zpoints.files.arrays.npz:NpzReader",
        "npy.gz": "zpoints.files.arrays.streamed:NpyGzReader",
        "pt": "zpoints.files.arrays.pt:PtReader",
        "safetensors": "zpoints.files.arrays.safetensors:SafetensorsReader",
        "hdf5": "zpoints.files.arrays.hdf5:Hdf5Reader",
        "parquet": "zpoints.files.arrays.parquet:ParquetReader",
        "arrow": "zpoints.files.arrays.arrow:ArrowReader",
        "csv": "zpoints.files.arrays.csv:CsvReader",
        "zarr": "zpoints.files.arrays.zarr:ZarrReader",
    },
)
"""All formats by name."""
NAMED = "::"
"""Parts a path from what is chosen of the file."""


def open_rows(path: Path | str, columns: Wanted = None) -> Reader:
    """Open an array in a file of any known format; the first format that takes the file for its own.

    A folder of files of one format, or a pattern such as ``z/*.npy``, is read as one array.

    Parameters
    ----------
    path : of the file, or its address (``s3://bucket/z.npy``; see `files.arrays.remote`); ``~`` is the user's folder.
        ``vae.npz::mu`` is the array ``mu`` of several in a file, ``z.parquet::z_*`` these columns of a table.
    columns : of a table that are components: names and patterns, in a list or between commas.

    Returns
    -------
    The array: its `shape` and `dtype`, ranges of rows by ``[start:stop]``, `blocks`, and `notes`.

    Raises
    ------
    ArrayError : no such file, of no known format, damaged, or of pickled objects; no such array or column.

    Examples
    --------
    >>> import numpy, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "z.npy"
    >>> numpy.save(path, numpy.arange(6.0).reshape(3, 2))
    >>> rows = open_rows(path)
    >>> rows.shape, rows[1:2].tolist()
    ((3, 2), [[2.0, 3.0]])
    """
    address = Address.of(path)
    if address is not None and not Path(path).exists():
        from zpoints.files.arrays.remote import open_address

        return open_address(address, columns)
    path, inner = _parted(Path(path).expanduser())
    if is_pattern(path):
        return _shards(path, columns, inner)
    if not path.exists():
        raise ArrayError(f"{path}: no such file; name a {known_suffixes()} array")
    if (found := _format_of(path)) is not None:
        return _opened(path, found, columns, inner)
    if path.is_dir():
        return _shards(path, columns, inner)
    raise ArrayError(
        advice(path)
        or f"{path}: '{path.suffix.lower()}' is no known array format; known are {known_suffixes()}"
    )


def files_behind(path: Path | str) -> list[Path]:
    """The files, or the one file or folder of an array, that `open_rows` would open."""
    path, _ = _parted(Path(path).expanduser())
    several = path.is_dir() and _format_of(path) is None
    return files_of(path) if several or is_pattern(path) else [path]


def _parted(path: Path) -> tuple[Path, str | None]:
    """The file, and what of it; a file whose own name holds the sign is that file."""
    text, sign, inner = str(path).rpartition(NAMED)
    return (Path(text), inner) if sign and text and inner and not path.exists() else (path, None)


Format = tuple[str, Any]


def _format_of(path: Path) -> Format | None:
    for name, kind in ARRAYS.members():
        with readable(path, name):
            if kind.matches(path):
                return name, kind
    return None


def _opened(path: Path, format_: Format, columns: Wanted, inner: str | None) -> Reader:
    name, kind = format_
    chooses = getattr(kind, "chooses", "")
    if columns is not None and chooses != "columns":
        other = f"; one of its arrays is chosen by {path}{NAMED}NAME" if chooses else ""
        raise ArrayError(f"{path}: has no columns with names to choose from{other}")
    if inner is not None and not chooses:
        raise ArrayError(f"{path}: is one array; there is nothing in it called '{inner:.60}'")
    wanted = inner if columns is None else columns
    with readable(path, name):
        found = kind.open(path, wanted) if chooses else kind.open(path)
        reader = found if isinstance(found, Reader) else Sliced(found)
        reader.origin = Opening(path.absolute(), name, columns, inner)
        return reader


@dataclass(frozen=True)
class Opening:
    """A file of a known format, and what was chosen of it."""

    path: Path
    format: str
    columns: Wanted
    inner: str | None

    def opened(self, shape: tuple[int, ...], dtype: np.dtype) -> Reader:
        """The same array once more, in whatever process.

        Raises
        ------
        ArrayError : no such file here, or another array than it was; says on which host.
        """
        here = f"{self.path}: on {socket.gethostname()}"
        if not self.path.exists():
            raise ArrayError(
                f"{here} there is no such file; all workers have to see the vectors under the same path: put them "
                "into a folder that all hosts share"
            )
        found = _opened(self.path, (self.format, ARRAYS[self.format]), self.columns, self.inner)
        if (tuple(found.shape), found.dtype) != (shape, dtype):
            raise ArrayError(
                f"{here} it is {found.dtype} of shape {tuple(found.shape)}, not {dtype} of {shape}; all workers have "
                "to see the same file"
            )
        return found

    def identity(self) -> Any:
        """Path, choice, and the times of the file."""
        return str(self.path), self.format, repr(self.columns), self.inner, stamp_of(self.path)


def _shards(path: Path, columns: Wanted, inner: str | None) -> Reader:
    files, others = [], []
    formats: dict[str, tuple[Format, Path]] = {}
    for file in files_of(path):
        if (found := _format_of(file)) is None:
            others.append(file)
        else:
            files.append(file)
            formats.setdefault(found[0], (found, file))
    if not files:
        names = listed([file.name for file in others])
        raise ArrayError(
            f"{path}: no file in it is of a known array format: {names}; known are {known_suffixes()}"
        )
    if len(formats) > 1:
        named = listed([f"{file.name} ({name})" for name, (_, file) in formats.items()])
        raise ArrayError(
            f"{path}: holds files of several formats, {named}; name one, or a pattern as in "
            f"'{files[0].parent / '*'}{files[0].suffix}'"
        )
    check_shards(path, files)
    format_ = next(iter(formats.values()))[0]

    found_ = Shards(path, files, _OpenShard(format_[0], columns is not None, inner), columns)
    if others:
        found_.notes += (f"{path}: left out: {listed([f.name for f in others])}, of no known array format",)
    if path.is_dir() and (left := left_out_of(path)):
        found_.notes += (f"{path}: left out: {left}",)
    return found_


@dataclass(frozen=True)
class _OpenShard:
    """Opens one of many files of a format, in whatever process."""

    format: str
    by_columns: bool
    inner: str | None

    def __call__(self, file: Path, wanted: Any) -> Reader:
        if not file.exists():
            raise ArrayError(
                f"{file}: on {socket.gethostname()} there is no such file; all hosts that read have to see it under "
                "the same path"
            )
        of_columns = isinstance(wanted, Exactly) or self.by_columns
        format_ = self.format, ARRAYS[self.format]
        return _opened(file, format_, wanted if of_columns else None, None if of_columns else self.inner)


def known_suffixes() -> str:
    """The ends of the names of all known formats' files, for messages: ``.npy, .npz, ... or .zarr``."""
    suffixes = [suffix for _, kind in ARRAYS.members() for suffix in kind.suffixes]
    return " or ".join([", ".join(suffixes[:-1]), suffixes[-1]])

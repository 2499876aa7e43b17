"""Arrays at addresses (``s3://``, ``gs://``, ``https://``): ranges of rows are asked for, no file is fetched whole.

Of four formats, whose rows can be asked for: .npy, .parquet, .safetensors and .zarr. Whoever reads, this process or a
worker of a cluster, asks the place itself for the bytes of its rows.
"""

import io
import json
import math
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.columns import Exactly, Wanted
from zpoints.files.arrays.low_precision import LOW_PRECISION, widened
from zpoints.files.arrays.parquet import ParquetReader
from zpoints.files.arrays.rows import Reader, chosen_array, listed, taken
from zpoints.files.arrays.safetensors import TYPES
from zpoints.files.arrays.shards import Shards
from zpoints.files.arrays.zarr import MARKS, ZarrReader
from zpoints.files.names import natural
from zpoints.files.numpy_files import check_length, read_npy_header
from zpoints.files.readable import readable
from zpoints.files.remote import Address, reaching
from zpoints.files.shard import check_shards

__all__ = ["open_address"]

HEADER = 16 << 10  # bytes that are asked for first; NumPy takes no longer header of a .npy file
LONGEST_HEADER = 100 << 20  # of a safetensors file, as its library has it
REQUEST = 16 << 20  # bytes of rows that are asked for at a time: many small requests take longer
ROW_GROUP = 256 << 20  # a row group of a table that is larger is read in pieces, column by column
PIECE = 4 << 20
AT_ONCE = 16  # files that are looked at together, before the first is read

Stamp = tuple[tuple[str, str], ...]


class _AtAddress(Reader):
    """What all of them have in common: before and after each reading it is asked whether the file is the same."""

    address: Address
    stamp: Stamp

    def _check_unchanged(self) -> None:
        if self._stamp_now(self.address) != self.stamp:
            raise ArrayError(f"{self.address}: has changed since it was opened; start again")

    @classmethod
    def _stamp_now(cls, address: Address) -> Stamp:
        return address.stamp()

    def _watched(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        self._check_unchanged()
        with reaching(self.address):
            yield from blocks
        self._check_unchanged()


class _Ranged(_AtAddress):
    """Rows that lie one after the other, uncompressed.

    Attributes
    ----------
    offset : of the first row. raw : type of the numbers as they lie there. kind : of safetensors' own types.
    """

    light = True
    offset: int
    raw: np.dtype
    kind: str = ""

    @property
    def _row_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self.raw.itemsize

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        start, stop = taken(self, rows)
        with reaching(self.address), self.address.open() as file:
            return self._asked(file, start, stop)

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order."""
        return self.between(0, self.shape[0], size)

    def between(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        """Some rows in order, of which many blocks are asked for at a time."""
        return self._watched(self._pieces(start, stop, size))

    def _pieces(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        together = size * max(1, REQUEST // max(1, size * self._row_bytes))
        with self.address.open() as file:
            for first in range(start, stop, together):
                rows = self._asked(file, first, min(first + together, stop))
                for k in range(0, len(rows), size):
                    yield rows[k : k + size]

    def _asked(self, file: Any, start: int, stop: int) -> np.ndarray:
        found = np.empty(max(0, stop - start) * self._row_bytes, np.uint8)
        _fill(file, self.offset + start * self._row_bytes, found, self.address)
        rows = (
            found.view(self.raw).reshape(-1, *self.shape[1:])
            if found.size
            else np.empty((0, *self.shape[1:]))
        )
        return widened(rows, self.kind) if self.kind in LOW_PRECISION else rows.astype(self.dtype, copy=False)


def _fill(file: Any, offset: int, found: np.ndarray, address: Address) -> None:
    """Read as many bytes as there is room for."""
    file.seek(offset)
    filled = 0
    while filled < len(found):
        part = file.read(len(found) - filled)
        if not part:
            raise ArrayError(
                f"{address}: ends early, or its server sends no ranges; write it anew, or fetch it first"
            )
        found[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
        filled += len(part)


def _head(file: Any, offset: int, length: int, address: Address) -> bytes:
    found = np.empty(length, np.uint8)
    _fill(file, offset, found, address)
    return found.tobytes()


class RemoteNpy(_Ranged):
    """NumPy's .npy."""

    suffixes = (".npy",)

    def __init__(self, address: Address, stamp: Stamp) -> None:
        self.address, self.stamp = address, stamp
        size = _size(stamp, address)
        with reaching(address), address.open() as file:
            stream = io.BytesIO(_head(file, 0, min(HEADER, size), address))
        with readable(str(address), ".npy"):
            shape, fortran, dtype = read_npy_header(stream)
            check_length(address.name, shape, dtype, size - stream.tell())
        if dtype.hasobject:
            raise ArrayError(f"{address}: holds pickled objects, which are never read; save numbers")
        if fortran and len(shape) > 1 and 1 not in shape:
            raise ArrayError(
                f"{address}: lies column by column (Fortran order), so that no row can be asked for; save "
                "numpy.ascontiguousarray(z)"
            )
        self.offset, self.raw, self.shape, self.dtype = stream.tell(), dtype, shape, dtype


class RemoteSafetensors(_Ranged):
    """One tensor of a safetensors file."""

    suffixes = (".safetensors",)
    chooses = "array"

    def __init__(self, address: Address, stamp: Stamp, array: str | None = None) -> None:
        self.address, self.stamp = address, stamp
        size = _size(stamp, address)
        with reaching(address), address.open() as file:
            length = int.from_bytes(_head(file, 0, min(8, size), address), "little")
            if length > min(LONGEST_HEADER, size - 8):
                raise ArrayError(
                    f"{address}: cannot be read as safetensors (its header claims {length:,} bytes)"
                )
            head = _head(file, 8, length, address)
        with readable(str(address), "safetensors"):
            tensors = json.loads(head)
            tensors.pop("__metadata__", None)
            shapes = {name: tuple(map(int, each["shape"])) for name, each in tensors.items()}
            key, self.notes = chosen_array(address, shapes, array)
            kind, (begin, end) = tensors[key]["dtype"], map(int, tensors[key]["data_offsets"])
            self.shape, self.offset = shapes[key], 8 + length + begin
            if kind not in TYPES and kind not in LOW_PRECISION:
                raise ArrayError(f"{address}: tensor '{key:.40}' has type {kind!s:.20}; save it as float32")
            self.kind, self.raw = kind, LOW_PRECISION.get(kind, np.dtype("<" + TYPES.get(kind, "f4")))
            needed = math.prod(self.shape) * self.raw.itemsize
            if end - begin != needed or begin < 0 or 8 + length + end > size:
                raise ValueError(f"'{key:.40}' does not lie where the header says")
        self.dtype = np.dtype(TYPES.get(kind, "f4"))


class _Reached(_AtAddress):
    """Before the reader of a format of files in the order of classes: what that one reads, it reads at an address."""

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        with reaching(self.address):
            return super().__getitem__(rows)  # type: ignore[safe-super]  # the format's

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order."""
        return self._watched(super().blocks(size))

    def between(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        """Some of the rows in order."""
        return self._watched(super().between(start, stop, size))


class RemoteParquet(_Reached, ParquetReader):
    """Columns of a table; of each row group those columns alone."""

    def __init__(self, address: Address, stamp: Stamp, columns: Wanted = None) -> None:
        self.address, self.stamp = address, stamp
        with reaching(address):
            super().__init__(address, columns)

    def _opened(self, path: Any) -> Any:
        import pyarrow.parquet as pq

        file = self.address.open()
        metadata = pq.ParquetFile(file).metadata
        groups = (metadata.row_group(g).total_byte_size for g in range(metadata.num_row_groups))
        small = max(groups, default=0) <= ROW_GROUP
        return pq.ParquetFile(file, metadata=metadata, pre_buffer=small, buffer_size=0 if small else PIECE)


class RemoteZarr(_Reached, ZarrReader):
    """One zarr array, chunk by chunk. A change is noticed in its description, not in its chunks."""

    def __init__(self, address: Address, stamp: Stamp, array: str | None = None) -> None:
        self.address, self.stamp = address, stamp
        with reaching(address):
            super().__init__(address, array)

    def _store(self, path: Any) -> Any:
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(str(self.address), read_only=True)

    @classmethod
    def _stamp_now(cls, address: Address) -> Stamp:
        for mark in MARKS:
            try:
                return Address(address.chain, address.scheme, f"{address.path.rstrip('/')}/{mark}").stamp()
            except ArrayError as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
        raise ArrayError(f"{address}: is no zarr array: there is no {' or '.join(MARKS)} in it")


FORMATS: tuple[Any, ...] = (RemoteNpy, RemoteParquet, RemoteSafetensors, RemoteZarr)


def open_address(address: Address, columns: Wanted = None) -> Reader:
    """Open an array at an address, or several there as one.

    Parameters
    ----------
    address : of a file, of a folder of files of one format, or a pattern; what stands after ``::`` is chosen of it.
    columns : of a table that are components.

    Raises
    ------
    ArrayError : nothing there, no right to read it, a format whose rows cannot be asked for; a package is missing.
    """
    address, inner = address.parted()
    if _kind_of(address) is not None and not address.is_pattern:
        return RemoteOpening(address, columns, inner).open()
    if not address.is_pattern and not address.is_dir():
        with reaching(address):
            address.stamp()
        raise ArrayError(f"{address}: no rows can be asked for in such a file; {_KNOWN}, or fetch it first")
    return _several(address, columns, inner)


_KNOWN = "at addresses, .npy, .parquet, .safetensors and .zarr are read"


def _kind_of(address: Address) -> Any:
    name = address.name.lower()
    return next((kind for kind in FORMATS if name.endswith(kind.suffixes)), None)


def _size(stamp: Stamp, address: Address) -> int:
    size = dict(stamp).get("size")
    if size is None:
        raise ArrayError(f"{address}: its server does not tell how long it is; fetch it, and name the file")
    return int(size)


@dataclass(frozen=True)
class RemoteOpening:
    """A file at an address, what was chosen of it, and as what it was found.

    Attributes
    ----------
    found : its stamp when it was first opened; None before.
    """

    address: Address
    columns: Any
    inner: str | None
    found: Stamp | None = None

    def open(self) -> Reader:
        """Open it; refuses one that is not the same any more."""
        kind = _kind_of(self.address)
        chooses: str = kind.chooses
        if self.columns is not None and chooses != "columns":
            raise ArrayError(f"{self.address}: has no columns with names to choose from")
        if self.inner is not None and not chooses:
            raise ArrayError(
                f"{self.address}: is one array; there is nothing in it called '{self.inner:.60}'"
            )
        stamp = kind._stamp_now(self.address)
        if self.found is not None and stamp != self.found:
            raise ArrayError(
                f"{self.address}: on {socket.gethostname()} it is not what it was when the work began; start again"
            )
        wanted = self.inner if self.columns is None else self.columns
        reader: Reader = kind(self.address, stamp, wanted) if chooses else kind(self.address, stamp)
        reader.origin = RemoteOpening(self.address, self.columns, self.inner, stamp)
        return reader

    def opened(self, shape: tuple[int, ...], dtype: np.dtype) -> Reader:
        """The same array once more, in whatever process."""
        reader = self.open()
        if (tuple(reader.shape), reader.dtype) != (shape, dtype):
            raise ArrayError(
                f"{self.address}: on {socket.gethostname()} it is {reader.dtype} of shape {tuple(reader.shape)}, not "
                f"{dtype} of {shape}"
            )
        return reader

    def identity(self) -> Any:
        """Address, choice, and what the place tells of the file."""
        return str(self.address), repr(self.columns), self.inner, self.found


def _several(address: Address, columns: Wanted, inner: str | None) -> Reader:
    there = sorted(address.listed(), key=lambda each: natural(str(each)))
    files = [each for each in there if _kind_of(each) is not None]
    others = [each.name for each in there if _kind_of(each) is None]
    if not files:
        raise ArrayError(f"{address}: there is no such file; {_KNOWN}; there are: {listed(others)}")
    kinds = {_kind_of(each).suffixes[0]: each for each in files}
    if len(kinds) > 1:
        raise ArrayError(
            f"{address}: holds files of several formats, {listed([each.name for each in kinds.values()])}; name one "
            "by a pattern"
        )
    check_shards(address, files)
    opener = _OpenShard(columns is not None, inner)
    with ThreadPoolExecutor(
        AT_ONCE, "zpoints"
    ) as threads:  # each costs some waiting for the network, and no work
        first = threads.map(lambda file: opener.anew(file, columns), files)
        opener.ready.update(zip(files, first, strict=True))
    try:
        found = Shards(address, files, opener, columns)
    finally:
        opener.ready.clear()
    if others:
        found.notes += (f"{address}: left out: {listed(others)}, of another format",)
    return found


@dataclass(frozen=True)
class _OpenShard:
    """Opens one of many files, in whatever process.

    Attributes
    ----------
    stamps : as what each file was found. ready : those that were opened just now.
    """

    by_columns: bool
    inner: str | None
    stamps: dict[Address, Stamp] = field(default_factory=dict)
    ready: dict[Address, Reader] = field(default_factory=dict, repr=False)

    def anew(self, file: Address, wanted: Any) -> Reader:
        """Open it, and remember as what."""
        of_columns = isinstance(wanted, Exactly) or self.by_columns
        opening = RemoteOpening(
            file, wanted if of_columns else None, None if of_columns else self.inner, self.stamps.get(file)
        )
        reader = opening.open()
        self.stamps[file] = reader.stamp  # type: ignore[attr-defined]
        return reader

    def __call__(self, file: Address, wanted: Any) -> Reader:
        reader = self.ready.pop(file, None)
        return self.anew(file, wanted) if reader is None else reader

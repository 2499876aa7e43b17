"""Latent vectors on disk or in memory: any (n, d) array, read in blocks, from any tool.

.npy, .npz, .parquet, .safetensors and .zarr are understood; nothing is ever unpickled.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from jaxtyping import Float, Int, Num

from zpoints.errors import ArrayError, one_line, reason
from zpoints.files.numpy_files import open_array, read_member_header, read_npy_header
from zpoints.files.readable import readable

__all__ = ["ArrayReader", "LatentSet", "drawn"]

LARGEST = 1 << 16  # components: their covariance matrix has 32 GiB


class Reader(Protocol):
    """Where vectors come from: a shape, and blocks in order."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, in blocks of `size` (the last may be shorter)."""


@dataclass(frozen=True, eq=False, repr=False)
class LatentSet:
    """A set of n latent vectors with d components each.

    Attributes
    ----------
    name : what error messages call it, usually the file.
    n, dimension : number of vectors and of components.
    """

    name: str
    reader: Reader
    rows: np.ndarray | None = None

    @classmethod
    def open(cls, source: Any, rows: np.ndarray | None = None) -> Self:
        """Open a file, or wrap an array.

        Parameters
        ----------
        source : path of a .npy, .npz, .parquet, .safetensors or .zarr array, or an array of shape (n, d).
        rows : numbers of the vectors to use, ascending; None is all.

        Raises
        ------
        ArrayError : not two-dimensional, not numeric, fewer than 2 vectors, or a file that cannot be read.
        """
        if isinstance(source, LatentSet):
            name, reader, rows = source.name, source.reader, source.rows if rows is None else rows
        else:
            name, reader = _reader(source)
        if len(reader.shape) != 2:
            raise ArrayError(
                f"{name}: shape {tuple(reader.shape)} has {len(reader.shape)} dimension(s), expected 2: "
                "(vectors, components); reshape it"
            )
        if reader.dtype.kind not in "fiu":
            raise ArrayError(f"{name}: type {reader.dtype!s:.60} is not numeric; save it as float32")
        if reader.shape[1] > LARGEST:
            raise ArrayError(
                f"{name}: {reader.shape[1]:,} components; more than {LARGEST:,} cannot be measured: "
                "their covariance matrix would not fit into memory; reduce them first"
            )
        if rows is not None:
            _check_rows(name, rows, reader.shape[0])
        latents = cls(name, reader, rows)
        if latents.n < 2 or latents.dimension < 1:
            raise ArrayError(
                f"{name}: {latents.n} vector(s) of {latents.dimension} component(s); at least 2 vectors are needed"
            )
        return latents

    def __repr__(self) -> str:
        """In one line: what it is called, how many vectors of how many components, of which type."""
        return f"<LatentSet {one_line(self.name)}: {self._words}>"

    def _repr_html_(self) -> str:
        """The same, for notebooks."""
        return f"<b>LatentSet</b> <code>{escape(one_line(self.name))}</code><br>{self._words}"

    @property
    def _words(self) -> str:
        chosen = "" if self.rows is None else f" (of {self.reader.shape[0]:,})"
        return f"{self.n:,} vectors{chosen} of {self.dimension:,} components, {self.reader.dtype}"

    @property
    def n(self) -> int:
        """Number of vectors."""
        return self.reader.shape[0] if self.rows is None else len(self.rows)

    @property
    def dimension(self) -> int:
        """Number of components d."""
        return self.reader.shape[1]

    def blocks(self, size: int) -> Iterator[Num[np.ndarray, "m d"]]:
        """All vectors in order, in non-empty blocks of at most `size`."""
        if self.rows is None:
            yield from self._all_blocks(size)
            return
        start = 0
        for block in self._all_blocks(size):
            first, last = np.searchsorted(self.rows, (start, start + len(block)))
            if last > first:
                yield block[self.rows[first:last] - start]
            start += len(block)

    def _all_blocks(self, size: int) -> Iterator[np.ndarray]:
        try:
            yield from self.reader.blocks(size)
        except (ArrayError, MemoryError):
            raise
        except Exception as error:  # every format's library has its own classes for a damaged file
            raise ArrayError(
                f"{self.name}: cannot be read to its end ({reason(error)}); write the file anew"
            ) from error

    def numbered_blocks(self, size: int) -> Iterator[tuple[int, Num[np.ndarray, "m d"]]]:
        """The same as `blocks`, each with the number of its first vector."""
        start = 0
        for block in self.blocks(size):
            yield start, block
            start += len(block)

    def some(self, count: int, seed: int) -> Self:
        """At most `count` of the vectors, drawn at random without repetition, in their order."""
        if count >= self.n:
            return self
        numbers = drawn(self.n, count, seed)
        return type(self)(self.name, self.reader, numbers if self.rows is None else self.rows[numbers])

    def head(self, count: int) -> Num[np.ndarray, "m d"]:
        """The first `count` vectors, or all; at least one."""
        return next(self.blocks(count))

    def array(self) -> Float[np.ndarray, "n d"]:
        """All vectors, float64, in memory."""
        return np.concatenate([np.asarray(block, np.float64) for block in self.blocks(4096)])

    def columns(self, chosen: list[int], size: int = 16384) -> Float[np.ndarray, "n c"]:
        """The values of a few components of all vectors, float64, in memory."""
        return np.concatenate([np.asarray(block[:, chosen], np.float64) for block in self.blocks(size)])


def drawn(n: int, count: int, seed: int) -> Int[np.ndarray, " c"]:
    """Numbers of `count` of `n` vectors, drawn at random without repetition, ascending."""
    return np.sort(np.random.default_rng(seed).choice(n, count, replace=False, shuffle=False))


def _check_rows(name: str, rows: np.ndarray, n: int) -> None:
    whole = rows.ndim == 1 and rows.dtype.kind in "iu"
    if not whole or (len(rows) and not (rows[0] >= 0 and rows[-1] < n and (rows[1:] > rows[:-1]).all())):
        raise ArrayError(f"{name}: rows must be whole numbers from 0 to {n - 1}, ascending, each once")


def _reader(source: Any) -> tuple[str, Reader]:
    if isinstance(source, str | Path):
        return str(source), _file_reader(Path(source).expanduser())
    array = np.asanyarray(source)
    return "the array", ArrayReader(array)


def _file_reader(path: Path) -> Reader:
    if not path.exists():
        raise ArrayError(f"{path}: no such file; name a .npy, .npz, .parquet, .safetensors or .zarr array")
    readers: dict[str, Callable[[], Reader]] = {
        ".npy": lambda: ArrayReader(open_array(path)),
        ".npz": lambda: _NpzReader(path),
        ".parquet": lambda: _ParquetReader(path),
        ".safetensors": lambda: _SafetensorsReader(path),
        ".zarr": lambda: _ZarrReader(path),
    }
    kind = path.suffix.lower()
    if kind not in readers:
        raise ArrayError(f"{path}: '{kind}' is no known array format; known are {', '.join(readers)}")
    return readers[kind]()


class ArrayReader:
    """Rows of an array, in memory or mapped into it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        for start in range(0, len(self.array), size):
            yield np.asarray(self.array[start : start + size])


class _NpzReader:
    """One array of an .npz archive, decompressed as a stream: it is never in memory whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with readable(path, ".npz", "write it with numpy.savez"), zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            self.member = _choose(path, members, ("z.npy", "latents.npy", "arr_0.npy"))
            self.shape, self.fortran, self.dtype = read_member_header(archive, self.member)
            if self.dtype.hasobject:
                raise ValueError("it holds pickled objects")
        if self.fortran and len(self.shape) == 2:
            raise ArrayError(
                f"{path}: {self.member} is stored column by column; save it in C order, or as .npy"
            )

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        row_bytes = self.shape[1] * self.dtype.itemsize
        with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
            read_npy_header(file)
            for start in range(0, self.shape[0], size):
                rows = min(size, self.shape[0] - start)
                data = file.read(rows * row_bytes)
                if len(data) < rows * row_bytes:
                    raise ArrayError(f"{self.path}: {self.member} ends early; write the file anew")
                yield np.frombuffer(data, self.dtype).reshape(rows, self.shape[1])


class _ParquetReader:
    """All numeric columns of a table, or its one column of fixed-size lists."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        with readable(path, "parquet"):
            self.file = pq.ParquetFile(path, memory_map=True)
            fields = list(self.file.schema_arrow)
        lists = [f for f in fields if pa.types.is_fixed_size_list(f.type)]
        numbers = [f for f in fields if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)]
        self.one_list = len(lists) == 1
        if self.one_list:
            self.names, width = [lists[0].name], lists[0].type.list_size
            with readable(path, "parquet"):
                self.dtype = np.dtype(lists[0].type.value_type.to_pandas_dtype())
        elif numbers and not lists:
            self.names, width, self.dtype = [f.name for f in numbers], len(numbers), np.dtype(np.float64)
        else:
            raise ArrayError(f"{path}: expected numeric columns, or one column of fixed-size lists")
        self.shape: tuple[int, ...] = (self.file.metadata.num_rows, width)

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        for batch in self.file.iter_batches(size, columns=self.names):
            if self.one_list:
                # flatten drops the items of missing lists: filled, they would silently shift the rows.
                if batch.column(0).null_count:
                    raise ArrayError(
                        f"{self.path}: column '{self.names[0]}' has missing vectors; drop them first"
                    )
                yield batch.column(0).flatten().to_numpy(zero_copy_only=False).reshape(len(batch), -1)
            else:
                columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
                yield np.stack(columns, axis=1).astype(np.float64)


class _SafetensorsReader:
    def __init__(self, path: Path) -> None:
        from safetensors import safe_open

        self.path = path
        with readable(path, "safetensors"), safe_open(path, framework="numpy") as file:
            self.key = _choose(path, list(file.keys()), ("z", "latents"))
            part = file.get_slice(self.key)
            self.shape = tuple(part.get_shape())
            kind = part.get_dtype()
        types = {"F16": "f2", "F32": "f4", "F64": "f8", "I8": "i1", "I16": "i2", "I32": "i4", "I64": "i8"}
        if kind not in types:
            raise ArrayError(f"{path}: tensor '{self.key}' has type {kind}; save it as float32")
        self.dtype = np.dtype(types[kind])

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        from safetensors import safe_open

        with safe_open(self.path, framework="numpy") as file:
            part = file.get_slice(self.key)
            for start in range(0, self.shape[0], size):
                yield part[start : min(start + size, self.shape[0])]


class _ZarrReader:
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

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        for start in range(0, self.shape[0], size):
            yield np.asarray(self.array[start : start + size])


def _choose(path: Path, names: list[str], preferred: tuple[str, ...]) -> str:
    if len(names) == 1:
        return names[0]
    for name in preferred:
        if name in names:
            return name
    listed = ", ".join(f"{name:.40}" for name in names[:8]) or "none"
    raise ArrayError(
        f"{path}: which array? It holds {listed}; save the latent vectors alone, or as '{preferred[0]}'"
    )

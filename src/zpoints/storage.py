"""Files that are whole or not there: atomic writes, and arrays that grow block by block and survive a kill.

A finished file always came from a rename, so no reader ever meets half of one. Work in progress lies beside
it under a name that ends in ``.partial``.
"""

import errno
import hashlib
import io
import json
import math
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np

from zpoints.errors import ArrayError, DiskError, ZPointsError, reason

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ANEW",
    "ArrayWriter",
    "atomic_path",
    "check_room",
    "fingerprint",
    "json_number",
    "load_npz",
    "open_array",
    "read_json",
    "read_member_header",
    "read_npy_header",
    "read_table",
    "readable",
    "write_json",
    "write_npy",
    "write_npz",
    "writing",
]

MOST_AXES = 32  # NumPy before 2.0 makes no array of more
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
# What libraries say that write files by themselves; the numbers are the system's: ENOSPC, EFBIG, EDQUOT.
FULL_WORDS = re.compile(r"No space left|File too large|[Qq]uota exceeded|os error (28|27|122)\b")
ANEW = "write it anew; in the folder of a run, delete it and start the run again"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Inside, an error of a disk that is full or read-only becomes one line that says where, and what to do.

    Raises
    ------
    DiskError : there is no room for `path`, or its folder may not be written to.
    """
    try:
        yield
    except ZPointsError:
        raise
    except (
        Exception
    ) as error:  # torch, safetensors, pyarrow and NumPy have classes of their own for a full disk
        number, free = getattr(error, "errno", None), _free(path)
        if number in CLOSED:
            what, then = os.strerror(number), "make its folder writable, or choose another one"
        elif number in FULL or FULL_WORDS.search(str(error)) or free == 0:
            left = "" if free is None else f", {_size(free)} are free"
            why = os.strerror(number if number in FULL else errno.ENOSPC)
            what, then = f"{why}{left}", "make room and start again, what is finished is kept"
        else:
            raise
        raise DiskError(f"{path}: cannot be written ({what}); {then}") from error


def check_room(path: Path, needed: int) -> None:
    """Refuse to begin a file for which the disk has no room.

    Raises
    ------
    DiskError : `needed` bytes are more than the disk of `path` has; says how many are missing.
    """
    free = _free(path)
    if free is not None and needed > free:
        raise DiskError(
            f"{path}: needs {_size(needed)}, {_size(free)} are free on the disk; make room for "
            f"{_size(needed - free)} more and start again, what is finished is kept"
        )


def _free(path: Path) -> int | None:
    """Free bytes where `path` is to lie; None where the system does not tell."""
    there = next((folder for folder in path.parents if folder.is_dir()), None)
    try:
        return shutil.disk_usage(there).free if there else None
    except OSError:
        return None


def _size(count: int) -> str:
    factor, unit = next(((f, u) for f, u in ((1e9, "GB"), (1e6, "MB")) if count >= f), (1e3, "kB"))
    return f"{count / factor:.1f} {unit}"


INFLATED = 4
SMALL = 2**26
"""A .npz file that is read whole may hold so many times its own bytes, and these beside them: no bomb."""


@contextmanager
def readable(
    name: Path | str,
    kind: str,
    advice: str = "write the file anew",
    refusal: type[ZPointsError] = ArrayError,
) -> Iterator[None]:
    """Whatever a library raises about the bytes of a file becomes one line about the file.

    Every library has its own classes for a damaged file, and on hostile bytes most raise others, too.
    """
    try:
        yield
    except ZPointsError:
        raise
    except Exception as error:
        raise refusal(f"{name}: cannot be read as {kind} ({reason(error)}); {advice}") from error


@contextmanager
def atomic_path(path: Path, sync: bool = True) -> Iterator[Path]:
    """Give a temporary name beside `path`; on success it is renamed to `path`, else removed.

    With `sync` the content is on the disk before the rename, so that not even a power cut leaves half a file; the
    death of the process alone never does.

    Raises
    ------
    DiskError : there is no room for the file, or its folder may not be written to.
    """
    # Always the same name: what a killed process left behind is written over by the next one.
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()  # so that a folder which takes no files is met here, with the system's own error
        try:
            yield temporary
            if sync:
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically. NaN and infinity are refused: they are no JSON."""
    text = json.dumps(content, indent=2, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def json_number(value: Any) -> int | float | None:
    """A number as JSON has it: NaN and infinity become None."""
    if isinstance(value, int | np.integer):
        return int(value)
    return float(value) if np.isfinite(value) else None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object."""
    with readable(path, "JSON", ANEW):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ArrayError(f"{path}: holds no JSON object; {ANEW}")
    return content


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write one array atomically as .npy."""
    check_room(path, array.nbytes)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays atomically as .npz, without pickle."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a small .npz file, without pickle."""
    with readable(path, ".npz", ANEW), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        size = sum(member.file_size for member in members)
        if size > SMALL + INFLATED * path.stat().st_size:
            raise ValueError(f"it would inflate to {size:,} bytes")
        return {member.filename.removesuffix(".npy"): _read_member(archive, member) for member in members}


def read_table(path: Path) -> "pd.DataFrame":
    """Read a .parquet file."""
    import pandas as pd

    with readable(path, "parquet", ANEW):
        return pd.read_parquet(path)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    read_member_header(archive, member)
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def open_array(path: Path, shared: bool = False) -> np.ndarray:
    """Open a .npy file as a memory map. The file itself cannot change: pages are copied when they are written to.

    `shared` maps it for reading only. Then ``ulimit -d`` does not count the pages, as if they were memory of our own.
    """
    if not path.is_file():
        raise ArrayError(f"{path}: no such file")
    with readable(path, ".npy", ANEW):
        with path.open("rb") as stream:
            shape, _, dtype = read_npy_header(stream)
            _check_length(path.name, shape, dtype, path.stat().st_size - stream.tell())
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
        _check_length(stream.name, shape, dtype, archive.getinfo(stream.name).file_size - stream.tell())
    return shape, fortran, dtype


def _check_length(name: str, shape: tuple[int, ...], dtype: np.dtype, there: int) -> None:
    """A header may claim any shape: what the file does not hold must not be asked of the memory."""
    needed = math.prod(shape) * dtype.itemsize
    if needed > there and not dtype.hasobject:  # pickled objects have any length; they are refused elsewhere
        raise ValueError(f"{name} ends early: {needed:,} bytes are announced, {there:,} are there")


class ArrayWriter:
    """A .npy file that grows by blocks of rows and can be continued after a kill.

    Rows go to ``NAME.partial``; ``NAME.partial.json`` says how many of them are safely on disk, and the
    caller's `key` says of which work they are part. `finish` writes the true shape into the header and renames.

    Parameters
    ----------
    path : the finished file.
    row_shape, dtype : shape and type of one row.
    key : identifies the work; rows that an earlier run left under another key are dropped.
    """

    HEADER_BYTES = 128  # what NumPy writes for any shape that we meet; checked below

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: np.dtype | type, key: str) -> None:
        self.path, self.row_shape, self.dtype, self.key = path, row_shape, np.dtype(dtype), key
        self.partial = path.with_name(path.name + ".partial")
        self.journal = path.with_name(path.name + ".partial.json")
        self.row_bytes = int(np.prod(row_shape, dtype=np.int64)) * self.dtype.itemsize
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.rows = self._rows_on_disk()
            self._file: BinaryIO = self.partial.open("r+b" if self.partial.exists() else "w+b")
        self.rewind(self.rows)

    def rewind(self, rows: int) -> None:
        """Drop every row after the first `rows`."""
        self.rows = rows
        with writing(self.path):
            self._file.truncate(self.HEADER_BYTES + rows * self.row_bytes)
            self._file.seek(0)
            self._file.write(self._header(rows))
            self._file.seek(0, os.SEEK_END)
        self.sync()  # else the note of an earlier `sync` would vouch for rows that are gone

    def append(self, block: np.ndarray) -> None:
        """Add the rows of `block`."""
        if block.shape[1:] != self.row_shape:
            raise ValueError(f"rows of shape {block.shape[1:]} do not fit a file of rows {self.row_shape}")
        with writing(self.path):
            self._file.write(np.ascontiguousarray(block, dtype=self.dtype).data)
        self.rows += len(block)

    def expect(self, rows: int) -> None:
        """Refuse to go on if the disk has no room for so many rows in all. Raises `DiskError`."""
        check_room(self.path, max(0, rows - self.rows) * self.row_bytes)

    def sync(self) -> None:
        """Bring all rows safely to disk and note their number."""
        with writing(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        write_json(self.journal, {"rows": self.rows, "key": self.key})

    def finish(self) -> None:
        """Write the true shape into the header, and give the file its name."""
        with writing(self.path):
            self._file.seek(0)
            self._file.write(self._header(self.rows))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self.partial.replace(self.path)
        self.journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Close without finishing: a later run goes on from the last `sync`."""
        with suppress(OSError):  # the disk may be too full even for what lies in the buffer
            self._file.close()

    def __enter__(self) -> "ArrayWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _rows_on_disk(self) -> int:
        if not (self.partial.exists() and self.journal.exists()):
            return 0
        try:
            note = read_json(self.journal)
            rows = int(note["rows"]) if note["key"] == self.key else 0
        except (ArrayError, KeyError, TypeError, ValueError):
            return 0
        enough = self.partial.stat().st_size >= self.HEADER_BYTES + rows * self.row_bytes
        return rows if enough else 0

    def _header(self, rows: int) -> bytes:
        buffer = io.BytesIO()
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(buffer, header | {"shape": (rows, *self.row_shape)})
        if buffer.tell() != self.HEADER_BYTES:
            raise ValueError(
                f"unexpected .npy header of {buffer.tell()} bytes for rows of shape {self.row_shape}"
            )
        return buffer.getvalue()


def fingerprint(*parts: Any) -> str:
    """A short text that identifies plain values (as JSON has them): other values, another fingerprint."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]

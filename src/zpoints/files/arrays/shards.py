"""Many files as one array: a folder as Spark, Dask and Hugging Face write it, or a pattern such as ``z/*.npy``."""

import glob
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.columns import Exactly
from zpoints.files.arrays.rows import NoRowsError, Reader, exactly, listed, taken
from zpoints.files.names import natural
from zpoints.files.remote import Address
from zpoints.files.stamps import stamp_of

__all__ = ["Shards", "files_of", "is_pattern", "left_out_of"]

DIGITS = re.compile(r"\d+")
SPLIT = re.compile(r"(.+)-\d+-of-\d+\.\w+")
"""Files of a data set's splits, as Hugging Face names them: train-00000-of-00007.parquet."""

File = Path | Address
Opener = Callable[[Any, Any], Reader]


def is_pattern(path: Path) -> bool:
    """Whether a path that does not exist is meant as a pattern of several."""
    return glob.has_magic(str(path)) and not path.exists()


def files_of(path: Path) -> list[Path]:
    """The files that a folder or a pattern means, in natural order: part.2 goes before part.10.

    Hidden files and those that begin with an underscore (``_SUCCESS``, ``_metadata``) are none. Folders named
    ``key=value``, as Spark parts a table, are looked into.

    Raises
    ------
    ArrayError : none, or files of several splits of a data set.
    """
    left = left_out_of(path) if path.is_dir() else ""
    if path.is_dir():
        found = list(_inside(path))
    else:
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 (of a whole path)
        found = [each for each in found if each.is_file()]
    found = sorted((each for each in found if each.name[0] not in "._"), key=lambda each: natural(str(each)))
    if not found:
        what = f"holds no file{left and ', but '}{left}" if path.is_dir() else "no file has such a name"
        raise ArrayError(
            f"{path}: {what}; name a file, a folder of files of one format, or a pattern as 'z/*.npy'"
        )
    splits = [match and match[1] for match in map(SPLIT.fullmatch, (each.name for each in found))]
    if len(set(splits)) > 1 and None not in splits:
        names = sorted({str(name) for name in splits})
        raise ArrayError(
            f"{path}: holds the splits {listed(names)}; name one, as in "
            f"'{found[0].parent / names[0]}-*{found[0].suffix}'"
        )
    return found


def left_out_of(folder: Path) -> str:
    """What of a folder `files_of` does not look at, in words: folders in it, and links to nothing."""
    inside = [each for each in folder.iterdir() if each.name[0] not in "._"]
    folders = [each.name for each in inside if each.is_dir() and "=" not in each.name]
    links = [each.name for each in inside if not each.is_dir() and not each.is_file()]
    return "; ".join(
        f"{len(names):,} {what} ({listed(sorted(names, key=natural))})"
        for names, what in (
            (folders, f"folder(s), whose files '{folder}/**/*' means"),
            (links, "link(s) to nothing"),
        )
        if names
    )


def _inside(folder: Path) -> Iterator[Path]:
    for each in folder.iterdir():
        if each.is_file():
            yield each
        elif "=" in each.name and each.is_dir():
            yield from _inside(each)


class Shards(Reader):
    """Files of one format and one kind of row, one after the other.

    Parameters
    ----------
    path : the folder or pattern, for messages.
    files : in order.
    open_ : opens one of them, with what is chosen of it.
    wanted : the array or the columns; of tables, those of the first file are taken of all.

    Raises
    ------
    ArrayError : a file that cannot be read, or does not fit the first one.
    """

    def __init__(self, path: File, files: Sequence[File], open_: Opener, wanted: Any = None) -> None:
        self.files: list[File] = []
        self._open, self._wanted = open_, wanted
        self._kept: dict[int, Reader] = {}
        self._current: tuple[int, Reader] | None = None
        self._names: Any = None  # of tables, the same columns in the same order are taken of all files
        first, lengths, empty = None, [], []
        for file in files:
            if (reader := self._with_rows(file)) is None:
                empty.append(file.name)
                continue
            if first is None:
                first, self._names = reader, getattr(reader, "names", None)
            lengths.append(self._length(file, reader, first))
            self.files.append(file)
        if first is None:
            raise NoRowsError(f"{path}: none of its {len(files):,} file(s) holds a row; write the vectors")
        first.close()
        self.ends = [0, *np.cumsum(lengths).tolist()]
        self.shape, self.dtype = (self.ends[-1], *first.shape[1:]), first.dtype
        self.notes, self.left_out = (*self._told(path, empty), *first.notes), first.left_out

    @property
    def portable(self) -> bool:
        """Whether another process, which sees the same files, can read it by itself."""
        return True

    @property
    def identity(self) -> Any:
        """Those of the files, and what is taken of them."""
        files = [stamp_of(file.absolute()) for file in self.files]
        return repr(self._open), repr(self._wanted), repr(self._names), files

    def __getstate__(self) -> dict[str, Any]:
        """Without what is open."""
        files = [file.absolute() for file in self.files]
        return self.__dict__ | {"files": files, "_kept": {}, "_current": None}

    def _with_rows(self, file: File) -> Reader | None:
        """Open a file; None if it has no row."""
        try:
            reader = self._open(file, self._wanted)
        except NoRowsError:
            return None
        if not reader.shape or reader.shape[0]:
            return reader
        reader.close()
        return None

    def _told(self, path: File, empty: list[str]) -> Iterator[str]:
        names = [file.name for file in self.files]
        yield f"{path}: {len(names):,} file(s), {names[0]} to {names[-1]}, are read as one array"
        if len(kinds := dict.fromkeys(DIGITS.sub("#", name) for name in names)) > 1:
            yield f"{path}: their names are of {len(kinds):,} kinds, {listed(list(kinds))}; '{path}/NAME*' takes some"
        if empty:
            yield f"{path}: {len(empty):,} file(s) without a row: left out ({listed(empty)})"

    def _length(self, file: File, reader: Reader, first: Reader) -> int:
        """The number of rows of a file, which must be like those of the first."""
        number, names = len(self.files), getattr(reader, "names", None)
        if names != self._names:
            self._check_columns(file, set(names or ()) ^ set(self._names or ()))
            reader.close()
            reader = self._open(file, Exactly(self._names))
        if not reader.shape or reader.shape[1:] != first.shape[1:] or reader.dtype != first.dtype:
            raise ArrayError(
                f"{file}: holds {reader.dtype} of shape {reader.shape}, but {self.files[0]} {first.dtype} of "
                f"{first.shape}; only files with the same kind of vectors make one array"
            )
        if reader.light:
            self._kept[number] = reader
        if reader is not first:
            reader.close()
        return reader.shape[0]

    def _check_columns(self, file: File, differing: set[str]) -> None:
        if differing:
            raise ArrayError(
                f"{file}: its columns are not those of {self.files[0]}: {listed(sorted(differing))} in one of "
                "the two only; choose by --columns those that all have, or take the file away"
            )

    def _opened(self, number: int) -> Reader:
        if number in self._kept:
            return self._kept[number]
        wanted = self._wanted if self._names is None else Exactly(self._names)
        reader = self._open(self.files[number], wanted)
        if reader.shape[0] != self.ends[number + 1] - self.ends[number]:
            raise ArrayError(f"{self.files[number]}: has changed while it was read; start again")
        if reader.light:
            self._kept[number] = reader
        return reader

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """A range of rows; the file where it ends stays open for the next one."""
        start, stop = taken(self, rows)
        parts = [np.empty((0, *self.shape[1:]), self.dtype)]
        number = bisect_right(self.ends, start) - 1
        while start < stop:
            if self._current is None or self._current[0] != number:
                self.close()
                self._current = number, self._opened(number)
            end = min(stop, self.ends[number + 1])
            parts.append(self._current[1][start - self.ends[number] : end - self.ends[number]])
            start, number = max(start, end), number + 1
        return np.concatenate(parts)

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, in blocks that know nothing of the files' ends."""
        yield from exactly(self._pieces(size), size)

    def between(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        """The rows from `start` to before `stop`; a file is opened once."""
        yield from exactly(self._pieces_between(start, stop, size), size)

    def _pieces_between(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        number = bisect_right(self.ends, start) - 1
        while start < stop:
            reader, first, end = self._opened(number), self.ends[number], min(stop, self.ends[number + 1])
            for block in reader.between(start - first, end - first, size):
                yield block if len(block) == size else np.array(block)
            if number not in self._kept:
                reader.close()
            start, number = max(start, end), number + 1

    def _pieces(self, size: int) -> Iterator[np.ndarray]:
        for number in range(len(self.files)):
            reader = self._opened(number)
            for block in reader.blocks(size):
                # A view of a small file would keep it open for as long as its rows wait for those of others.
                yield block if len(block) == size else np.array(block)
            if number not in self._kept:
                reader.close()

    def close(self) -> None:
        """Close the file that a range of rows has left open."""
        if self._current is not None:
            self._current[1].close()
            self._current = None

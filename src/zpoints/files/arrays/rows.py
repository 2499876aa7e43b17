"""What every reader of an array promises: a shape, a type of number, ranges of rows, blocks in order."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.remote import Address

__all__ = ["NoRowsError", "Reader", "Rows", "Sliced", "chosen_array", "exactly", "listed", "taken"]

LISTED = 8
"""So many arrays of a file are named in an error."""
PREFERRED = ("z", "latents", "arr_0")
"""Names under which latent vectors usually lie in a file of several arrays, the most usual first."""


class NoRowsError(ArrayError):
    """A file that holds not one row, so that nobody knows how long a vector is: of many files it is left out."""


class Rows(Protocol):
    """An array of which ranges of rows are read: one of NumPy, of h5py, of zarr, or a `Reader`."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class Origin(Protocol):
    """How an array was opened, without anything that is open."""

    def opened(self, shape: tuple[int, ...], dtype: np.dtype) -> "Reader":
        """The same array once more; refuses one that is not there, or of another shape or type."""

    def identity(self) -> Any:
        """Plain values by which it is known again: another file, or other content in it, has others."""


class Reader(ABC):
    """An array in a file, read in ranges of rows; a subclass for each format.

    A subclass names its `suffixes` (or has its own `matches`), opens a path in its constructor, where it sets `shape`
    and `dtype`, and gives ranges of rows by ``reader[start:stop]``. It unpickles nothing. What else goes wrong it may
    raise as it comes: `open_rows` and `LatentSet` make one line of it.

    Attributes
    ----------
    suffixes : ends of the names of this format's files, as ``(".npy",)`` or ``(".npy.gz",)``.
    folders : whether such an array is a folder; else a folder of that name is none of this format's.
    chooses : what of a file can be chosen: ``"columns"`` of a table, one ``"array"`` of several, or nothing. With one
        of them `open` takes a second argument: the text after ``::`` in the path, or None.
    light : whether no file stays open after `close`, and the reader still reads.
    shape, dtype : of the whole array.
    origin : of what and how it was opened, for processes that open it themselves; None where that is not known. A
        reader that has one is pickled as that, and never with its values.
    notes : what was left out or guessed, in sentences that the user is told.
    left_out : names of a table's columns that are no components.

    Examples
    --------
    A format in one file, found by the entry point ``raw = "my_package:Raw"`` of the group ``zpoints.arrays``:

    >>> class Raw(Reader):
    ...     suffixes = (".raw",)
    ...
    ...     def __init__(self, path):
    ...         self.values = np.fromfile(path, np.float32).reshape(-1, 8)
    ...         self.shape, self.dtype = self.values.shape, self.values.dtype
    ...
    ...     def __getitem__(self, rows):
    ...         return self.values[rows]
    >>> Raw.matches(Path("z.raw"))
    True
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    folders: ClassVar[bool] = False
    chooses: ClassVar[str] = ""
    light: ClassVar[bool] = False
    shape: tuple[int, ...]
    dtype: np.dtype
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    origin: "Origin | None" = None

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is of this format: by the end of its name, unless a subclass knows better."""
        return path.name.lower().endswith(cls.suffixes) and (cls.folders or not path.is_dir())

    @classmethod
    def open(cls, path: Path, wanted: Any = None) -> Self:
        """Open a file of this format; `wanted` is which array or columns, where the format `chooses`."""
        return cls(path, wanted) if cls.chooses else cls(path)  # type: ignore[call-arg]

    @abstractmethod
    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """The rows from start to before stop, in memory. For one thread at a time."""

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, in blocks of `size` (the last may be shorter). Several readings may be under way."""
        for start in range(0, self.shape[0], size):
            yield self[start : start + size]

    def between(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        """The rows from `start` to before `stop`, in blocks of `size` (the last may be shorter)."""
        for first in range(start, stop, size):
            yield self[first : min(first + size, stop)]

    @property
    def portable(self) -> bool:
        """Whether another process, which sees the same files, can read it by itself."""
        return self.origin is not None

    @property
    def identity(self) -> Any:
        """Plain values by which these very rows are known again without reading them; None where there are none."""
        return None if self.origin is None else self.origin.identity()

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self.origin is None:
            return super().__reduce_ex__(protocol)
        return type(self.origin).opened, (self.origin, tuple(self.shape), self.dtype)

    def close(self) -> None:  # noqa: B027 (most have nothing open)
        """Close what is open."""


class Sliced(Reader):
    """An array in memory, or whatever else has a shape, a type and ranges of rows."""

    def __init__(self, rows: Any) -> None:
        self.rows, self.shape, self.dtype = rows, tuple(rows.shape), np.dtype(rows.dtype)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return np.asarray(self.rows[rows])


def chosen_array(
    path: Path | Address, shapes: Mapping[str, tuple[int, ...]], wanted: str | None = None
) -> tuple[str, tuple[str, ...]]:
    """Which of a file's arrays holds the vectors, and what is to be said about the others.

    The one that is wanted; or the only one; or of those with two or more axes the first of `PREFERRED` (of arrays in
    groups the last part of the name counts), or the only one.

    Raises
    ------
    ArrayError : several arrays, and nothing tells which one; or none of the name that is wanted.
    """
    names = list(shapes)
    if wanted is not None:
        if wanted not in shapes:
            raise ArrayError(f"{path}: holds no array '{wanted:.40}'; there are {listed(names)}")
        return wanted, ()
    found = _only(shapes)
    if found is None:
        example = next((name for name in names if len(name) <= 40), "NAME")
        raise ArrayError(
            f"{path}: which array? It holds {listed(names)}; name it, as in {path.name}::{example}, or save the "
            f"latent vectors alone, or as '{PREFERRED[0]}'"
        )
    others = [f"{name:.40} {shapes[name]}" for name in names if name != found]
    if not others:
        return found, ()
    return found, (
        f"{path}: measured is '{found}'; left out: {listed(others)}; {path}::NAME chooses another",
    )


def _only(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The name that the rules of `chosen_array` lead to, if they lead to one."""
    if len(shapes) == 1:
        return next(iter(shapes))
    wide = [name for name, shape in shapes.items() if len(shape) > 1]
    for usual in PREFERRED:
        named = [name for name in wide or shapes if name.rpartition("/")[2] == usual]
        if named:
            return named[0] if len(named) == 1 else None
    return wide[0] if len(wide) == 1 else None


def listed(names: Sequence[str], most: int = LISTED) -> str:
    """Names for a message; of many the first ones, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return (", ".join(f"{name:.60}" for name in names[:most]) or "none") + more


def exactly(pieces: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same rows in blocks of `size` (the last may be shorter), however long the pieces are."""
    held: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        while count + len(piece) >= size:
            cut = size - count
            held.append(piece[:cut])
            yield held[0] if len(held) == 1 else np.concatenate(held)
            held, count, piece = [], 0, piece[cut:]
        if len(piece):
            held.append(piece)
            count += len(piece)
    if held:
        yield held[0] if len(held) == 1 else np.concatenate(held)


def taken(reader: Reader, rows: slice) -> tuple[int, int]:
    """First row, and the row after the last one, of a range that may reach past the end."""
    start, stop, _ = rows.indices(reader.shape[0])
    return start, max(start, stop)

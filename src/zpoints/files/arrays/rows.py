"""What every reader of an array promises: a shape, a type of number, ranges of rows, blocks in order."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from zpoints.errors import ArrayError

__all__ = ["Reader", "Rows", "Sliced", "chosen_array"]

LISTED = 8
"""So many arrays of a file are named in an error."""


class Rows(Protocol):
    """An array of which ranges of rows are read: one of NumPy, of h5py, of zarr, or a `Reader`."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class Reader(ABC):
    """An array in a file, read in ranges of rows; a subclass for each format.

    A subclass names its `suffixes` (or has its own `matches`), opens a path in its constructor, where it sets `shape`
    and `dtype`, and gives ranges of rows by ``reader[start:stop]``. It unpickles nothing. What else goes wrong it may
    raise as it comes: `open_rows` and `LatentSet` make one line of it.

    Attributes
    ----------
    suffixes : of the files of this format, as ``(".npy",)``.
    shape, dtype : of the whole array.

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
    shape: tuple[int, ...]
    dtype: np.dtype

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is of this format: by the end of its name, unless a subclass knows better."""
        return path.suffix.lower() in cls.suffixes

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file of this format."""
        return cls(path)  # type: ignore[call-arg]

    @abstractmethod
    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """The rows from start to before stop, in memory. For one thread at a time."""

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, in blocks of `size` (the last may be shorter). Several readings may be under way."""
        for start in range(0, self.shape[0], size):
            yield self[start : start + size]

    def close(self) -> None:  # noqa: B027 (most have nothing open)
        """Close what is open."""


class Sliced(Reader):
    """An array in memory, or whatever else has a shape, a type and ranges of rows."""

    def __init__(self, rows: Any) -> None:
        self.rows, self.shape, self.dtype = rows, tuple(rows.shape), np.dtype(rows.dtype)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return np.asarray(self.rows[rows])


def chosen_array(path: Path, names: list[str], preferred: tuple[str, ...]) -> str:
    """The only array of a file, or the first of the usual names that it holds.

    Raises
    ------
    ArrayError : several arrays, none of them of such a name.
    """
    if len(names) == 1:
        return names[0]
    for name in preferred:
        if name in names:
            return name
    listed = ", ".join(f"{name:.40}" for name in names[:LISTED]) or "none"
    raise ArrayError(
        f"{path}: which array? It holds {listed}; save the latent vectors alone, or as '{preferred[0]}'"
    )

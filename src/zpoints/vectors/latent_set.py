"""Latent vectors on disk or in memory: any (n, d) array, read in blocks, from any tool.

Files of every format in `zpoints.files.arrays.ARRAYS` are understood; nothing is ever unpickled.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int, Num

from zpoints.errors import ArrayError, LeftOutWarning, one_line, reason
from zpoints.files.arrays import Reader, open_rows
from zpoints.files.arrays.columns import Wanted
from zpoints.files.remote import as_typed
from zpoints.vectors.objects import Narrowed, reader_of
from zpoints.vectors.readers import Chosen, Flattened, Shaped

__all__ = ["LatentSet", "drawn", "some_of"]

LARGEST = 1 << 16  # components: their covariance matrix has 32 GiB


@dataclass(frozen=True, eq=False, repr=False)
class LatentSet:
    """A set of n latent vectors with d components each.

    Attributes
    ----------
    name : what error messages call it, usually the file.
    n, dimension : number of vectors and of components.
    reader : gives rows of the file or array. rows : numbers of the chosen ones, ascending; None is all.
    latent_shape : shape of one latent array; (d,) where it is a vector.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = zp.LatentSet.open(np.arange(12.0).reshape(6, 2), rows=np.array([0, 2, 5]))
    >>> z.n, z.dimension
    (3, 2)
    >>> [block.tolist() for block in z.blocks(6)]
    [[[0.0, 1.0], [4.0, 5.0], [10.0, 11.0]]]
    """

    name: str
    reader: Reader
    rows: np.ndarray | None = None

    @classmethod
    def open(cls, source: Any, rows: np.ndarray | None = None, columns: Wanted = None) -> Self:
        """Open a file, or wrap an array.

        What is left out of a table or a file of several arrays, or guessed, is warned and stands in `notes`.

        Parameters
        ----------
        source : path of an array in a format of `zpoints.files.arrays.ARRAYS` (``vae.npz::mu`` names one of several),
            of a folder of such files, or a pattern of them (``z/*.npy``); or an array, a tensor, a table of pandas,
            polars or Arrow, or lists of numbers; of shape (n, d). Arrays of more axes, as (n, c, h, w), are taken as
            vectors of c h w components, in C order; `latent_shape` remembers.
        rows : numbers of the vectors to use, ascending; None is all.
        columns : of a table that are components: names and patterns (``"z_*"``, ``"z1,z2"``, ``["z1", "z2"]``), taken
            in the table's order. None leaves it to the rules of `zpoints.files.arrays.columns`.

        Raises
        ------
        ArrayError : fewer than two dimensions, not numeric, fewer than 2 vectors, or a file that cannot be read.
        """
        if isinstance(source, LatentSet):
            if columns is not None:
                raise ArrayError(f"{source.name}: is open already; choose columns where it is opened")
            name, reader, rows = source.name, source.reader, source.rows if rows is None else rows
        else:
            is_path = isinstance(source, str | Path)
            name, reader = (
                (as_typed(source), open_rows(source, columns)) if is_path else reader_of(source, columns)
            )
            for note in reader.notes:
                warnings.warn(one_line(note), LeftOutWarning, stacklevel=3)
        if reader.dtype.kind == "f" and reader.dtype.itemsize > np.dtype(np.float64).itemsize:
            reader = Narrowed(name, reader)
        if len(reader.shape) > 2:
            reader = Flattened(reader)
        if len(reader.shape) != 2:
            raise ArrayError(
                f"{name}: shape {tuple(reader.shape)} has {len(reader.shape)} dimension(s), expected 2: "
                "(vectors, components); reshape it"
            )
        if reader.dtype.kind not in "fiu":
            complex_ = "Complex data not supported: " if reader.dtype.kind == "c" else ""
            raise ArrayError(
                f"{name}: {complex_}type {reader.dtype!s:.60} is not numeric; save it as float32"
            )
        if reader.shape[1] > LARGEST:
            raise ArrayError(
                f"{name}: {reader.shape[1]:,} components; more than {LARGEST:,} cannot be measured: "
                "their covariance matrix would not fit into memory; reduce them first"
            )
        if rows is not None:
            _check_rows(name, rows, reader.shape[0])
        latents = cls(name, reader, rows)
        if latents.dimension < 1:
            raise ArrayError(
                f"{name}: {latents.n} vector(s) of 0 component(s): 0 feature(s) (shape=({latents.n}, 0)) while a "
                "minimum of 1 is required."
            )
        if latents.n < 2:
            raise ArrayError(
                f"{name}: {latents.n} vector(s) of {latents.dimension} component(s) (n_samples = {latents.n}); "
                "at least 2 vectors are needed"
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
        shape = f" (arrays of shape {self.latent_shape})" if len(self.latent_shape) > 1 else ""
        left = f"; {len(self.reader.left_out):,} column(s) left out" if self.reader.left_out else ""
        return (
            f"{self.n:,} vectors{chosen} of {self.dimension:,} components{shape}, {self.reader.dtype}{left}"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the file or table, or guessed about it, in sentences."""
        return self.reader.notes

    @property
    def n(self) -> int:
        """Number of vectors."""
        return self.reader.shape[0] if self.rows is None else len(self.rows)

    @property
    def total(self) -> int:
        """Number of vectors in the file or array, chosen or not."""
        return self.reader.shape[0]

    @property
    def dimension(self) -> int:
        """Number of components d."""
        return self.reader.shape[1]

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent array; (d,) where it is a vector."""
        return getattr(self.reader, "latent_shape", (self.dimension,))

    def blocks(self, size: int) -> Iterator[Num[np.ndarray, "m d"]]:
        """All vectors in order, in non-empty blocks of at most `size`."""
        if self.rows is None:
            yield from self._all_blocks(size)
            return
        start = 0
        for block in self._all_blocks(size):
            found, start = self._chosen_of(block, start), start + len(block)
            if len(found):
                yield found

    def _all_blocks(self, size: int) -> Iterator[np.ndarray]:
        with self._told():
            yield from self.reader.blocks(size)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever a library says of a damaged file becomes one line."""
        try:
            yield
        except (ArrayError, MemoryError):
            raise
        except Exception as error:  # every format's library has its own classes for a damaged file
            raise ArrayError(
                f"{self.name}: cannot be read to its end ({reason(error)}); write the file anew"
            ) from error

    def numbered_blocks(self, size: int) -> Iterator[tuple[int, Num[np.ndarray, "m d"]]]:
        """The same as `blocks` of `size`, each with the number of its first vector."""
        start = 0
        for block in self.blocks(size):
            yield start, block
            start += len(block)

    def numbered_between(
        self, start: int, stop: int, size: int
    ) -> Iterator[tuple[int, Num[np.ndarray, "m d"]]]:
        """Those blocks of `numbered_blocks` whose rows in the file, chosen or not, go from `start` to before `stop`.

        `start` is a multiple of `size`, and `stop`, unless it is the end: so these blocks are the very same.
        """
        number = start if self.rows is None else int(np.searchsorted(self.rows, start))
        with self._told():
            for block in self.reader.between(start, stop, size):
                found, start = self._chosen_of(block, start), start + len(block)
                if len(found):
                    yield number, found
                    number += len(found)

    def _chosen_of(self, block: np.ndarray, start: int) -> np.ndarray:
        """Those vectors of a block that are chosen; `start` is its first row."""
        if self.rows is None:
            return block
        first, last = np.searchsorted(self.rows, (start, start + len(block)))
        return block[self.rows[first:last] - start]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a description, where the reader is one; the chosen rows take a bit each."""
        if self.rows is None:
            return type(self), (self.name, self.reader)
        chosen = np.zeros(self.total, bool)
        chosen[self.rows] = True
        return _unpacked, (type(self), self.name, self.reader, np.packbits(chosen))

    def some(self, count: int, seed: int) -> Self:
        """At most `count` of the vectors, drawn at random (`seed`) without repetition, in their order."""
        if count >= self.n:
            return self
        return self.subset(drawn(self.n, count, seed))

    def subset(self, numbers: Int[np.ndarray, " m"]) -> Self:
        """Some of the vectors, by their `numbers` in this set, ascending, each once."""
        return type(self)(self.name, self.reader, numbers if self.rows is None else self.rows[numbers])

    def of_components(self, numbers: Int[np.ndarray, " l"]) -> Self:
        """The same vectors, with only these `numbers` of their components."""
        return type(self)(self.name, Chosen(self.reader, numbers), self.rows)

    def of_shape(self, shape: tuple[int, ...]) -> Self:
        """The same vectors, known to be arrays of this `shape` in C order.

        Raises
        ------
        ArrayError : such an array has another number of values.
        """
        if int(np.prod(shape, dtype=object)) != self.dimension:
            raise ArrayError(
                f"{self.name}: vectors of {self.dimension:,} components are no arrays of shape {shape}"
            )
        return type(self)(self.name, Shaped(self.reader, shape), self.rows)

    def head(self, count: int) -> Num[np.ndarray, "m d"]:
        """The first `count` vectors, or all; at least one."""
        return next(self.blocks(count))

    def array(self) -> Float[np.ndarray, "n d"]:
        """All vectors, (n, d) float64, in memory."""
        return np.concatenate([np.asarray(block, np.float64) for block in self.blocks(4096)])

    def columns(self, chosen: list[int], size: int = 16384) -> Float[np.ndarray, "n c"]:
        """The values of the `chosen` components of all vectors, (n, c) float64; read in blocks of `size` vectors."""
        return np.concatenate([np.asarray(block[:, chosen], np.float64) for block in self.blocks(size)])


def _unpacked(kind: type[LatentSet], name: str, reader: Reader, chosen: np.ndarray) -> LatentSet:
    return kind(name, reader, np.flatnonzero(np.unpackbits(chosen, count=reader.shape[0])))


def drawn(n: int, count: int, seed: int) -> Int[np.ndarray, " c"]:
    """Numbers of `count` of `n` vectors, drawn at random without repetition, ascending."""
    return np.sort(np.random.default_rng(seed).choice(n, count, replace=False, shuffle=False))


def some_of(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """All rows where there are no more than `count`; else so many, drawn at random, since files are often sorted."""
    return rows if len(rows) <= count else rows[drawn(len(rows), count, seed)]


def _check_rows(name: str, rows: np.ndarray, n: int) -> None:
    whole = rows.ndim == 1 and rows.dtype.kind in "iu"
    if not whole or (len(rows) and not (rows[0] >= 0 and rows[-1] < n and (rows[1:] > rows[:-1]).all())):
        raise ArrayError(f"{name}: rows must be whole numbers from 0 to {n - 1}, ascending, each once")

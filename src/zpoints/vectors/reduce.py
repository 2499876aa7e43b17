"""The one place that adds up over blocks of vectors.

Everything that is measured is a sum: a small summary of each block, and ``+``. `reduce` goes once through a
source and answers any number of questions by the way. Which threads or machines work, in blocks of which
length, how much memory they may take, what is told to the progress bar, and where the work can be stopped, is
decided here and nowhere else.

A *question* is one of

- a function ``block -> summary``, as ``Moments.of``; summaries add up by ``+``, and None adds nothing;
- a tuple of questions: a product of sums is a sum, so its answer is the tuple of the answers;
- `Numbered`, a function that also wants to know the number of the block's first vector;
- `Through`, questions about what a function has made of the block; it is made once for all questions, wherever they
  stand, that name an equal function;
- `Into`, a summary too large to be made anew for each block: ``empty()``, ``add(block)`` and ``+``.

All functions must stand being called by several threads at a time. What `Into` adds is added by the calling
thread alone, in the order of the blocks, and may use all processors itself, as Numba's parallel kernels do.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from zpoints.files.arrays import Sliced
from zpoints.system.progress import Progress
from zpoints.system.threads import map_ordered
from zpoints.vectors.latent_set import LatentSet

__all__ = [
    "Executor",
    "Into",
    "Numbered",
    "Question",
    "Rows",
    "Serial",
    "Source",
    "Sum",
    "Threads",
    "Through",
    "collect",
    "reduce",
    "rows",
]

Question = Any
"""A function, a tuple of questions, `Numbered`, `Through` or `Into`; see the module."""

BLOCK_NUMBERS = 1 << 20  # numbers in a block, unless its length is given: 8 MiB as float64
FEWEST, MOST = 256, 1 << 16  # vectors in such a block
COPIES = 3  # float64 copies of a block that the work on it usually holds at a time


class Source(Protocol):
    """Vectors that are read in blocks; `LatentSet` is one."""

    @property
    def n(self) -> int:
        """Number of vectors."""

    @property
    def dimension(self) -> int:
        """Number of components."""

    def numbered_blocks(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """All vectors in order, in blocks of at most `size`, each with the number of its first vector."""


# --- questions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbered:
    """A function ``(start, block) -> summary``; `start` is the number of the block's first vector in the source."""

    of: Callable[[int, np.ndarray], Any]


@dataclass(frozen=True)
class Through:
    """Questions about what a function has made of a block; the answer is theirs.

    Attributes
    ----------
    make : ``block -> anything``, or `Numbered`; hashable.
    of : a question about what it makes.
    """

    make: Callable[[np.ndarray], Any] | Numbered
    of: Question


def _add(total: Any, block: Any) -> None:
    total.add(block)


@dataclass(frozen=True)
class Into:
    """A summary that blocks are added to in place.

    Attributes
    ----------
    empty : makes one of no vectors; each machine that works begins with its own, and these add up by ``+``.
    add : ``(summary, block)``, adds a block in place; by default the summary's own ``add``.
    """

    empty: Callable[[], Any]
    add: Callable[[Any, Any], None] = _add


# --- what an executor is given ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sum:
    """A question, taken apart into the steps that an executor goes: `part` of each block, `take` and `join`.

    Picklable where the question's functions are. A total is None, or a list of totals, for as long as nothing was
    taken; `Into` begins with its empty summary.
    """

    of: Question

    def empty(self) -> Any:
        """The total of no blocks."""
        return _empty(self.of)

    def part(self, numbered: tuple[int, np.ndarray]) -> Any:
        """What is made of one block, and its number. Any thread may do that, several at a time."""
        start, block = numbered
        return _part(self.of, start, block, {})

    def take(self, total: Any, part: Any) -> Any:
        """The total with one more block's part. By one thread per total, in the order of the blocks."""
        return _take(self.of, total, part)

    def join(self, total: Any, other: Any) -> Any:
        """Two totals together: those of two machines."""
        return _join(self.of, total, other)

    def over(self, blocks: Iterable[tuple[int, np.ndarray]]) -> Any:
        """The total of these blocks, one after the other."""
        total = self.empty()
        for numbered in blocks:
            total = self.take(total, self.part(numbered))
        return total


def _empty(of: Question) -> Any:
    if isinstance(of, tuple):
        return tuple(_empty(one) for one in of)
    if isinstance(of, Through):
        return _empty(of.of)
    return of.empty() if isinstance(of, Into) else None


Made = dict[tuple[int, Any], Any]


def _part(of: Question, start: int, block: Any, made: Made) -> Any:
    if isinstance(of, tuple):
        return tuple(_part(one, start, block, made) for one in of)
    if isinstance(of, Through):
        key = (id(block), of.make)  # the block lives as long as `made`, so no other has its id
        if key not in made:
            made[key] = _called(of.make, start, block)
        return _part(of.of, start, made[key], made)
    return block if isinstance(of, Into) else _called(of, start, block)


def _called(function: Any, start: int, block: Any) -> Any:
    return function.of(start, block) if isinstance(function, Numbered) else function(block)


def _take(of: Question, total: Any, part: Any) -> Any:
    if isinstance(of, tuple):
        return tuple(_take(*each) for each in zip(of, total, part, strict=True))
    if isinstance(of, Through):
        return _take(of.of, total, part)
    if isinstance(of, Into):
        of.add(total, part)
        return total
    if part is None:  # nothing in this block
        return total
    return part if total is None else total + part


def _join(of: Question, total: Any, other: Any) -> Any:
    if isinstance(of, tuple):
        return tuple(_join(*each) for each in zip(of, total, other, strict=True))
    if isinstance(of, Through):
        return _join(of.of, total, other)
    if total is None or other is None:
        return other if total is None else total
    return total + other


# --- executors ----------------------------------------------------------------------------------------------------


class Executor(Protocol):
    """Who works: the threads of this machine, or others.

    One that works elsewhere (Dask, say) sends a description of the source, the `Sum` and a range of rows to each
    worker, which reads its own blocks, returns ``work.over(blocks)``, and has the totals added by ``work.join``.
    """

    def total(
        self, source: Source, work: Sum, size: int, bytes_each: int, advance: Callable[[int], None]
    ) -> Any:
        """The total of all blocks.

        Parameters
        ----------
        size : vectors per block.
        bytes_each : memory that the work on one block takes.
        advance : told the number of vectors that are done, by the calling thread; may raise, to stop the work.
        """


@dataclass(frozen=True)
class Threads:
    """One thread per block, as many as the processors and the memory budget allow; parts are added in order."""

    def total(
        self, source: Source, work: Sum, size: int, bytes_each: int, advance: Callable[[int], None]
    ) -> Any:
        """The total of all blocks. Not a bit of it depends on the number of threads."""

        def part(numbered: tuple[int, np.ndarray]) -> tuple[int, Any]:
            return len(numbered[1]), work.part(numbered)

        total = work.empty()
        for count, found in map_ordered(part, source.numbered_blocks(size), bytes_each):
            total = work.take(total, found)
            advance(count)
        return total


@dataclass(frozen=True)
class Serial:
    """The calling thread alone, block after block: for tests."""

    def total(
        self, source: Source, work: Sum, size: int, bytes_each: int, advance: Callable[[int], None]
    ) -> Any:
        """The total of all blocks."""
        total = work.empty()
        for start, block in source.numbered_blocks(size):
            total = work.take(total, work.part((start, block)))
            advance(len(block))
        return total


# --- the one call -------------------------------------------------------------------------------------------------


def reduce(
    source: LatentSet | np.ndarray | Source,
    of: Question,
    *,
    size: int | None = None,
    besides: int = 0,
    label: str = "",
    progress: Progress | None = None,
    advance: Callable[[int], None] | None = None,
    executor: Executor | None = None,
) -> Any:
    """Read all vectors once, and answer a question, or several.

    Parameters
    ----------
    source : the vectors, shape (n, d): a `LatentSet`, an array, or anything else with blocks.
    of : what to add up; see the module. A tuple of questions is answered by a tuple.
    size : vectors per block; about a million numbers by default. Sums do not depend on it, but for rounding.
    besides : bytes that the work on one block takes, besides three float64 copies of it: with more, fewer threads
        work at a time.
    label, progress : what to call the work, and where to report it.
    advance : told the number of vectors after each block; for a task of progress that covers more than this reading.
    executor : who works; `Threads` by default.

    Raises
    ------
    ArrayError : the source cannot be read to its end.

    Examples
    --------
    >>> import numpy as np
    >>> from zpoints.statistics.moments import Moments
    >>> from zpoints.statistics.location import Lengths
    >>> moments, lengths = reduce(np.eye(4), (Moments.of, Lengths.of), size=2)
    >>> moments.mean, lengths.mean
    (array([0.25, 0.25, 0.25, 0.25]), 1.0)
    """
    if isinstance(source, np.ndarray):
        source = LatentSet("the array", Sliced(source))
    size = size or _length(source.dimension)
    bytes_each = 8 * COPIES * min(size, source.n) * source.dimension + besides
    work, executor = Sum(of), executor or Threads()
    if progress is None:
        return executor.total(source, work, size, bytes_each, advance or _silent)
    with progress.task(label, source.n, "vectors") as task:
        return executor.total(source, work, size, bytes_each, lambda count: task.advance(count))


def _length(dimension: int) -> int:
    return min(max(BLOCK_NUMBERS // dimension, FEWEST), MOST)


def _silent(_: int) -> None:
    pass


# --- what every vector gives --------------------------------------------------------------------------------------


@dataclass(eq=False)
class Rows:
    """One row for each vector, or for some of them, put together in the order of the vectors."""

    parts: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, part: tuple[int, np.ndarray]) -> None:
        """Rows that a block gave, with the number of the block's first vector."""
        start, rows = part
        self.parts[start] = rows

    def __add__(self, other: "Rows") -> "Rows":
        """Rows of both."""
        return Rows(self.parts | other.parts)

    def array(self) -> np.ndarray:
        """All rows; the parts are given away."""
        rows = np.concatenate([self.parts[start] for start in sorted(self.parts)])
        self.parts.clear()
        return rows


def rows(of: Callable[[np.ndarray], np.ndarray] | Numbered) -> Through:
    """The question what a function makes of the vectors of each block, row by row; answered by `Rows`."""

    def numbered(start: int, block: np.ndarray) -> tuple[int, np.ndarray]:
        return start, _called(of, start, block)

    return Through(Numbered(numbered), Into(Rows))


def collect(
    source: LatentSet | np.ndarray | Source,
    of: Callable[[np.ndarray], np.ndarray] | Numbered,
    **options: Any,
) -> np.ndarray:
    """What a function makes of every vector, in their order, in memory; options as for `reduce`.

    Examples
    --------
    >>> import numpy as np
    >>> collect(np.eye(4), lambda block: block.argmax(axis=1), size=3)
    array([0, 1, 2, 3])
    """
    return reduce(source, rows(of), **options).array()

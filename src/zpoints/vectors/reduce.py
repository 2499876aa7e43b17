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

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from zpoints.files.arrays import Sliced
from zpoints.system.progress import Progress
from zpoints.system.threads import map_ordered
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.questions import Into, Numbered, Question, Sum, Through, called

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
    "through",
    "working_by",
]

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


# --- executors ----------------------------------------------------------------------------------------------------


class Executor(Protocol):
    """Who works: the threads of this machine, or others.

    One that works elsewhere (`dask_executor.DaskExecutor`) sends a description of the source, the `Sum` and a range
    of rows to each worker, which reads its own blocks, returns ``work.over(blocks)``, and has the totals added by
    ``work.join``.
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


_working: ContextVar[Executor | None] = ContextVar("zpoints_executor", default=None)


@contextmanager
def working_by(executor: Executor | None) -> Iterator[None]:
    """Inside, this executor works wherever none is named; None leaves it as it is.

    Examples
    --------
    >>> import numpy as np
    >>> with working_by(Serial()):
    ...     reduce(np.eye(3), lambda block: block.sum())
    np.float64(3.0)
    """
    if executor is None:
        yield
        return
    before = _working.set(executor)
    try:
        yield
    finally:
        _working.reset(before)


Wrapper = Callable[[Executor], Executor]
_wrapper: ContextVar[Wrapper | None] = ContextVar("zpoints_wrapper", default=None)


@contextmanager
def through(wrapper: Wrapper) -> Iterator[None]:
    """Inside, whoever works does it by way of another executor, that is made of him."""
    before = _wrapper.set(wrapper)
    try:
        yield
    finally:
        _wrapper.reset(before)


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
    executor : who works; by default whom `working_by` names, else `Threads`.

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
    work, executor = Sum(of), executor or _working.get() or Threads()
    if wrapper := _wrapper.get():
        executor = wrapper(executor)
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

    def divided(self, most: int) -> list["Rows"]:
        """The same in pieces of at most so many bytes, but for blocks that are longer."""
        pieces, filled = [Rows()], 0
        for start, rows in self.parts.items():
            if filled and filled + rows.nbytes > most:
                pieces.append(Rows())
                filled = 0
            pieces[-1].parts[start] = rows
            filled += rows.nbytes
        return pieces

    @classmethod
    def united(cls, pieces: Sequence["Rows"]) -> "Rows":
        """All pieces together."""
        return cls({start: rows for piece in pieces for start, rows in piece.parts.items()})

    def array(self) -> np.ndarray:
        """All rows; the parts are given away."""
        rows = np.concatenate([self.parts[start] for start in sorted(self.parts)])
        self.parts.clear()
        return rows


def rows(of: Callable[[np.ndarray], np.ndarray] | Numbered) -> Through:
    """The question what a function makes of the vectors of each block, row by row; answered by `Rows`."""
    return Through(Numbered(_WithStart(of)), Into(Rows))


@dataclass(frozen=True)
class _WithStart:
    """What a function makes of a block, with the number of the block's first vector."""

    of: Callable[[np.ndarray], np.ndarray] | Numbered

    def __call__(self, start: int, block: np.ndarray) -> tuple[int, np.ndarray]:
        return start, called(self.of, start, block)


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

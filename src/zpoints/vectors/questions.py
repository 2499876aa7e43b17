"""What can be asked of vectors in one reading; see `vectors.reduce`, which answers it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Into", "Numbered", "Question", "Sum", "Through", "called"]

Question = Any
"""A function, a tuple of questions, `Numbered`, `Through` or `Into`; see `vectors.reduce`."""

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
    nbytes : of an empty one, where that is much.
    shares : ``shares(k)`` are at most k questions about the same blocks, whose answers are the pieces of this one
        (`leaves.Divisible`), where it can be shared out so.
    """

    empty: Callable[[], Any]
    add: Callable[[Any, Any], None] = _add
    nbytes: int = 0
    shares: Callable[[int], Sequence["Into"]] | None = None


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
            made[key] = called(of.make, start, block)
        return _part(of.of, start, made[key], made)
    return block if isinstance(of, Into) else called(of, start, block)


def called(function: Any, start: int, block: Any) -> Any:
    """What a function, or `Numbered`, makes of a block."""
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

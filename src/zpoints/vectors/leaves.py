"""A question as the list of its single ones, and a total as the list of theirs: what is sent, joined and shared out.

The leaves of a question are its functions and its `Into`, in the order in which they stand; a total has one summary
for each.
"""

import functools
import operator
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from zpoints.vectors.questions import Question, Through

__all__ = [
    "Bundle",
    "Divisible",
    "Piece",
    "Total",
    "bytes_in",
    "leaves_of",
    "nested",
    "pieces_of",
    "pruned",
    "sum_of",
    "totals_in",
    "united",
]


class Divisible(Protocol):
    """A summary that may be cut for sending. Pieces of equal summaries in one place add up like the whole ones."""

    def divided(self, most: int) -> Sequence[Any]:
        """In pieces of about `most` bytes at most; the same cut for all summaries that add up."""

    @classmethod
    def united(cls, pieces: Sequence[Any]) -> Any:
        """The whole of all its pieces, in order."""


def leaves_of(of: Question) -> Iterator[Any]:
    """The single questions.

    Examples
    --------
    >>> list(leaves_of((len, Through(sorted, (sum, max)))))
    [<built-in function len>, <built-in function sum>, <built-in function max>]
    """
    if isinstance(of, tuple):
        for one in of:
            yield from leaves_of(one)
    elif isinstance(of, Through):
        yield from leaves_of(of.of)
    else:
        yield of


def totals_in(of: Question, total: Any) -> Iterator[Any]:
    """The summaries of the single questions."""
    if isinstance(of, tuple):
        for one, each in zip(of, total, strict=True):
            yield from totals_in(one, each)
    elif isinstance(of, Through):
        yield from totals_in(of.of, total)
    else:
        yield total


def nested(of: Question, totals: Iterator[Any]) -> Any:
    """The answer as the question wants it, of the summaries of the single questions."""
    if isinstance(of, tuple):
        return tuple(nested(one, totals) for one in of)
    return nested(of.of, totals) if isinstance(of, Through) else next(totals)


def pruned(of: Question, keep: Collection[int], instead: Question = None) -> Question:
    """The same question of some leaves alone, by their numbers; the others are gone.

    Parameters
    ----------
    instead : stands for the one leaf that is kept; None leaves it.
    """
    return _pruned(of, keep, instead, iter(range(10**9)))


def _pruned(of: Question, keep: Collection[int], instead: Question, numbers: Iterator[int]) -> Question:
    if isinstance(of, tuple):
        found = [_pruned(one, keep, instead, numbers) for one in of]
        return tuple(one for one in found if one != ())
    if isinstance(of, Through):
        inner = _pruned(of.of, keep, instead, numbers)
        return () if inner == () else replace(of, of=inner)
    if next(numbers) not in keep:
        return ()
    return of if instead is None else instead


# --- pieces -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """One piece of the summary of one leaf.

    Attributes
    ----------
    leaf, place : number of the leaf, and of the piece of its summary.
    summary : the piece; None where the leaf found nothing.
    """

    leaf: int
    place: int
    summary: Any

    def __add__(self, other: "Piece") -> "Piece":
        mine, theirs = self.summary, other.summary
        if mine is None or theirs is None:
            return other if mine is None else self
        return Piece(self.leaf, self.place, mine + theirs)


@dataclass(frozen=True, eq=False)
class Total:
    """The summaries of a question's leaves."""

    summaries: list[Any]

    def __sizeof__(self) -> int:
        """So that Dask knows what it holds and moves."""
        return bytes_in(self.summaries)


@dataclass(frozen=True, eq=False)
class Bundle:
    """Pieces that travel together; bundles of the same pieces add up."""

    pieces: list[Piece]

    def __add__(self, other: "Bundle") -> "Bundle":
        return Bundle([mine + theirs for mine, theirs in zip(self.pieces, other.pieces, strict=True)])

    def __sizeof__(self) -> int:
        """So that Dask knows what it holds and moves."""
        return bytes_in([piece.summary for piece in self.pieces])


def pieces_of(leaf: int, summary: Any, most: int, divide: bool) -> list[Piece]:
    """A summary in pieces of at most so many bytes, where it can be divided and `divide` says that it is large."""
    parts = summary.divided(most) if divide and hasattr(summary, "divided") else [summary]
    return [Piece(leaf, place, part) for place, part in enumerate(parts)]


def united(pieces: Sequence[Piece]) -> Any:
    """The summary of one leaf, of all its pieces."""
    parts = [piece.summary for piece in sorted(pieces, key=lambda piece: piece.place)]
    return parts[0] if len(parts) == 1 else type(parts[0]).united(parts)


def sum_of(bundles: Sequence[Bundle]) -> Bundle:
    """Several bundles of the same pieces added up."""
    return functools.reduce(operator.add, bundles)


def bytes_in(summary: Any) -> int:
    """About the memory of a summary: that of its arrays."""
    if isinstance(summary, np.ndarray):
        return summary.nbytes
    if isinstance(summary, dict):
        return sum(map(bytes_in, summary.values()))
    if isinstance(summary, list | tuple):
        return sum(map(bytes_in, summary))
    return sum(map(bytes_in, vars(summary).values())) if hasattr(summary, "__dict__") else 8

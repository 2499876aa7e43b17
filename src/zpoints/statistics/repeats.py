r"""Vectors that stand in a set more than once, found by a number of 64 bits for each.

A vector's words of 64 bits :math:`w_k` make :math:`\sum_k m_k w_k \bmod 2^{64}`, the multipliers random and odd. That
two of a million different vectors have the same number has a probability of some :math:`10^{-7}`.
"""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from jaxtyping import Int, Num, UInt64

__all__ = ["OFTEN", "Repeats", "row_numbers"]

OFTEN = 10
"""Vectors for each different one, from which on they take few values, and each value counts as often as it occurs."""

CHANCE = 10


def row_numbers(block: Num[np.ndarray, "m d"]) -> UInt64[np.ndarray, " m"]:
    """A number for each vector; equal vectors have equal ones. -0.0 is 0.0.

    Examples
    --------
    >>> found = row_numbers(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [0.0, 0.0], [-0.0, 0.0]]))
    >>> bool(found[0] == found[2]), bool(found[0] == found[1]), bool(found[3] == found[4])
    (True, False, True)
    """
    # Adding 0 takes the sign from a zero; float64 holds all of what smaller types hold.
    words = np.ascontiguousarray(np.asarray(block, np.float64) + 0.0).view(np.uint64)
    factors = _factors(words.shape[1])
    mixed = words ^ (words >> np.uint64(32))
    total: np.ndarray = (mixed * factors).sum(axis=1, dtype=np.uint64)
    return total ^ (total >> np.uint64(29))


@cache
def _factors(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(1 << 63, size=count, dtype=np.uint64) * np.uint64(2) + np.uint64(
        1
    )


@dataclass(frozen=True, eq=False)
class Repeats:
    """Which vectors are the first of their kind.

    Attributes
    ----------
    n : vectors in all. first : numbers of those that no earlier vector equals, ascending.

    Examples
    --------
    >>> found = Repeats.of(row_numbers(np.array([[1.0], [3.0], [1.0], [1.0]])))
    >>> found.first.tolist(), found.repeated
    ([0, 1], 2)
    """

    n: int
    first: Int[np.ndarray, " k"]

    @classmethod
    def of(cls, numbers: UInt64[np.ndarray, " n"]) -> Self:
        """Of the vectors' `row_numbers`."""
        _, first = np.unique(numbers, return_index=True)
        return cls(len(numbers), np.sort(first))

    @property
    def distinct(self) -> int:
        """How many different vectors there are."""
        return len(self.first)

    def counted(self, some: Num[np.ndarray, "m d"]) -> int:
        """How many of the vectors count: the different ones, unless they repeat by chance, or take few values only.

        By chance: not more often than `CHANCE` times as often as independent components of so few values would.

        Parameters
        ----------
        some : some of the vectors, drawn at random.
        """
        if self.distinct * OFTEN <= self.n or self.repeated <= CHANCE * self.n**2 / 2 * _collision(some):
            return self.n
        return self.distinct

    @property
    def repeated(self) -> int:
        """How many vectors equal an earlier one."""
        return self.n - self.distinct


def _collision(some: Num[np.ndarray, "m d"]) -> float:
    """Probability that two vectors are equal, if components are independent: the product of theirs."""
    m = len(some)
    probability = 1.0
    for column in some.T:
        _, counts = np.unique(column, return_counts=True)
        probability *= float(np.sum(counts * (counts - 1.0))) / (m * (m - 1.0))
    return probability

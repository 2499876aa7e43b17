r"""Vectors that stand in a set more than once, found by a number of 64 bits for each.

A vector's 32-bit words :math:`w_k` make :math:`\sum_k m_k w_k \bmod 2^{64}`, the multipliers random and odd, and the sum
is mixed. Two different vectors have the same number by chance once in some 10^9 pairs at most, so what has the same
number is compared in full by whoever must be sure.
"""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from jaxtyping import Int, Num, UInt64

__all__ = ["OFTEN", "Repeats", "row_numbers"]

OFTEN = 10
"""Vectors for each different one, from which on the vectors take few values, and each value counts as often as it is."""


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

    @property
    def counted(self) -> int:
        """How many of the vectors count: the different ones, unless these are but a few values, repeated often."""
        return self.distinct if self.distinct * OFTEN > self.n else self.n

    @property
    def repeated(self) -> int:
        """How many vectors equal an earlier one."""
        return self.n - self.distinct

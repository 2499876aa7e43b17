"""Vectors that stand in a set more than once, found by their fingerprints: how often, and whether by chance."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Int, Num, UInt

__all__ = ["OFTEN", "Repeats"]

OFTEN = 10
"""Vectors for each different one, from which on they take few values, and each value counts as often as it occurs."""

CHANCE = 10


@dataclass(frozen=True, eq=False)
class Repeats:
    """Which vectors are the first of their kind.

    Attributes
    ----------
    n : vectors in all. first : numbers of those that no earlier vector equals, ascending.

    Examples
    --------
    >>> from zpoints.statistics.fingerprints import fingerprints
    >>> found = Repeats.of(fingerprints(np.array([[1.0], [3.0], [1.0], [1.0]])))
    >>> found.first.tolist(), found.repeated
    ([0, 1], 2)
    """

    n: int
    first: Int[np.ndarray, " k"]

    @classmethod
    def of(cls, numbers: UInt[np.ndarray, " n"]) -> Self:
        """Of the vectors' `fingerprints`."""
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

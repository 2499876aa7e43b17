"""Dead components: those that have the same value in all vectors, and so no distribution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float, Int, Num

from zpoints.statistics.moments import Moments

__all__ = ["NAMED", "Living", "dead_components", "named"]


def dead_components(moments: Moments) -> Int[np.ndarray, " k"]:
    r"""Numbers of the components that are constant, up to the rounding of their own mean.

    A component is dead if its scatter is :math:`\sum (x - m)^2 \le n (4 \epsilon |m|)^2`, with
    :math:`\epsilon = 2^{-52}`: its standard deviation is at most four rounding errors of its mean m in float64. So
    much scatter is left by the sums themselves where all values are the same, and a component that varied by so
    little could not be told from that. One value that differs by more than rounding, in millions of vectors, makes a
    component a living one: nothing that varies is left out.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(1000, 4))
    >>> x[:, 1], x[:, 2] = 0.1, 0.0
    >>> dead_components(Moments.of(x))
    array([1, 2])
    >>> x[17, 2] = 1e-30
    >>> dead_components(Moments.of(x))
    array([1])
    """
    rounding = moments.n * (4 * np.finfo(np.float64).eps * np.abs(moments.mean)) ** 2
    return np.flatnonzero(np.diagonal(moments.scatter) <= rounding)


@dataclass(frozen=True, eq=False)
class Living:
    """Which of the components live, and what the others, the dead ones, always are.

    Attributes
    ----------
    dimension : number of all components.
    dead : numbers of the dead ones, ascending.
    values : what each of them is in all vectors.

    Examples
    --------
    >>> living = Living(4, np.array([1, 3]), np.array([0.0, 2.5]))
    >>> living.numbers
    array([0, 2])
    >>> living.put_back(np.array([[5.0, 6.0]]))
    array([[5. , 0. , 6. , 2.5]])
    >>> living.of(living.put_back(np.array([[5.0, 6.0]])))
    array([[5., 6.]])
    """

    dimension: int
    dead: Int[np.ndarray, " k"]
    values: Float[np.ndarray, " k"]

    @classmethod
    def all_of(cls, dimension: int) -> Self:
        """No component is dead."""
        return cls(dimension, np.empty(0, np.int64), np.empty(0))

    @classmethod
    def among(cls, moments: Moments, vector: Num[np.ndarray, " d"]) -> Self:
        """Of vectors with these moments; `vector` is any of them, and has the constants to the last bit."""
        dead = dead_components(moments)
        return cls(moments.dimension, dead, np.asarray(vector[dead], np.float64))

    @property
    def whole(self) -> bool:
        """Whether no component is dead."""
        return not len(self.dead)

    @cached_property
    def numbers(self) -> Int[np.ndarray, " l"]:
        """Numbers of the living components, ascending."""
        lives = np.ones(self.dimension, bool)
        lives[self.dead] = False
        return np.flatnonzero(lives)

    def of(self, vectors: Num[np.ndarray, "... d"]) -> Num[np.ndarray, "... l"]:
        """The living components of vectors; the vectors themselves where none is dead."""
        return vectors if self.whole else vectors[..., self.numbers]

    def put_back(self, vectors: Num[np.ndarray, "... l"]) -> Num[np.ndarray, "... d"]:
        """Vectors of all components from their living ones: the dead ones are their constants."""
        return vectors if self.whole else self.spread(vectors, self.values)

    def spread(
        self, values: Num[np.ndarray, "... l"], others: float | Num[np.ndarray, " k"]
    ) -> Num[np.ndarray, "... d"]:
        """Values of the living components at their places in the last axis, and `others` at those of the dead."""
        found = np.empty((*values.shape[:-1], self.dimension), values.dtype)
        found[..., self.numbers], found[..., self.dead] = values, others
        return found

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The dead ones and their values, by names for a file; nothing where none is dead."""
        return {} if self.whole else {"dead": self.dead, "dead_values": self.values}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], dimension: int) -> Self:
        """The way back from `arrays`, for vectors of `dimension` components.

        Raises
        ------
        ValueError : not numbers of some of the components, ascending, with a finite value each.
        """
        if "dead" not in arrays:
            return cls.all_of(dimension)
        dead, values = arrays["dead"], arrays.get("dead_values", np.empty(0))
        whole = dead.ndim == 1 and dead.dtype.kind in "iu" and 0 < len(dead) < dimension
        if not whole or not (dead[0] >= 0 and dead[-1] < dimension and (dead[1:] > dead[:-1]).all()):
            raise ValueError("'dead' does not hold numbers of components, ascending, each once")
        if values.shape != dead.shape or values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ValueError("'dead_values' does not hold a finite number for each dead component")
        return cls(dimension, dead.astype(np.int64), values.astype(np.float64))

    @property
    def sentence(self) -> str:
        """Which components are dead, in words."""
        count, constants = len(self.dead), np.unique(self.values)
        value = f"{constants[0]:g} in all vectors" if len(constants) == 1 else "the same value in all vectors"
        if count == 1:
            return f"component {self.dead[0]} of {self.dimension:,} is constant ({value})"
        return f"{count:,} of {self.dimension:,} components are constant ({value}): {named(self.dead)}"


NAMED = 6
"""So many numbers are named in a sentence."""


def named(numbers: Sequence[int] | Int[np.ndarray, " k"]) -> str:
    """The first of some numbers, and how many more there are."""
    shown = ", ".join(str(number) for number in numbers[:NAMED])
    return shown + (f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else "")

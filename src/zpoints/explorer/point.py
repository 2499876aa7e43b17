"""What is said of one vector: the training vectors nearest to it, and what the Encoder makes of its picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from zpoints.errors import ArrayError
from zpoints.explorer.space import Space
from zpoints.vectors.latent_set import LatentSet, drawn
from zpoints.vectors.reduce import Numbered, collect, reduce

__all__ = ["Neighbours", "checked", "nearest", "round_trip", "usual_distance"]

CANDIDATES = 32  # whose distances are computed again, without cancellation
COMPARED = 64  # vectors of which the usual distance is taken


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest of the training vectors, by Euclidean distance, the nearest first."""

    numbers: Int[np.ndarray, " k"]
    distances: Float[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class _Least:
    """Smallest values so far, of each column."""

    squares: Float[np.ndarray, " c"]

    def __add__(self, other: "_Least") -> "_Least":
        return _Least(np.minimum(self.squares, other.squares))


def checked(z: np.ndarray, space: Space) -> Float[np.ndarray, "m d"]:
    """Vectors from outside.

    Raises
    ------
    ArrayError : of another number of components, or not finite.
    """
    d = space.latents.dimension
    if z.size == 0 or z.size % d:
        raise ArrayError(f"{z.size} numbers are no vectors of {d} components")
    if not np.isfinite(z).all():
        raise ArrayError("numbers that are not finite are no vector")
    return z.reshape(-1, d)


def nearest(latents: LatentSet, z: Float[np.ndarray, " d"], count: int) -> Neighbours:
    """The `count` nearest vectors to one, found by looking at all of them.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(500, 8))
    >>> found = nearest(LatentSet.open(z), z[7], 3)
    >>> int(found.numbers[0]), float(found.distances[0])
    (7, 0.0)
    """
    wanted = np.asarray(z, np.float32)

    def squares(block: np.ndarray) -> np.ndarray:
        """Squared distances, but for what is the same in all of them."""
        x = np.asarray(block, np.float32)
        return np.einsum("md,md->m", x, x) - 2 * (x @ wanted)

    rough = collect(latents, squares)
    few = min(max(count, CANDIDATES), len(rough))
    candidates = np.sort(np.argpartition(rough, few - 1)[:few])
    found = latents.subset(candidates).array()
    distances = np.linalg.norm(found - z, axis=1)
    order = np.argsort(distances, kind="stable")[:count]
    return Neighbours(candidates[order], distances[order])


def usual_distance(latents: LatentSet) -> float:
    """Median distance of a vector to the nearest other one, by some of them drawn at random."""
    if latents.n < 3:
        return float("nan")
    numbers = drawn(latents.n, min(COMPARED, latents.n), seed=0)
    some = latents.subset(numbers).array()
    own = np.einsum("md,md->m", some, some)

    def least(first: int, block: np.ndarray) -> _Least:
        x = np.asarray(block, np.float64)
        squares = np.einsum("md,md->m", x, x)[:, None] - 2 * (x @ some.T) + own
        inside = (numbers >= first) & (numbers < first + len(x))
        squares[numbers[inside] - first, np.flatnonzero(inside)] = np.inf
        return _Least(squares.min(axis=0))

    found: _Least = reduce(latents, Numbered(least))
    return float(np.median(np.sqrt(np.maximum(found.squares, 0.0))))


def round_trip(space: Space, z: Float[np.ndarray, " d"]) -> tuple[np.ndarray, dict[str, Any]]:
    """What the Encoder makes of a vector's picture: the picture of that, and its Mahalanobis distance."""
    codec = space.codec
    assert codec is not None, "asked only where there is a model"
    again = codec.encode(codec.decode(z[None].astype(np.float32)))
    whiten = space.distribution.pca.whiten
    distance = float(np.linalg.norm(whiten(again.astype(np.float64)) - whiten(z[None].astype(np.float64))))
    return codec.decode(again)[0], {"distance": distance}

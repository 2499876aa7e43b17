"""Looking at pictures that are made batch by batch: each is made once, whatever is asked of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from zpoints.images.store import ImageStore
from zpoints.judging.features import Features
from zpoints.models.codec import Codec
from zpoints.statistics.pca import PCA
from zpoints.system.progress import Task

__all__ = ["Look", "Pictures", "look", "look_and_encode", "stored"]

Pictures = Callable[[int, int], np.ndarray]
"""Makes the pictures from one number to another."""


@dataclass(frozen=True, eq=False)
class Look:
    """What was found out of a set of pictures, each of which was made once.

    Attributes
    ----------
    features : of all pictures, (n, f) float32, one array for each kind of features.
    kept : some of the pictures, in the order in which they were asked for.
    trip : median Mahalanobis distance between vectors and what the Encoder makes of their pictures; NaN where it was
        not asked for.
    """

    features: tuple[np.ndarray, ...]
    kept: np.ndarray
    trip: float = float("nan")


def look(
    kinds: Sequence[Features],
    pictures: Pictures,
    count: int,
    batch: int,
    task: Task | None = None,
    keep: Sequence[int] = (),
) -> Look:
    """Features of `count` pictures that are made batch by batch, and some of the pictures."""
    found = tuple(np.empty((count, features.dimension), np.float32) for features in kinds)
    kept: dict[int, np.ndarray] = {}
    for start in range(0, count, batch):
        stop = min(start + batch, count)
        block = pictures(start, stop)
        for features, values in zip(kinds, found, strict=True):
            values[start:stop] = features.of(block)
        kept |= {number: block[number - start].copy() for number in keep if start <= number < stop}
        if task is not None:
            task.advance(stop - start)
    return Look(found, np.array([kept[number] for number in keep if number in kept]))


def look_and_encode(
    codec: Codec,
    kinds: Sequence[Features],
    pca: PCA,
    z: np.ndarray,
    batch: int,
    task: Task,
    keep: Sequence[int],
) -> Look:
    """Features of vectors' pictures, and how far the Encoder leads back from them, in the axes of `pca`."""
    distances = []

    def pictures(start: int, stop: int) -> np.ndarray:
        part = z[start:stop]
        block = codec.decode(part)
        again = codec.encode(block).astype(np.float64)
        distances.append(np.linalg.norm(pca.whiten(again) - pca.whiten(part), axis=1))
        return block

    found = look(kinds, pictures, len(z), batch, task, keep)
    return Look(found.features, found.kept, float(np.median(np.concatenate(distances))))


def stored(store: ImageStore, rows: np.ndarray) -> Pictures:
    """Pictures of these rows."""
    return lambda start, stop: np.asarray(store.pixels[rows[start:stop]])

"""What features are: a map from pictures to vectors. How to add one.

A package adds features by an entry point of the group ``zpoints.features``; one class in one file is all::

    class Brightness(Features):
        name, dimension = "brightness", 1

        def __init__(self, channels, progress):
            pass

        def _batch(self, pictures):
            return pictures.mean(axis=(1, 2, 3))[:, None]
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeVar

import numpy as np
from jaxtyping import Float, Float32, UInt8

from zpoints.errors import SourceError, ZPointsError, reason
from zpoints.system.pace import Pace
from zpoints.system.progress import Progress

__all__ = ["INSTEAD", "Features", "Pictures", "fetched"]

BATCH = 64
INSTEAD = "take judge.features=efficientnet-lite0, whose weights come from the package index"

Pictures = UInt8[np.ndarray, "n h w c"]
Found = TypeVar("Found")

_pace = Pace()


class Features(ABC):
    """A map from pictures to vectors, such as a network that was trained on something else.

    Parameters
    ----------
    channels : colours of the pictures, 1 or 3.
    progress : is told what is downloaded.

    Attributes
    ----------
    name : as settings and tables call it.
    dimension : length of the vectors; of the class, the one to expect.
    whole : whether Fréchet distances are taken in all dimensions, as papers do, unless the settings say otherwise.
    """

    name: ClassVar[str]
    dimension: int
    whole: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, channels: int, progress: Progress) -> None: ...

    def of(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        """Features of pictures: (n, height, width, channels) uint8 to (n, dimension) float32, batch by batch."""
        found = np.empty((len(pictures), self.dimension), np.float32)
        for start in range(0, len(pictures), BATCH):
            batch = np.asarray(pictures[start : start + BATCH])
            with _pace.step((self.name, batch.shape)):
                found[start : start + BATCH] = self._batch(batch)
        return found

    def to(self, device: str) -> None:  # noqa: B027  # what needs no network has nothing to move
        """Work on another device from now on: ``cpu`` or ``cuda``. A network begins on the processor."""

    @abstractmethod
    def _batch(self, pictures: Pictures) -> Float[np.ndarray, "n f"]:
        """Features of at most 64 pictures."""


def fetched(features: str, fetch: Callable[[], Found]) -> Found:
    """What `fetch` brings over the network; anything that stands in its way is one line."""
    try:
        return fetch()
    except ZPointsError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(
            f"judge.features={features}: its weights cannot be had ({reason(error)}); {INSTEAD}"
        ) from error

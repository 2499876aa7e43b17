"""The pictures themselves, made small: features without any network."""

import numpy as np
from jaxtyping import Float, Float32

from zpoints.judging.features.base import Features, Pictures
from zpoints.system.progress import Progress

__all__ = ["Pixels"]

SIDE = 16


class Pixels(Features):
    """The pictures, scaled down to 16x16 by means over boxes: sees colour and coarse shape, no faces.

    Values lie in 0..1. Box i of a side of L pixels reaches from ``floor(i L / 16)`` to ``ceil((i + 1) L / 16)``, so
    that boxes share a pixel where 16 does not divide L.
    """

    name = "pixels"
    dimension = SIDE * SIDE * 3

    def __init__(self, channels: int, progress: Progress) -> None:
        self.dimension = SIDE * SIDE * channels

    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        rows, columns = _boxes(pictures.shape[1]), _boxes(pictures.shape[2])
        # Colour by colour, as one matrix product each way.
        x = np.moveaxis(pictures, 3, 1).astype(np.float32) / 255
        return (rows @ x @ columns.T).reshape(len(pictures), -1)


def _boxes(side: int) -> Float[np.ndarray, "boxes side"]:
    """Each row takes the mean over one box."""
    place = np.arange(SIDE)
    first, last = place * side // SIDE, -(-(place + 1) * side // SIDE)
    pixel = np.arange(side)
    inside = (pixel >= first[:, None]) & (pixel < last[:, None])
    return (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)

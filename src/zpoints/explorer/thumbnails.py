"""Small versions of the pictures, for hovering, the lasso, and the exported file."""

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from zpoints.errors import UsageError
from zpoints.explorer.space import Space

__all__ = ["thumbnails"]


def thumbnails(space: Space, numbers: Int[np.ndarray, " m"], side: int) -> UInt8[np.ndarray, "m h w c"]:
    """Pictures of vectors, by their numbers, at most `side` pixels wide and high.

    Raises
    ------
    UsageError : no pictures, or none of that number.
    """
    if space.store is None or space.rows is None:
        raise UsageError("there are no pictures of these vectors")
    if len(numbers) == 0 or numbers.min() < 0 or numbers.max() >= space.latents.n:
        raise UsageError(f"vectors are numbered 0 to {space.latents.n - 1}")
    pixels = space.store.pixels[space.rows[numbers]]
    height, width = pixels.shape[1:3]
    if max(height, width) <= side:
        return np.asarray(pixels)
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.stack([_small(picture, size) for picture in pixels])


def _small(picture: UInt8[np.ndarray, "h w c"], size: tuple[int, int]) -> UInt8[np.ndarray, "s t c"]:
    grey = picture.shape[2] == 1
    image = Image.fromarray(picture[..., 0] if grey else picture).resize(size, Image.Resampling.BOX)
    small = np.asarray(image)
    return small[..., None] if grey else small

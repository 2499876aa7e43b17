"""Pictures as a model of another tool takes them, and its output as pictures: arithmetic, and nothing else."""

import numpy as np
from jaxtyping import Real, UInt8

from zpoints.models.foreign.recipe import Recipe

__all__ = ["from_model", "in_layout", "input_shape", "to_model"]

WHITE = 255
FARTHEST = 80.0
"""Of a logit: beyond it, a sigmoid is 0 or 1 in float32."""


def input_shape(recipe: Recipe) -> tuple[int, ...]:
    """The shape of one picture as the model takes it."""
    shape = _unflattened(recipe)
    return (int(np.prod(shape)),) if recipe.layout.startswith("flat") else shape


def to_model(
    pictures: UInt8[np.ndarray, "n h w c"], recipe: Recipe, *, takes_bytes: bool = False
) -> Real[np.ndarray, "n ..."]:
    """What the Encoder takes: float32 (bytes, of an Encoder of these), contiguous, of shape (n, *input_shape)."""
    scale, shift = _scale_and_shift(recipe)
    x = pictures[..., ::-1] if recipe.order == "bgr" else pictures
    if recipe.transposed:
        x = x.swapaxes(1, 2)
    if recipe.layout.endswith("channels-first"):
        x, scale, shift = x.transpose(0, 3, 1, 2), scale[:, None, None], shift[:, None, None]
    # Bytes are turned before they are numbers, four times as long; a tenth of an Encoder's time, otherwise.
    values = np.ascontiguousarray(x)
    if not (takes_bytes and (scale == 1).all() and not shift.any()):
        values = np.multiply(values, scale, dtype=scale.dtype)
        if shift.any():
            values += shift
    return values.reshape(len(pictures), *input_shape(recipe))


def in_layout(values: np.ndarray, recipe: Recipe) -> np.ndarray | None:
    """A Decoder's output with its axes where the Encoder takes them; None if it holds no such pictures.

    Vectors, and axes of length 1 more or less, mean the same values. Of an Encoder of vectors only the number counts.
    """
    wanted, given = _unflattened(recipe), values.shape[1:]
    if values.ndim < 2 or int(np.prod(given)) != int(np.prod(wanted)):
        return None
    if recipe.layout.startswith("flat") or values.ndim == 2 or _sides(given) == _sides(wanted):
        return values
    first = recipe.layout == "channels-first"
    other = (*wanted[1:], wanted[0]) if first else (wanted[-1], *wanted[:-1])
    if given != other:
        return None
    return np.moveaxis(values, -1, 1) if first else np.moveaxis(values, 1, -1)


def _sides(shape: tuple[int, ...]) -> list[int]:
    return [side for side in shape if side != 1]


def from_model(values: Real[np.ndarray, "n ..."], recipe: Recipe) -> UInt8[np.ndarray, "n h w c"]:
    """The pictures that the Decoder's output means: cut to black..white, and rounded to 256 levels."""
    y = np.asarray(values, np.float32).reshape(len(values), *_unflattened(recipe))
    if recipe.layout.endswith("channels-first"):
        y = y.transpose(0, 2, 3, 1)
    y = _in_levels(y, recipe)
    np.rint(np.clip(y, 0, WHITE, out=y), out=y)
    if recipe.transposed:
        y = y.swapaxes(1, 2)
    if recipe.order == "bgr":
        y = y[..., ::-1]
    return np.ascontiguousarray(y, np.uint8)


def _in_levels(y: np.ndarray, recipe: Recipe) -> np.ndarray:
    """A new array of grey levels, not rounded yet."""
    if recipe.output == "logits":
        return WHITE / (1 + np.exp(-np.clip(y, -FARTHEST, FARTHEST)))
    if recipe.output == "same":
        scale, shift = _scale_and_shift(recipe)
        return (y - shift) / scale
    black, white = recipe.output
    return (y - np.float32(black)) * np.float32(WHITE / (white - black))


def _unflattened(recipe: Recipe) -> tuple[int, ...]:
    height, width = recipe.size[::-1] if recipe.transposed else recipe.size
    first = recipe.layout.endswith("channels-first")
    return (recipe.channels, height, width) if first else (height, width, recipe.channels)


def _scale_and_shift(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Per channel in the model's own order: a grey level times the first plus the second is what goes in."""
    if recipe.mean:
        mean, std = np.array(recipe.mean), np.array(recipe.std)
        return (1 / (WHITE * std)).astype(np.float32), (-mean / std).astype(np.float32)
    black, white = recipe.range
    return np.array([(white - black) / WHITE], np.float32), np.array([black], np.float32)

"""From values of any kind to bytes: which value is shown as white."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from zpoints.images.source import UnusableError

__all__ = ["Kind", "White", "eight_bit", "kind_of"]

Kind = Literal["bytes", "halves", "integers", "floats"]
"""What a pixel is: a byte; the upper byte of a colour of 16 bits, which is all that Pillow reads of it; a larger
whole number; a float."""
ROUNDING = 1e-3
"""How far a float may leave its range, as a part of it: what a resampling or a float16 does."""


@dataclass(frozen=True)
class White:
    """The value of each kind that is shown as white; 0 is black. One scale for a whole source.

    Attributes
    ----------
    bytes, integers, floats : of these kinds.
    halves : of upper bytes; None refuses them, because what they leave out is most of the picture.
    chosen : by the user: what is brighter is then white, too. Else floats above it are refused.
    """

    bytes: float = 255
    halves: float | None = 255
    integers: float = 65535
    floats: float = 1
    chosen: bool = False

    @classmethod
    def of(cls, value: float) -> "White":
        """The one white that the user names. A byte cannot hold more than 255."""
        return cls(min(value, 255), min(value / 257, 255), value, value, chosen=True)

    def value(self, kind: Kind) -> float | None:
        """The white of a kind."""
        found: float | None = getattr(self, kind)
        return found

    def problem(self, kind: Kind, low: float, high: float) -> str | None:
        """Why values from `low` to `high` cannot be shown, if so."""
        top = self.value(kind)
        if top is None:
            return (
                "colours of less than 16 bits in a file of 16 bits, of which 8 are read; save it with 8 bits, "
                "or set images.white"
            )
        if np.isnan(low) or np.isnan(high):
            return "holds NaN"
        slack = ROUNDING * top if kind == "floats" else 0.0
        unbounded = self.chosen or (kind == "integers" and high <= 65535)
        if low < -slack or (high > top + slack and not unbounded and kind != "bytes") or np.isinf(high):
            other = (
                "" if low < -slack or np.isinf(high) or self.chosen else "; images.white sets another white"
            )
            return f"holds values from {low:.4g} to {high:.4g}, outside 0..{top:g}{other}"
        return None


def kind_of(dtype: np.dtype) -> Kind:
    """The kind of the numbers of an array."""
    if dtype.kind in "fb":  # true is 1
        return "floats"
    return "bytes" if dtype.itemsize == 1 and dtype.kind == "u" else "integers"


def eight_bit(values: np.ndarray, white: White) -> tuple[np.ndarray, bool]:
    """Scale numbers to 0..255.

    Parameters
    ----------
    values : bool, whole numbers or floats, of any shape.
    white : what is shown as white.

    Returns
    -------
    tuple : uint8 of the same shape; and whether something was brighter than white.

    Raises
    ------
    UnusableError : NaN, infinite values, or values that are not between black and white.
    """
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255), False
    kind = kind_of(values.dtype)
    top = white.value(kind)
    if kind == "bytes" and top == 255:
        return values, False
    low, high = float(values.min()), float(values.max())
    if (problem := white.problem(kind, low, high)) is not None or top is None:
        raise UnusableError(problem or "")
    if kind == "floats":
        # The order of the steps keeps what 0..1 gave before there was a choice.
        scaled = np.clip(values / top if top != 1 else values, 0, 1).astype(np.float32) * 255
    else:
        scaled = np.minimum(values, top) * (255.0 / top)
    return np.round(scaled).astype(np.uint8), high > top * (1 + ROUNDING)

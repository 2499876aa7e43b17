"""Numbers of 16 and 8 bits that NumPy does not know, as float32: no value changes."""

import numpy as np

__all__ = ["LOW_PRECISION", "widened"]

LOW_PRECISION: dict[str, np.dtype] = {
    "BF16": np.dtype("<u2"),
    "F8_E4M3": np.dtype("u1"),
    "F8_E5M2": np.dtype("u1"),
}
"""The names that safetensors has for them, and the bits as whole numbers."""


def widened(bits: np.ndarray, kind: str) -> np.ndarray:
    """The numbers whose bits these are, float32.

    Examples
    --------
    >>> widened(np.array([0x3F80, 0xC000], "<u2"), "BF16").tolist()
    [1.0, -2.0]
    >>> widened(np.array([0x38, 0x7E, 0xFF], "u1"), "F8_E4M3").tolist()
    [1.0, 448.0, nan]
    """
    if kind == "BF16":  # the upper half of a float32
        return (bits.astype(np.uint32) << 16).view(np.float32)
    if kind == "F8_E5M2":  # the upper half of a float16
        return (bits.astype(np.uint16) << 8).view(np.float16).astype(np.float32)
    return _E4M3[bits]


def _e4m3() -> np.ndarray:
    """All 256 numbers of 4 bits of exponent and 3 of fraction, without infinity (the ``fn`` of PyTorch)."""
    code = np.arange(256)
    exponent, fraction = (code >> 3) & 15, code & 7
    size = np.where(exponent > 0, (8 + fraction) * 2.0 ** (exponent - 10), fraction * 2.0**-9)
    size[(code & 127) == 127] = np.nan
    return np.where(code < 128, size, -size).astype(np.float32)


_E4M3 = _e4m3()

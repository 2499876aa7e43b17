"""Answers as bytes: arrays with a heading, in the layout of safetensors, which JavaScript reads in ten lines."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save

__all__ = ["packed"]


def packed(heading: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays by name, and plain values as JSON beside them. Numbers that are not finite become null.

    Examples
    --------
    >>> data = packed({"n": 3}, {"z": np.zeros((2, 2), np.float32)})
    >>> int.from_bytes(data[:8], "little") + 8 + 16 == len(data)
    True
    """
    text = json.dumps(_finite(heading), allow_nan=False, separators=(",", ":"))
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"json": text})


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_finite(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value

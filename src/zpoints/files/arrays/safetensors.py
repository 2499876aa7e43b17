"""safetensors: one tensor of the file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import safe_open

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import Reader, chosen_array
from zpoints.files.readable import readable

__all__ = ["SafetensorsReader"]

TYPES = {"F16": "f2", "F32": "f4", "F64": "f8", "I8": "i1", "I16": "i2", "I32": "i4", "I64": "i8"}
PREFERRED = ("z", "latents")


class SafetensorsReader(Reader):
    """The only tensor of a file, or the one named ``z`` or ``latents``."""

    suffixes = (".safetensors",)

    def __init__(self, path: Path) -> None:
        self.path = path
        with readable(path, "safetensors"), safe_open(path, framework="numpy") as file:
            self.key = chosen_array(path, list(file.keys()), PREFERRED)
            part = file.get_slice(self.key)
            self.shape = tuple(part.get_shape())
            kind = part.get_dtype()
        if kind not in TYPES:
            raise ArrayError(f"{path}: tensor '{self.key}' has type {kind}; save it as float32")
        self.dtype = np.dtype(TYPES[kind])

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        start, stop, _ = rows.indices(self.shape[0])
        if stop <= start:
            return np.empty((0, *self.shape[1:]), self.dtype)
        with safe_open(self.path, framework="numpy") as file:
            return file.get_slice(self.key)[start:stop]

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order; the file is opened once."""
        with safe_open(self.path, framework="numpy") as file:
            part = file.get_slice(self.key)
            for start in range(0, self.shape[0], size):
                yield part[start : min(start + size, self.shape[0])]

"""safetensors: one tensor of the file."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import safe_open

from zpoints.errors import ArrayError
from zpoints.files.arrays.low_precision import LOW_PRECISION, widened
from zpoints.files.arrays.rows import Reader, chosen_array, taken
from zpoints.files.readable import readable

__all__ = ["SafetensorsReader"]

TYPES = {
    "F16": "f2", "F32": "f4", "F64": "f8", "I8": "i1", "I16": "i2", "I32": "i4", "I64": "i8",
    "U8": "u1", "U16": "u2", "U32": "u4", "U64": "u8",
}  # fmt: skip


class SafetensorsReader(Reader):
    """One tensor of a file, by its name or as `chosen_array` says; bfloat16 and float8 come as float32."""

    suffixes = (".safetensors",)
    chooses = "array"
    light = True

    def __init__(self, path: Path, array: str | None = None) -> None:
        self.path = path
        with readable(path, "safetensors"), safe_open(path, framework="numpy") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            self.key, self.notes = chosen_array(path, shapes, array)
            self.shape, self.kind = shapes[self.key], file.get_slice(self.key).get_dtype()
        if self.kind not in TYPES and self.kind not in LOW_PRECISION:
            raise ArrayError(f"{path}: tensor '{self.key}' has type {self.kind}; save it as float32")
        self.dtype = np.dtype(TYPES.get(self.kind, "f4"))

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        start, stop = taken(self, rows)
        if stop <= start:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return next(self._pieces(start, stop, stop - start))

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order; the file is opened once."""
        return self._pieces(0, self.shape[0], size)

    def _pieces(self, first: int, end: int, size: int) -> Iterator[np.ndarray]:
        if self.kind in LOW_PRECISION:
            bits = np.memmap(
                self.path, LOW_PRECISION[self.kind], mode="r", offset=self._offset(), shape=self.shape
            )
            for start in range(first, end, size):
                yield widened(bits[start : min(start + size, end)], self.kind)
            return
        with safe_open(self.path, framework="numpy") as file:
            part = file.get_slice(self.key)
            for start in range(first, end, size):
                yield part[start : min(start + size, end)]

    def _offset(self) -> int:
        """Where the tensor's bytes begin. The header was checked by the library when the file was opened."""
        with self.path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            return 8 + length + int(json.loads(file.read(length))[self.key]["data_offsets"][0])

"""Readers of what another reader gives: arrays with a shape as vectors, and some of the components."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Int

from zpoints.files.arrays import Reader

__all__ = ["Chosen", "Flattened", "Shaped"]


class _Made(Reader):
    """Rows that are made of those of another reader, block by block."""

    def __init__(self, reader: Reader, dimension: int) -> None:
        self.reader, self.dtype = reader, reader.dtype
        self.shape = (reader.shape[0], dimension)
        self.notes, self.left_out = reader.notes, reader.left_out

    def _made(self, block: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return self._made(self.reader[rows])

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, in blocks of `size`."""
        yield from map(self._made, self.reader.blocks(size))

    def between(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        """Some rows in order, in blocks of `size`."""
        yield from map(self._made, self.reader.between(start, stop, size))

    @property
    def portable(self) -> bool:
        """Whether another process can read it by itself."""
        return self.reader.portable

    @property
    def identity(self) -> Any:
        """That of the other reader, and what is made of it."""
        inner = self.reader.identity
        return None if inner is None else (type(self).__name__, self._made_how(), inner)

    def _made_how(self) -> Any:
        return list(self.shape[1:])

    def close(self) -> None:
        """Close what is open."""
        self.reader.close()


class Flattened(_Made):
    """Arrays of any shape as vectors, in C order: the last axis runs fastest.

    Attributes
    ----------
    latent_shape : of one array.
    """

    def __init__(self, reader: Reader) -> None:
        self.latent_shape = tuple(int(length) for length in reader.shape[1:])
        super().__init__(reader, int(np.prod(self.latent_shape, dtype=object)))

    def _made(self, block: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(block).reshape(len(block), -1)


class Shaped(_Made):
    """Vectors that are arrays of a shape, written one after the other in C order.

    Attributes
    ----------
    latent_shape : of one array.
    """

    def __init__(self, reader: Reader, shape: tuple[int, ...]) -> None:
        self.latent_shape = shape
        super().__init__(reader, reader.shape[1])

    def _made(self, block: np.ndarray) -> np.ndarray:
        return block


class Chosen(_Made):
    """Some of the components, in their order."""

    def __init__(self, reader: Reader, numbers: Int[np.ndarray, " l"]) -> None:
        self.numbers = numbers
        super().__init__(reader, len(numbers))

    def _made_how(self) -> Any:
        return self.numbers.tolist()

    def _made(self, block: np.ndarray) -> np.ndarray:
        return block[:, self.numbers]

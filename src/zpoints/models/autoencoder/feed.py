"""How pictures reach the network: as bytes, from the disk, or from the GPU's own memory where all of them fit."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from zpoints.files.numpy_files import open_array
from zpoints.images.batches import Order, batches, fetched_ahead, order_of, window_batches, window_of
from zpoints.system.limits import ram_left

__all__ = ["Feed", "Resident", "Streamed", "chosen_feed", "chosen_order"]

LOAD = 4096  # pictures that travel to the GPU at a time
LOOKS = 128  # pictures that are read to know the disk
SLACK = 1.5  # a disk is fast enough if it could read so many times what the network takes
CACHED = 0.5  # a file that takes less than this share of the free memory stays in the system's cache after one epoch


class Feed(Protocol):
    """Gives the pictures of an order, batch by batch, as uint8 on the device: (m, height, width, colours)."""

    @property
    def words(self) -> str:
        """What is unusual about it."""

    def batches(self, rows: np.ndarray, size: int) -> Iterator[Tensor]:
        """The pictures of the given rows, in that order, `size` at a time; the last batch may be smaller."""


@dataclass(frozen=True)
class Streamed:
    """Pictures that are read from the disk, some batches ahead.

    Attributes
    ----------
    pixels : the memory map.
    device : where they are wanted.
    order : how the rows that `batches` is asked for follow each other.
    """

    pixels: np.ndarray
    device: str
    order: Order = "full"

    @property
    def words(self) -> str:
        """See `Feed`."""
        if self.order == "full":
            return ""
        return "shuffled in blocks of 64 neighbours, since the disk reads single pictures slowly"

    def batches(self, rows: np.ndarray, size: int) -> Iterator[Tensor]:
        """See `Feed`."""
        if self.order == "blocks":
            window = window_of(self.pixels[0].nbytes)
            blocks = window_batches(self.pixels, rows, size, window)
            found = fetched_ahead(torch.from_numpy(block) for block in blocks)
        else:
            found = batches(self.pixels, rows, size, self._fetched)
        for block in found:
            yield block.to(self.device, non_blocking=True)

    def _fetched(self, part: np.ndarray) -> Tensor:
        """Read the pictures; for a GPU straight into memory that it can fetch from while the processor works on."""
        if self.device != "cuda":
            return torch.from_numpy(self.pixels[part])
        block = torch.empty((len(part), *self.pixels.shape[1:]), dtype=torch.uint8, pin_memory=True)
        np.take(self.pixels, part, axis=0, out=block.numpy())
        return block


@dataclass(frozen=True)
class Resident:
    """Pictures that all lie in the device's memory, as bytes.

    Attributes
    ----------
    rows : their numbers, ascending.
    pixels : uint8 (n, height, width, colours), on the device.
    """

    rows: np.ndarray
    pixels: Tensor
    words = "pictures in the GPU's memory"

    @classmethod
    def load(cls, pixels: np.ndarray, rows: np.ndarray, device: str) -> Self:
        """Bring the pictures of `rows` to the device."""
        rows = np.sort(rows)
        there = torch.empty((len(rows), *pixels.shape[1:]), dtype=torch.uint8, device=device)
        for start in range(0, len(rows), LOAD):
            there[start : start + LOAD] = torch.from_numpy(pixels[rows[start : start + LOAD]]).to(device)
        return cls(rows, there)

    def batches(self, rows: np.ndarray, size: int) -> Iterator[Tensor]:
        """See `Feed`."""
        places = torch.from_numpy(np.searchsorted(self.rows, rows)).to(self.pixels.device)
        for start in range(0, len(rows), size):
            yield self.pixels[places[start : start + size]]


def chosen_feed(pixels: np.ndarray, rows: np.ndarray, device: str, room: int, order: Order) -> Feed:
    """Pictures in the device's memory if all `rows` fit into `room` bytes there, else from the disk."""
    if 0 < len(rows) * pixels[0].nbytes <= room:
        return Resident.load(pixels, rows, device)
    return Streamed(pixels, device, order)


def chosen_order(
    wanted: Order | Literal["auto"], path: Path, rows: np.ndarray, images_per_second: float, seed: int
) -> Order:
    """The order that is wanted; ``auto`` is ``full``, unless the disk cannot keep up with the network's rate."""
    if wanted != "auto":
        return wanted
    return "full" if _disk_keeps_up(path, rows, images_per_second, seed) else "blocks"


def _disk_keeps_up(path: Path, rows: np.ndarray, images_per_second: float, seed: int) -> bool:
    """Whether single pictures can be read at random as fast as the network takes them.

    A small file is read once and then stays in the system's cache; of a large one some pictures are read, after the
    system was asked to forget them.
    """
    left = ram_left()
    if left is not None and path.stat().st_size < CACHED * left:
        return True
    pixels = open_array(path)
    some = order_of(rows, seed, 0)[-LOOKS:]  # the last ones: the first ones were just read
    _forget(path, pixels, some)
    started = time.perf_counter()
    for row in some:
        int(pixels[row].max())
    return len(some) / (time.perf_counter() - started) > SLACK * images_per_second


def _forget(path: Path, pixels: np.ndarray, rows: np.ndarray) -> None:
    """Ask the system to drop pictures from its cache; it does so only for pages that nobody has mapped."""
    if not hasattr(os, "posix_fadvise"):
        return
    size, offset = pixels[0].nbytes, getattr(pixels, "offset", 0)
    with path.open("rb") as file, suppress(OSError):
        for row in rows:
            os.posix_fadvise(file.fileno(), offset + int(row) * size, size, os.POSIX_FADV_DONTNEED)

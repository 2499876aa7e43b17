"""Batches of pictures out of a memory map, in random order, fetched ahead in the background."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import UInt8

__all__ = ["Order", "batches", "fetched_ahead", "mirrored_in", "order_of", "window_batches", "window_of"]

AHEAD = 3  # batches that wait, fetched, for the network
RUN = 64
"""So many neighbours on disk stay together where pictures are shuffled in blocks: about 2 MB at 96x96."""
WINDOW_BYTES = 64 << 20
"""So much is read at a time in blocks, and shuffled picture by picture."""

Order = Literal["full", "blocks"]
Item = TypeVar("Item")


def order_of(rows: np.ndarray, seed: int, epoch: int, order: Order = "full", window: int = 0) -> np.ndarray:
    """The order of one epoch, fixed by seed and epoch alone, so that any epoch can be repeated.

    Parameters
    ----------
    rows : numbers of the pictures.
    order : ``full`` is a true random permutation: any order is as likely as any other. ``blocks`` is none: runs of
        64 neighbours come in random order, and pictures are permuted inside windows of `window` pictures. So a batch
        holds pictures of at most ``window / 64`` places of the file, others in each epoch. In exchange a disk reads
        long pieces instead of single pictures.
    window : pictures per window, for ``blocks``; see `window_of`.
    """
    random = np.random.default_rng((seed, epoch))
    if order == "full":
        return random.permutation(rows)
    runs = [rows[start : start + RUN] for start in range(0, len(rows), RUN)]
    mixed = np.concatenate([runs[number] for number in random.permutation(len(runs))])
    return np.concatenate(
        [random.permutation(mixed[start : start + window]) for start in range(0, len(mixed), window)]
    )


def mirrored_in(epoch: int, rows: np.ndarray, seed: int) -> np.ndarray:
    """Which of the pictures are shown mirrored in one epoch: half of them, and the other half in the next.

    Parameters
    ----------
    rows : numbers of the pictures.
    """
    first = np.random.default_rng((seed, 0, 1)).integers(0, 2, 1 + int(rows.max(initial=0)))
    return (first[rows] + epoch) % 2 == 1


def window_of(picture_bytes: int) -> int:
    """Pictures in a window of shuffled blocks: a multiple of 64, from 1,024 on."""
    return max(16, WINDOW_BYTES // (picture_bytes * RUN)) * RUN


def batches(
    pixels: UInt8[np.ndarray, "n h w c"],
    rows: np.ndarray,
    size: int,
    take: Callable[[np.ndarray], Any] | None = None,
) -> Iterator[Any]:
    """The pictures of the given rows, in that order, `size` at a time; the last batch may be smaller.

    Training, encoding and every other reading of pictures go through here: batches are read a few ahead.

    Parameters
    ----------
    take : reads the pictures of some rows into a batch; by default an array (m, h, w, c) uint8.
    """
    taken = take or pixels.__getitem__
    return fetched_ahead(taken(rows[start : start + size]) for start in range(0, len(rows), size))


def window_batches(
    pixels: UInt8[np.ndarray, "n h w c"], rows: np.ndarray, size: int, window: int
) -> Iterator[UInt8[np.ndarray, "m h w c"]]:
    """The same, reading about `window` pictures at a time in the order of the file: long pieces, in turn."""
    span = max(1, window // size) * size
    for start in range(0, len(rows), span):
        wanted = rows[start : start + span]
        sort = np.argsort(wanted)
        block = np.empty((len(wanted), *pixels.shape[1:]), pixels.dtype)
        block[sort] = pixels[wanted[sort]]
        for first in range(0, len(wanted), size):
            yield block[first : first + size]


def fetched_ahead(items: Iterable[Item], ahead: int = AHEAD) -> Iterator[Item]:
    """Run an iterable in a thread of its own, a few items ahead of its reader."""
    waiting: queue.Queue = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def fetch() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(None)
        except BaseException as error:  # carried over to the reader's thread
            put(error)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()

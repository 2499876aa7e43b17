"""Batches of pictures out of a memory map, fetched ahead in the background."""

import queue
import threading
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import UInt8

__all__ = ["batches", "shuffled"]

AHEAD = 3  # batches that wait, fetched, for the network


def shuffled(rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """A true random permutation of `rows`, fixed by seed and epoch alone, so that any epoch can be repeated."""
    return np.random.default_rng((seed, epoch)).permutation(rows)


def batches(
    pixels: UInt8[np.ndarray, "n h w c"], rows: np.ndarray, size: int, skip_rest: bool = False
) -> Iterator[UInt8[np.ndarray, "m h w c"]]:
    """The pictures of the given rows, in that order, `size` at a time; the last batch may be smaller.

    `skip_rest` leaves an incomplete last batch out (unless it is the only one).
    """
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    if skip_rest and len(parts) > 1 and len(parts[-1]) < size:
        parts.pop()
    return _fetched_ahead(pixels[part] for part in parts)


def _fetched_ahead(items: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Run an iterable in a thread of its own, a few items ahead of its reader."""
    waiting: queue.Queue = queue.Queue(AHEAD)
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

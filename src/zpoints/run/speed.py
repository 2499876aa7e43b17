"""How fast this machine is at what a run spends its time on, in a few seconds."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zpoints.system.disk import check_room, writing
from zpoints.system.sizes import MIB

__all__ = ["DiskRate", "disk_rate", "plane_rate"]

VECTORS, COMPONENTS, BINS = 4096, 64, 64
"""One block of vectors, which fits into a processor's cache."""
SECONDS = 0.5
DISK_BYTES, PIECE = 64 * MIB, 4 * MIB


def plane_rate(seconds: float = SECONDS) -> float:
    """Vectors times planes in a second, as the reading of all planes counts them: histogram and ellipses.

    The kernel's compilation, once in an environment, is not part of it.
    """
    from zpoints.statistics.planes import PlaneCounts, PlaneGroup

    u = np.random.default_rng(0).standard_normal((COMPONENTS, VECTORS), dtype=np.float32)
    counts, pearson = PlaneCounts.empty(PlaneGroup(0, COMPONENTS - 1, COMPONENTS), BINS), np.eye(COMPONENTS)
    counts.count(u, pearson)  # compiles
    rounds, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        counts.count(u, pearson)
        rounds += 1
    return rounds * VECTORS * len(counts.group) / passed


@dataclass(frozen=True)
class DiskRate:
    """Bytes in a second.

    Attributes
    ----------
    read : None where the system cannot be asked to forget what was just written: memory would be read, not the disk.
    """

    write: float
    read: float | None


def disk_rate(folder: Path, size: int = DISK_BYTES) -> DiskRate:
    """Write and read a file of `size` bytes in `folder`, one after the other; it is removed.

    Raises
    ------
    DiskError : the folder takes no file of that size.
    """
    path = folder / f".zpoints-speed-{os.getpid()}"
    piece = np.random.default_rng(0).bytes(PIECE)  # no drive can pack that
    check_room(path, 2 * size)
    try:
        with writing(path), path.open("wb") as file:
            started = time.perf_counter()
            for _ in range(0, size, PIECE):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            write = size / (time.perf_counter() - started)
        return DiskRate(write, _read_rate(path, size))
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _read_rate(path: Path, size: int) -> float | None:
    if not hasattr(os, "posix_fadvise"):
        return None
    buffer = bytearray(PIECE)
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        started = time.perf_counter()
        while file.readinto(buffer):
            pass
        return size / (time.perf_counter() - started)

"""What work costs: the peak of anonymous memory and of GPU memory while it runs.

Anonymous memory (RssAnon) is what a machine can run out of; pages of mapped files are the kernel's to drop.
"""

import ctypes
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zpoints.system.sizes import MIB

__all__ = ["Cost", "Meter", "anonymous_bytes", "kept_memory", "processor_name", "return_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
# Where glibc's own adaptive thresholds end after large blocks were freed; once set, they no longer adapt.
GLIBC_MMAP_THRESHOLD, GLIBC_TRIM_THRESHOLD = 32 << 20, 64 << 20


@dataclass(frozen=True)
class Cost:
    """What one piece of work took.

    Attributes
    ----------
    seconds : wall time.
    peak_ram_mib : highest anonymous memory of the process, in MiB; None where the system does not tell.
    peak_vram_mib : highest GPU memory that PyTorch held, in MiB; None without a GPU.
    """

    seconds: float
    peak_ram_mib: float | None
    peak_vram_mib: float | None


class Meter:
    """Measures a ``with`` block; `cost` holds the result after it.

    Parameters
    ----------
    every : seconds between two looks at the memory.
    tell : is told the anonymous memory at every look, on the meter's own thread.
    """

    def __init__(self, every: float = 0.05, tell: Callable[[int], None] | None = None) -> None:
        self.every, self.tell = every, tell
        self._stop = threading.Event()
        self._peak = 0

    def __enter__(self) -> "Meter":
        self._started = time.monotonic()
        self._sample()
        if (cuda := _cuda()) is not None:
            cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    @property
    def cost(self) -> Cost:
        """Time and peaks so far."""
        cuda = _cuda()
        return Cost(
            seconds=round(time.monotonic() - self._started, 3),
            peak_ram_mib=round(self._peak / MIB, 1) if self._peak else None,
            peak_vram_mib=round(cuda.max_memory_allocated() / MIB, 1) if cuda is not None else None,
        )

    def _watch(self) -> None:
        while not self._stop.wait(self.every):
            self._sample()

    def _sample(self) -> None:
        now = anonymous_bytes() or 0
        self._peak = max(self._peak, now)
        if self.tell is not None:
            self.tell(now)


def anonymous_bytes() -> int | None:
    """Anonymous memory of this process now, in bytes; None where /proc does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def processor_name() -> str:
    """The processor's own name, as far as the system tells it."""
    import platform

    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


@contextmanager
def kept_memory() -> Iterator[None]:
    """Inside, the C library keeps large freed blocks for the next batch instead of returning them to the kernel.

    A training step allocates and frees some hundred MiB of activations; by default glibc maps those above 32 MiB
    anew each time, and the kernel fills them with zeros, page by page. Has an effect on Linux with glibc only;
    what was kept goes back to the kernel at the end.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        libc.mallopt(M_MMAP_THRESHOLD, GLIBC_MMAP_THRESHOLD)
        libc.mallopt(M_TRIM_THRESHOLD, GLIBC_TRIM_THRESHOLD)
        libc.malloc_trim(0)


def return_freed_memory() -> None:
    """Give the system what the C library keeps of freed blocks, in the hope that they are asked for again.

    Each thread has a store of its own: after readings by several threads they hold some hundred MiB. Has an effect on
    Linux with glibc only.
    """
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    try:
        libc = ctypes.CDLL("libc.so.6")
        return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
    except OSError:
        return None


def _cuda():  # type: ignore[no-untyped-def]  # torch is not imported here, so its type has no name
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return torch.cuda

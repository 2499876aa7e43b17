"""What work costs: the peak of anonymous memory and of GPU memory while it runs.

Anonymous memory (RssAnon) is what a machine can run out of; pages of mapped files are the kernel's to drop.
"""

import ctypes
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    """A window in time that measures a ``with`` block; `cost` holds the result during and after it.

    Windows may lie inside each other, and side by side in several threads: one thread looks at the memory for all of
    them, and each has the peaks of its own time. PyTorch keeps only one peak of the GPU's memory; it is noted for all
    open windows before a new one resets it.

    Parameters
    ----------
    every : seconds between two looks at the memory.
    tell : is told the anonymous memory at the window's own looks, on another thread.

    Examples
    --------
    >>> with Meter() as meter:
    ...     total = sum(range(1000))
    >>> meter.cost.seconds < 10
    True
    """

    def __init__(self, every: float = 0.05, tell: Callable[[int], None] | None = None) -> None:
        self.every, self.tell = every, tell
        self.ram = self.vram = 0  # peaks in bytes, as far as they were noted
        self.due = self._started = 0.0
        self._cost: Cost | None = None

    def __enter__(self) -> "Meter":
        self._started, self._cost = time.monotonic(), None
        _watch.open(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _watch.close(self)
        self._cost = self._so_far()

    @property
    def cost(self) -> Cost:
        """Time and peaks so far; after the block, those of the block."""
        if self._cost is not None:
            return self._cost
        if (cuda := _cuda()) is not None:
            self.note_vram(cuda.max_memory_allocated())
        return self._so_far()

    def _so_far(self) -> Cost:
        return Cost(
            seconds=round(time.monotonic() - self._started, 3),
            peak_ram_mib=round(self.ram / MIB, 1) if self.ram else None,
            peak_vram_mib=round(self.vram / MIB, 1) if _cuda() is not None else None,
        )

    def note_vram(self, peak: int) -> None:
        """A peak of the GPU's memory that falls into this window."""
        self.vram = max(self.vram, peak)

    def look(self, now: int, at: float) -> None:
        """What the process has at a moment; told when the window's own look is due."""
        self.ram = max(self.ram, now)
        if at >= self.due:
            self.due = at + self.every
            if self.tell is not None:
                self.tell(now)


class _Watch:
    """The one thread that looks at the memory for all open windows; it lives as long as there is one."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Without a window; a forked child has none of its parent's threads, and maybe a lock that one held."""
        self.lock = threading.Lock()
        self.windows: list[Meter] = []
        self.news = threading.Event()
        self.thread: threading.Thread | None = None

    def open(self, window: Meter) -> None:
        with self.lock:
            if (cuda := _cuda()) is not None:
                peak = cuda.max_memory_allocated()
                for other in self.windows:
                    other.note_vram(peak)
                cuda.reset_peak_memory_stats()
            window.ram = window.vram = 0
            window.due = time.monotonic()
            self.windows.append(window)
            self.look()
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="zpoints-meter", daemon=True)
                self.thread.start()
        self.news.set()

    def close(self, window: Meter) -> None:
        if (cuda := _cuda()) is not None:
            window.note_vram(cuda.max_memory_allocated())
        with suppress(ValueError):  # in a forked child, the parent's windows are not open
            # Without the lock: were the wait for it interrupted, the window would stay open for ever.
            self.windows.remove(window)
        with self.lock:  # whoever looks at this moment has ended: nothing is told after the block
            window.look(anonymous_bytes() or 0, time.monotonic())
        self.news.set()

    def look(self) -> None:
        now, at = anonymous_bytes() or 0, time.monotonic()
        for window in tuple(self.windows):
            window.look(now, at)

    def run(self) -> None:
        while True:
            self.news.wait(min((window.every for window in tuple(self.windows)), default=0))
            self.news.clear()
            with self.lock:
                if not self.windows:
                    self.thread = None
                    return
                self.look()


_watch = _Watch()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watch.begin)


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

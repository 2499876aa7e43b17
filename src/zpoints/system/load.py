"""What other programs do with the processors that this one may use."""

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["OtherPrograms"]

STAT = Path("/proc/stat")
IDLE = (3, 4)  # columns of a processor's times there: idle, and idle while a disk works
SHORTEST = 0.1  # seconds; the kernel counts in hundredths


@dataclass(frozen=True)
class _Times:
    """Seconds since the start of the machine or of the process."""

    clock: float
    busy: float
    own: float


class OtherPrograms:
    """How many processors other programs keep busy, by the kernel's own book-keeping.

    Linux only; elsewhere, and in containers that hide it, nothing is known.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what was seen: after a pause, a mean since the last look says little about now."""
        self.last = _times()
        self.found = math.nan

    @property
    def processors(self) -> float | None:
        """Mean number of processors that others were busy on since the last look, a tenth of a second ago at least.

        NaN before the first such look; None where nobody ever knows.
        """
        if self.last is None:
            return None
        now = _times()
        if now is not None and now.clock - self.last.clock >= SHORTEST:
            seconds = now.clock - self.last.clock
            others = (now.busy - self.last.busy) - (now.own - self.last.own)
            self.found, self.last = max(0.0, others / seconds), now
        return self.found


def _times() -> _Times | None:
    if not (hasattr(os, "sched_getaffinity") and hasattr(os, "sysconf")):
        return None
    try:
        lines = STAT.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    tick, busy, seen = os.sysconf("SC_CLK_TCK"), 0, 0
    for line in lines:
        name, *values = line.split()
        if name in ours:
            # The last two, of guests, are counted among the first two already.
            ticks = [int(value) for value in values[:8]]
            busy += sum(ticks) - sum(ticks[column] for column in IDLE)
            seen += 1
    if not seen or not busy:
        return None
    return _Times(time.perf_counter(), busy / tick, time.process_time())

"""How much memory the work may take, how it is shared out, and what happens when it runs short.

One budget is in force in a process at a time, since memory belongs to the process. What can be cut smaller asks
`share` how large it may be; what cannot calls `require` before it begins. A watchman looks at the memory all the
time, and stops the work at its next checkpoint before the kernel would kill it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Self

from zpoints.config import BudgetSettings, bytes_of
from zpoints.errors import BudgetError, UsageError
from zpoints.system.limits import Limit, ram_left_share, ram_limit
from zpoints.system.meter import Meter, anonymous_bytes
from zpoints.system.sizes import in_words
from zpoints.system.stopping import stop_work
from zpoints.system.thread_count import with_threads

__all__ = ["Budget", "current", "require", "share", "spare", "within"]

SHARE = 0.8
"""Of what is allowed, ``auto`` takes so much: the rest is for other programs, and for what nobody foresaw."""
RESERVE = 0.03
"""When less than this share of the machine's memory is left to anybody, the kernel is about to kill."""
LOOK_AT_MACHINE = 20
"""The machine's memory is looked at once in so many looks at the process's."""
SAFE = 0.95
"""A budget may be all that the kernel allows; the watchman stops the work before it is all taken."""
STUBBORN = 1.1
"""Work that was asked to stop, and takes so many times its budget instead, is interrupted at once."""


@dataclass(frozen=True)
class Budget:
    """Bytes that the work may take.

    Attributes
    ----------
    ram : anonymous memory of the process (RssAnon); None where the system tells of no limit.
    ram_of : whose limit that is, in words.
    vram : memory of the GPU; None: 80 % of it.
    threads : of the work on the processor; None: it finds out itself how many pay.
    """

    ram: int | None
    ram_of: str
    vram: int | None = None
    threads: int | None = None

    @classmethod
    def of(cls, settings: BudgetSettings, limit: Limit | None = None) -> Self:
        """What the settings mean on this machine. `limit` replaces what the machine allows, for tests.

        Raises
        ------
        UsageError : more than the machine, the container or the shell allows.
        """
        limit = limit or ram_limit()
        vram = None if settings.vram == "auto" else bytes_of(settings.vram)
        threads = None if settings.threads == "auto" else settings.threads
        if settings.ram == "auto":
            if limit is None:
                return cls(None, "no limit is known", vram, threads)
            return cls(int(SHARE * limit.size), f"{SHARE:.0%} of what {limit.where} allows", vram, threads)
        ram = bytes_of(settings.ram)
        if limit is not None and ram > limit.size:
            raise UsageError(
                f"budget.ram = {settings.ram}: {limit.where} allows {in_words(limit.size)}; "
                "give less, or leave it out to take 80 % of that"
            )
        return cls(ram, "--ram", vram, threads)

    @property
    def words(self) -> str:
        """As a person says it: ``4.0 GiB``."""
        return "no limit" if self.ram is None else in_words(self.ram)


_in_force: list[Budget] = []


@cache
def _default() -> Budget:
    return Budget.of(BudgetSettings())


def current() -> Budget:
    """The budget in force; in a library call that opened none, the default one."""
    return _in_force[-1] if _in_force else _default()


def spare() -> int | None:
    """Bytes that the budget in force leaves at this moment; None where there is no limit."""
    ram = current().ram
    return None if ram is None else max(0, ram - (anonymous_bytes() or 0))


def share(wish: int, part: float = 0.5, least: int = 0) -> int:
    """Bytes that a block, or all blocks under way, may take: `wish`, or `part` of what is spare, if that is less.

    Never under `least`, below which the work would not work.
    """
    left = spare()
    return wish if left is None else max(least, min(wish, int(part * left)))


def require(need: int, what: str, smaller: str = "") -> None:
    """Refuse work that needs more bytes than the budget has left.

    Parameters
    ----------
    need : bytes on top of what the process has now.
    what : the work, for the message; `smaller` says how it could need less.

    Raises
    ------
    BudgetError : too little; names the smallest budget that would do.
    """
    left = spare()
    if left is None or need <= left:
        return
    smallest = need + (anonymous_bytes() or 0)
    raise BudgetError(
        f"{what}: needs a budget of {in_words(1.02 * smallest)}, and has {current().words} ({current().ram_of}); "
        f"give --ram {_rounded(smallest)} or more{smaller and f', or {smaller}'}"
    )


def _rounded(size: int) -> str:
    """A size to type: whole tens of MiB, upwards."""
    return f"{-(-int(1.02 * size) // (10 << 20)) * 10}MiB"


@contextmanager
def within(budget: Budget) -> Iterator[Meter]:
    """Inside, `budget` is in force and its memory watched. The meter knows the peak.

    Raises
    ------
    StoppedError : in the main thread, when the process outgrew its budget, or the machine has no memory left.
    """
    _in_force.append(budget)
    try:
        with with_threads(budget.threads), Meter(tell=_Watchman(budget).look) as meter:
            yield meter
    finally:
        _in_force.pop()


class _Watchman:
    """Looks at the memory, and stops the work when it runs short."""

    def __init__(self, budget: Budget) -> None:
        limit = ram_limit()
        known = [size for size in (budget.ram, limit and int(SAFE * limit.size)) if size]
        self.level = min(known, default=None)
        self.budget, self.looks, self.machine_told = budget, 0, False

    def look(self, now: int) -> None:
        """Called by the meter with the process's memory."""
        if self.level is not None and now > self.level:
            self.level = int(STUBBORN * now)
            stop_work(
                f"the work took {in_words(now)} of memory, and its budget is {self.budget.words} "
                f"({self.budget.ram_of}); it was stopped, and what was finished is kept: start it again with a "
                "larger --ram, or with smaller batches or pictures"
            )
        self.looks += 1
        if self.looks % LOOK_AT_MACHINE == 0 and not self.machine_told:
            left = ram_left_share()
            if left is not None and left < RESERVE:
                self.machine_told = True
                stop_work(
                    f"only {left:.1%} of the machine's memory is left, and other programs took the rest; the work "
                    "was stopped, and what was finished is kept: end other programs, then start it again"
                )

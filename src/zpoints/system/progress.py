"""How long work is shown: a bar on a terminal, plain lines in a log or notebook, nothing at all in a library call.

Stages know only `Progress.task`; which of the three a user sees is decided once, by the command line.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from zpoints.errors import one_line
from zpoints.system.budget import current
from zpoints.system.meter import anonymous_bytes
from zpoints.system.sizes import GIB, MIB, clock, in_words
from zpoints.system.streams import tell

__all__ = ["BarProgress", "LineProgress", "Progress", "Silent", "Task", "for_terminal"]


LOOK_SECONDS = 1.0  # between two looks at the memory, for a bar


class Task(Protocol):
    """One piece of long work under way."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Report that `amount` more units are done; `note` is a short figure to show (a loss, say)."""


class Progress(Protocol):
    """Where long work reports to."""

    def task(
        self, label: str, total: int, unit: str = "images", done: int = 0
    ) -> AbstractContextManager[Task]:
        """Open a task of `total` units, of which `done` were finished by an earlier run."""

    def say(self, text: str) -> None:
        """Show one line of text."""


class _SilentTask:
    def advance(self, amount: int = 1, note: str = "") -> None:
        pass


class Silent:
    """Shows nothing: the default of the library, and ``-q`` on the command line."""

    @contextmanager
    def task(self, label: str, total: int, unit: str = "images", done: int = 0) -> Iterator[Task]:
        """Open a task that is not shown."""
        yield _SilentTask()

    def say(self, text: str) -> None:
        """Drop the text."""


class _LineTask:
    def __init__(self, label: str, total: int, unit: str, done: int, every: float) -> None:
        self.label, self.total, self.unit, self.every = label, total, unit, every
        self.done = self.skipped = done
        self.started = self.shown = time.monotonic()
        self.note = ""

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.done += amount
        self.note = note or self.note
        now = time.monotonic()
        if now - self.shown >= self.every:
            self.shown = now
            self.print()

    def print(self) -> None:
        seconds = max(time.monotonic() - self.started, 1e-9)
        rate = (self.done - self.skipped) / seconds
        left = (
            f", {clock((self.total - self.done) / rate)} left" if rate > 0 and self.done < self.total else ""
        )
        share = f"{100 * self.done / self.total:3.0f} %" if self.total else ""
        note = f"  {self.note}" if self.note else ""
        done = f"{self.done:,} of {self.total:,} {self.unit}, {rate:,.0f}/s{left}{_memory(', RAM ')}"
        text = f"{self.label:<10} {share} {done}{note}"
        tell(text)


class LineProgress:
    """Plain lines, one every few seconds, for logs and pipes."""

    def __init__(self, every: float = 10.0) -> None:
        self.every = every

    @contextmanager
    def task(self, label: str, total: int, unit: str = "images", done: int = 0) -> Iterator[Task]:
        """Open a task that prints a line every few seconds and one at its end."""
        task = _LineTask(label, total, unit, done, self.every)
        yield task
        task.print()

    def say(self, text: str) -> None:
        """Print the text as a line of its own."""
        tell(one_line(text))


class BarProgress:
    """A bar with rate and time left, for a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def task(self, label: str, total: int, unit: str = "images", done: int = 0) -> Iterator[Task]:
        """Open a task that is shown as a bar."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[memory]}"),
            TextColumn("{task.fields[note]}"),
        )
        with RichProgress(*columns, console=self.console) as bars:
            handle = bars.add_task(label, total=total, completed=done, rate="", memory="", note="")
            yield _BarTask(bars, handle, unit)

    def say(self, text: str) -> None:
        """Print the text above any bar."""
        self.console.print(one_line(text), markup=False, soft_wrap=True)


class _BarTask:
    def __init__(self, bars: object, handle: object, unit: str) -> None:
        self.bars, self.handle, self.unit = bars, handle, unit
        self.started, self.done, self.looked = time.monotonic(), 0, 0.0

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.done += amount
        now = time.monotonic()
        rate = self.done / max(now - self.started, 1e-9)
        fields = {"rate": f"{rate:,.0f} {self.unit}/s"} | ({"note": note} if note else {})
        if now - self.looked > LOOK_SECONDS:
            self.looked = now
            fields["memory"] = _memory("RAM ")
        self.bars.update(self.handle, advance=amount, **fields)  # type: ignore[attr-defined]


def for_terminal(quiet: bool) -> Progress:
    """Choose what fits: nothing when quiet, a bar on a terminal, lines elsewhere.

    A notebook's ``!zpoints run`` has what looks like a terminal, but keeps every state of a bar as an output of its
    own: hundreds of them. Its kernel is known by ``JPY_PARENT_PID``.
    """
    if quiet or sys.stderr is None:
        return Silent()
    terminal = sys.stderr.isatty() and "JPY_PARENT_PID" not in os.environ
    return BarProgress() if terminal else LineProgress()


def _memory(before: str) -> str:
    """What the process has of its budget: ``0.6/4.0 GiB``; empty where the system does not tell."""
    now, ram = anonymous_bytes(), current().ram
    if now is None:
        return ""
    if ram is None:
        return before + in_words(now)
    return before + (
        f"{now / MIB:.0f}/{ram / MIB:.0f} MiB" if ram < GIB else f"{now / GIB:.1f}/{ram / GIB:.1f} GiB"
    )

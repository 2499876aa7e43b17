"""Asked to stop, by Ctrl-C or by SIGTERM, work stops where nothing is lost.

Work that has such places opens `graceful` and looks at `Stop.asked` there. Everything else is interrupted at once, as
Python does it: its files are whole or not there at any moment. A second Ctrl-C interrupts at once everywhere.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Stop", "StoppedError", "graceful", "terminable"]

Handler = Callable[[int, FrameType | None], None]


class StoppedError(KeyboardInterrupt):
    """Work that was asked to stop has stopped; says why."""


class Stop:
    """Whether the work under way was asked to stop, and why."""

    def __init__(self) -> None:
        self.why = ""

    @property
    def asked(self) -> bool:
        """Look here wherever the work can stop without a loss."""
        return bool(self.why)

    def now(self) -> None:
        """Stop here."""
        raise StoppedError(self.why)


@contextmanager
def graceful() -> Iterator[Stop]:
    """Inside, the first Ctrl-C or SIGTERM only asks; the second one interrupts at once."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.why = _words(number)

    with _handling(ask):
        yield stop


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM interrupts as Ctrl-C does, so that what is open is closed; the error says which it was."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise StoppedError(_words(number))

    with _handling(interrupt):
        yield


@contextmanager
def _handling(handler: Handler) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _words(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else "asked to end (SIGTERM)"

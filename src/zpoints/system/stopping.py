"""Asked to stop, by Ctrl-C, by SIGTERM or for want of memory, work stops where nothing is lost.

Work that has such places opens `graceful` and looks at `Stop.asked` there. Everything else is interrupted at once, as
Python does it: its files are whole or not there at any moment. A second Ctrl-C interrupts at once everywhere.
"""

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Stop", "StoppedError", "graceful", "stop_work", "terminable"]

AGAIN = "start the same command again to go on"


class StoppedError(KeyboardInterrupt):
    """Work that was asked to stop has stopped; says why, and what to do.

    A KeyboardInterrupt, so that who catches Ctrl-C in a script or a notebook catches this too.
    """

    def __init__(self, message: str, exit_status: int = 130) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class Stop:
    """Whether the work under way was asked to stop, and why."""

    def __init__(self) -> None:
        self.error: StoppedError | None = None

    @property
    def asked(self) -> bool:
        """Look here wherever the work can stop without a loss."""
        return self.error is not None

    def now(self) -> None:
        """Stop here."""
        if self.error is not None:
            raise self.error


_under_way: list[Stop] = []  # work that stops by itself, the innermost last
_reasons: list[StoppedError] = []  # why other work is interrupted; empty for Ctrl-C and SIGTERM


def stop_work(message: str) -> None:
    """Stop the main thread's work, from any thread: gracefully where it can, else, or when asked again, at once."""
    error = StoppedError(message, exit_status=1)
    if _under_way and not _under_way[-1].asked:
        _under_way[-1].error = error
    else:
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            _reasons.append(error)
        _thread.interrupt_main(signal.SIGINT)


@contextmanager
def graceful() -> Iterator[Stop]:
    """Inside, the first Ctrl-C or SIGTERM only asks; the second one interrupts at once."""
    stop = Stop()

    def ask(number: int) -> StoppedError | None:
        if stop.asked:
            return _reason(number)
        stop.error = _reason(number)
        return None

    with _handling(ask):
        _under_way.append(stop)
        try:
            yield stop
        finally:
            _under_way.remove(stop)


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM interrupts as Ctrl-C does, so that what is open is closed; the error says which it was."""
    with _handling(_reason):
        yield


@contextmanager
def _handling(reaction: Callable[[int], StoppedError | None]) -> Iterator[None]:
    """Inside, a signal raises what `reaction` gives for its number; nothing, if that is None."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    raised: list[StoppedError] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if (error := reaction(number)) is not None:
            raised.append(error)
            raise error

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception as error:
        # Compilers and other libraries make an error of their own of what is raised inside them.
        if raised:
            raise raised[-1] from error
        raise
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _reason(number: int) -> StoppedError:
    if _reasons:
        return _reasons.pop()
    what = "interrupted" if number == signal.SIGINT else "asked to end (SIGTERM)"
    return StoppedError(f"{what}; {AGAIN}")

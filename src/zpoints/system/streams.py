"""Standard streams that nobody listens to any more: long work goes on without them.

``zpoints run 2>&-`` starts without an error stream, ``zpoints run 2>&1 | head`` loses its reader on the way.
"""

import os
import sys
from contextlib import suppress
from typing import Any, TextIO

__all__ = ["secure_streams", "tell"]


def tell(text: str) -> None:
    """Print one line to the error stream, if there is one that takes it."""
    if sys.stderr is None:  # `print` would take the standard output instead
        return
    with suppress(
        OSError, ValueError
    ):  # the reader is gone, the disk of a log is full, or the stream is closed
        print(text, file=sys.stderr, flush=True)


def secure_streams() -> None:
    """Give a command streams that cannot end it: closed ones are the null device, and a lost reader is no error.

    A closed stream leaves its number free, and the next file that is opened would get it: whatever a library prints
    would land in that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif not isinstance(stream, _Lasting):
            _spell_out(stream)
            setattr(sys, name, _Lasting(stream))


def _spell_out(stream: TextIO) -> None:
    """Have a letter that the stream's encoding lacks replaced: on Windows a pipe or a file has no sigma."""
    if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")


class _Lasting:
    """A text stream that is quiet once its reader is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._lost()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._lost()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _lost(self) -> None:
        """What is still in the buffer, and all that follows, goes to the null device."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)

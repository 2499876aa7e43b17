"""Errors as one line: what, where, what to do; and what is printed where nobody may be listening."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from zpoints.errors import ZPointsError

__all__ = ["done", "say", "told_in_one_line"]


@contextmanager
def told_in_one_line(debug: bool) -> Iterator[None]:
    """Whatever is raised inside becomes one line and an exit status: 2 for wrong usage, 1 for anything else.

    Parameters
    ----------
    debug : raise it instead, with its traceback.
    """
    from zpoints.system.stopping import StoppedError

    try:
        yield
    except ZPointsError as error:
        if debug:
            raise
        _fail(str(error), error.exit_status)
    except StoppedError as error:
        _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        _fail("interrupted; start the same command again to go on", 130)
    except MemoryError as error:
        if debug:
            raise
        _fail(
            f"the system gave no more memory ({error or 'out of memory'}); what was finished is kept: end other "
            "programs or give a smaller --ram, so that the work is cut smaller, then start it again",
            1,
        )
    except BrokenPipeError:
        # Whoever read along has left, as `head` does when it has its lines.
        _fail("nobody reads what is printed any more; what was finished is kept, start it again to go on", 1)
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        _fail(
            f"{where}{error.strerror or error}; free the disk or choose another folder, then start again", 1
        )
    except Exception as error:
        # Typer's own complaints about arguments; its exception classes moved between versions.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            _fail(
                f"{error.format_message()} (zpoints COMMAND --help shows what is expected)", error.exit_code
            )
        if debug:
            raise
        _fail(f"unexpected {type(error).__name__}: {error}; run again with --debug and report it", 1)


def say(message: str) -> None:
    """Print to the standard output; nothing happens where it is closed."""
    _print(message, sys.stdout)


def done(quiet: bool, message: str) -> None:
    """Say what a command has done, unless it is to be quiet."""
    if not quiet:
        say(message)


def _fail(message: str, status: int) -> NoReturn:
    _print("error: " + " ".join(message.split()), sys.stderr)
    sys.exit(status)


def _print(message: str, stream: TextIO | None) -> None:
    """Print, and flush at once, so that Python has nothing left to complain about at its end."""
    if stream is None:  # closed before Python began
        return
    try:
        print(message, file=stream, flush=True)
    except (OSError, ValueError):
        _silence(stream)


def _silence(stream: TextIO) -> None:
    """Let what is still in the buffer go nowhere: flushed at exit, it would raise once more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)

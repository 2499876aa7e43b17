"""Errors as one line: what, where, what to do; and what is printed besides."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from zpoints.cli.interruption import InterruptionError
from zpoints.errors import LeftOutWarning, ZPointsError
from zpoints.system.extras import missing
from zpoints.system.streams import tell

__all__ = ["done", "notes_told", "say", "told_in_one_line"]


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
    except (KeyboardInterrupt, InterruptionError) as error:
        cause = getattr(error, "cause", error)
        if isinstance(cause, StoppedError):
            _fail(str(cause), cause.exit_status)
        _fail("interrupted; start the same command again to go on", 130)
    except MemoryError as error:
        if debug:
            raise
        _fail(
            f"the system gave no more memory ({error or 'out of memory'}); what was finished is kept: end other "
            "programs or give a smaller --ram, so that the work is cut smaller, then start it again",
            1,
        )
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
        if isinstance(error, ModuleNotFoundError) and (without := missing(error)):
            _fail(str(without), without.exit_status)
        _fail(f"unexpected {type(error).__name__}: {error}; run again with --debug and report it", 1)


@contextmanager
def notes_told(quiet: bool) -> Iterator[None]:
    """What was left out of the input, or guessed about it, becomes a line on the error stream, each once."""
    told: set[str] = set()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if quiet else "always", LeftOutWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, LeftOutWarning):
                others(message, category, *where, **more)
            elif str(message) not in told:
                told.add(str(message))
                tell(f"note: {message}")

        warnings.showwarning = show
        yield


def say(message: str) -> None:
    """Print to the standard output."""
    print(message, flush=True)


def done(quiet: bool, message: str) -> None:
    """Say what a command has done, unless it is to be quiet."""
    if not quiet:
        say(message)


def _fail(message: str, status: int) -> NoReturn:
    tell("error: " + " ".join(message.split()))
    sys.exit(status)

"""Errors of files that are damaged or of another kind, as one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zpoints.errors import ArrayError, ZPointsError, reason

__all__ = ["ANEW", "readable"]

ANEW = "write it anew; in the folder of a run, delete it and start the run again"


@contextmanager
def readable(
    name: Path | str,
    kind: str,
    advice: str = "write the file anew",
    refusal: type[ZPointsError] = ArrayError,
) -> Iterator[None]:
    """Whatever a library raises about the bytes of a file becomes one line about the file.

    Every library has its own classes for a damaged file, and on hostile bytes most raise others, too.
    """
    try:
        yield
    except ZPointsError:
        raise
    except Exception as error:
        raise refusal(f"{name}: cannot be read as {kind} ({reason(error)}); {advice}") from error

"""Errors of a disk that is full or read-only, as one line; and a look at its room before work begins."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zpoints.errors import DiskError, ZPointsError
from zpoints.system.sizes import in_words

__all__ = ["check_room", "writing"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
# What libraries say that write files by themselves; the numbers are the system's: ENOSPC, EFBIG, EDQUOT.
FULL_WORDS = re.compile(r"No space left|File too large|[Qq]uota exceeded|os error (28|27|122)\b")


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Inside, an error of a disk that is full or read-only becomes one line that says where, and what to do.

    Raises
    ------
    DiskError : there is no room for `path`, or its folder may not be written to.
    """
    try:
        yield
    except ZPointsError:
        raise
    except (
        Exception
    ) as error:  # torch, safetensors, pyarrow and NumPy have classes of their own for a full disk
        number, free = getattr(error, "errno", None), _free(path)
        if number in CLOSED:
            what, then = os.strerror(number), "make its folder writable, or choose another one"
            if os.name == "nt":  # where nobody can replace a file that is open
                then = f"close what has it open, {then}"
        elif number in FULL or FULL_WORDS.search(str(error)) or free == 0:
            left = "" if free is None else f", {in_words(free)} are free"
            why = os.strerror(number if number in FULL else errno.ENOSPC)
            what, then = f"{why}{left}", "make room and start again, what is finished is kept"
        else:
            raise
        raise DiskError(f"{path}: cannot be written ({what}); {then}") from error


def check_room(path: str | Path, needed: int) -> None:
    """Refuse to begin a file for which the disk has no room.

    Raises
    ------
    DiskError : `needed` bytes are more than the disk of `path` has; says how many are missing.
    """
    free = _free(path)
    if free is not None and needed > free:
        raise DiskError(
            f"{path}: needs {in_words(needed)}, {in_words(free)} are free on the disk; make room for "
            f"{in_words(needed - free)} more and start again, what is finished is kept"
        )


def _free(path: str | Path) -> int | None:
    """Free bytes where `path` is to lie; None where the system does not tell."""
    there = next((folder for folder in Path(path).parents if folder.is_dir()), None)
    try:
        return shutil.disk_usage(there).free if there else None
    except OSError:
        return None

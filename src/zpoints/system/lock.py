"""One run at a time in a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from zpoints.errors import StageError
from zpoints.system.disk import writing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["locked"]

NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Inside, no other process can lock `folder`; it is made if it is not there.

    The kernel holds the lock for as long as this process lives: a kill leaves the file ``.lock`` behind, with the
    number of the process in it, but no lock. A folder that was made here and is still empty when the work fails is
    removed again.

    Raises
    ------
    StageError : another process works in the folder.
    DiskError : the folder is read-only, or its disk is full.
    """
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with _held(folder / NAME, folder):
            yield
    except BaseException:
        if new and not any(new[0].iterdir()):
            for path in new:
                path.rmdir()
        raise


@contextmanager
def _held(path: Path, folder: Path) -> Iterator[None]:
    with writing(folder):
        file = _opened(path, folder)
    try:
        with suppress(OSError):  # on a full disk the lock holds without a name
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):
            file.close()


def _opened(path: Path, folder: Path) -> TextIO:
    """The lock's file, locked."""
    while True:
        file = path.open("a+", encoding="ascii")
        if not _lock(file):
            file.seek(0)
            owner = file.read(20).strip() or "unknown"
            file.close()
            raise StageError(
                f"{folder}: another zpoints (process {owner}) is at work here; wait for it, or choose another folder"
            )
        # Its owner may have removed the file between the two steps: a lock on that would guard nothing.
        try:
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass
        file.close()


def _lock(file: TextIO) -> bool:
    """Whether the lock could be had; yes on systems and network drives that know none."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # better no guard than no work
        return True
    return True

"""One run at a time in a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from zpoints.errors import StageError
from zpoints.system.disk import writing

__all__ = ["knows_locks", "locked"]

NAME = ".lock"
OWNER = ".owner"
"""Ends the name of the file that holds the number of the process that has the lock. It is a file of its own: Windows
keeps a locked one from readers."""
PATIENCE = 0.2
"""Seconds. An owner that is just leaving removes the file; the lock is tried again meanwhile."""


@contextmanager
def locked(folder: str | Path, part: str = "") -> Iterator[None]:
    """Inside, no other process can lock `folder`, or this part of it; the folder is made if it is not there.

    Locks of different parts know nothing of each other, nor of that of the whole folder.

    The kernel holds the lock for as long as this process lives: a kill leaves the files ``.lock`` and
    ``.lock.owner`` behind, but no lock. A folder that was made here and is still empty when the work fails is removed
    again. On drives that know no locks there is no guard, and the work goes on.

    Raises
    ------
    StageError : another process works in the folder.
    DiskError : the folder is read-only, or its disk is full.
    """
    folder = Path(folder)
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with _held(folder, f"{NAME}.{part}" if part else NAME):
            yield
    except BaseException:
        with suppress(OSError):  # others may be at work on their own parts, or have removed it
            if new and not any(new[0].iterdir()):
                for path in new:
                    path.rmdir()
        raise


def knows_locks(folder: str | Path) -> bool:
    """Whether the drive of `folder` knows locks; where it knows none, two runs could work in one folder.

    Raises
    ------
    DiskError : the folder is read-only, or its disk is full.
    """
    trial = Path(folder) / f"{NAME}.trial-{os.getpid()}"
    lock = _acquired(trial)
    if lock is not None:
        lock.release()
    _remove(trial.with_name(trial.name + OWNER))
    _remove(trial)
    return lock is not None


@contextmanager
def _held(folder: Path, name: str) -> Iterator[None]:
    lock = _acquired(folder / name)
    owner = folder / (name + OWNER)
    try:
        with suppress(OSError):  # on a full disk the lock holds without a name
            owner.write_text(f"{os.getpid()}\n", encoding="ascii")
        yield
    finally:
        # Before the release: who opened the file meanwhile sees that it is gone, and makes a new one.
        _remove(owner)
        _remove(folder / name)
        if lock is not None:
            lock.release()
            if os.name == "nt":  # where a file that is open cannot be removed
                _remove(folder / name)


def _acquired(path: Path) -> BaseFileLock | None:
    """The lock; None where the drive knows none."""
    owner = path.with_name(path.name + OWNER)
    what = path.parent / path.name.removeprefix(NAME).removeprefix(".")
    with writing(path.parent):
        owner.open("a", encoding="ascii").close()  # a folder that takes no files is met here
    # No soft lock in place of a real one: after a kill on another machine it would stay for ever.
    lock = FileLock(path, timeout=PATIENCE, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise StageError(
            f"{what}: another zpoints (process {_owner(owner)}) is at work here; wait for it, or choose "
            "another folder"
        ) from None
    except OSError:  # better no guard than no work
        return None
    return lock


def _owner(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")[:20].strip() or "unknown"
    except OSError:
        return "unknown"


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()

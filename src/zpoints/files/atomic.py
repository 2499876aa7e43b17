"""Files that are whole or not there.

A finished file always came from a rename, so no reader ever meets half of one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zpoints.system.disk import writing

__all__ = ["atomic_path"]


@contextmanager
def atomic_path(path: str | Path, sync: bool = True) -> Iterator[Path]:
    """Give a temporary name beside `path`; on success it is renamed to `path`, else removed.

    With `sync` the content is on the disk before the rename, so that not even a power cut leaves half a file; the
    death of the process alone never does.

    Raises
    ------
    DiskError : there is no room for the file, or its folder may not be written to.
    """
    path = Path(path)
    # Always the same name: what a killed process left behind is written over by the next one.
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()  # so that a folder which takes no files is met here, with the system's own error
        try:
            yield temporary
            if sync:
                with temporary.open("r+b") as file:  # Windows flushes only what may be written to
                    os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

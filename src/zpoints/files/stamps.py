"""By what a file is known again without reading it."""

from pathlib import Path
from typing import Any

from zpoints.files.remote import Address

__all__ = ["stamp_of"]


def stamp_of(path: Path | Address) -> tuple[Any, ...]:
    """Size and times of a file, of a folder those of all files in it; at an address what the place tells.

    The time of the last change of its entry is among them: it changes even where a copy keeps the old times.
    """
    if isinstance(path, Address):
        return path.stamp()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    found = []
    for file in files:
        status = file.stat()
        found.append((str(file), status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(found)

"""By what a file is known again without reading it."""

from pathlib import Path
from typing import Any

__all__ = ["stamp_of"]


def stamp_of(path: Path) -> tuple[Any, ...]:
    """Size and times of a file, of a folder those of all files in it.

    The time of the last change of its entry is among them: it changes even where a copy keeps the old times.
    """
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    found = []
    for file in files:
        status = file.stat()
        found.append((str(file), status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(found)

"""Pieces of a file as files: what lies unpacked inside an archive is read where it is, from any thread."""

import io
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from zpoints.errors import SourceError
from zpoints.files.wheels import cache_folder
from zpoints.system.budget import share
from zpoints.system.sizes import in_words

__all__ = ["Piece", "ReadAt", "Spool", "reads_of"]

ReadAt = Callable[[int, int], bytes]
"""Gives so many bytes from a place on, or as many as there are; from any thread."""
IN_MEMORY = 2**26
"""A spool is in memory up to so many bytes, where the budget has them, and on disk beyond."""
CHUNK = 2**20


def reads_of(path: Path) -> ReadAt:
    """Read at any place of a file. It is opened for each piece: of a thousand archives none is kept open."""

    def read_at(start: int, size: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    return read_at


class Piece(io.RawIOBase):
    """A range of bytes as a file of its own."""

    def __init__(self, read_at: ReadAt, start: int, size: int) -> None:
        self.read_at, self.start, self.size = read_at, start, size
        self.place = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from any place."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, counted from the start, from here or from the end."""
        self.place = max(0, offset + (0, self.place, self.size)[whence])
        return self.place

    def tell(self) -> int:
        """Where it stands."""
        return self.place

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the piece goes."""
        content = self.read_at(self.start + self.place, min(len(buffer), max(0, self.size - self.place)))
        buffer[: len(content)] = content
        self.place += len(content)
        return len(content)


class Spool:
    """One temporary file for what has to be inflated before it can be read at any place."""

    def __init__(self) -> None:
        self.size = 0
        self._lock = threading.Lock()
        self._file: Any = None

    def take(self, stream: IO[bytes], size: int, name: str) -> tuple[int, int]:
        """Append a stream that says to have `size` bytes; where it lies then, and how long it is.

        Raises
        ------
        SourceError : there is no room for it, or it is longer than it says.
        """
        self._check_room(size, name)
        if self._file is None:
            self._file = tempfile.SpooledTemporaryFile(share(IN_MEMORY), dir=str(_folder()))  # noqa: SIM115 (kept open)
        start = self.size
        self._file.seek(start)  # what was taken before may have been read since
        while chunk := stream.read(CHUNK):
            self.size += len(chunk)
            if self.size - start > size:
                raise SourceError(f"{name}: is longer than it says; download it again")
            self._file.write(chunk)
        return start, self.size - start

    def read_at(self, start: int, size: int) -> bytes:
        """Read at any place; from any thread, once all is taken."""
        with self._lock:
            self._file.seek(start)
            return bytes(self._file.read(size))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _check_room(self, needed: int, name: str) -> None:
        folder = _folder()
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise SourceError(
                f"{name}: to inflate it takes {in_words(needed)} in {folder}, where {in_words(free)} are free; "
                "set TMPDIR to another folder, or unpack what is around it"
            )


def _folder() -> Path:
    """Where temporary files lie: the user's choice, or the cache, since /tmp may be memory."""
    if chosen := os.environ.get("TMPDIR"):
        return Path(chosen)
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir())

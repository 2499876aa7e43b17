"""A folder of encoded pictures."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from PIL import Image

from zpoints.errors import SourceError
from zpoints.images.decoding import open_encoded
from zpoints.images.files import FileSource, size_and_time
from zpoints.images.source import Options, UnusableError, path_of

__all__ = ["FolderSource"]


class FolderSource(FileSource):
    """Every regular file below a folder, in the order of their relative paths; hidden ones are left out.

    Links to files are followed, links to folders are not: they may lead in circles.
    """

    def __init__(self, root: Path, name: str, count: int | None, max_megapixels: float) -> None:
        super().__init__(name, max_megapixels)
        self.root = root
        self.paths = sorted(_files_below(root))[:count]
        if not self.paths:
            raise SourceError(f"{name}: the folder holds no files; name a folder of pictures")

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is a folder."""
        return path.is_dir()

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the folder that the text means."""
        return cls(path_of(text), text, options.count, options.max_megapixels)

    def __len__(self) -> int:
        return len(self.paths)

    def describe(self) -> str:
        """Say how many files of which folder."""
        return f"folder {self.name}: {len(self):,} files"

    def fingerprint(self) -> str:
        """Hash the names, sizes and times of all files."""
        digest = hashlib.sha256(os.fsencode(self.root.resolve()))
        for path in self.paths:
            digest.update(f"\0{path}\0{size_and_time(self.root / path)}".encode("utf-8", "surrogateescape"))
        return f"folder {digest.hexdigest()}"

    def label(self, item: int) -> str:
        """Return the path below the folder."""
        # A file's name is any bytes; a column of text is not.
        return os.fsencode(self.paths[item]).decode("utf-8", "backslashreplace")

    def open(self, item: int) -> Image.Image:
        """Open one file."""
        path = self.root / self.paths[item]
        if path.stat().st_size == 0:
            raise UnusableError("empty file")
        return open_encoded(path, self.max_megapixels)

    def contains(self, path: Path) -> bool:
        """Whether a path lies in the folder."""
        return path.resolve().is_relative_to(self.root.resolve())


def _files_below(root: Path) -> Iterator[str]:
    waiting = [""]  # a list, not a recursion: folders may be nested deeper than Python's stack
    while waiting:
        below = waiting.pop()
        try:
            entries = list(os.scandir(root / below))
        except OSError as error:
            reason = error.strerror
            raise SourceError(
                f"{root / below}: the folder cannot be listed ({reason}); make it readable"
            ) from error
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{below}{entry.name}/")
            elif entry.is_file():
                yield below + entry.name

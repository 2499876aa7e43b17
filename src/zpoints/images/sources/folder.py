"""A folder of encoded pictures."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from PIL import Image

from zpoints.errors import SourceError
from zpoints.images.conversions import refuse_foreign
from zpoints.images.decoding import open_encoded
from zpoints.images.files import FileSource, size_and_time
from zpoints.images.naming import by_folder, in_words, is_picture, suffix
from zpoints.images.source import Options, UnusableError, path_of
from zpoints.images.walk import Walk

__all__ = ["FolderSource"]


class FolderSource(FileSource):
    """Every regular file below a folder, in the order of their relative paths; hidden ones are left out.

    Links are followed, and each real folder is read once, so that links may lead in circles.

    Parameters
    ----------
    paths : below the folder, where it is known which; None is all.
    """

    form = "a folder"

    def __init__(
        self,
        root: Path,
        name: str,
        count: int | None,
        max_megapixels: float,
        paths: Iterable[str] | None = None,
    ) -> None:
        super().__init__(name, max_megapixels)
        self.root = root
        walk = Walk(root)
        self.paths = sorted(walk.files() if paths is None else paths)[:count]
        self.places = [root.resolve(), *walk.linked]
        self.remarks = walk.remarks
        self.found = ""
        if not self.paths:
            raise SourceError(f"{name}: the folder holds no files; name a folder of pictures")

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is a folder."""
        return path.is_dir()

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the folder that the text means."""
        source = cls(path_of(text), text, options.count, options.max_megapixels)
        if not any(map(is_picture, source.paths)):
            refuse_foreign(text, source.root, source.paths)
        source.sort_by_folder()
        return source

    def sort_by_folder(self) -> None:
        """Read splits and classes off the folders, and say how many archives are not opened."""
        found = by_folder([self.label(item) for item in range(len(self))])
        self.splits, self.attributes, self.found = found.splits, found.attributes, found.mark
        pictures = any(map(is_picture, self.paths))
        archives = sum(suffix(path) in ARCHIVES for path in self.paths) if pictures else 0
        closed = [f"{in_words(archives, 'archive')} beside the pictures: left out; name it to use it"] * (
            archives > 0
        )
        self.remarks += (*found.remarks, *closed)

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
        return f"folder {digest.hexdigest()}{self.found}"

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
        """Whether a path lies in the folder, or in one that a link leads to."""
        return any(path.resolve().is_relative_to(place) for place in self.places)


ARCHIVES = frozenset(["zip", "tar", "tgz", "tbz2", "txz", "7z", "rar"])
"""Ends of names that are said to be left out where they lie among pictures."""

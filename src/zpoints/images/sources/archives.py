"""Archives of pictures inside a folder or a zip: each is read in its place, none is unpacked."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from zpoints.errors import SourceError
from zpoints.files.names import natural
from zpoints.files.readable import readable
from zpoints.images.joined import JoinedSource
from zpoints.images.naming import in_words, is_hidden, is_picture, suffix
from zpoints.images.pieces import CHUNK, IN_MEMORY, Piece, Spool, reads_of
from zpoints.images.source import Options, Source, path_of
from zpoints.images.sources.tar import TarSource, is_tar
from zpoints.images.sources.zipped import ZipSource, is_zip, name_of
from zpoints.images.walk import container_files
from zpoints.system import sizes

__all__ = ["ArchivesSource", "inner_zip", "is_archive"]

MOST_TIMES = 100
"""A zip inside a zip that inflates to more than so many times its size is no zip of pictures."""
HEADER = 30
"""Bytes of a zip's note before each member; the last four of them say how long the name and the extras are."""


class ArchivesSource(JoinedSource):
    """The pictures of all zips and tars in a folder, or of all zips in a zip, in the natural order of their names.

    So it is where no picture lies loose; else the pictures are meant, and the archives are said to be left out.
    """

    form = "a folder of archives"

    def __init__(
        self,
        name: str,
        parts: list[tuple[str, Source]],
        count: int | None,
        place: Path | None = None,
        spool: Spool | None = None,
    ) -> None:
        super().__init__(name, parts, count)
        self.place, self.spool = place, spool

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is a folder or a zip with archives and without loose pictures."""
        if path.is_dir():
            return any(map(is_archive, container_files(path)))
        return is_zip(path) and bool(_inner_zips(path))

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open all archives in the folder or zip that the text means."""
        path = path_of(text)
        if not path.is_dir():
            return cls._of_zip(text, path, options)
        files = container_files(path)
        archives = [name for name in files if is_archive(name)]
        source = cls.joined(text, path, archives, options)
        if left := len(files) - len(archives):
            source.remarks += (f"{in_words(left, 'other file')} beside the archives: left out",)
        return source

    @classmethod
    def joined(cls, text: str, root: Path, names: list[str], options: Options) -> Self:
        """Open the archives of these names below a folder."""
        with _closed_on_failure() as parts:
            for name in sorted(names, key=natural):
                kind = TarSource if is_tar(root / name) else ZipSource
                parts.append((name, kind(root / name, f"{text}/{name}", None, options.max_megapixels)))
            return cls(text, list(parts), options.count, root)

    @classmethod
    def _of_zip(cls, text: str, path: Path, options: Options) -> Self:
        spool = Spool()
        with _closed_on_failure(spool) as parts, ZipSource(path, text, None, options.max_megapixels) as outer:
            inner = [member for member in outer.members if suffix(name_of(member)) == "zip"]
            for member in sorted(inner, key=lambda member: natural(name_of(member))):
                parts.append((name_of(member), inner_zip(outer, member, spool)))
            source = cls(text, list(parts), options.count, None, spool)
        if left := len(outer.members) - len(inner):
            source.remarks += (f"{in_words(left, 'other file')} beside the zips in it: left out",)
        if spool.size > IN_MEMORY:
            source.remarks += (
                f"the zips in it are packed, and take {sizes.in_words(spool.size)} of temporary room",
            )
        return source

    def describe(self) -> str:
        """Say how many files in how many archives."""
        return f"{self.name}: {len(self):,} files in {in_words(len(self.parts), 'archive')}"

    def contains(self, path: Path) -> bool:
        """Whether a path lies in the folder of the archives."""
        return self.place is not None and path.resolve().is_relative_to(self.place.resolve())

    def close(self) -> None:
        """Close all archives."""
        super().close()
        if self.spool is not None:
            self.spool.close()


def inner_zip(outer: ZipSource, member: zipfile.ZipInfo, spool: Spool) -> ZipSource:
    """Open a zip that lies in a zip: where it is, if it is stored there as it is, else inflated into the spool.

    Raises
    ------
    SourceError : it is damaged, encrypted, or a bomb.
    """
    name = f"{outer.name}/{name_of(member)}"
    if member.flag_bits & 1:
        raise SourceError(f"{name}: is encrypted; unpack the zip around it, and name the folder")
    if member.file_size > MOST_TIMES * member.compress_size + CHUNK:
        raise SourceError(
            f"{name}: would inflate to {member.file_size:,} bytes, more than {MOST_TIMES} times its size, as no zip "
            "of pictures does; unpack it yourself if you trust it"
        )
    with readable(name, "a zip", "download it again", SourceError), outer.archive.open(member) as stream:
        if member.compress_type == zipfile.ZIP_STORED:
            read_at = reads_of(outer.path)
            lengths = read_at(member.header_offset, HEADER)[-4:]
            start = member.header_offset + HEADER
            start += int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
            piece = Piece(read_at, start, member.file_size)
        else:
            piece = Piece(spool.read_at, *spool.take(stream, member.file_size, name))
    return ZipSource(outer.path, name, None, outer.max_megapixels, piece)


def is_archive(name: str) -> bool:
    """Whether a file is called a zip or a tar."""
    return suffix(name) == "zip" or is_tar(Path(name))


def _inner_zips(path: Path) -> list[str]:
    """The zips in a zip that holds no picture of its own."""
    with readable(path, "a zip", "download it again", SourceError), zipfile.ZipFile(path) as archive:
        names = [name for name in map(name_of, archive.infolist()) if not is_hidden(name)]
    return [] if any(map(is_picture, names)) else [name for name in names if suffix(name) == "zip"]


@contextmanager
def _closed_on_failure(spool: Spool | None = None) -> Iterator[list[tuple[str, Source]]]:
    """A list of sources that are closed if what is done with them fails."""
    parts: list[tuple[str, Source]] = []
    try:
        yield parts
    except BaseException:
        for _, part in parts:
            part.close()
        if spool is not None:
            spool.close()
        raise

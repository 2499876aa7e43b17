"""What lies where in a tar, packed or not; found by one reading from front to end, with nothing written to disk."""

import bz2
import gzip
import io
import json
import lzma
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

from zpoints.errors import SourceError
from zpoints.files.readable import readable
from zpoints.images.naming import is_hidden, is_picture, suffix, tidy

__all__ = ["Member", "TarIndex", "index_of", "key_of", "opened_stream"]

PACKINGS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
"""First bytes of a packed file, and what opens it."""
BLOCK = 512
BUFFER = 2**20
HEADER_BYTES = 2**24
"""A header with the longest names has far less."""
MOST_TIMES = 200
FREE_BYTES = 2**30
"""A tar that inflates to more than so many times its size, and to more than a gibibyte, is no tar of pictures."""
SIDECARS = ("cls", "json", "txt", "caption")
"""Ends of names of what webdataset puts beside a picture."""
SIDECAR_BYTES = 2**16
"""What is longer is no label."""
COLUMNS = 128
"""So many columns are made of what .json files say; more of them are left out."""


@dataclass(frozen=True)
class Member:
    """A file in a tar: its name, and where in the unpacked bytes it lies."""

    name: str
    start: int
    size: int


@dataclass
class TarIndex:
    """What a tar holds.

    Attributes
    ----------
    members : the regular files that are not hidden, in the order of the tar; no labels of pictures among them.
    labels : what lies beside a picture and says something of it, by the picture's key.
    left_out : number of links and devices, of members that climb out, of bytes after the end.
    packed : whether it can be read from front to end only.
    """

    packed: bool
    members: list[Member] = field(default_factory=list)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def key_of(name: str) -> str:
    """What a picture and its labels have in common: the path up to the first dot of the name."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def opened_stream(path: Path) -> tuple[IO[bytes], bool]:
    """The unpacked bytes of a tar, and whether they are packed in the file."""
    with path.open("rb") as file:
        head = file.read(6)
    packing = next((packing for magic, packing in PACKINGS.items() if head.startswith(magic)), None)
    if packing is None:
        return path.open("rb"), False
    return cast(IO[bytes], io.BufferedReader(packing(path, "rb"), BUFFER)), True


def index_of(path: Path, name: str) -> TarIndex:
    """Read a tar from front to end and note what lies where.

    Raises
    ------
    SourceError : it cannot be read to its end.
    """
    with readable(name, "a tar", "download it again", SourceError):
        status = path.stat()
        return _index_of(path.resolve(), name, status.st_size, status.st_mtime_ns)


@lru_cache(4)
def _index_of(path: Path, name: str, size: int, time: int) -> TarIndex:
    """The same of a file of that size and time: a run opens its source more than once."""
    stream, packed = opened_stream(path)
    with stream:
        index = TarIndex(packed)
        limit = max(FREE_BYTES, MOST_TIMES * size) if packed else sys.maxsize
        for info, start, prefix in _walk(stream, name, limit, index):
            _note(index, stream, info, start, prefix)
    _drop_loose_labels(index)
    return index


def _walk(
    stream: IO[bytes], name: str, limit: int, index: TarIndex
) -> Iterator[tuple[tarfile.TarInfo, int, str]]:
    """All members, those of tars inside the tar too, each with its place and the path of the tar around it."""
    window = _Window(stream)
    while True:
        archive = _tar(window)
        yield from _members(archive, stream, name, limit, index)
        # One tar after the other (cat a.tar b.tar) is read like one.
        after = _after_end(stream, archive.offset, name, sys.maxsize)
        if after is None:
            return
        if not _is_header(stream, after):
            index.left_out["data after the end"] += 1
            return
        window.seek(after)


def _members(
    archive: tarfile.TarFile, stream: IO[bytes], name: str, limit: int, index: TarIndex
) -> Iterator[tuple[tarfile.TarInfo, int, str]]:
    for info in _in_order(archive):
        if info.offset_data + info.size > limit:
            raise SourceError(
                f"{name}: inflates to over {limit:,} bytes, as no tar of pictures does; "
                "unpack it yourself if you trust it"
            )
        if info.isreg() and suffix(info.name) == "tar" and not info.issparse():
            inner = _tar(_Window(stream, info.offset_data, info.size))
            for member in _in_order(inner):
                yield member, info.offset_data + member.offset_data, f"{tidy(info.name)}/"
            _after_end(stream, info.offset_data + inner.offset, name, info.offset_data + info.size)
            index.left_out["tar inside, read too"] += 1
        else:
            yield info, info.offset_data, ""


def _in_order(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    place = -1
    while (info := archive.next()) is not None:
        cast(Any, archive).members.clear()  # else it keeps a kilobyte for each
        if info.size < 0 or archive.offset <= place:  # some releases of Python would go in circles
            raise tarfile.ReadError("a member of less than no bytes")
        place = archive.offset
        yield info


def _tar(window: "_Window") -> tarfile.TarFile:
    return tarfile.TarFile(fileobj=cast(IO[bytes], window), errors="surrogateescape")


class _Window:
    """A range of the unpacked bytes as tarfile reads it. A header that says to be endless is not believed."""

    def __init__(self, stream: Any, start: int = 0, size: int = sys.maxsize) -> None:
        self.stream, self.start, self.size, self.place = stream, start, size, 0

    def seek(self, offset: int) -> int:
        self.place = max(0, offset)
        return self.place

    def tell(self) -> int:
        return self.place

    def read(self, size: int) -> bytes:
        if not 0 <= size <= HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        self.stream.seek(self.start + self.place)
        content = bytes(self.stream.read(min(size, max(0, self.size - self.place))))
        self.place += len(content)
        return content


def _after_end(stream: IO[bytes], offset: int, name: str, stop: int) -> int | None:
    """Where something stands after the zeros that end a tar, before `stop`; None if there is nothing.

    tarfile stops without a word at a damaged header.
    """
    stream.seek(offset)
    block = stream.read(min(BLOCK, max(0, stop - offset)))
    if block.strip(b"\0"):
        raise SourceError(f"{name}: damaged {offset:,} bytes from its start; download it again")
    while block and stop == sys.maxsize:
        offset += len(block)
        block = stream.read(BUFFER)
        if rest := block.lstrip(b"\0"):
            return (offset + len(block) - len(rest)) // BLOCK * BLOCK
    return None


def _is_header(stream: IO[bytes], offset: int) -> bool:
    stream.seek(offset)
    try:
        tarfile.TarInfo.frombuf(stream.read(BLOCK), "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _note(index: TarIndex, stream: IO[bytes], info: tarfile.TarInfo, start: int, prefix: str) -> None:
    name = prefix + tidy(info.name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if info.isdir():
        return
    if not info.isreg() or info.issparse():
        index.left_out["link or device"] += 1
    elif ".." in name.split("/"):
        index.left_out["name that climbs out of the tar"] += 1
    elif is_hidden(name):
        return
    elif suffix(name) in SIDECARS and info.size <= SIDECAR_BYTES:
        stream.seek(start)
        _note_label(index, name, stream.read(info.size), Member(name, start, info.size))
    else:
        index.members.append(Member(name, start, info.size))


def _note_label(index: TarIndex, name: str, content: bytes, member: Member) -> None:
    """Keep what a sidecar says; what cannot be read is a file like any other."""
    found = index.labels.setdefault(key_of(name), {})
    try:
        text = content.decode("utf-8").strip()
        said: Any = json.loads(text) if suffix(name) == "json" else {suffix(name): text}
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        index.members.append(member)
        return
    found.setdefault("", []).append(member)
    for word, value in said.items():
        if isinstance(value, str | int | float | bool) and word and isinstance(word, str):
            found[word] = value


def _drop_loose_labels(index: TarIndex) -> None:
    """Labels beside no picture are files like any other."""
    pictures = {key_of(member.name) for member in index.members if is_picture(member.name)}
    loose = [key for key in index.labels if key not in pictures]
    for key in loose:
        index.members += index.labels.pop(key).get("", [])
    for said in index.labels.values():
        said.pop("", None)

"""A tar of encoded pictures, packed or not, webdataset's shards among them."""

import io
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import pandas as pd
from PIL import Image

from zpoints.errors import SourceError
from zpoints.files.readable import readable
from zpoints.images.conversions import refuse_foreign
from zpoints.images.decoding import open_encoded
from zpoints.images.files import FileSource, file_mark
from zpoints.images.naming import by_folder, by_word, free_names, in_words, is_picture
from zpoints.images.pieces import reads_of
from zpoints.images.source import Opener, Options, UnusableError, path_of
from zpoints.images.tars import COLUMNS, Member, index_of, key_of, opened_stream

__all__ = ["TarSource", "is_tar"]

ENDS = (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
WINDOW_BYTES = 2**25
"""Of a packed tar a block of pictures is read at once: so many bytes, and one picture more."""
WINDOWS = (256, 128, 64, 32, 16, 8, 4, 2)
KINDS = 6
"""So many endings of names are told."""


class TarSource(FileSource):
    """Every file in a tar, in the order of the tar; nothing is unpacked.

    A plain tar is read at any place, by any thread. A packed one (gzip, bzip2, xz) goes forward only: it is read once
    to see what is in it, and once more for the pictures. What webdataset lays beside a picture (``.cls``, ``.json``,
    ``.txt``) goes into the attributes.
    """

    form = "a tar"

    def __init__(self, path: Path, name: str, count: int | None, max_megapixels: float) -> None:
        super().__init__(name, max_megapixels)
        self.path = path
        self.index = index_of(path, name)
        self.members = self.index.members[:count]
        self.read_at = reads_of(path)
        self.found = ""
        self._stream: IO[bytes] | None = None
        self._lock = threading.Lock()
        if not self.members:
            raise SourceError(f"{name}: the tar holds no files; name a tar of pictures")
        self.in_order = self.index.packed
        if self.index.packed:
            self.held_bytes = _bytes_each(self.members, self.max_bytes)
        self._label()
        self.remarks = (*self._left_out(), *self.remarks)

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is a file that is called a tar."""
        return is_tar(path) and path.is_file()

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the tar that the text means."""
        source = cls(path_of(text), text, options.count, options.max_megapixels)
        names = [member.name for member in source.members]
        if not any(map(is_picture, names)):
            refuse_foreign(text, source.path, names)
        found = by_folder(names)
        source.splits = found.splits if source.splits is None else source.splits
        if source.attributes is None:
            source.attributes, source.found = found.attributes, found.mark
            source.remarks += found.remarks
        return source

    def __len__(self) -> int:
        return len(self.members)

    def describe(self) -> str:
        """Say how many files of which tar."""
        return f"tar {self.name}: {len(self):,} files"

    def fingerprint(self) -> str:
        """Name the file, its size and its time: a tar keeps no checksums of what is in it."""
        return f"tar {file_mark(self.path)} {len(self)}{self.found}"

    def label(self, item: int) -> str:
        """Return the name of the member."""
        return self.members[item].name

    def open(self, item: int) -> Image.Image:
        """Read one member into memory, at most as many bytes as a picture can have."""
        member = self._usable(item)
        return open_encoded(io.BytesIO(self.read_at(member.start, member.size)), self.max_megapixels)

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener per file; of a packed tar the block is read here."""
        if not self.index.packed:
            return super().openers(start, stop)
        return [self._read(item) for item in range(start, stop)]

    def close(self) -> None:
        """Close the stream of a packed tar."""
        with self._lock:
            if self._stream is not None:
                self._stream.close()
                self._stream = None

    def _usable(self, item: int) -> Member:
        member = self.members[item]
        if member.size == 0:
            raise UnusableError("empty file")
        if member.size > self.max_bytes:
            raise UnusableError(f"larger than a picture of {self.max_megapixels:g} megapixels")
        return member

    def _read(self, item: int) -> Opener:
        try:
            member = self._usable(item)
        except UnusableError:
            return partial(self.open, item)  # says it once more
        with self._lock, readable(self.name, "a tar", "download it again", SourceError):
            if self._stream is None:
                self._stream, _ = opened_stream(self.path)
            # Forward it reads on; backward the library starts again from the front.
            self._stream.seek(member.start)
            content = self._stream.read(member.size)
        return lambda: open_encoded(io.BytesIO(content), self.max_megapixels)

    def _label(self) -> None:
        """Make a table of what lies beside the pictures."""
        self.remarks = self._several()
        if not self.index.labels:
            return
        rows: list[dict[str, Any]] = [
            self.index.labels.get(key_of(member.name), {}) for member in self.members
        ]
        words = Counter(word for row in rows for word in row)
        if not words:
            return
        names = free_names(islice(words, COLUMNS))
        table = pd.DataFrame({free: _column([row.get(word) for row in rows]) for word, free in names.items()})
        self.attributes = table
        self.splits = by_word(table["split_there"]) if "split_there" in table else None
        self.remarks += (f"labels beside the pictures, in {in_words(len(names), 'column')}",)
        if len(words) > COLUMNS:
            self.remarks += (f"{in_words(len(words) - COLUMNS, 'column')} of labels more: left out",)

    def _several(self) -> tuple[str, ...]:
        """Whether one key has several pictures, as an input and its mask: each of them is used."""
        ends: dict[str, list[str]] = {}
        for member in self.members:
            if is_picture(member.name):
                key = key_of(member.name)
                ends.setdefault(key, []).append(member.name[len(key) :])
        several = [names for names in ends.values() if len(names) > 1]
        if not several:
            return ()
        kinds = ", ".join(f"{name:.40}" for name in sorted({*several[0]})[:KINDS])
        return (
            f"{len(several):,} x several pictures of one name ({kinds}): each is used as a picture of its own",
        )

    def _left_out(self) -> tuple[str, ...]:
        said = []
        for what, number in self.index.left_out.items():
            said.append(f"{number:,} x {what}" if "read too" in what else f"{number:,} x {what}: left out")
        return tuple(said)


def is_tar(path: Path) -> bool:
    """Whether a file is called a tar, packed or not."""
    return path.name.lower().endswith(ENDS)


def _bytes_each(members: list[Member], most: int) -> int:
    """What one picture of a block holds, so that no block holds more than a window's bytes and a picture."""
    sizes = np.array([member.size if member.size <= most else 0 for member in members], np.int64)
    room = WINDOW_BYTES + int(sizes.max())
    sums = np.concatenate([[0], np.cumsum(sizes)])
    for window in WINDOWS:
        width = min(window, len(sizes))
        if (sums[width:] - sums[:-width]).max() <= room:
            return WINDOW_BYTES // window
    return WINDOW_BYTES


def _column(values: list[Any]) -> pd.Series:
    """Whole numbers where all are, also where they are written as text; else numbers; else text."""
    there = [value for value in values if value is not None]
    if there and all(isinstance(value, bool) for value in there):
        return pd.Series(values, dtype="bool" if len(there) == len(values) else "boolean")
    for kind in (int, float):
        try:
            numbers = [None if value is None else kind(str(value)) for value in values]
            if kind is int and any(abs(value) >= 2**63 for value in numbers if value is not None):
                break
        except ValueError:
            continue
        whole = len(there) == len(values)
        return pd.Series(numbers, dtype={int: "int64" if whole else "Int64", float: "float64"}[kind])
    return pd.Series([None if value is None else str(value) for value in values], dtype="str")

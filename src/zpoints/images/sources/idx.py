"""IDX, the form of MNIST and its kin: pictures in one file, their labels in another."""

import gzip
import io
import math
import re
from pathlib import Path
from typing import IO, Any, Self, cast

import numpy as np
import pandas as pd

from zpoints.errors import ArrayError, SourceError, reason
from zpoints.files.arrays.rows import Reader
from zpoints.images.arrays import ArraySource
from zpoints.images.files import file_mark
from zpoints.images.naming import in_words
from zpoints.images.source import Options, path_of
from zpoints.images.stacked import Stacked, label_columns
from zpoints.images.walk import container_files

__all__ = ["IdxReader", "IdxSource"]

IMAGES = re.compile(
    r"(.*?)(train|t10k|test|valid(?:ation)?|val)-?images?[-.]idx[34]-?ubyte(?:\.gz)?", re.IGNORECASE
)
ANY = re.compile(r".*[-.]idx[0-9]-?[a-z]*(\.gz)?", re.IGNORECASE)
FOLDERS = ("", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw", "QMNIST/raw", "EMNIST/raw")
"""Where the files may lie below the folder that is named; most are torchvision's."""
CODES = {"train": 0, "t10k": 2, "test": 2}
TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
SKIPPED = 2**20
MOST_LABELS = 2**28
"""Bytes of a file of labels; MNIST's has sixty thousand."""


class IdxReader(Reader):
    """The array in one IDX file, packed or not; a packed one is read from front to end, and anew to go back."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._stream: IO[bytes] | None = None
        try:
            with self._opened() as stream:
                head = stream.read(4)
                if (
                    head[:2] != b"\0\0"
                    or head[2:3] not in [bytes([code]) for code in TYPES]
                    or not 0 < head[3] < 9
                ):
                    raise ArrayError(f"{name}: is no IDX file; download it again")
                sizes = stream.read(4 * head[3])
                self.offset = 4 + 4 * head[3]
        except (OSError, EOFError, LookupError) as error:
            raise ArrayError(f"{name}: cannot be read as IDX ({reason(error)}); download it again") from error
        if len(sizes) < 4 * head[3]:
            raise ArrayError(f"{name}: ends in its header; download it again")
        self.shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
        self.dtype = np.dtype(TYPES[head[2]])
        self.row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        self.packed = path.suffix.lower() == ".gz"
        needed = self.offset + self.shape[0] * self.row_bytes
        if not self.packed and path.stat().st_size < needed:
            raise ArrayError(
                f"{name}: ends early, at {path.stat().st_size:,} of {needed:,} bytes; download it again"
            )

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        start, stop, _ = rows.indices(self.shape[0])
        try:
            if self._stream is None:
                self._stream = self._opened()
            self._stream.seek(self.offset + start * self.row_bytes)
            content = self._stream.read(max(0, stop - start) * self.row_bytes)
        except (OSError, EOFError) as error:
            raise ArrayError(f"{self.name}: damaged ({reason(error)}); download it again") from error
        if len(content) < max(0, stop - start) * self.row_bytes:
            raise ArrayError(f"{self.name}: ends early; download it again")
        return np.frombuffer(content, self.dtype).reshape(-1, *self.shape[1:])

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _opened(self) -> IO[bytes]:
        if self.path.suffix.lower() == ".gz":
            return cast(IO[bytes], io.BufferedReader(cast(Any, gzip.open(self.path, "rb")), SKIPPED))
        return self.path.open("rb")


class IdxSource(ArraySource):
    """The pictures of one IDX file, or of the train and test files in a folder, with their labels."""

    form = "an IDX file"

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is called as such files are, or is a folder of MNIST's files."""
        if path.is_dir():
            return bool(
                _image_files(path) and container_files(path)
            )  # pictures that lie loose are meant first
        return ANY.fullmatch(path.name) is not None

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the file or folder that the text means."""
        path = path_of(text)
        files = _image_files(path) if path.is_dir() else {0: path}
        arrays = []
        try:
            for _, file in sorted(files.items()):
                arrays.append(IdxReader(file, text if len(files) == 1 else f"{text}/{file.name}"))
            stacked = Stacked(arrays, text)
            mark = " ".join(file_mark(file) for _, file in sorted(files.items()))
            source = cls(stacked, text, f"{mark} idx", options.count, options.max_megapixels, lazily=False)
        except ArrayError as error:
            raise SourceError(str(error)) from error
        except BaseException:
            for array in arrays:
                array.close()
            raise
        source.in_order = any(array.packed for array in arrays)
        source.tell([file for _, file in sorted(files.items())], sorted(files), stacked.counts)
        return source

    def tell(self, files: list[Path], codes: list[int], counts: list[int]) -> None:
        """Note the splits, and the labels that lie beside the pictures."""
        if len(codes) > 1:
            self.splits = np.repeat(np.array(codes, np.int8), counts)[: len(self)]
        tables = [_labels(file, count) for file, count in zip(files, counts, strict=True)]
        there = [table for table in tables if table is not None]
        if len(there) == len(tables):
            self.attributes = pd.concat(there, ignore_index=True)[: len(self)]
        else:
            self.remarks = ("no file of labels beside the pictures",)
        self.remarks += (f"{in_words(len(files), 'file')}: {', '.join(file.name for file in files)}",) * (
            len(files) > 1
        )


def _image_files(folder: Path) -> dict[int, Path]:
    """The files of pictures in a folder by their split; the unpacked one where there are two.

    Raises
    ------
    SourceError : those of several data sets, as EMNIST's.
    """
    for below in FOLDERS:
        found: dict[str, dict[int, Path]] = {}
        place = folder / below
        for path in sorted(place.iterdir(), reverse=True) if place.is_dir() else ():
            match = IMAGES.fullmatch(path.name)
            if match and path.is_file():  # sorted backwards, the unpacked file comes last
                found.setdefault(match[1], {})[CODES.get(match[2].lower(), 1)] = path
        if len(found) > 1:
            names = ", ".join(f"{name:.30}".strip("-_.") or "(no name)" for name in sorted(found)[:6])
            raise SourceError(f"{folder}: holds several data sets ({names}); name one of the files")
        if found:
            return next(iter(found.values()))
    return {}


def _labels(images: Path, count: int) -> pd.DataFrame | None:
    """The labels beside a file of pictures, if there are as many."""
    for packed in (False, True):
        name = images.name.removesuffix(".gz") + ".gz" * packed
        name = re.sub(r"images?", lambda word: "labels" if word[0].endswith("s") else "label", name)
        path = images.with_name(re.sub(r"idx[34]", "idx1", name))
        if not path.is_file() or path == images:
            continue
        try:
            reader = IdxReader(path, str(path))
            if len(reader.shape) != 1 or reader.shape[0] != count or count * reader.row_bytes > MOST_LABELS:
                raise SourceError(
                    f"{path}: {reader.shape[0]:,} labels for {count:,} pictures; download both again"
                )
            labels = reader[0:count]
            reader.close()
        except ArrayError as error:
            raise SourceError(str(error)) from error
        return pd.DataFrame(label_columns(labels.astype(labels.dtype.newbyteorder("="))))
    return None

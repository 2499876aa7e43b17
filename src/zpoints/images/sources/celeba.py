"""CelebA as its authors give it out: the aligned pictures, the official split and the forty attributes."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
import pandas as pd
from PIL import Image

from zpoints.errors import SourceError
from zpoints.images.files import FileSource
from zpoints.images.source import Opener, Options, Source, UnusableError, path_of
from zpoints.images.sources.folder import FolderSource
from zpoints.images.sources.zipped import ZipSource

__all__ = ["CelebASource", "find_pictures"]

PICTURES = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
ATTRIBUTES = "list_attr_celeba.txt"
TAKEN = {"id", "source", "split"}


def find_pictures(path: Path) -> Path | None:
    """Return the zip or folder that holds CelebA's pictures if `path` is its download, else None."""
    if path.resolve().name in (PICTURES, f"{PICTURES}.zip"):
        return path
    candidates = (path / f"{PICTURES}.zip", path / PICTURES)
    return next((candidate for candidate in candidates if candidate.exists()), None)


class CelebASource(Source):
    """CelebA's pictures, with what the list files beside or above them say; each of the two is optional.

    A picture that a list leaves out is rejected.
    """

    def __init__(self, pictures: Path, name: str, count: int | None, max_megapixels: float) -> None:
        self.name = name
        kind = FolderSource if pictures.is_dir() else ZipSource
        self.pictures: FileSource = kind(pictures, name, count, max_megapixels)
        self.lists = {list_: _find_list(pictures, list_) for list_ in (PARTITION, ATTRIBUTES)}
        files = [PurePosixPath(self.pictures.label(item)).name for item in range(len(self.pictures))]
        self.unlisted: dict[int, str] = {}
        try:
            self._read_lists(files)
        except BaseException:
            self.close()
            raise

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is CelebA's download, or a part of it."""
        return find_pictures(path) is not None

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the download that the text means."""
        pictures = find_pictures(path_of(text))
        if pictures is None:
            raise SourceError(f"{text}: no {PICTURES}.zip and no folder {PICTURES}; download CelebA again")
        return cls(pictures, text, options.count, options.max_megapixels)

    def __len__(self) -> int:
        return len(self.pictures)

    def describe(self) -> str:
        """Give the credit, and say which lists there are."""
        found = [list_ for list_, path in self.lists.items() if path] or ["no list file"]
        return f"CelebA (Liu et al. 2015), {self.name}: {len(self):,} files, with {' and '.join(found)}"

    def fingerprint(self) -> str:
        """Name the pictures, and hash the lists: they are read anyhow, and a copy is as good."""
        marks = [_sha256(path) if path else "none" for path in self.lists.values()]
        return f"celeba {self.pictures.fingerprint()} {' '.join(marks)}"

    def label(self, item: int) -> str:
        """Return the path of the picture."""
        return self.pictures.label(item)

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener per picture."""
        openers = list(self.pictures.openers(start, stop))
        for item in self.unlisted.keys() & set(range(start, stop)):
            openers[item - start] = _refuse(self.unlisted[item])
        return openers

    def contains(self, path: Path) -> bool:
        """Whether a path lies in the folder of the pictures."""
        return self.pictures.contains(path)

    def close(self) -> None:
        """Close the zip."""
        self.pictures.close()

    def _read_lists(self, files: list[str]) -> None:
        if path := self.lists[PARTITION]:
            self.splits = self._in_order(files, *_read_partition(path), PARTITION)["partition"].to_numpy()
        if path := self.lists[ATTRIBUTES]:
            self.attributes = self._in_order(files, *_read_attributes(path), ATTRIBUTES)

    def _in_order(self, files: list[str], names: list[str], table: pd.DataFrame, list_: str) -> pd.DataFrame:
        """Bring the rows of a list into the order of the pictures."""
        rows = pd.Index(names).get_indexer(pd.Index(files))
        for item in np.flatnonzero(rows < 0):
            self.unlisted.setdefault(int(item), f"not in {list_}")
        return table.take(np.maximum(rows, 0)).reset_index(drop=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse(reason: str) -> Opener:
    def opener() -> Image.Image:
        raise UnusableError(reason)

    return opener


def _find_list(pictures: Path, list_: str) -> Path | None:
    """Look beside the pictures, in the folders of the official download there, and one level above."""
    beside = pictures.resolve().parent
    inside = [pictures] if pictures.is_dir() else []
    folders = [base / part for base in (*inside, beside, beside.parent) for part in ("", "Eval", "Anno")]
    return next((folder / list_ for folder in folders if (folder / list_).is_file()), None)


def _read_partition(path: Path) -> tuple[list[str], pd.DataFrame]:
    names, values = _read_rows(path, _lines(path), ["partition"], range(3), "0, 1 or 2")
    return names, values


def _read_attributes(path: Path) -> tuple[list[str], pd.DataFrame]:
    lines = _lines(path)
    number, words = next(lines, (1, []))
    if len(words) != 1 or not words[0].isdecimal():
        raise _malformed(path, number, "expected the number of pictures")
    count = words[0].lstrip("0")
    number, columns = next(lines, (2, []))
    if not columns or len(set(columns)) < len(columns) or TAKEN & set(columns):
        raise _malformed(path, number, "expected the names of the attributes, each once")
    names, table = _read_rows(path, lines, columns, range(-1, 2), "-1, 0 or 1")
    if str(len(names)) != count:
        raise _malformed(path, 1, f"announces {count} pictures, but {len(names)} follow")
    return names, table


def _read_rows(
    path: Path, lines: Iterator[tuple[int, list[str]]], columns: list[str], allowed: range, meant: str
) -> tuple[list[str], pd.DataFrame]:
    """Read lines of a file name and one small number per column."""
    known = {str(value): value for value in allowed}
    names: list[str] = []
    values = bytearray()  # one byte per number: the forty attributes of 200,000 pictures are 8 MB
    for number, (name, *row) in lines:
        if len(row) != len(columns):
            raise _malformed(path, number, f"expected a file name and {len(columns)} numbers")
        try:
            values.extend(known[word] & 0xFF for word in row)
        except KeyError as error:
            raise _malformed(path, number, f"{str(error.args[0])[:40]!r} is not {meant}") from error
        names.append(name)
    if len(set(names)) < len(names):
        raise SourceError(f"{path}: names a picture twice; download the list again")
    if not names:
        raise SourceError(f"{path}: lists no picture; download the list again, or remove it")
    table = np.frombuffer(values, dtype=np.int8).reshape(len(names), len(columns))
    return names, pd.DataFrame(table, columns=columns)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the words of each line that is not empty."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if words := line.split():
                    yield number, words
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as text ({error}); download the list again") from error


def _malformed(path: Path, line: int, problem: str) -> SourceError:
    return SourceError(f"{path}, line {line}: {problem}; download the list again, or remove it")

"""The list files of CelebA, splits and attributes, as the authors write them or as .csv."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from zpoints.errors import SourceError, reason
from zpoints.images.naming import TAKEN

__all__ = ["ATTRIBUTES", "PARTITION", "ListFile", "is_list", "read_attributes", "read_partition"]

PARTITION = "list_eval_partition"
ATTRIBUTES = "list_attr_celeba"
ENDS = (".txt", ".csv")
MOST_BYTES = 2**27
"""The longest of the real lists has 26 MB."""


@dataclass(frozen=True)
class ListFile:
    """One list, wherever it lies.

    Attributes
    ----------
    name : its path, for messages.
    read : gives its bytes, at most as many as it is told.
    """

    name: str
    read: Callable[[int], bytes]

    @classmethod
    def at(cls, path: Path) -> "ListFile":
        """A list that is a file."""

        def read(most: int) -> bytes:
            with path.open("rb") as file:
                return file.read(most)

        return cls(str(path), read)

    @cached_property
    def content(self) -> bytes:
        """All of it; it is read once."""
        try:
            content = self.read(MOST_BYTES + 1)
        except SourceError:
            raise
        except Exception as error:  # out of a zip comes anything
            raise SourceError(
                f"{self.name}: cannot be read as text ({reason(error)}); download the list again"
            ) from error
        if len(content) > MOST_BYTES:
            raise SourceError(f"{self.name}: longer than any list of CelebA; download the list again")
        return content

    @property
    def file(self) -> str:
        """Its own name, without folders."""
        return PurePosixPath(self.name).name

    @property
    def sha256(self) -> str:
        """Says what is in it: a copy is as good."""
        return hashlib.sha256(self.content).hexdigest()

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the words of each line that is not empty."""
        try:
            text = io.TextIOWrapper(io.BytesIO(self.content), encoding="utf-8-sig")
            for number, line in enumerate(text, 1):
                words = [word.strip().strip('"') for word in line.split(",")] if self.is_csv else line.split()
                if any(words):
                    yield number, words
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{self.name}: cannot be read as text ({error}); download the list again"
            ) from error

    @property
    def is_csv(self) -> bool:
        """Whether commas part its words, and its first line names the columns: as Kaggle has it."""
        return self.name.lower().endswith(".csv")

    def malformed(self, line: int, problem: str) -> SourceError:
        """What is wrong, and in which line."""
        return SourceError(f"{self.name}, line {line}: {problem}; download the list again, or remove it")


def is_list(name: str) -> str:
    """Which list a path is, ``list_eval_partition`` or ``list_attr_celeba``; empty for any other file."""
    file = name.rpartition("/")[2].lower()
    return next((list_ for list_ in (PARTITION, ATTRIBUTES) for end in ENDS if file == list_ + end), "")


def read_partition(source: ListFile) -> tuple[list[str], pd.DataFrame]:
    """The pictures of a list, and their splits in the column ``partition``."""
    lines = source.lines()
    if source.is_csv:
        number, columns = _header(source, lines)
        if len(columns) != 1:
            raise source.malformed(number, "expected the columns image_id and partition")
    return _rows(source, lines, ["partition"], range(3), "0, 1 or 2")


def read_attributes(source: ListFile) -> tuple[list[str], pd.DataFrame]:
    """The pictures of a list, and their attributes, one column each."""
    lines, count = source.lines(), ""
    if source.is_csv:
        number, columns = _header(source, lines)
    else:
        number, words = next(lines, (1, []))
        if len(words) != 1 or not words[0].isdecimal():
            raise source.malformed(number, "expected the number of pictures")
        count = words[0].lstrip("0")
        number, columns = next(lines, (2, []))
    if not columns or len(set(columns)) < len(columns) or set(TAKEN) & set(columns) or "" in columns:
        raise source.malformed(number, "expected the names of the attributes, each once")
    names, table = _rows(source, lines, columns, range(-1, 2), "-1, 0 or 1")
    if not source.is_csv and str(len(names)) != count:
        raise source.malformed(1, f"announces {count} pictures, but {len(names)} follow")
    return names, table


def _header(source: ListFile, lines: Iterator[tuple[int, list[str]]]) -> tuple[int, list[str]]:
    number, words = next(lines, (1, []))
    if words[:1] != ["image_id"]:
        raise source.malformed(number, "expected the names of the columns, image_id first")
    return number, words[1:]


def _rows(
    source: ListFile, lines: Iterator[tuple[int, list[str]]], columns: list[str], allowed: range, meant: str
) -> tuple[list[str], pd.DataFrame]:
    """Read lines of a file name and one small number per column."""
    known = {str(value): value for value in allowed}
    names: list[str] = []
    values = bytearray()  # one byte per number: the forty attributes of 200,000 pictures are 8 MB
    for number, (name, *row) in lines:
        if len(row) != len(columns):
            raise source.malformed(number, f"expected a file name and {len(columns)} numbers")
        try:
            values.extend(known[word] & 0xFF for word in row)
        except KeyError as error:
            raise source.malformed(number, f"{str(error.args[0])[:40]!r} is not {meant}") from error
        names.append(name)
    if len(set(names)) < len(names):
        raise SourceError(f"{source.name}: names a picture twice; download the list again")
    if not names:
        raise SourceError(f"{source.name}: lists no picture; download the list again, or remove it")
    table = np.frombuffer(values, dtype=np.int8).reshape(len(names), len(columns))
    return names, pd.DataFrame(table, columns=columns)

"""Comma-separated values and their kin: numbers as text, with or without a line of names, packed by gzip or not.

What the file does not say is guessed in the open: what parts the columns, and whether the first line holds names.
"""

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.columns import INTEGER, NUMBER, TEXTS, Column, Wanted, choose
from zpoints.files.arrays.rows import NoRowsError, listed
from zpoints.files.arrays.streamed import Streamed
from zpoints.files.readable import readable

__all__ = ["CsvReader"]

PARTED_BY = {".csv": ",;\t |", ".tsv": "\t,; |"}
"""What may part columns, by the end of the name, the most usual sign first."""
LOOKED_AT = 1000
"""Values that tell whether a column of texts is one of numbers with a few words in it."""
LONGEST_LINE = 2**24
READ_BYTES = 2**23
"""Bytes that are taken apart at a time; no line is longer than a line may be."""
WRONG = re.compile(r"CSV column #(\d+): (?:Row #\d+: )?.*?invalid value '(.*)'", re.DOTALL)
ROW = re.compile(r"Row #(\d+)")
GUESSED_FROM = 100
"""Lines that tell whether decimals are commas, and whether the first line holds names."""
BRACKET = re.compile(r"\s*(\[|\w+\(\s*[\[(])")
"""How a line begins that Python has printed: a list, tensor([...]), array([...])."""
LISTS_AS_TEXT = "write the vectors as columns: numpy.savetxt('z.csv', z, delimiter=',')"
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """How the lines of a file are to be read.

    Attributes
    ----------
    names : of the columns.
    skipped : lines before the first one of values.
    notes : what was guessed that the user had better know.
    """

    delimiter: str
    decimal: str
    names: tuple[str, ...]
    skipped: int
    notes: tuple[str, ...]


class CsvReader(Streamed):
    """Columns of numbers out of a text file, as float64. It is read once to its end when it is opened: to know how
    many rows there are, and which columns hold whole numbers only."""

    suffixes = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
    chooses = "columns"

    def __init__(self, path: Path, columns: Wanted = None) -> None:
        self.path, self.dtype = path, np.dtype(np.float64)
        with readable(path, "CSV"):
            self.dialect = _dialect(path)
            kinds = self._first_kinds()
            asked: tuple[str, ...] = tuple(kinds)
            if columns is not None:  # others may hold what they like
                asked = choose(str(path), [Column(*pair) for pair in kinds.items()], columns).names
            kinds, rows = self._kinds(kinds, asked)
        if not rows:
            raise NoRowsError(f"{path}: holds names of columns, and no line of values; write it anew")
        choice = choose(str(path), [Column(*pair) for pair in kinds.items()], columns)
        self.names, self.notes = choice.names, (*self.dialect.notes, *choice.notes)
        self.left_out = choice.left_out
        self.shape: tuple[int, ...] = (rows, len(self.names))

    def pieces(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order."""
        for batch in self._batches(self.names):
            values = np.stack(
                [column.to_numpy(zero_copy_only=False) for column in _in(batch, self.names)], axis=1
            )
            yield from (values[start : start + size] for start in range(0, len(values), size))

    def _kinds(self, kinds: dict[str, str], asked: tuple[str, ...]) -> tuple[dict[str, str], int]:
        """What each column holds, and the number of rows, after one reading of those that are asked for."""
        while True:
            numbers = tuple(name for name in asked if kinds[name] in (NUMBER, INTEGER, "nothing"))
            try:
                return self._measured(kinds, numbers)
            except ValueError as error:  # pyarrow's ArrowInvalid is one
                name, value = self._wrong(error)
                if kinds[name] == NUMBER:
                    raise ArrayError(
                        f"{self.path}: column '{name:.40}' holds numbers, and in line "
                        f"{self._line(error)} the text '{value:.40}'; mend it, or leave the column out by --columns"
                    ) from error
                kinds[name] = "text"

    def _measured(self, kinds: dict[str, str], numbers: tuple[str, ...]) -> tuple[dict[str, str], int]:
        rows, whole, filled = 0, np.ones(len(numbers), bool), np.zeros(len(numbers), bool)
        for batch in self._batches(numbers):
            rows += len(batch)
            for place, column in enumerate(_in(batch, numbers)):
                values = column.to_numpy(zero_copy_only=False)
                filled[place] |= column.null_count < len(column)
                if whole[place] and kinds[numbers[place]] != NUMBER:
                    whole[place] = bool((np.isnan(values) | (values == np.floor(values))).all())
        found = dict(kinds)
        for name, is_whole, is_filled in zip(numbers, whole, filled, strict=True):
            if kinds[name] != NUMBER:
                found[name] = (INTEGER if is_whole else NUMBER) if is_filled else "nothing"
            elif not is_filled:
                found[name] = "nothing"
        return found, rows

    def _first_kinds(self) -> dict[str, str]:
        """By the first lines."""
        from zpoints.files.arrays.tables import is_list_as_text, kind_of

        with self._stream(None) as stream:
            kinds = {field.name: kind_of(field.type) for field in stream.schema}
            batch = next(iter(stream), None)
        for name, kind in kinds.items():
            if kind != "text" or batch is None or not len(batch):
                continue
            if is_list_as_text(batch.column(name)[0].as_py()):
                kinds[name] = TEXTS
            elif _mostly_numbers(batch.column(name)):
                kinds[name] = NUMBER
        return kinds

    def _wrong(self, error: ValueError) -> tuple[str, str]:
        found = WRONG.search(str(error))
        if found is None:
            raise error
        return self.dialect.names[int(found[1])], found[2]

    def _line(self, error: ValueError) -> int:
        row = ROW.search(str(error))
        return int(row[1]) if row else 0  # lines that were skipped are counted

    def _batches(self, names: tuple[str, ...]) -> Iterator[Any]:
        with self._stream(names) as stream:
            yield from stream

    def _stream(self, names: tuple[str, ...] | None) -> Any:
        """Batches of some columns as float64; of all, as their first lines look, where None are named."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        packed = "gzip" if self.path.suffix.lower() == ".gz" else None
        # With no columns at all pyarrow would read all; one of text counts the rows.
        types = None if names is None else dict.fromkeys(names, pa.float64())
        if names == ():
            names, types = self.dialect.names[:1], {self.dialect.names[0]: pa.string()}
        return arrow_csv.open_csv(
            pa.input_stream(str(self.path), compression=packed),
            read_options=arrow_csv.ReadOptions(
                column_names=list(self.dialect.names),
                skip_rows=self.dialect.skipped,
                block_size=READ_BYTES,
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=self.dialect.delimiter),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=None if names is None else list(names),
                column_types=types,
                decimal_point=self.dialect.decimal,
            ),
        )


def _mostly_numbers(column: Any) -> bool:
    """Whether numbers with fractions fill more than half of a column of texts: then a word among them is a fault."""
    values = column.slice(0, LOOKED_AT).to_pylist()
    return 2 * sum(_is_number(v, ".") and not _is_whole(v) and bool(v) for v in values if v) > len(values)


def _in(batch: Any, names: tuple[str, ...]) -> list[Any]:
    return [batch.column(name) for name in names]


def _dialect(path: Path) -> Dialect:
    """Guessed from the first lines."""
    lines, comments = _first_lines(path)
    if not lines:
        raise NoRowsError(f"{path}: holds no line of values; write it anew")
    if BRACKET.match(lines[0]):
        raise ArrayError(f"{path}: its lines are Python's lists, not values with commas; {LISTS_AS_TEXT}")
    by_suffix = ".tsv" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ".csv"
    delimiter = _delimiter(lines, PARTED_BY[by_suffix])
    rows = [[field.strip() for field in row] for row in csv.reader(lines, delimiter=delimiter)]
    decimal = "," if delimiter != "," and _has_decimal_comma(rows) else "."
    notes = []
    if delimiter != PARTED_BY[by_suffix][0] and len(rows[-1]) > 1:
        notes.append(f"{path}: columns are parted by {delimiter!r}, decimals by '{decimal}'")
    if comments:
        notes.append(f"{path}: {comments} line(s) of comment left out at its beginning")
    named = _has_names(rows, decimal)
    if named:
        names = [name or f"unnamed: {place}" for place, name in enumerate(rows[0])]
    else:
        names = [str(place) for place in range(len(rows[0]))]
        notes.append(f"{path}: no line of names; columns are called 0 to {len(names) - 1}")
    twice = (
        [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if len(set(names)) < len(names)
        else []
    )
    if twice:
        raise ArrayError(f"{path}: several columns are called {listed(twice)}; give each a name of its own")
    return Dialect(delimiter, decimal, tuple(names), comments + named, tuple(notes))


def _delimiter(lines: list[str], signs: str) -> str:
    """The sign that cuts the first two lines into as many parts, more than one, of which most are numbers; of equally
    good ones the most usual. 0,5;0,7 could be parted by its commas as well."""
    best, most = signs[0], -1.0
    for sign in signs:
        rows = list(csv.reader([line.strip(" ") for line in lines[:2]], delimiter=sign))
        if len({len(row) for row in rows}) == 1 and len(rows[0]) > 1:
            decimals = ".," if sign != "," else "."
            fields = [field.strip() for field in rows[-1]]
            share = sum(any(_is_number(f, d) for d in decimals) or not f for f in fields) / len(fields)
            if share > most:
                best, most = sign, share
    return best


def _has_decimal_comma(rows: list[list[str]]) -> bool:
    return any(DECIMAL_COMMA.fullmatch(field) for row in rows for field in row)


def _first_lines(path: Path) -> tuple[list[str], int]:
    """The first lines that hold something, and how many lines of comment go before them."""
    open_: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with open_(path, "rt", encoding="utf-8-sig", newline="") as file:
        lines: list[str] = []
        comments = size = 0
        while len(lines) < GUESSED_FROM and size < LONGEST_LINE and (line := file.readline(LONGEST_LINE)):
            size += len(line) if len(lines) > 1 else 0
            if not lines and line.startswith("#"):
                comments += 1
            elif line.strip("\r\n"):
                lines.append(line.rstrip("\r\n"))
            elif not lines:
                comments += 1
        return lines, comments


def _has_names(rows: list[list[str]], decimal: str) -> bool:
    """Whether the first line holds names: a text over a number, the numbers of a table that pandas wrote, or texts
    alone. Texts beside numbers may be values: paths, words."""
    first, second = rows[0], rows[1] if len(rows) > 1 else []
    texts = [place for place, field in enumerate(first) if field and not _is_number(field, decimal)]
    numbers = [field for field in first if field and _is_number(field, decimal)]
    if texts:
        over = any(place < len(second) and _is_number(second[place], decimal) for place in texts)
        return over or not numbers or not _are_values(rows, texts, numbers)
    counted = [str(place) for place in range(len(first))]
    shifted = ["", *counted[:-1]]
    if first not in (counted, shifted) or len(rows) < 2:
        return False
    # 0, 1 may be values; before a line with fractions they are not.
    return len(first) > 3 or any(not _is_whole(field) for field in second)


def _are_values(rows: list[list[str]], texts: list[int], numbers: list[str]) -> bool:
    """Whether a first line of texts and numbers, above others of the same kinds, is one of values: its texts come
    again, but for their digits; or its numbers are fractions that do not ascend, as wavelengths would."""
    for row in rows[1:]:
        if any(place < len(row) and _bare(row[place]) == _bare(rows[0][place]) for place in texts):
            return True
    values = [_value(field) for field in numbers]
    ascend = all(a < b for a, b in pairwise(values))
    return not ascend and not all(_is_whole(field) for field in numbers)


def _bare(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _value(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return float("nan")


def _is_number(text: str, decimal: str) -> bool:
    try:
        float(text.replace(decimal, "."))
    except ValueError:
        return text.lower() in ("na", "n/a", "null", "#n/a")
    return "_" not in text


def _is_whole(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True

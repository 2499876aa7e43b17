"""Encoded pictures in a column of Parquet files, as Hugging Face's hub gives them out."""

import hashlib
import io
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from zpoints.errors import SourceError
from zpoints.files.names import natural
from zpoints.files.readable import readable
from zpoints.images.decoding import open_encoded
from zpoints.images.files import FileSource, size_and_time
from zpoints.images.naming import by_word, free_names, in_words, sorted_by_split, split_in, suffix
from zpoints.images.source import Opener, Options, UnusableError, path_of
from zpoints.images.walk import container_files

__all__ = ["ParquetSource"]

PREFERRED = (
    "image",
    "img",
    "images",
    "picture",
    "photo",
    "jpg",
    "png",
    "webp",
    "pixel_values",
    "image_bytes",
)
"""Names of the column of pictures, best first, where a file holds several."""
LISTED = 6
BATCH = 16
"""So many rows are read at once."""
BUFFER = 2**20
DAMAGED = "download it again"


class ParquetSource(FileSource):
    """The pictures in one column of one or many Parquet files: bytes, or a struct with ``bytes`` in it.

    A file is read in rows, from front to end. The other columns go into the attributes, as far as each cell holds one
    number, word or truth value; whole numbers that stand for the names of classes bring a column of these names.
    Splits are those of the files' names (``train-00000-of-00002.parquet``) or folders, or of a column ``split``.
    """

    form = "Parquet files"

    def __init__(
        self, root: Path, names: Sequence[str], name: str, count: int | None, max_megapixels: float
    ) -> None:
        super().__init__(name, max_megapixels)
        self.root, self.names = root, list(names)
        self.paths = [root / file for file in names] if root.is_dir() else [root]
        self._reading: tuple[int, Iterator[Any]] | None = None  # the next item, and what gives it
        self._group_end = 0  # the first item after the group of rows that is being read
        self._file: pq.ParquetFile | None = None
        with readable(name, "parquet", DAMAGED, SourceError):
            heads = [self._head(path) for path in self.paths]
        self.schema, self.schemas = heads[0][0], [schema for schema, _ in heads]
        self.column, others = _picture_column(self.schema, name)
        for path, (schema, _) in zip(self.paths, heads, strict=True):
            if self.column not in schema.names or not _holds_bytes(schema.field(self.column).type):
                raise SourceError(
                    f"{path}: has no pictures in a column '{self.column:.60}', as the others have"
                )
        counts = [metadata.num_rows for _, metadata in heads]
        self.ends = list(accumulate(counts))
        self.count = min(total := self.ends[-1], count or total)
        if not self.count:
            raise SourceError(f"{name}: holds no rows; name a file of pictures")
        self.held_bytes = max(_bytes_each(metadata) for _, metadata in heads)
        self.remarks = (f"of several columns of pictures '{self.column:.60}' is used, not {others}",) * bool(
            others
        )
        self._tell(counts)

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is a Parquet file, or a folder with such files and no loose pictures."""
        if path.is_dir():
            return any(suffix(name) == "parquet" for name in container_files(path))
        return path.suffix.lower() in (".parquet", ".pq")

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the file or folder that the text means."""
        path = path_of(text)
        if not path.is_dir():
            return cls(path, [path.name], text, options.count, options.max_megapixels)
        root = _snapshot(path)
        files = container_files(root)
        names = [name for name in files if suffix(name) == "parquet"]
        source = cls(root, sorted(names, key=_in_order), text, options.count, options.max_megapixels)
        if root != path:
            source.remarks += (f"the snapshot {root.name:.60}",)
        return source

    def __len__(self) -> int:
        return self.count

    def describe(self) -> str:
        """Say how many pictures in which files."""
        return f"{self.name}: {len(self):,} pictures in {in_words(len(self.names), 'Parquet file')}"

    def fingerprint(self) -> str:
        """Hash the names, sizes and times of all files."""
        digest = hashlib.sha256(str(self.root.resolve()).encode("utf-8", "backslashreplace"))
        for name, path in zip(self.names, self.paths, strict=True):
            digest.update(f"\0{name}\0{size_and_time(path)}".encode("utf-8", "backslashreplace"))
        return f"parquet {digest.hexdigest()} {self.column}"

    def label(self, item: int) -> str:
        """Return the file and the number of the row in it."""
        number, row = self._place(item)
        name = self.names[number].encode("utf-8", "backslashreplace").decode()
        return f"{name} row {row}"

    def open(self, item: int) -> Image.Image:
        """Read one picture."""
        found = self.openers(item, item + 1)[0]()
        assert isinstance(found, Image.Image)
        return found

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener per picture; the bytes are read here. Going back starts a file anew."""
        with readable(self.name, "parquet", DAMAGED, SourceError):
            cells = self._from(start)
            found = [partial(self._picture, next(cells)) for _ in range(start, stop)]
        self._reading = (stop, cells)
        return found

    def contains(self, path: Path) -> bool:
        """Whether a path lies in the folder of the files."""
        return self.root.is_dir() and path.resolve().is_relative_to(self.root.resolve())

    def close(self) -> None:
        """Close the file that is being read."""
        self._reading = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _picture(self, content: bytes | None) -> Image.Image:
        if content is None:
            raise UnusableError("no bytes in the file, at most the name of another")
        if not content:
            raise UnusableError("empty file")
        if len(content) > self.max_bytes:
            raise UnusableError(f"larger than a picture of {self.max_megapixels:g} megapixels")
        return open_encoded(io.BytesIO(content), self.max_megapixels)

    def _place(self, item: int) -> tuple[int, int]:
        number = bisect_right(self.ends, item)
        return number, item - (self.ends[number - 1] if number else 0)

    def _from(self, start: int) -> Iterator[bytes | None]:
        """The cells from one item on: further on in the same group of rows, or from the front of its group."""
        place, cells = self._reading or (-1, iter(()))
        self._reading = None  # whatever goes wrong, nobody goes on from there
        if place != start and not 0 <= place < start < self._group_end:
            return self._rows(start)
        for _ in range(place, start):
            next(cells)
        return cells

    def _rows(self, start: int) -> Iterator[bytes | None]:
        """The cells from one item on; a batch of them is in memory, never a whole group of rows."""
        begin, skipped = self._place(start)
        for number, path in enumerate(self.paths[begin:], begin):
            if self._file is not None:
                self._file.close()
            self._file = file = pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)
            struct = pa.types.is_struct(self.schema.field(self.column).type)
            column = f"{self.column}.bytes" if struct else self.column
            first = self.ends[number] - file.metadata.num_rows
            for group in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                self._group_end = first = first + rows
                if skipped >= rows:
                    skipped -= rows
                    continue
                for batch in file.iter_batches(BATCH, row_groups=[group], columns=[column]):
                    cells = batch.column(0)
                    if struct:
                        cells = cells.field("bytes") if not cells.null_count else _through(cells)
                    for cell in cells[skipped:]:
                        yield cell.as_py()
                    skipped = max(0, skipped - len(cells))

    def _head(self, path: Path) -> tuple[pa.Schema, Any]:
        with pq.ParquetFile(path) as file:
            return file.schema_arrow, file.metadata

    def _tell(self, counts: list[int]) -> None:
        """Read what else the files say: attributes and splits."""
        kinds = {field.name: field.type for schema in reversed(self.schemas) for field in schema}
        order = dict.fromkeys(field.name for schema in self.schemas for field in schema)
        left = [name for name in order if name != self.column and not _is_scalar(kinds[name])]
        wanted = [name for name in order if _is_scalar(kinds[name])]
        partly = [name for name in wanted if any(name not in schema.names for schema in self.schemas)]
        if partly:
            listed = ", ".join(f"{name:.40}" for name in partly[:LISTED])
            self.remarks += (f"{in_words(len(partly), 'column')} that not all files have: {listed}",)
        if left:
            listed = ", ".join(f"{name:.40}" for name in left[:LISTED])
            self.remarks += (
                f"{in_words(len(left), 'column')} that hold no single values: left out ({listed})",
            )
        codes, remark = sorted_by_split([split_in(name) for name in self.names], counts)
        if wanted:
            listed = ", ".join(f"{name:.40}" for name in wanted[:LISTED])
            more = ", ..." if len(wanted) > LISTED else ""
            self.remarks += (f"{in_words(len(wanted), 'column')} beside the pictures: {listed}{more}",)
            table = self._table(wanted)
            renamed = free_names(wanted)
            if "split" in wanted and codes is None:
                codes = by_word(table["split"])
            self.attributes = table.rename(columns=renamed)
            named = {name: names for schema in self.schemas for name, names in _class_names(schema).items()}
            for name, names in named.items():
                free = f"{renamed.get(name)}_name"
                if name in wanted and free not in self.attributes:
                    self.attributes[free] = _named(table[name], names)
        if codes is not None:
            self.splits = codes[: self.count]
        self.remarks += (remark,) * bool(remark)

    def _table(self, wanted: list[str]) -> pd.DataFrame:
        tables: list[pa.Table] = []
        with readable(self.name, "parquet", DAMAGED, SourceError):
            for number, path in enumerate(self.paths):
                if number and self.ends[number - 1] >= self.count:
                    break
                there = [name for name in wanted if name in self.schemas[number].names]
                rows = self.ends[number] - (self.ends[number - 1] if number else 0)
                none = pa.table({wanted[0]: pa.nulls(rows)})  # a table of no columns would have no rows
                tables.append(pq.read_table(path, columns=there, partitioning=None) if there else none)
            joined = pa.concat_tables(tables, promote_options="permissive").slice(0, self.count)
            joined.validate(full=True)  # a text that is none would be met long after
            return joined.to_pandas(ignore_metadata=True).reindex(columns=wanted)


def _through(cells: pa.StructArray) -> pa.Array:
    """The bytes of cells of which some are empty as a whole."""
    return pa.array([cell["bytes"].as_py() if cell.is_valid else None for cell in cells], pa.large_binary())


def _picture_column(schema: pa.Schema, name: str) -> tuple[str, str]:
    """The column of pictures, and the others that might be meant, in words."""
    found = [field.name for field in schema if _holds_bytes(field.type)]
    if not found:
        listed = ", ".join(f"{field.name:.40} ({field.type!s:.40})" for field in list(schema)[:LISTED])
        raise SourceError(
            f"{name}: has no column of encoded pictures (bytes, or a struct with bytes in it); it has {listed}"
        )
    best = next((column for word in PREFERRED for column in found if column.lower() == word), found[0])
    others = ", ".join(f"'{column:.40}'" for column in found if column != best)
    return best, others[:200]


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return "bytes" in [field.name for field in kind] and _holds_bytes(kind.field("bytes").type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or str(kind) == "binary_view"


def _is_scalar(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_scalar(kind.value_type)
    tests = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_large_string,
    )
    return any(test(kind) for test in tests)


def _bytes_each(metadata: Any) -> int:
    """About what one picture holds: the mean of the group in which they are largest.

    A group tells of all its columns together. Of one column it is not asked: on a damaged file pyarrow 26 ends the
    process there.
    """
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return max([0, *(group.total_byte_size // max(1, group.num_rows) for group in groups)])


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Names of classes by column, which Hugging Face's library notes in the file."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {
            str(name): [str(word) for word in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names"), list)
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _named(codes: pd.Series, names: list[str]) -> pd.Series:
    known = dict(enumerate(names))
    return pd.Series([known.get(code) for code in codes], dtype="str")


def _in_order(name: str) -> tuple[int, Any]:
    """Train before validation before test, each in the natural order of the names."""
    code = split_in(name)
    return (0 if code is None else code, natural(name))


def _snapshot(path: Path) -> Path:
    """Of a folder of Hugging Face's cache the version that is in use, else the newest."""
    snapshots = path / "snapshots"
    if not snapshots.is_dir():
        return path
    try:
        main = snapshots / (path / "refs" / "main").read_text(encoding="ascii").strip()[:100]
        if main.is_dir() and main.parent == snapshots:
            return main
    except (OSError, ValueError):
        pass
    found = [folder for folder in snapshots.iterdir() if folder.is_dir()]
    return max(found, key=lambda folder: folder.stat().st_mtime_ns, default=path)

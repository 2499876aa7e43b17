"""Components out of Arrow tables: what Parquet, Feather and CSV files, and tables in memory, have in common."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa

from zpoints.errors import ArrayError
from zpoints.files.arrays.columns import (
    INTEGER,
    LIST,
    NUMBER,
    RECORDS,
    TEXTS,
    WHOLE_LIST,
    Column,
    Wanted,
    choose,
)
from zpoints.files.arrays.rows import NoRowsError

__all__ = ["Components", "columns_of_schema", "is_list_as_text", "kind_of"]

LIST_AS_TEXT = re.compile(r"\s*\[\s*[-+]?[\d.][\d.eE+-]*[\s,]+[-+]?[\d.]")
LOOKED_AT = 32
"""So many columns of texts are looked into for lists."""
OTHERS = {
    pa.types.is_boolean: "true or false",
    pa.types.is_string: "text",
    pa.types.is_large_string: "text",
    pa.types.is_temporal: "dates or times",
    pa.types.is_dictionary: "categories",
    pa.types.is_binary: "bytes",
    pa.types.is_large_binary: "bytes",
    pa.types.is_struct: "records",
    pa.types.is_null: "nothing",
}
"""Types that are no components, in words."""


def columns_of_schema(schema: pa.Schema) -> list[Column]:
    """The columns of an Arrow table; what pandas has noted as its index is one."""
    index = _pandas_index(schema)
    return [Column(field.name, kind_of(field.type), field.name in index) for field in schema]


def _pandas_index(schema: pa.Schema) -> set[str]:
    try:
        noted = (schema.pandas_metadata or {}).get("index_columns", [])
        return {name for name in noted if isinstance(name, str)}
    except (ValueError, AttributeError, TypeError):  # a note of somebody else under that name
        return set()


def kind_of(type_: pa.DataType) -> str:
    """What a column of this type holds; see `Column`."""
    type_ = _plain(type_)
    if pa.types.is_integer(type_):
        return INTEGER
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return NUMBER
    if _is_list(type_):
        inner = kind_of(type_.value_type)
        if inner in (INTEGER, WHOLE_LIST):
            return WHOLE_LIST
        return LIST if inner in (LIST, NUMBER) else f"lists of {inner}"
    if pa.types.is_struct(type_) and _holds_numbers([kind_of(field.type) for field in type_]):
        return RECORDS
    return next((word for is_, word in OTHERS.items() if is_(type_)), f"{type_!s:.30}")


def _holds_numbers(kinds: Sequence[str]) -> bool:
    """Whether fields of these kinds can be a vector: several numbers, or a list of them."""
    return LIST in kinds or (len(kinds) > 1 and set(kinds) == {NUMBER})


def is_list_as_text(value: Any) -> bool:
    """Whether a text is a list of numbers: ``[0.1, 0.2]``, or as NumPy prints it, without commas."""
    return isinstance(value, str) and bool(LIST_AS_TEXT.match(value))


def _plain(type_: pa.DataType) -> pa.DataType:
    return type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_


def _is_list(type_: pa.DataType) -> bool:
    types = pa.types
    return types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_)


@dataclass(frozen=True)
class Components:
    """The columns that are components, and how a batch of rows becomes an array.

    Attributes
    ----------
    where : what messages call the table.
    names : of the columns; one where it holds lists.
    shape, dtype : of one row, and of the array.
    levels : of one column of lists, the items of each list, from the outermost on; empty for columns of numbers.
    notes, left_out : what was left out, and the names of these columns.
    """

    where: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    levels: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, where: str, schema: pa.Schema, wanted: Wanted, first: Callable[[tuple[str, ...]], Any]
    ) -> Self:
        """Choose among the columns of a table.

        Parameters
        ----------
        wanted : see `choose`.
        first : gives a batch or table that begins with the first row, of the columns that it is told; or None. Asked
            for the lengths of lists, which the type need not tell.
        """
        columns = columns_of_schema(schema)
        if wanted is None and LIST not in [column.kind for column in columns]:
            columns = _with_lists_as_text(columns, first)
        choice = choose(where, columns, wanted)
        types = [_plain(schema.field(name).type) for name in choice.names]
        if not choice.lists:
            narrow = all(pa.types.is_float32(t) or pa.types.is_float16(t) for t in types)
            dtype = np.dtype(np.float32 if narrow else np.float64)
            return cls(where, choice.names, (len(choice.names),), dtype, (), choice.notes, choice.left_out)
        name, type_ = choice.names[0], schema.field(choice.names[0]).type
        levels = _levels(where, name, type_, lambda: first(choice.names))
        shape = _row_shape(where, name, type_, levels)
        return cls(where, choice.names, shape, _leaf_dtype(types[0]), levels, choice.notes, choice.left_out)

    def array(self, batch: Any, start: int) -> np.ndarray:
        """The rows of a batch or table; `start` is the number of its first row, for messages.

        Raises
        ------
        ArrayError : a vector is missing, or is of another length than the first one.
        """
        columns = [_whole(batch.column(name)) for name in self.names]
        if self.levels:
            return self._unpacked(columns[0], start)
        numbers = [column.to_numpy(zero_copy_only=False) for column in columns]
        return np.stack([np.asarray(values, self.dtype) for values in numbers], axis=1)

    def pieces(self, batches: Iterable[Any], size: int, start: int = 0) -> Iterator[np.ndarray]:
        """The rows of batches, in pieces of at most `size`."""
        for batch in batches:
            for first in range(0, len(batch), size):
                part = batch.slice(first, size)
                yield self.array(part, start)
                start += len(part)

    def _unpacked(self, column: pa.Array, start: int) -> np.ndarray:
        rows = len(column)
        for width in self.levels:
            column = _storage(column)
            each = max(1, len(column) // max(1, rows))
            if column.null_count:  # flatten drops them: the rows would shift in silence
                missing = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
                self._refuse(start + missing // each, "has no vector; drop it first")
            if not pa.types.is_fixed_size_list(column.type):
                lengths = np.diff(column.offsets.to_numpy())
                wrong = np.flatnonzero(lengths != width)
                if len(wrong):
                    words = f"has {lengths[wrong[0]]:,} items where row 0 has {width:,}; make them as long"
                    self._refuse(start + int(wrong[0]) // each, words)
            column = column.flatten()
        values = _storage(column).to_numpy(zero_copy_only=False)
        return np.asarray(values, self.dtype).reshape(rows, *self.shape)

    def _refuse(self, row: int, words: str) -> None:
        raise ArrayError(f"{self.where}: column '{self.names[0]:.60}': row {row:,} {words}")


def _with_lists_as_text(columns: list[Column], first: Callable[[tuple[str, ...]], Any]) -> list[Column]:
    """The same columns; texts of which the first is a list are said to be such."""
    texts = tuple(column.name for column in columns if column.kind == "text")[:LOOKED_AT]
    batch = first(texts) if texts and len({c.name for c in columns}) == len(columns) else None
    if batch is None or not len(batch):
        return columns
    found = {name for name in texts if is_list_as_text(batch.slice(0, 1).column(name).to_pylist()[0])}
    return [replace(column, kind=TEXTS) if column.name in found else column for column in columns]


def _whole(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _storage(column: pa.Array) -> pa.Array:
    column = _whole(column)
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _leaf_dtype(type_: pa.DataType) -> np.dtype:
    while _is_list(type_):
        type_ = _plain(type_.value_type)
    # Whole numbers may be missing, which only fractions can say.
    return np.dtype(type_.to_pandas_dtype()) if pa.types.is_floating(type_) else np.dtype(np.float64)


def _levels(where: str, name: str, type_: pa.DataType, first: Callable[[], Any]) -> tuple[int, ...]:
    """Items of a row, level by level; what the type leaves open is as in the first row."""
    level, widths = _plain(type_), []
    column: Any = None
    if not _all_fixed(level):
        table = first()
        if table is None or not len(table):
            raise NoRowsError(f"{where}: has no rows, so nobody knows how long a vector is")
        column = table.slice(0, 1).column(name)
    while _is_list(level):
        if column is not None:
            column = _storage(column)
            if column.null_count:
                raise ArrayError(f"{where}: column '{name:.60}': row 0 has no vector; drop it first")
        if pa.types.is_fixed_size_list(level):
            widths.append(level.list_size)
        else:
            lengths = np.diff(column.offsets.to_numpy())
            widths.append(int(lengths[0]) if len(lengths) else 0)
        column = None if column is None else column.flatten()
        level = _plain(level.value_type)
    return tuple(widths)


def _all_fixed(type_: pa.DataType) -> bool:
    while _is_list(type_):
        if not pa.types.is_fixed_size_list(type_):
            return False
        type_ = _plain(type_.value_type)
    return True


def _row_shape(where: str, name: str, type_: pa.DataType, levels: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of a row: that of its lists, but of a tensor, which is stored as one list, its own."""
    if not isinstance(type_, pa.FixedShapeTensorType):
        return levels
    if type_.permutation is not None and list(type_.permutation) != sorted(type_.permutation):
        raise ArrayError(
            f"{where}: column '{name:.60}' holds tensors with permuted axes; write them in order"
        )
    return tuple(type_.shape)

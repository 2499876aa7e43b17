"""Vectors out of whatever holds them in Python: arrays, tensors, tables, lists. None of these packages is imported
here: who gives one of their objects has done so.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from zpoints.errors import ArrayError, reason
from zpoints.files.arrays import Reader, Sliced
from zpoints.files.arrays.columns import INTEGER, NUMBER, TEXTS, Choice, Column, Wanted, choose
from zpoints.vectors.dask_arrays import DaskRows, is_dask_array

__all__ = ["Narrowed", "array_of", "is_table", "names_of", "reader_of"]

TABLE = "the table"
ARRAY = "the array"
KINDS = {
    "f": NUMBER,
    "i": INTEGER,
    "u": INTEGER,
    "b": "true or false",
    "M": "dates or times",
    "m": "dates or times",
}


def reader_of(source: Any, columns: Wanted = None) -> tuple[str, Reader]:
    """What messages call an object, and its rows.

    Parameters
    ----------
    source : an array, tensor, table, or lists of numbers.
    columns : of a table; see `zpoints.files.arrays.columns.choose`.

    Raises
    ------
    ArrayError : no numbers in rows of one length; masked or sparse; or no such column.
    """
    if is_table(source):
        return TABLE, _table_rows(source, columns)
    if columns is not None:
        raise ArrayError(f"{ARRAY}: has no columns with names to choose from; give the columns themselves")
    if is_dask_array(source):
        return "the Dask array", DaskRows(source)
    if type(source).__module__.partition(".")[0] in ("h5py", "zarr") and hasattr(source, "dtype"):
        return ARRAY, Sliced(source)  # read as it is asked for
    return ARRAY, Sliced(array_of(source))


def is_table(source: Any) -> bool:
    """Whether it is a table of pandas, polars or Arrow, or records of NumPy."""
    if isinstance(source, np.ndarray):
        return source.dtype.names is not None and source.ndim == 1
    tables = ("DataFrame", "Series", "LazyFrame", "Table", "RecordBatch")
    package = type(source).__module__.partition(".")[0]
    return package in ("pandas", "polars", "pyarrow") and any(
        kind.__name__ in tables for kind in type(source).__mro__
    )


def names_of(source: Any, known: Any = None) -> list[str] | None:
    """The names of the columns that are components, where all names of a table are texts; None for all else.

    Parameters
    ----------
    known : names that are components in any case.
    """
    if not is_table(source):
        return None
    found = _table_rows(source, None)
    names, of_texts = found.names, found.all_names
    if of_texts is None:
        return None
    return [name for name in of_texts if name in names or (known is not None and name in known)]


# --- arrays -------------------------------------------------------------------------------------------------------


def array_of(source: Any) -> np.ndarray:
    """An array of what is no table; of any number of axes and any type of NumPy.

    Raises
    ------
    ArrayError : what no array can be made of.
    """
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.Tensor):
        return _of_tensor(source)
    if hasattr(source, "tocsr"):
        raise ArrayError("the array: sparse input is not supported; give its .toarray()")
    if isinstance(source, Mapping):
        keys = ", ".join(f"{key!s:.40}" for key in list(source)[:8])
        raise ArrayError(
            f"the array: is a {type(source).__name__} of {keys or 'nothing'}; give one array of it"
        )
    if isinstance(source, Iterator | set | frozenset):
        raise ArrayError(
            f"the array: is a {type(source).__name__}, which has no order or length; give list(...) of it"
        )
    if isinstance(source, list | tuple):
        source = _listed(source, torch)
    if hasattr(source, "__cuda_array_interface__") and hasattr(source, "get"):
        source = source.get()  # CuPy's arrays, which NumPy does not fetch by itself
    try:
        array = np.asanyarray(source)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArrayError(
            f"the array: {_ragged(source) or reason(error)}; give numbers of shape (n, d)"
        ) from error
    return _plain(array)


def _of_tensor(tensor: Any) -> np.ndarray:
    from zpoints.files.arrays.tensors import check_tensor, to_numpy

    check_tensor(ARRAY, tensor)
    return to_numpy(tensor)


def _listed(source: Any, torch: Any) -> Any:
    """Lists of things that NumPy would make something else of."""
    if any(np.ma.is_masked(row) for row in source):
        _refuse_masked(np.ma.array(list(source)) if _ragged(source) is None else None)
    if torch is not None and source and all(isinstance(row, torch.Tensor) for row in source):
        return [_of_tensor(row) for row in source]
    return source


def _plain(array: np.ndarray) -> np.ndarray:
    if isinstance(array, np.ma.MaskedArray):
        if np.ma.is_masked(array):
            _refuse_masked(array)
        array = array.data
    if array.dtype.name == "bfloat16" or array.dtype.name.startswith("float8"):  # of the package ml_dtypes
        return array.astype(np.float32)
    if array.dtype.kind != "O":
        return array
    if array.ndim == 1 and len(array) and all(np.ndim(row) for row in array):  # an array of arrays
        with suppress(TypeError, ValueError):
            return _plain(np.stack([np.asarray(row) for row in array]))
        raise ArrayError(
            f"the array: {_ragged(array) or 'its rows are no numbers'}; give numbers of shape (n, d)"
        )
    with suppress(TypeError, ValueError):  # numbers in a column of objects are numbers still
        return array.astype(np.float64)
    return array


def _refuse_masked(array: Any) -> None:
    many = "" if array is None else f"{np.ma.count_masked(array):,} of {array.size:,} "
    raise ArrayError(
        f"the array: {many}values are masked, and measured without their mask they would be wrong; drop their "
        "vectors, as in numpy.ma.compress_rows(z), or fill them: z.filled(0)"
    )


def _ragged(source: Any) -> str | None:
    """In which row the length changes, if that is what is wrong."""
    try:
        lengths = [np.shape(row) for row in source]
    except (TypeError, ValueError):
        return None
    wrong = next((place for place, shape in enumerate(lengths) if shape != lengths[0]), None)
    if wrong is None:
        return None
    return f"row {wrong} has shape {lengths[wrong]}, row 0 {lengths[0]}"


class Narrowed(Reader):
    """Numbers wider than float64 as float64, which the kernels know. What does not fit is refused."""

    def __init__(self, name: str, reader: Reader) -> None:
        self.name, self.reader, self.shape = name, reader, reader.shape
        self.dtype, self.notes, self.left_out = np.dtype(np.float64), reader.notes, reader.left_out

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return self._narrow(self.reader[rows])

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order."""
        return map(self._narrow, self.reader.blocks(size))

    def between(self, start: int, stop: int, size: int) -> Iterator[np.ndarray]:
        """Some rows in order, in blocks of `size`."""
        return map(self._narrow, self.reader.between(start, stop, size))

    @property
    def portable(self) -> bool:
        """Whether another process can read it by itself."""
        return self.reader.portable

    @property
    def identity(self) -> Any:
        """That of the wider numbers."""
        return self.reader.identity

    def close(self) -> None:
        """Close what is read."""
        self.reader.close()

    def _narrow(self, block: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            narrow = block.astype(np.float64)
        lost = np.isinf(narrow) & np.isfinite(block)
        if lost.any():
            raise ArrayError(
                f"{self.name}: {block[lost][0]!s:.40} is too large for float64; scale the vectors"
            )
        return narrow


# --- tables -------------------------------------------------------------------------------------------------------


def _table_rows(source: Any, columns: Wanted) -> "FrameRows | TableRows":
    package, kind = type(source).__module__.partition(".")[0], type(source).__name__
    if kind == "LazyFrame":
        raise ArrayError(f"{TABLE}: is a LazyFrame, which holds no values yet; give its .collect()")
    if isinstance(source, np.ndarray):
        import pandas as pd

        return FrameRows(pd.DataFrame.from_records(source), columns)
    if package == "pandas":
        return _frame_rows(source if source.ndim == 2 else source.to_frame("values"), columns)
    if package == "polars":
        source = (source if hasattr(source, "columns") else source.to_frame()).to_arrow()
    elif not hasattr(source, "to_batches"):  # a RecordBatch
        import pyarrow as pa

        source = pa.Table.from_batches([source])
    return TableRows(source, columns)


def _frame_rows(frame: Any, columns: Wanted) -> "FrameRows | TableRows":
    """Of pandas: columns of numbers as they lie there; a column of lists by way of Arrow."""
    found = FrameRows(frame, columns)
    if not found.choice.lists:
        return found
    import pyarrow as pa

    series = frame.iloc[:, found.places[0]]
    table = TableRows(pa.table({found.names[0]: pa.array(series, from_pandas=True)}), found.names)
    table.notes, table.left_out, table.all_names = found.notes, found.left_out, found.all_names
    return table


class FrameRows(Reader):
    """The columns of a pandas DataFrame that are components; missing numbers are NaN."""

    def __init__(self, frame: Any, columns: Wanted) -> None:
        described = [_column(str(name), frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
        self.choice: Choice = choose(TABLE, described, columns)
        self.names, self.notes, self.left_out = self.choice.names, self.choice.notes, self.choice.left_out
        named = [column.name for column in described]
        self.all_names = named if all(isinstance(name, str) for name in frame.columns) else None
        self.places = [named.index(name) for name in self.names]
        self.frame = frame if self.places == list(range(len(named))) else frame.iloc[:, self.places]
        types = [kind if isinstance(kind, np.dtype) else np.dtype(np.float64) for kind in self.frame.dtypes]
        plain = all(kind.kind in "fiu" for kind in types)
        self.dtype = np.result_type(*types) if plain else np.dtype(np.float64)
        self.shape: tuple[int, ...] = (len(frame), len(self.names))

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        part = self.frame.iloc[rows]
        if all(isinstance(kind, np.dtype) and kind.kind in "fiu" for kind in part.dtypes):
            return part.to_numpy(dtype=self.dtype)
        return part.to_numpy(dtype=self.dtype, na_value=np.nan)


def _column(name: str, series: Any) -> Column:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in KINDS:
        return Column(name, KINDS[series.dtype.kind])
    import pyarrow as pa

    from zpoints.files.arrays.tables import is_list_as_text, kind_of

    if len(series) and is_list_as_text(series.iloc[0]):
        return Column(name, TEXTS)
    try:
        return Column(name, kind_of(pa.array(series, from_pandas=True).type))
    except (pa.ArrowException, TypeError, ValueError):
        return Column(name, "objects of several kinds")


class TableRows(Reader):
    """The columns of an Arrow table in memory that are components."""

    def __init__(self, table: Any, columns: Wanted) -> None:
        from zpoints.files.arrays.tables import Components

        self.components = Components.of(
            TABLE, table.schema, columns, lambda names: table.slice(0, 1).select(list(names))
        )
        self.names, self.dtype = self.components.names, self.components.dtype
        self.notes, self.left_out = self.components.notes, self.components.left_out
        self.all_names: list[str] | None = list(table.column_names)
        self.table = table.select(list(self.names))
        self.shape: tuple[int, ...] = (table.num_rows, *self.components.shape)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        start, stop, _ = rows.indices(self.shape[0])
        part = self.table.slice(start, max(0, stop - start))
        empty = np.empty((0, *self.shape[1:]), self.dtype)
        return np.concatenate([empty, *self.components.pieces(part.to_batches(), max(1, len(part)), start)])

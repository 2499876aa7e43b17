"""One column out of a table in a file: what vectors are grouped by."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zpoints.errors import ArrayError
from zpoints.files.readable import readable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["label_column"]

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def label_column(by: str, tables: Sequence[Path]) -> "pd.Series":
    """A column of labels, one for each row.

    Parameters
    ----------
    by : ``FILE::COLUMN`` of a .parquet, .feather, .arrow, .csv or .tsv file; or a column of the first of `tables`
        that has it.

    Raises
    ------
    ArrayError : no such file, one that is no table, or no such column.
    """
    file, named, column = by.rpartition("::")
    looked = [Path(file)] if named else [Path(path) for path in tables]
    there: list[str] = []
    for path in looked:
        names = _columns(path)
        if column in names:
            return _read(path, column)
        there += names
    where = ", ".join(str(path) for path in looked) or "no table"
    raise ArrayError(
        f"{where}: no column '{column:.60}' to group by; there are {', '.join(there[:20]) or 'none'}; name an index "
        "(--index), or FILE::COLUMN"
    )


def _columns(path: Path) -> list[str]:
    """Names of its columns; none where it is no table."""
    import pandas as pd
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    kind = path.suffix.lower()
    if kind not in (*SEPARATORS, ".parquet", ".feather", ".arrow"):
        return []
    with readable(path, "a table", "name a .parquet, .feather or .csv file"):
        if kind in SEPARATORS:
            return list(pd.read_csv(path, sep=SEPARATORS[kind], nrows=0).columns)
        if kind == ".parquet":
            return list(pq.read_schema(path).names)
        return list(feather.read_table(path, memory_map=True).column_names)


def _read(path: Path, column: str) -> "pd.Series":
    import pandas as pd

    kind = path.suffix.lower()
    with readable(path, "a table", "name a .parquet, .feather or .csv file"):
        if kind in SEPARATORS:
            return pd.read_csv(path, sep=SEPARATORS[kind], usecols=[column])[column]
        read = pd.read_parquet if kind == ".parquet" else pd.read_feather
        return read(path, columns=[column])[column]

"""Small files that a person can read too: JSON and tables; and fingerprints of plain values."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.atomic import atomic_path
from zpoints.files.readable import ANEW, readable

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "fingerprint",
    "json_number",
    "parquet_frame",
    "read_json",
    "read_table",
    "write_json",
    "write_table",
]


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically. NaN and infinity are refused: they are no JSON."""
    text = json.dumps(content, indent=2, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def json_number(value: Any) -> int | float | None:
    """A number as JSON has it: NaN and infinity become None."""
    if isinstance(value, int | np.integer):
        return int(value)
    return float(value) if np.isfinite(value) else None


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON file that holds one object."""
    with readable(path, "JSON", ANEW):
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ArrayError(f"{path}: holds no JSON object; {ANEW}")
    return content


def read_table(path: str | Path) -> "pd.DataFrame":
    """Read a .parquet file."""
    with readable(path, "parquet", ANEW):
        return parquet_frame(path)


def parquet_frame(path: str | Path) -> "pd.DataFrame":
    """The table of a .parquet file, its texts looked through; called within `readable`.

    Bytes that are no text are otherwise found by whoever first looks at them, far from here.
    """
    import pandas as pd

    table = pd.read_parquet(path)
    for name, kind in table.dtypes.items():
        if isinstance(kind, pd.StringDtype):
            table[name].to_numpy()
    return table


def write_table(path: str | Path, table: "pd.DataFrame") -> None:
    """Write a .parquet file atomically."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


def fingerprint(*parts: Any) -> str:
    """A short text that identifies plain values (as JSON has them): other values, another fingerprint."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]

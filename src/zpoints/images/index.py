"""The tables beside the pixels: which picture is which, who may see it, and which could not be used."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from zpoints.errors import ArrayError
from zpoints.files.atomic import atomic_path
from zpoints.files.documents import parquet_frame
from zpoints.files.readable import readable
from zpoints.images.source import Source
from zpoints.vectors.latent_set import LatentSet

__all__ = ["SPLITS", "build_index", "random_splits", "rows_of_split", "write_index", "write_rejected"]

SPLITS = ("train", "val", "test")


def build_index(
    source: Source, items: np.ndarray, validation: float, test: float, seed: int
) -> tuple[pd.DataFrame, str]:
    """Describe the pictures of `items`, one row each, and say whether the splits are "official" or "random".

    The official splits are kept if each split that was asked for has pictures: the first few thousand of
    CelebA, say, are all for training. A split that the source does not know at all (MNIST has no validation) is drawn
    from its training pictures.
    """
    codes = None if source.splits is None else _completed(source.splits, items, validation, test, seed)
    origin = "random" if codes is None else "official"
    if codes is None:
        codes = random_splits(len(items), validation, test, seed)
    columns = {
        "id": np.arange(len(items), dtype=np.int64),
        "source": [source.label(int(item)) for item in items],
        "split": np.array(SPLITS, dtype=object)[codes],
    }
    index = pd.DataFrame(columns)
    if source.attributes is not None:
        index = pd.concat([index, source.attributes.take(items).reset_index(drop=True)], axis=1)
    return index, origin


def _completed(
    official: np.ndarray, items: np.ndarray, validation: float, test: float, seed: int
) -> np.ndarray | None:
    """The official splits of some items, with the shares of splits that are not there taken from train; or None."""
    wanted = {1: validation, 2: test}
    missing = {code: share for code, share in wanted.items() if share > 0 and not (official == code).any()}
    codes = official[items].copy()
    if missing:
        train = np.flatnonzero(codes == 0)
        codes[train] = random_splits(len(train), missing.get(1, 0.0), missing.get(2, 0.0), seed)
    needed = [0, *(code for code, share in wanted.items() if share > 0)]
    known = np.unique(official)
    return codes if len(known) > 1 and np.isin(needed, codes).all() else None


def random_splits(count: int, validation: float, test: float, seed: int) -> np.ndarray:
    """Return `count` int8 codes 0 (train), 1 (validation), 2 (test), drawn without replacement.

    A share above 0 gets at least one picture, once there are three; training never loses its last one.
    """
    codes = np.zeros(count, dtype=np.int8)
    order = np.random.default_rng([seed, 0x5B117]).permutation(count)
    taken = 0
    for code, share in ((1, validation), (2, test)):
        number = max(round(share * count), int(share > 0 and count >= 3))
        number = max(0, min(number, count - 1 - taken))
        codes[order[taken : taken + number]] = code
        taken += number
    return codes


def write_index(path: Path, index: pd.DataFrame) -> None:
    """Write the index as Parquet."""
    with atomic_path(path) as temporary:
        index.to_parquet(temporary, compression="zstd", index=False)


def rows_of_split(path: Path, split: str, vectors: LatentSet | None = None) -> np.ndarray:
    """Row numbers of one split, ascending, out of an ``index.parquet``.

    Parameters
    ----------
    vectors : whose rows are chosen, if they are at hand: the index must have a row for each of them.

    Raises
    ------
    ArrayError : the file cannot be read, has no column ``split``, no picture of that split, or is the index of
        another number of vectors.
    """
    with readable(
        path, "an index (a Parquet table)", "run zpoints prepare anew, or write it with to_parquet"
    ):
        names = pq.read_schema(path).names
        if "split" not in names:
            raise ArrayError(
                f"{path}: has no column 'split', with train, val or test in each row; it has {', '.join(names[:20])}"
            )
        table = pd.read_parquet(path, columns=[name for name in ("id", "split") if name in names])
        column = table["split"].to_numpy()
    if vectors is not None and len(column) != vectors.total:
        raise ArrayError(
            f"{path}: {len(column):,} rows, but {vectors.name} holds {vectors.total:,} vectors; give the index of "
            "these vectors, one row for each, in the same order"
        )
    if "id" in table:
        _check_order(path, table["id"].to_numpy())
    rows = np.flatnonzero(column == split)
    if not len(rows):
        there = ", ".join(sorted({str(value) for value in column})[:8])
        raise ArrayError(f"{path}: no picture has split '{split}'; there are {there}")
    return rows


def _check_order(path: Path, ids: np.ndarray) -> None:
    """Refuse rows that were sorted or shuffled: by their ids, where these are the numbers of the rows, once."""
    counted = np.arange(len(ids))
    if ids.dtype.kind in "iu" and (ids != counted).any() and (np.sort(ids) == counted).all():
        raise ArrayError(
            f"{path}: its rows are in another order than its column 'id', 0 to {len(ids) - 1:,}; bring them into the "
            "order of the vectors: table.sort_values('id').to_parquet(...), or drop the column"
        )


def rows_where(
    path: Path, split: str, conditions: Iterable[str], vectors: LatentSet | None = None
) -> np.ndarray:
    """Row numbers of the pictures of a split that fulfil conditions such as ``Smiling=1``, ascending.

    Parameters as `rows_of_split`.

    Raises
    ------
    ArrayError : as `rows_of_split`, an unknown column, or a condition of another form.
    """
    rows = rows_of_split(path, split, vectors)
    with readable(path, "parquet", "run zpoints prepare anew"):
        index = parquet_frame(path)
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals or name not in index.columns:
            columns = ", ".join(index.columns)
            raise ArrayError(
                f"{path}: '{condition}' is no condition NAME=VALUE with a column; there are {columns}"
            )
        column = index[name].iloc[rows]
        rows = rows[_is(column, value.strip())]
    return rows


def _is(column: pd.Series, value: str) -> np.ndarray:
    """Where a column has a value, as text; 1 is 1.0 too, which whole numbers become where some are missing."""
    found = (column.astype(str) == value).to_numpy(bool)
    if not pd.api.types.is_float_dtype(column.dtype):
        return found
    try:
        number = float(value)
    except ValueError:
        return found
    return found | (column == number).fillna(False).to_numpy(bool)


def write_rejected(path: Path, rejected: Iterable[tuple[str, str]]) -> None:
    """Write (source, reason) pairs as CSV. Every field is quoted: a file's name may hold a newline."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write("source,reason\n")
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rejected)

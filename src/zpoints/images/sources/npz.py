"""Pictures as one array of a .npz file, or as one for each split."""

import re
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from zpoints.errors import ArrayError, SourceError
from zpoints.files.arrays.npz import Member, NpzReader
from zpoints.files.arrays.rows import Rows
from zpoints.images.arrays import ArraySource, Layout
from zpoints.images.files import file_mark
from zpoints.images.naming import in_words, split_of
from zpoints.images.source import Options, path_of
from zpoints.images.stacked import Stacked, label_columns

__all__ = ["NpzSource"]

PREFERRED = ("images", "imgs", "data", "x", "arr_0", "X")
"""Names of the array of pictures, best first, where a file holds several arrays."""
OF_PICTURES = frozenset(["", "x", "image", "images", "img", "imgs", "data", "pictures"])
OF_LABELS = frozenset(["y", "label", "labels", "target", "targets"])
"""What is left of an array's name without the word for its split: ``x_train``, ``train_images``, ``trainY``."""
LISTED = 6
"""So many arrays of a file are named in an error."""
MOST_LABELS = 64
"""More numbers for each picture are no labels."""


class NpzSource(ArraySource):
    """The rows of one array of a .npz file, or of its arrays for train, val and test, which are the official split.

    Arrays are read as streams and never held whole. Labels of the same number go into the attributes.
    """

    form = "a .npz"
    in_order = True

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is called .npz."""
        return path.suffix.lower() == ".npz"

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the arrays of pictures of the file that the text means."""
        path = path_of(text)
        readers: list[NpzReader] = []
        try:
            members = NpzReader.members(path, text)
            chosen = _choose(members, text)
            for name in chosen.values():
                readers.append(NpzReader(path, name, text))
            rows: Rows = Stacked(readers, text) if len(readers) > 1 else readers[0]
            mark = f"{file_mark(path)} {' '.join(chosen.values())}"
            source = cls(rows, text, mark, options.count, options.max_megapixels, lazily=False)
            source.tell(path, members, chosen)
            return source
        except BaseException as error:
            for reader in readers:
                reader.close()
            if isinstance(error, ArrayError):
                raise SourceError(str(error)) from error
            raise

    def tell(self, path: Path, members: dict[str, Member], chosen: dict[int, str]) -> None:
        """Note the splits, and the labels in the same file."""
        counts = {code: members[name].shape[0] for code, name in chosen.items()}
        if len(chosen) > 1:
            self.splits = np.repeat(np.array(list(chosen), np.int8), list(counts.values()))[: len(self)]
            used = ", ".join(f"{name:.40}" for name in chosen.values())
            self.remarks = (f"pictures of {used}",)
        labels = {code: _labels_of(members, name, code, counts[code]) for code, name in chosen.items()}
        tables = [self._label_table(path, labels[code], count) for code, count in counts.items()]
        if any(labels.values()):
            self.attributes = pd.concat(tables, ignore_index=True)[: len(self)]
            without = [chosen[code] for code, name in labels.items() if name is None]
            none = f"; none for {', '.join(without)}" if without else ""
            self.remarks += (f"labels in {in_words(self.attributes.shape[1], 'column')}{none}",)
        unused = [name for name in members if name not in {*chosen.values(), *labels.values()}]
        if unused:
            named = ", ".join(f"{name:.40} {members[name].shape}" for name in unused[:LISTED])
            more = f" and {len(unused) - LISTED} more" if len(unused) > LISTED else ""
            self.remarks += (f"not used: {named}{more}",)

    def _label_table(self, path: Path, name: str | None, count: int) -> pd.DataFrame:
        if name is None:
            return pd.DataFrame(index=range(count))
        reader = NpzReader(path, name, self.name)
        values = reader[0:count]
        reader.close()
        return pd.DataFrame(label_columns(values.astype(values.dtype.newbyteorder("="))))


def _choose(arrays: dict[str, Member], name: str) -> dict[int, str]:
    """Choose the arrays of pictures, by split: the only one, the best of the usual names, or one for each split."""
    stacks = [key for key, array in arrays.items() if Layout.of(array.shape)]
    if len(arrays) == 1:
        return {0: next(iter(arrays))}
    if named := [key for key in PREFERRED if key in stacks]:
        return {0: named[0]}
    found: dict[int, list[str]] = {}
    for key in stacks:
        code, rest = _parsed(key)
        if code is not None and rest in OF_PICTURES:
            found.setdefault(code, []).append(key)
    if found and all(len(keys) == 1 for keys in found.values()):
        return {code: found[code][0] for code in sorted(found)}
    if len(stacks) == 1:
        return {0: stacks[0]}
    named_few = [
        f"{key:.40} {array.shape} {array.dtype!s:.40}" for key, array in islice(arrays.items(), LISTED)
    ]
    there = ", ".join(named_few) or "no array"
    if len(arrays) > LISTED:
        there += f" and {len(arrays) - LISTED} more"
    raise SourceError(
        f"{name}: which array holds the pictures? It has {there}; name one of them 'images', or 'x_train' and "
        "'x_test', of shape (N, height, width, channels)"
    )


def _parsed(key: str) -> tuple[int | None, str]:
    """The split in an array's name, and what is left of the name: ``x_train`` and ``trainX`` are (0, "x")."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Za-z][a-z]*|[0-9]+", key)]
    codes = [split_of(word) for word in words if split_of(word) is not None]
    rest = "_".join(word for word in words if split_of(word) is None)
    return (codes[0] if len(codes) == 1 else None), rest


def _labels_of(arrays: dict[str, Member], pictures: str, code: int, count: int) -> str | None:
    """The array of labels that goes with one of pictures: numbers or words, as many, few for each."""
    has_split = _parsed(pictures)[0] is not None
    for key, array in arrays.items():
        split, rest = _parsed(key)
        if rest not in OF_LABELS or split != (code if has_split else None):
            continue
        fits = (
            array.shape[:1] == (count,)
            and len(array.shape) <= 2
            and all(n <= MOST_LABELS for n in array.shape[1:])
        )
        if fits and array.dtype.kind in "biufU" and not (array.fortran and len(array.shape) > 1):
            return key
    return None

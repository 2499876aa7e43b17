"""What the names of files and folders say: which are pictures, which nobody put there, which split, which class."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "PICTURES",
    "ByFolder",
    "by_folder",
    "by_word",
    "free_names",
    "in_words",
    "is_hidden",
    "is_picture",
    "sorted_by_split",
    "split_in",
    "split_of",
    "suffix",
    "tidy",
]

PICTURES = frozenset(
    [
        "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "bmp", "dib", "tif", "tiff", "webp", "avif", "jxl",
        "ppm", "pgm", "pbm", "pnm", "pfm", "tga", "ico", "icns", "jp2", "j2k", "jpx", "jpf", "pcx", "sgi", "rgb",
        "heic", "heif", "rgba", "bw", "dds", "xbm", "xpm", "qoi", "mpo", "psd", "cur", "fits",
    ]
)  # fmt: skip
"""Ends of names by which a folder or an archive is known to hold pictures; what is read does not depend on it."""
JUNK = frozenset(["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin"])
"""What systems leave behind in folders, in small letters."""
SPLIT_WORDS = {
    "train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2,
}  # fmt: skip
TAKEN = ("id", "source", "split")
"""Columns that every index has."""


def suffix(name: str) -> str:
    """The end of a name, small and without its dot: ``jpg``."""
    return name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name else ""


def is_picture(name: str) -> bool:
    """Whether a file is called as pictures are."""
    return suffix(name) in PICTURES


def tidy(name: str) -> str:
    """The name of a member of an archive, its parts parted by ``/``, and without parts that say nothing (``./``).

    Some programs of Windows write a backslash instead.
    """
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for place, part in enumerate(parts) if part != "." or place == len(parts) - 1)


def is_hidden(name: str) -> bool:
    """Whether a path below a root is hidden, a system's own, or climbs out (``..``)."""
    return any(part.startswith(".") or part.lower() in JUNK for part in name.split("/"))


def split_of(word: str) -> int | None:
    """The split that a word means: 0 train, 1 validation, 2 test; None for any other word."""
    return SPLIT_WORDS.get(word.lower())


def split_in(path: str) -> int | None:
    """The split that the name of a file says, as ``train-00000-of-00002.parquet``, or else that of a folder above."""
    for part in reversed(path.split("/")):
        words = re.split(r"[^a-z0-9]+|(?<=[a-z])(?=[0-9])", part.lower())
        codes = {split_of(word) for word in words} - {None}
        if len(codes) == 1:
            return codes.pop()
    return None


def sorted_by_split(codes: Sequence[int | None], counts: Sequence[int]) -> tuple[np.ndarray | None, str]:
    """Splits of items that lie in parts, each part of one split; None where there is but one split, or no train.

    Returns the code of each item, and a remark on parts that name no split.
    """
    named = set(codes) - {None}
    if len(named) < 2 or 0 not in named:
        return None, ""
    unnamed = sum(code is None for code in codes)
    remark = f"{unnamed} of {len(codes)} files name no split, and count as train" if unnamed else ""
    return np.repeat(np.array([code or 0 for code in codes], np.int8), counts), remark


@dataclass(frozen=True)
class ByFolder:
    """What the folders of the pictures say."""

    splits: np.ndarray | None = None
    attributes: pd.DataFrame | None = None
    remarks: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """Part of a fingerprint: the same files once had an index without these."""
        said = [
            word for word, what in (("splits", self.splits), ("class", self.attributes)) if what is not None
        ]
        return "".join(f" {word} by folder" for word in said)


def by_folder(labels: Sequence[str]) -> ByFolder:
    """Read splits and classes off the paths of pictures.

    Folders called train, val and test (or much the same, as ``train_images``) are the official split, on the first
    level that tells pictures apart or on the next one; the first other level with several folders is the class:
    ``train/cat/1.png``, ``cat/train/1.png``, ``cat/1.png``. Folders that all pictures share say nothing.
    """
    folders = [label.split("/")[:-1] for label in labels]
    pictures = [above for above, label in zip(folders, labels, strict=True) if is_picture(label)] or folders
    level = _shared(pictures)
    remarks, splits = [], None
    words = _at(pictures, level)
    below = level + 1
    if _are_splits(words):
        splits = _splits(folders, level)
        level += 1
        level += _shared([above[level:] for above in pictures])
        words = _at(pictures, level)
    elif None not in words and len(words) > 1 and _are_splits(_at(pictures, below)):  # cat/train, dog/train
        splits = _splits(folders, below)
    elif 0 in (codes := {split_of(word) for word in words if word is not None}) and len(codes - {None}) > 1:
        remarks.append(
            "folders of splits lie beside others, and count as classes; name a folder with splits alone"
        )
    classes = words - {None}
    if len(classes) < 2:
        return ByFolder(splits, None, tuple(remarks))
    column = [above[level] if len(above) > level else None for above in folders]
    loose = sum(len(above) <= level for above in pictures)
    remarks.append(
        f"{in_words(len(classes), 'class folder')}, named in the column 'class'"
        + (f"; {in_words(loose, 'picture')} in none" if loose else "")
    )
    return ByFolder(splits, pd.DataFrame({"class": pd.Series(column, dtype="str")}), tuple(remarks))


def _at(paths: Sequence[list[str]], level: int) -> set[str | None]:
    """The folders of a level; None where there is none."""
    return {above[level] if len(above) > level else None for above in paths}


def _are_splits(words: set[str | None]) -> bool:
    """Whether all folders of a level are splits, and one of them is train; train alone tells nothing."""
    codes = {None if word is None else split_in(word) for word in words}
    return None not in codes and 0 in codes and len(codes) > 1


def _splits(folders: Sequence[list[str]], level: int) -> np.ndarray:
    found = [split_in(above[level]) if len(above) > level else 0 for above in folders]
    return np.array([code or 0 for code in found], np.int8)


def _shared(paths: Sequence[list[str]]) -> int:
    """The number of folders that all paths begin with."""
    first, last = min(paths, default=[]), max(paths, default=[])
    return next(
        (k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )


def free_names(names: Iterable[str]) -> dict[str, str]:
    """A name for each column that no column of the index has: ``id`` becomes ``id_there``; none comes twice."""
    found: dict[str, str] = {}
    used = set(TAKEN)
    for name in names:
        free = name or "column"
        while free in used:
            free += "_there"
        used.add(free)
        found[name] = free
    return found


def by_word(values: Iterable[Any]) -> np.ndarray | None:
    """Splits that a column of words says; None if it holds other words, one split only, or no train."""
    words = list(values)
    codes = {word: split_of(word) if isinstance(word, str) else None for word in Counter(words)}
    known = set(codes.values())
    if None in known or 0 not in known or len(known) < 2:
        return None
    return np.array([codes[word] for word in words], np.int8)


def in_words(count: int, noun: str) -> str:
    """A number with its noun: ``1 picture``, ``2,000 pictures``, ``3 class folders``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"

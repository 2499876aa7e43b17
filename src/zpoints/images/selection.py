"""A source without the items that the user leaves out."""

import re
from collections.abc import Sequence
from fnmatch import translate
from pathlib import Path

import numpy as np

from zpoints.errors import SourceError
from zpoints.images.source import Opener, Source

__all__ = ["Selection", "without"]


class Selection(Source):
    """Some items of a source, in its order.

    Parameters
    ----------
    source : the whole.
    patterns : what is left out, by name; see `without`.
    count : at most so many of the others, the first ones; None is all.
    """

    def __init__(self, source: Source, patterns: Sequence[str], count: int | None) -> None:
        self.source, self.patterns = source, tuple(patterns)
        left_out = _matching(source, patterns)
        self.left_out = int(left_out.sum())
        self.items = np.flatnonzero(~left_out)[:count]
        if not len(self.items):
            raise SourceError(
                f"{source.name}: images.leave_out leaves nothing of {len(source):,} files; use other patterns"
            )
        self.name, self.picture_size, self.channels = source.name, source.picture_size, source.channels
        self.default_size, self.default_crop = source.default_size, source.default_crop
        self.held_bytes, self.in_order, self.has_names = source.held_bytes, source.in_order, source.has_names
        self.splits = None if source.splits is None else source.splits[self.items]
        if source.attributes is not None:
            self.attributes = source.attributes.take(self.items).reset_index(drop=True)

    @classmethod
    def recognises(cls, text: str) -> bool:
        """No text means it."""
        return False

    @classmethod
    def of(cls, text: str, options: object) -> "Selection":
        """No text means it."""
        raise SourceError(f"{text}: a selection is made of another source")

    @property
    def natural_size(self) -> tuple[int, int]:
        """That of the whole source."""
        return self.source.natural_size

    def __len__(self) -> int:
        return len(self.items)

    def describe(self) -> str:
        """Say what is left out of what."""
        return f"{self.source.describe()}; {self.left_out:,} of them left out, {len(self):,} used"

    def fingerprint(self) -> str:
        """That of the whole, and what is left out; the settings hold the patterns, too."""
        return f"{self.source.fingerprint()} without {list(self.patterns)}"

    def label(self, item: int) -> str:
        """The name in the whole source."""
        return self.source.label(int(self.items[item]))

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener per item, asked for in runs of neighbours."""
        items = self.items[start:stop]
        runs = np.split(items, np.flatnonzero(np.diff(items) != 1) + 1)
        return [
            opener
            for run in runs
            if len(run)
            for opener in self.source.openers(int(run[0]), int(run[-1]) + 1)
        ]

    def contains(self, path: Path) -> bool:
        """Whether a path lies among the pictures of the whole."""
        return self.source.contains(path)

    def close(self) -> None:
        """Close the whole."""
        self.source.close()


def without(source: Source, patterns: Sequence[str], count: int | None = None) -> Source:
    """The source without the items whose names match a pattern; itself where there is no pattern.

    Parameters
    ----------
    patterns : as a shell knows them: ``*`` any text, ``?`` any letter, ``[abc]`` one of these. Capitals count. A
        pattern with a ``/`` is compared with the whole name, one without with the last part of it.
    count : at most so many of the others, the first ones; None is all.

    Raises
    ------
    SourceError : the source's items have no names, or none is left.
    """
    if not patterns or isinstance(source, Selection):
        return source
    if not source.has_names:
        raise SourceError(
            f"{source.name}: its pictures have numbers, no names, that images.leave_out could match; take it out"
        )
    return Selection(source, patterns, count)


def _matching(source: Source, patterns: Sequence[str]) -> np.ndarray:
    whole = [re.compile(translate(pattern)) for pattern in patterns if "/" in pattern]
    last = [re.compile(translate(pattern)) for pattern in patterns if "/" not in pattern]

    def matches(label: str) -> bool:
        name = label.rpartition("/")[2]
        return any(pattern.match(label) for pattern in whole) or any(pattern.match(name) for pattern in last)

    return np.fromiter((matches(source.label(item)) for item in range(len(source))), bool, len(source))

"""Several sources one after the other, as one."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import pandas as pd

from zpoints.images.naming import by_folder, sorted_by_split, split_in
from zpoints.images.source import Opener, Source

__all__ = ["JoinedSource"]


class JoinedSource(Source):
    """The items of several sources in turn, each called by its source and its own name there.

    Splits and attributes are those of the parts; where these have none, the names of the parts and of the folders in
    them tell.

    Parameters
    ----------
    parts : the sources with their names; closed by this one.
    """

    def __init__(self, name: str, parts: Sequence[tuple[str, Source]], count: int | None) -> None:
        self.name = name
        self.names = [name for name, _ in parts]
        self.parts = [part for _, part in parts]
        self.ends = list(accumulate(len(part) for part in self.parts))
        self.count = min(total := self.ends[-1], count or total)
        self.held_bytes = max(part.held_bytes for part in self.parts)
        self.in_order = any(part.in_order for part in self.parts)
        self.has_names = all(part.has_names for part in self.parts)
        self.default_crop = self.parts[0].default_crop
        self.remarks = tuple(
            f"{name}: {remark}" for name, part in parts for remark in part.remarks if "class" not in remark
        )
        self.found = ""
        self._tell()

    def __len__(self) -> int:
        return self.count

    def fingerprint(self) -> str:
        """Join the fingerprints of the parts."""
        digest = hashlib.sha256()
        for name, part in zip(self.names, self.parts, strict=True):
            digest.update(f"\0{name}\0{part.fingerprint()}".encode("utf-8", "backslashreplace"))
        return f"joined {digest.hexdigest()}{self.found}"

    def label(self, item: int) -> str:
        """Return the part and the name of the item there: ``shard-0.tar/0001.jpg``."""
        number = bisect_right(self.ends, item)
        before = self.ends[number - 1] if number else 0
        return f"{self.names[number]}/{self.parts[number].label(item - before)}"

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return the openers of all parts that the range touches."""
        found: list[Opener] = []
        first = bisect_right(self.ends, start)
        for number in range(first, len(self.parts)):
            before = self.ends[number - 1] if number else 0
            if before >= stop:
                break
            found += self.parts[number].openers(max(start - before, 0), min(stop, self.ends[number]) - before)
        return found

    def contains(self, path: Path) -> bool:
        """Whether a path lies among the pictures of a part."""
        return any(part.contains(path) for part in self.parts)

    def close(self) -> None:
        """Close all parts."""
        for part in self.parts:
            part.close()

    def _tell(self) -> None:
        counts = [len(part) for part in self.parts]
        splits, remark = sorted_by_split([split_in(name) for name in self.names], counts)
        if any(part.attributes is not None for part in self.parts) and "class" not in self._columns():
            # A part without attributes has empty cells.
            tables = [
                part.attributes if part.attributes is not None else pd.DataFrame(index=range(len(part)))
                for part in self.parts
            ]
            self.attributes = pd.concat(tables, ignore_index=True)[: self.count]
        else:
            found = by_folder([self.label(item) for item in range(self.count)])
            self.attributes = found.attributes
            splits = found.splits if splits is None else splits
            self.found = found.mark
            self.remarks += found.remarks
        if splits is not None:
            self.splits = np.asarray(splits[: self.count])
        self.remarks += (remark,) * bool(remark)

    def _columns(self) -> set[str]:
        return {
            str(name)
            for part in self.parts
            if part.attributes is not None
            for name in part.attributes.columns
        }

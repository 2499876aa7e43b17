"""What a preparation has finished, noted so that it survives a kill at any moment."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.files.atomic import atomic_path
from zpoints.system.disk import writing

__all__ = ["Block", "Journal"]


@dataclass(frozen=True)
class Block:
    """A finished range of items: `number` of them from `first` on, `rejected` those of them without a row.

    `notes` counts what the others have lost; see `zpoints.images.remarks`.
    """

    first: int
    number: int
    rejected: tuple[tuple[int, str], ...]
    seconds: float
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> np.ndarray:
        """The items whose pictures were written, in order."""
        items = np.arange(self.first, self.first + self.number)
        return np.setdiff1d(items, np.array([item for item, _ in self.rejected], dtype=items.dtype))


class Journal:
    """A file of JSON lines that only grows: first the key of the work and what was decided, then one block each.

    A journal of other work, or one that cannot be read, counts as empty. A last line that a kill has cut is
    ignored.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        self.decided: dict[str, Any] = {}
        self.blocks: list[Block] = []
        self._read()

    @property
    def items(self) -> int:
        """Number of items that are finished."""
        return sum(block.number for block in self.blocks)

    @property
    def rows(self) -> int:
        """Number of pictures that were written."""
        return sum(block.number - len(block.rejected) for block in self.blocks)

    @property
    def notes(self) -> Counter[str]:
        """What all pictures together have lost."""
        total: Counter[str] = Counter()
        for block in self.blocks:
            total.update(block.notes)
        return total

    def restart(self, decided: dict[str, Any], rows: int) -> None:
        """Keep the blocks that fit into the first `rows` rows; write the file anew, without a cut line.

        Blocks of which something else was decided are none.
        """
        if decided != self.decided:
            self.blocks.clear()
        self.decided = decided
        while self.rows > rows:
            self.blocks.pop()
        lines = [{"key": self.key, "decided": decided}, *map(asdict, self.blocks)]
        with atomic_path(self.path) as temporary:
            temporary.write_text("".join(map(_line, lines)), encoding="utf-8")

    def add(self, block: Block) -> None:
        """Note a block whose rows are safely on disk."""
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(_line(asdict(block)))
            file.flush()
            os.fsync(file.fileno())
        self.blocks.append(block)

    def _read(self) -> None:
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]  # a whole line ends in a newline
            head = json.loads(lines[0])
            if head["key"] != self.key or not isinstance(head["decided"], dict):
                return
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return
        self.decided = head["decided"]
        for line in lines[1:]:
            block = _block(line)
            if block is None or block.first != self.items:
                return
            self.blocks.append(block)


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content) + "\n"


def _block(line: str) -> Block | None:
    try:
        content = json.loads(line)
        rejected = tuple((int(item), str(reason)) for item, reason in content.pop("rejected"))
        notes = {str(name): int(count) for name, count in content.get("notes", {}).items()}
        block = Block(
            int(content["first"]), int(content["number"]), rejected, float(content["seconds"]), notes
        )
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return None
    items = {item for item, _ in rejected}
    inside = block.number > 0 and all(0 <= item - block.first < block.number for item in items)
    return block if inside and len(items) == len(rejected) and isfinite(block.seconds) else None

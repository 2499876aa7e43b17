"""The order of names that hold numbers."""

import re

__all__ = ["natural"]


def natural(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts ``shard-2`` before ``shard-10``.

    Examples
    --------
    >>> sorted(["shard-10", "shard-2"], key=natural)
    ['shard-2', 'shard-10']
    """
    # [0-9], since int() does not take all that \\d takes; long runs of digits are compared as text
    parts = re.split(r"([0-9]{1,18})", name)
    return [(0, int(part)) if place % 2 else (1, part) for place, part in enumerate(parts)]

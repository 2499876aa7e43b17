"""Numbers of bytes as people write them: ``4GiB``, ``800 MiB``, ``15 GB``."""

import re

__all__ = ["GIB", "KIB", "MIB", "in_words", "parsed"]

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
UNITS = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": KIB,
    "mib": MIB,
    "gib": GIB,
    "tib": 1 << 40,
    # What tools that know only one kind of unit mean by it.
    "k": KIB,
    "m": MIB,
    "g": GIB,
    "t": 1 << 40,
}


def parsed(text: str) -> int:
    """Bytes that a text means: a number and a unit, ``1.5GiB`` (2**30 bytes each) or ``1.5GB`` (10**9).

    Raises
    ------
    ValueError : no such text, or less than one byte.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text.lower()) if text.isascii() else None
    if not found or found.group(2) not in UNITS:
        raise ValueError("a size is a number and a unit, as in 4GiB, 800MiB or 15GB")
    size = int(float(found.group(1)) * UNITS[found.group(2)])
    if not 1 <= size < 1 << 62:
        raise ValueError("a size is at least one byte, and less than 4 EiB")
    return size


def in_words(size: float) -> str:
    """As people read it: ``640 MiB``, ``4.0 GiB``."""
    return f"{size / MIB:.0f} MiB" if size < GIB else f"{size / GIB:,.1f} GiB"

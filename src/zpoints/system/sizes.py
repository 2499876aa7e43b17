"""Numbers of bytes as people read them: ``640 MiB``, ``4.0 GiB``."""

__all__ = ["GIB", "KIB", "MIB", "in_words"]

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def in_words(size: float) -> str:
    """As people read it: ``640 MiB``, ``4.0 GiB``."""
    return f"{size / MIB:.0f} MiB" if size < GIB else f"{size / GIB:,.1f} GiB"

"""Numbers of bytes and times as people read them: ``640 MiB``, ``4.0 GiB``; ``40 s``, ``2 h 53 min``."""

__all__ = ["GIB", "KIB", "MIB", "clock", "in_words"]

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def in_words(size: float) -> str:
    """A number of bytes as people read it.

    Examples
    --------
    >>> in_words(300_000), in_words(640 << 20), in_words(4 << 30)
    ('293 KiB', '640 MiB', '4.0 GiB')
    """
    if size < MIB:
        return f"{size / KIB:.0f} KiB" if size >= KIB else f"{size:.0f} bytes"
    return f"{size / MIB:.0f} MiB" if size < GIB else f"{size / GIB:,.1f} GiB"


def clock(seconds: float) -> str:
    """A time as people say it.

    Examples
    --------
    >>> clock(0.2), clock(40), clock(540), clock(10_380)
    ('1 s', '40 s', '9 min', '2 h 53 min')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"

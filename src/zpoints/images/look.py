"""A look at pictures from all parts of a source, before the work: what is white, and is there any colour?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.decoding import Facts
from zpoints.images.scales import White
from zpoints.images.source import Opener, Source

__all__ = ["Look", "look_at", "spread"]

ENOUGH = 64
"""So many readable pictures decide."""
MOST = 1024
"""So many files are tried to find them."""
RUN = 4
"""Neighbours that are read at once, where a source reads in blocks."""
REACH = 2**29
"""Bytes of a source that can only be read in order, of which a look goes through no more."""
DEPTHS = (8, 10, 12, 14)
"""Bits that cameras and scanners put into numbers of 16."""
ALPHA_SHARE, SAME_SHARE = 0.9, 0.9
"""A fourth channel is a transparency if it has mostly no value or the full one, and is not mostly the third again."""
NO_ALPHA = (
    "four channels, of which the fourth is no transparency: frames, bands or vectors; give one channel (N, height, "
    "width) or three; vectors are for `zpoints analyse`"
)


@dataclass(frozen=True)
class Look:
    """What was decided for all pictures of a source.

    Attributes
    ----------
    channels : 1 (grey) or 3.
    white : what is shown as white.
    looked : pictures that were looked at.
    remarks : what was decided that a user may want otherwise, a line each.
    """

    channels: Literal[1, 3]
    white: White
    looked: int = 0
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self) | {"remarks": list(self.remarks)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self | None:
        """Read what `to_json` gave; None if it is something else."""
        try:
            look = cls(
                content["channels"],
                White(**content["white"]),
                int(content["looked"]),
                tuple(map(str, content["remarks"])),
            )
        except (KeyError, TypeError, ValueError):
            return None
        return look if look.channels in (1, 3) and look.to_json() == content else None


def look_at(
    source: Source,
    settings: ImageSettings,
    facts: Callable[[Sequence[Opener]], list[Facts | str]],
) -> Look:
    """Decide what all pictures of a source have in common.

    Parameters
    ----------
    facts : decodes some pictures and says what each is, or why it cannot be used.

    Raises
    ------
    SourceError : an array whose values cannot be shown, or whose four channels are no colours.
    """
    grey: Literal[1, 3] | None = None if settings.colour == "auto" else 1 if settings.colour == "grey" else 3
    known = grey or source.channels
    white = None if settings.white == "auto" else White.of(settings.white)
    if source.word is not None and known:  # a built-in source is what its name says
        return Look(known, white or White())
    found = list(_found(source, facts))
    _check_alpha(source, found)
    remarks: tuple[str, ...] = ()
    if white is None:
        white, remarks = _white(found)
    _check_values(source, found, white)
    is_grey = bool(found) and all(one.is_grey for one in found)
    return Look(known or (1 if is_grey else 3), white, len(found), remarks)


def spread(count: int) -> Iterator[int]:
    """All numbers below `count`, each once, the first ones evenly spread: halves, quarters, eighths, ...

    Examples
    --------
    >>> list(spread(6))
    [0, 3, 1, 4, 2, 5]
    """
    bits = max(count - 1, 0).bit_length()
    seen: set[int] = set()
    for number in range(1 << bits if count else 0):
        mirrored = int(f"{number:0{bits}b}"[::-1], 2) if bits else 0
        place = mirrored * count >> bits
        if place not in seen:
            seen.add(place)
            yield place


def _found(source: Source, facts: Callable[[Sequence[Opener]], list[Facts | str]]) -> list[Facts]:
    """The first readable pictures of a spread over the source."""
    reach = len(source)
    if source.in_order:
        reach = min(reach, max(ENOUGH, REACH // max(1, source.held_bytes)))
    step = RUN if source.held_bytes else 1
    starts = spread(-(-reach // step))
    found: list[Facts] = []
    tried = 0
    while len(found) < ENOUGH and tried < min(MOST, reach):
        some = [start for _, start in zip(range(ENOUGH // step), starts, strict=False)]
        if not some:
            break
        # In their order: a source that reads forward only goes through its file once.
        openers = [
            opener
            for start in sorted(some)
            for opener in source.openers(start * step, min((start + 1) * step, reach))
        ]
        tried += len(openers)
        found += [one for one in facts(openers) if not isinstance(one, str)]
    return found


def _white(found: Sequence[Facts]) -> tuple[White, tuple[str, ...]]:
    """What is white by the largest values found; and what is to be said of it."""
    highest = {
        kind: max((one.high for one in found if one.kind == kind), default=None)
        for kind in ("bytes", "halves", "integers")
    }
    white, remarks = White(), []
    seen = f"in the {len(found):,} pictures looked at"
    if highest["bytes"] == 1:
        white = White(bytes=1)
        remarks.append(f"no value but 0 and 1 was found {seen}: 1 is shown as white")
    if (high := highest["halves"]) is not None and 0 < high < 64:  # 14 bits or less
        white = White(white.bytes, None)
    high = highest["integers"]
    if high is not None and 0 < high <= 65535:
        bits = next((bits for bits in DEPTHS if high < 1 << bits), 16)
        top = 1 if high == 1 else (1 << bits) - 1
        white = White(white.bytes, white.halves, top)
        if top < 65535:
            depth = "" if top == 1 else f" ({bits} bits)"
            remarks.append(
                f"values up to {high:,.0f} were found {seen}: {top:,}{depth} is shown as white; images.white sets "
                "another value"
            )
    return white, tuple(remarks)


def _check_alpha(source: Source, found: Sequence[Facts]) -> None:
    counts = [one.alpha for one in found if one.alpha is not None]
    if not counts:
        return
    pixels, extreme, full, same = np.sum(counts, axis=0)
    if full == pixels or (full and extreme >= ALPHA_SHARE * pixels and same < SAME_SHARE * pixels):
        return
    raise SourceError(f"{source.name}: {NO_ALPHA}")


def _check_values(source: Source, found: Sequence[Facts], white: White) -> None:
    """Refuse an array of which most pictures would be rejected for the same simple reason."""
    if source.has_names:  # files of all kinds: each has its own reason
        return
    problems = [problem for one in found if (problem := white.problem(one.kind, one.low, one.high))]
    if 2 * len(problems) > len(found):
        raise SourceError(f"{source.name}: {problems[0]}; give uint8, or floats in 0..1")

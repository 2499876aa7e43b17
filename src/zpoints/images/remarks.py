"""What pictures lose when they are prepared, in lines for the screen: nothing is lost in silence."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from zpoints.config import ImageSettings
from zpoints.images.look import Look

__all__ = ["NOTES", "left_out", "remarks"]

NOTES = {
    "grey": "{of} have colours and were made grey, as the {looked} looked at are; images.colour = 'rgb' keeps them",
    "stretched": "{of} were stretched to the shape {size}; images.crop = 'auto' cuts them instead",
    "clipped": "{of} hold values brighter than white, and lose what is brighter; images.white sets another white",
    "profile": "{of} have a colour profile that cannot be used, and are shown without it",
    "frames": "{of} are files of several frames or pages; the first one of each is used",
    "dark": "{of} are nearly black: no value reaches 32 of 255; images.white sets a darker white",
}
"""What is counted of pictures, and how it is said."""
MOSTLY = ("dark",)
"""Said only of more than half of the pictures: night is dark, too."""


def remarks(
    settings: ImageSettings, look: Look, notes: Mapping[str, int], count: int, size: tuple[int, int]
) -> list[str]:
    """What was decided and what was lost, a line each.

    Parameters
    ----------
    notes : how many pictures have lost what, by the names of `NOTES`.
    count : of all pictures that were prepared.
    size : (height, width) that they have now.
    """
    lines = list(look.remarks)
    shape = "x".join(map(str, size))
    for name, text in NOTES.items():
        number = notes.get(name, 0)
        asked = name == "grey" and settings.colour == "grey"
        if number and not asked and (name not in MOSTLY or 2 * number > count):
            of = f"{number:,} of {count:,} pictures"
            lines.append(text.format(of=of, looked=look.looked, size=shape))
    return lines


def left_out(rejected: Sequence[tuple[str, str]]) -> str:
    """The reason why most of the rejected items were left out; nothing where there is none.

    Reasons that differ in their numbers alone are one: the first of them is told.
    """
    if not rejected:
        return ""
    kinds = [re.sub(r"[\d.e+-]*\d", "0", reason) for _, reason in rejected]
    most = Counter(kinds).most_common(1)[0][0]
    return rejected[kinds.index(most)][1]

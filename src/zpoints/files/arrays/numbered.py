"""Columns that are numbered belong together: z0, z1, z2, or 0 to 511; a loss or an age beside them does not."""

import re
from collections.abc import Sequence

__all__ = ["families"]

DIGITS = re.compile(r"\d+")


def families(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names that differ in their numbers alone, and are counted from 0 or 1, by what they share.

    Examples
    --------
    >>> families(["z0", "loss", "z1", "od280", "od315"])
    {'z#': ('z0', 'z1')}
    >>> families(["mu_1", "mu_2", "logvar_1", "logvar_2"])
    {'mu_#': ('mu_1', 'mu_2'), 'logvar_#': ('logvar_1', 'logvar_2')}
    """
    found: dict[str, list[str]] = {}
    for name in names:
        if DIGITS.search(name):
            found.setdefault(DIGITS.sub("#", name), []).append(name)
    return {shared: tuple(each) for shared, each in found.items() if _is_counted(each)}


def _is_counted(names: list[str]) -> bool:
    """Whether the last numbers leave none out. Those before them may be anything: z_0_1 is of a grid."""
    numbers = sorted({int(DIGITS.findall(name)[-1]) for name in names})
    return len(names) > 1 and numbers[0] <= 1 and numbers[-1] - numbers[0] + 1 == len(numbers)

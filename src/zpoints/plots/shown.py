"""What the figures of an analysis share: the rows of a basis, the vectors themselves, and refusals in one line."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from zpoints.analysis.result import BASES, Analysis, Basis
from zpoints.errors import ArrayError, UsageError
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import collect

__all__ = [
    "axis_label",
    "check_basis",
    "check_components",
    "coordinates",
    "living_components",
    "rows_of_planes",
    "vectors_of",
]


def check_basis(basis: str) -> None:
    """Raises UsageError: it is neither ``"z"`` nor ``"pca"``."""
    if basis not in BASES:
        raise UsageError(
            f"basis '{basis!s:.40}': take 'z' (the latent components) or 'pca' (the principal axes)"
        )


def axis_label(basis: Basis) -> str:
    """What one axis of the basis is called."""
    return "component" if basis == "z" else "principal axis"


def check_components(a: Analysis, chosen: Iterable[int], basis: Basis) -> list[int]:
    """The numbers as a list. Raises UsageError: there is no component or principal axis of that number."""
    check_basis(basis)
    numbers = [int(number) for number in chosen]
    count = len(a.components_of(basis))
    if outside := [number for number in numbers if not 0 <= number < count]:
        raise UsageError(f"no {axis_label(basis)} {outside[0]}; there are 0 to {count - 1}")
    _refuse_dead(a, numbers, basis)
    return numbers


def living_components(a: Analysis, basis: Basis) -> pd.DataFrame:
    """The rows of `Analysis.components_of` without the dead ones: what has a distribution to show."""
    table = a.components_of(basis)
    return table[~table["dead"]]


def _refuse_dead(a: Analysis, numbers: list[int], basis: Basis) -> None:
    if dead := [number for number in numbers if a.components_of(basis).at[number, "dead"]]:
        raise UsageError(f"component {dead[0]} is constant: there is nothing to show; choose another one")


def rows_of_planes(a: Analysis, pairs: Iterable[tuple[int, int]], basis: Basis) -> pd.DataFrame:
    """Rows of the table of planes, with columns i and j in the order that is asked for.

    Raises
    ------
    UsageError : there is no such plane.
    """
    check_basis(basis)
    asked = [(int(i), int(j)) for i, j in pairs]
    table = a.planes_of(basis)
    count = len(a.components_of(basis))
    for i, j in asked:
        if i == j or not (0 <= i < count and 0 <= j < count):
            raise UsageError(
                f"no plane ({i}, {j}); take two different numbers of 0 to {count - 1}, of {axis_label(basis)}s"
            )
    _refuse_dead(a, [number for pair in asked for number in pair], basis)
    if not asked:
        return table.head(0).reset_index()
    rows = table.loc[[(min(pair), max(pair)) for pair in asked]].reset_index()
    return rows.assign(i=[i for i, _ in asked], j=[j for _, j in asked])


def vectors_of(a: Analysis, latents: Any = None) -> LatentSet:
    """The vectors that were analysed.

    Raises
    ------
    UsageError : the analysis was loaded without them.
    ArrayError : those that are given have another number of components.
    """
    source = a.latents if latents is None else latents
    if source is None:
        raise UsageError(
            "this figure shows the vectors, and an analysis that was loaded does not hold them; give them: "
            "latents=... here or in Analysis.load"
        )
    found = LatentSet.open(source)
    if found.dimension != a.summary.d:
        raise ArrayError(
            f"{found.name}: {found.dimension} components, where the analysis has {a.summary.d}; give the vectors "
            "that were analysed"
        )
    return found


def coordinates(a: Analysis, latents: LatentSet, used: list[int], basis: Basis) -> np.ndarray:
    """(n, len(used)) values of all vectors along the axes that are used, and along no other."""
    if basis == "z":
        return latents.columns(used)
    pca = a.distribution.pca
    axes = (pca.axes[used] / pca.scale).T
    return collect(latents, lambda block: (block - pca.mean) @ axes)

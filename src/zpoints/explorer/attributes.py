"""What is known of the pictures besides their pixels: values to colour points by, and directions in latent space."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Float32

from zpoints.errors import UsageError
from zpoints.explorer.space import Space
from zpoints.vectors.reduce import Numbered, reduce

__all__ = ["Attribute", "attributes_of", "described", "direction", "directions", "find", "possible"]

CLASSES = 32  # more values than these are no classes


@dataclass(frozen=True, eq=False)
class Attribute:
    """One column of an index.

    Attributes
    ----------
    name : of the column.
    kind : ``"yes or no"``, ``"class"`` or ``"number"``.
    classes : names of the values, of classes and of yes or no.
    values : of each vector: the number of its class, or the number itself; NaN where nothing is known.
    """

    name: str
    kind: Literal["yes or no", "class", "number"]
    classes: tuple[str, ...]
    values: Float32[np.ndarray, " n"]


def attributes_of(index: pd.DataFrame) -> list[Attribute]:
    """The columns that say something: two values at least, and texts only where they are classes."""
    found = (_attribute(str(name), index[name]) for name in index.columns)
    return [attribute for attribute in found if attribute is not None]


def _attribute(name: str, column: pd.Series) -> Attribute | None:
    known = column.dropna()
    try:
        different = sorted(known.unique())
    except TypeError:  # lists, and values that have no order
        return None
    if len(different) < 2:
        return None
    numbers = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    if len(different) == 2 and numbers:
        values = np.where(column.isna(), np.nan, (column == different[1]).astype(np.float32))
        return Attribute(name, "yes or no", ("no", "yes"), values.astype(np.float32))
    if len(different) <= CLASSES:
        codes = pd.Categorical(column, categories=different).codes.astype(np.float32)
        return Attribute(
            name, "class", tuple(str(value) for value in different), np.where(codes < 0, np.nan, codes)
        )
    if numbers:
        return Attribute(name, "number", (), column.to_numpy(np.float32, na_value=np.nan))
    return None


def described(attribute: Attribute) -> dict[str, Any]:
    """In plain values: name, kind, classes, and the numbers of those that have a direction."""
    return {
        "name": attribute.name,
        "kind": attribute.kind,
        "classes": list(attribute.classes),
        "directions": possible(attribute),
    }


def find(space: Space, name: str) -> Attribute:
    """The attribute of that name.

    Raises
    ------
    UsageError : there is none.
    """
    if name in space.index.columns and (found := _attribute(name, space.index[name])):
        return found
    raise UsageError(f"no attribute '{name:.40}' here")


def direction(space: Space, name: str, chosen: int = 1) -> Float[np.ndarray, " d"]:
    """What to add to a vector to give it an attribute; see `directions`.

    Raises
    ------
    UsageError : no such attribute or class, or fewer than 2 vectors on either side.
    """
    return directions(space, [(find(space, name), chosen)])[0]


def directions(space: Space, wanted: "list[tuple[Attribute, int]]") -> Float[np.ndarray, "w d"]:
    """What to add to a vector to give it attributes, in one reading of the vectors.

    Of a class and of yes or no, the mean of the vectors that have it less the mean of those that do not (Larsen et
    al., 2016, https://arxiv.org/abs/1512.09300). Of a number, the change of the vectors' mean with it, by least
    squares, for one standard deviation of the number.

    Parameters
    ----------
    wanted : attributes, each with the number of a class.
    """
    if not wanted:
        return np.empty((0, space.latents.dimension))
    weights = np.stack([_weights(attribute, chosen) for attribute, chosen in wanted])

    def part(first: int, block: np.ndarray) -> np.ndarray:
        return weights[:, first : first + len(block)] @ np.asarray(block, np.float64)

    found: np.ndarray = reduce(space.latents, Numbered(part))
    return found


def possible(attribute: Attribute) -> list[int]:
    """Numbers of the classes that have a direction: 2 vectors at least on either side."""
    if attribute.kind == "number":
        return [1]
    known = int(np.isfinite(attribute.values).sum())
    counts = [int((attribute.values == number).sum()) for number in range(len(attribute.classes))]
    wanted = [1] if attribute.kind == "yes or no" else range(len(counts))
    return [number for number in wanted if min(counts[number], known - counts[number]) >= 2]


def _weights(attribute: Attribute, chosen: int) -> Float[np.ndarray, " n"]:
    """What each vector counts for in a direction."""
    values = attribute.values.astype(np.float64)
    known = np.isfinite(values)
    if attribute.kind == "number":
        off = np.where(known, values - values[known].mean(), 0.0)
        return off * (off[known].std() / (off @ off))
    has = known & (values == chosen)
    without = known & ~has
    if not 0 <= chosen < len(attribute.classes) or min(has.sum(), without.sum()) < 2:
        raise UsageError(
            f"attribute '{attribute.name:.40}': {has.sum():,} vectors have it and {without.sum():,} do not; a "
            "direction needs 2 of each"
        )
    return has / has.sum() - without / without.sum()

"""What cannot be measured, refused in one line that says where it is and what to do."""

from typing import NoReturn

import numpy as np

from zpoints.errors import ArrayError
from zpoints.statistics.living import Living
from zpoints.statistics.moments import Moments
from zpoints.vectors.latent_set import LatentSet

__all__ = ["living_of", "refuse_not_finite"]


def refuse_not_finite(latents: LatentSet, block: np.ndarray, start: int) -> NoReturn:
    """Name the first value of a block that is NaN or infinite; if there is none, its sums were too large.

    Parameters
    ----------
    start : place of the block's first vector among those of `latents`.
    """
    wrong = np.argwhere(~np.isfinite(block))
    if not len(wrong):
        _refuse_too_large(latents)
    row, component = wrong[0]
    number = start + row if latents.rows is None else latents.rows[start + row]
    value = block[row, component]
    raise ArrayError(
        f"{latents.name}: vector {number}, component {component} is {value}; "
        "drop vectors with NaN or infinity first, as in z[np.isfinite(z).all(axis=1)]"
    )


def living_of(latents: LatentSet, moments: Moments, vector: np.ndarray) -> Living:
    """Which components live; refuses values too large for their fourth powers, and vectors that are all the same.

    Parameters
    ----------
    moments : of all vectors of `latents`. vector : any of them.
    """
    if not np.isfinite(moments.fourth).all():
        _refuse_too_large(latents)
    living = Living.among(moments, vector)
    if len(living.dead) == living.dimension:
        raise ArrayError(
            f"{latents.name}: all {living.dimension} component(s) are constant: all {moments.n} vectors are the "
            "same, and have no distribution; give vectors that vary"
        )
    return living


def _refuse_too_large(latents: LatentSet) -> NoReturn:
    raise ArrayError(
        f"{latents.name}: values are too large for their fourth powers; divide them by a constant first"
    )

"""What cannot be measured, refused in one line that says where it is and what to do."""

from typing import NoReturn

import numpy as np

from zpoints.errors import ArrayError
from zpoints.statistics.moments import Moments
from zpoints.vectors.latent_set import LatentSet

__all__ = ["check_moments", "refuse_not_finite"]


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


def check_moments(
    latents: LatentSet, moments: Moments, remedy: str = "drop it, as in z[:, z.std(axis=0) > 0]"
) -> None:
    """Refuse values too large for their fourth powers, and constant components.

    Parameters
    ----------
    moments : of all vectors of `latents`.
    remedy : what to do about a constant component.
    """
    if not np.isfinite(moments.fourth).all():
        _refuse_too_large(latents)
    # Rounding of the mean leaves a constant component a scatter of this order.
    rounding = moments.n * (4 * np.finfo(np.float64).eps * np.abs(moments.mean)) ** 2
    constant = np.flatnonzero(np.diagonal(moments.scatter) <= rounding)
    if len(constant):
        more = f" and {len(constant) - 1} more" if len(constant) > 1 else ""
        raise ArrayError(
            f"{latents.name}: component {constant[0]}{more} is constant ({moments.mean[constant[0]]:g} in all "
            f"{moments.n} vectors) and has no distribution; {remedy}"
        )


def _refuse_too_large(latents: LatentSet) -> NoReturn:
    raise ArrayError(
        f"{latents.name}: values are too large for their fourth powers; divide them by a constant first"
    )

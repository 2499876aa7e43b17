"""What the outer vectors do: how many each cut drops, how the axes turn without them, and the robust core."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from zpoints.analysis.readings import SAMPLE
from zpoints.statistics.core import Core, CoreStep, robust_core
from zpoints.statistics.cuts import CutMoments, expected_survivors, independent_survivors
from zpoints.statistics.ellipses import Ellipses
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.planes import PlaneCounts
from zpoints.statistics.regions import Regions
from zpoints.vectors.views import LongBlocks

__all__ = [
    "CORE_STEPS",
    "LEADING",
    "CoreFound",
    "core_of_sample",
    "core_summary",
    "next_core",
    "survivors",
    "turn_table",
    "turns",
]

LEADING = 10
"""Principal axes whose turn is followed, and whose 45 planes are."""

CORE_STEPS = 2
"""Readings of all vectors that follow the iteration on a sample of them."""

FEWEST_PER_AXIS = (
    3  # a core needs more vectors than dimensions, and tells something from so many times as many
)


@dataclass(frozen=True, eq=False)
class CoreFound:
    """The robust core, or why there is none."""

    core: Core | None
    reason: str = ""


def core_of_sample(sample: Float[np.ndarray, "s d"]) -> CoreFound:
    """Iterate on the sample alone."""
    n, d = sample.shape
    if n < FEWEST_PER_AXIS * d:
        return CoreFound(
            None, f"{n} vectors are too few for a core in {d} dimensions ({FEWEST_PER_AXIS * d} needed)"
        )
    try:
        return CoreFound(robust_core(sample))
    except ValueError as error:
        return CoreFound(None, str(error))


def next_core(core: Core, step: CoreStep) -> CoreFound:
    """The core after one more step, over all vectors."""
    if step.kept is None or step.kept.n <= len(core.mean) + 1:
        return CoreFound(None, "no vectors within the core's radius")
    return CoreFound(step.core(core.iterations + 1, core.converged))


def survivors(cut_moments: CutMoments, moments: Moments) -> list[dict[str, float]]:
    """Per factor: survivors, and what an ideal normal cloud with these correlations would have left.

    Its centre is its mean and its FWHM 2.3548 standard deviations. The measured ones would not do: a standard
    deviation that tails have widened, against a FWHM that follows the core, makes the cut a tight one, and a cloud
    that loses half of its vectors to its tails would seem to do as a normal one does.
    """
    share, error = expected_survivors(moments.pearson, factors=cut_moments.factors)
    return [
        {
            "factor": factor,
            "survivors": int(cut_moments.survivors[k]),
            "share": float(cut_moments.share[k]),
            "normal_share": float(share[k]),
            "normal_share_error": float(error[k]),
            "independent_share": independent_survivors(moments.dimension, factor),
        }
        for k, factor in enumerate(cut_moments.factors)
    ]


def turns(cut_moments: CutMoments, whole: PCA) -> tuple[list[dict[str, Any]], list[tuple[float, PCA]]]:
    """Turn of the leading axes by each cut, and the cuts with their axes, from none (infinity) to the closest."""
    leading = min(LEADING, whole.rank)
    found: list[dict[str, Any]] = []
    cuts = [(float("inf"), whole)]
    for k in reversed(range(len(cut_moments.factors))):
        left = cut_moments.moments(k)
        if left is None or left.n <= left.dimension:
            break
        pca = PCA.of_moments(left)
        if pca.rank < leading:
            break
        cuts.append((cut_moments.factors[k], pca))
        found.append(
            {
                "factor": cut_moments.factors[k],
                "axis_turn": [float(angle) for angle in pca.turn(whole, leading)],
                "largest_subspace_angle": float(pca.subspace_angles(whole, leading).max()),
            }
        )
    return found[::-1], cuts


def turn_table(cuts: list[tuple[float, PCA]], found: tuple[LongBlocks, ...], n: int) -> pd.DataFrame:
    """The inner contour (39 %) of every plane of the leading axes, beside its ellipse, at every cut.

    One row per cut and plane (i, j): factor, share kept, turn (degrees, from the ellipse's major axis to the
    contour's), axis_ratio (the contour's over the ellipse's), shift and agreement (`statistics.regions`), and
    ellipse_ratio, the ellipse's own minor over major axis: of a round one, the turn means nothing.

    Parameters
    ----------
    cuts : what `turns` gave. found : the answers to `readings.inner_planes`. n : number of all vectors.
    """
    if not found:
        return pd.DataFrame({"factor": np.empty(0), "i": np.empty(0, np.int64), "j": np.empty(0, np.int64)})
    rows = [_rows(*cut, counts.finished(), n) for cut, counts in zip(cuts, found, strict=True)]
    return pd.concat(rows, ignore_index=True)


def _rows(factor: float, pca: PCA, counts: PlaneCounts, n: int) -> pd.DataFrame:
    i, j = counts.group.pairs
    std = np.sqrt(pca.variance)
    regions, r = Regions.of(counts), np.zeros(len(i))
    turn, ratio = regions.axes(std[i], std[j], r)
    ellipses = Ellipses.of(std[i], std[j], r)
    return pd.DataFrame(
        {
            "factor": factor,
            "kept": counts.n / n,
            "i": i,
            "j": j,
            "turn": turn[:, 0],
            "axis_ratio": ratio[:, 0],
            "shift": regions.shift[:, 0],
            "agreement": regions.agreement[:, 0],
            "ellipse_ratio": ellipses.half_axis_minor / ellipses.half_axis_major,
        }
    )


def core_summary(found: CoreFound, whole: PCA) -> dict[str, Any]:
    """Scalars of the core: the share inside beside a normal cloud's, and how its axes lie to those of all vectors."""
    core = found.core
    if core is None:
        return {"found": False, "reason": found.reason}
    axes = core.pca
    leading = min(LEADING, whole.rank, axes.rank)
    return {
        "found": True,
        "share": core.share,
        "normal_share": core.level,
        "vectors": core.kept,
        "radius": core.radius,
        "iterations": core.iterations,
        "converged": core.converged,
        "sample": min(core.n, SAMPLE),
        "axis_turn": [float(angle) for angle in axes.turn(whole, leading)],
        "variance_ratio": float(np.trace(core.covariance) / whole.variance.sum()),
    }

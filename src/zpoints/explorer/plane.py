"""One plane of two components or principal axes: density of all vectors, dots, and the two number densities."""

from typing import Any

import numpy as np
from jaxtyping import Float

from zpoints.analysis.result import Basis
from zpoints.errors import UsageError
from zpoints.explorer.space import Space
from zpoints.statistics.contours import PlaneDensity
from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.vectors.reduce import collect

__all__ = ["coordinates", "plane"]

MARGIN_BINS = 90
REACH = 4.5  # standard deviations that the margins show to either side
TOLD = (
    "coverage_1",
    "coverage_2",
    "coverage_2_5",
    "coverage_3",
    "agreement",
    "mutual_information_excess",
    "rank",
)


def plane(space: Space, basis: Basis, i: int, j: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What the page shows of a plane: a heading, and arrays.

    The arrays: ``density``, that of `PlaneDensity` on its grid, the first index along component i; ``points``, (k, 2)
    coordinates of the vectors that `Space.shown` names, in own units; ``margin_i`` and ``margin_j``, number
    densities on 90 bins over +/- 4.5 standard deviations, per standard deviation.

    Raises
    ------
    UsageError : there is no such plane.
    """
    _check(space, basis, i, j)
    values = coordinates(space, basis, [i, j])
    centre, scale = values.mean(axis=0), values.std(axis=0, ddof=1)
    u = (values - centre) / scale
    density = PlaneDensity.of(u[:, 0], u[:, 1])
    heading = {
        "basis": basis,
        "axes": [i, j],
        "centre": centre.tolist(),
        "scale": scale.tolist(),
        "r": float((u[:, 0] * u[:, 1]).sum() / (len(u) - 1)),
        "levels": [density.level(normal_coverage(sigma)) for sigma in LEVELS],
        "coverage": _coverage(u),
        "reach": [float(density.centres[0]), float(density.centres[-1])],
        "fits": [_fit(space, basis, number) for number in (i, j)],
        "measured": _measured(space, basis, i, j),
    }
    edges = np.linspace(-REACH, REACH, MARGIN_BINS + 1)
    width = edges[1] - edges[0]
    margins = {
        f"margin_{name}": (np.histogram(u[:, axis], edges)[0] / (len(u) * width)).astype(np.float32)
        for axis, name in enumerate("ij")
    }
    arrays = {
        "density": density.density.astype(np.float32),
        "points": values[space.shown].astype(np.float32),
        **margins,
    }
    return heading, arrays


def coordinates(space: Space, basis: Basis, numbers: list[int]) -> Float[np.ndarray, "n k"]:
    """Of all vectors along a few components or principal axes, in own units."""
    if basis == "z":
        return space.latents.columns(numbers)
    pca = space.distribution.pca
    turn = (pca.axes[numbers] / pca.scale).T.astype(np.float32)
    shift = pca.mean @ turn
    return collect(space.latents, lambda block: np.asarray(block, np.float32) @ turn - shift).astype(
        np.float64
    )


def _check(space: Space, basis: str, i: int, j: int) -> None:
    count = space.distribution.dimension if basis == "z" else space.distribution.pca.rank
    if basis not in ("z", "pca") or i == j or not (0 <= i < count and 0 <= j < count):
        raise UsageError(
            f"no plane of {basis:.10} {i} and {j}; take two different numbers of 0 to {count - 1}"
        )
    if basis == "z" and (dead := {i, j} & set(space.distribution.dead.tolist())):
        raise UsageError(f"component {min(dead)} is constant: there is nothing to show")


def _coverage(u: Float[np.ndarray, "n 2"]) -> list[float]:
    """Shares of the vectors inside the k sigma ellipses."""
    r = np.clip((u[:, 0] * u[:, 1]).sum() / (len(u) - 1), -1 + 1e-12, 1 - 1e-12)
    square = (u[:, 0] ** 2 - 2 * r * u[:, 0] * u[:, 1] + u[:, 1] ** 2) / (1 - r * r)
    return [float((square <= sigma**2).mean()) for sigma in LEVELS]


def _fit(space: Space, basis: Basis, number: int) -> list[float] | None:
    """Centre and width of the Gaussian fitted to a component, in own units."""
    if space.analysis is None:
        return None
    row = space.analysis.components_of(basis).loc[number]
    return [float(row["fit_centre"]), float(row["fit_sigma"])]


def _measured(space: Space, basis: Basis, i: int, j: int) -> dict[str, float] | None:
    """Columns of the analysis' table, where there is one."""
    if space.analysis is None:
        return None
    table = space.analysis.planes_of(basis)
    key = (min(i, j), max(i, j))
    if key not in table.index:
        return None
    row = table.loc[key]
    return {name: float(row[name]) for name in TOLD if name in row} | {"planes": len(table)}

"""What does one sigma along each axis change in the decoded picture? The axes that matter to whoever looks.

Around some of the z-points, the base points, pictures are decoded half a sigma to either side along every component
and every principal axis; the difference counts, in grey levels, as root mean square over all pixel values.
"""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from zpoints.analysis.axes import measure_axes
from zpoints.analysis.axes_summaries import PicturesSummary
from zpoints.analysis.result import Analysis, Basis
from zpoints.errors import ArrayError
from zpoints.system.progress import Progress, Silent, Task

if TYPE_CHECKING:
    from zpoints.models.codec import Codec

__all__ = ["VISIBLE", "with_pictures"]

VISIBLE = 1.0
"""Grey levels from which on a change counts as visible."""
DECODED = 16_384  # pictures; more base points would cost more
FEWEST, MOST = 4, 16  # base points
LARGEST = 65_536  # pictures at the fewest base points; where more axes would ask for more, the last ones are left out
SECONDS = 600.0  # that a slow model may take


@dataclass(frozen=True)
class _Plan:
    """How many base points, and how many of the leading axes of each basis."""

    base_points: int
    axes: int

    @classmethod
    def of(cls, counts: dict[Basis, int], pictures: int) -> "_Plan":
        """As many as so many pictures allow; at least two base points, for an error, and one axis."""
        every, each = max(counts.values()), 2 * sum(counts.values())
        points = min(max(pictures // each, FEWEST), MOST)
        if points * each > max(pictures, LARGEST if pictures >= DECODED else 0):
            points = 2 if pictures < DECODED else FEWEST
            every = min(every, max(1, max(pictures, LARGEST if pictures >= DECODED else 0) // (4 * points)))
        return cls(points, every)


def with_pictures(a: Analysis, codec: "Codec", progress: Progress | None = None, seed: int = 0) -> Analysis:
    r"""The analysis with ``pixels_per_sigma`` of every component and every principal axis, and its standard error.

    For the axis with unit vector :math:`e` and standard deviation :math:`\sigma`, the mean over base points z of

    .. math:: \sqrt{\mathrm{mean}_p\,[D(z + \tfrac\sigma2 e) - D(z - \tfrac\sigma2 e)]_p^2}

    over all values p of the decoded picture D, 0 to 255. Pictures have whole grey levels: by their rounding a true 1
    is found as 1.08, 0.5 as 0.62, and 0.1 as 0.28.

    4 to 16 base points, as many as 16,384 decoded pictures allow. A model so slow that these would take 10 minutes
    gets fewer, and fewer axes, those of the largest variance; of more than some 4,000 axes likewise the leading ones.
    Both are said; axes that were not tried have no figure.

    Parameters
    ----------
    a : with its vectors (``a.latents``). codec : the model that made them.
    seed : of the base points.

    Raises
    ------
    ArrayError : no vectors, or a model of another number of components.

    Examples
    --------
    A model whose pictures have two values, the second twice as sensitive as the first:

    >>> import zpoints as zp
    >>> from zpoints.models.pca import PCACodec
    >>> codec = PCACodec((1, 2, 1), np.array([0.5, 0.5]), np.array([[0.05, 0.0], [0.0, 0.1]]))
    >>> z = np.random.default_rng(0).normal(size=(500, 2))
    >>> zp.analyse(z, codec=codec).components["pixels_per_sigma"].round().tolist()
    [9.0, 18.0]
    """
    if a.latents is None:
        raise ArrayError(
            "the analysis was loaded without its vectors; give them: Analysis.load(folder, latents=...)"
        )
    if codec.dimension != a.summary.d:
        raise ArrayError(
            f"{a.latents.name}: vectors of {a.summary.d:,} components, and the model takes {codec.dimension:,}; give "
            "the model that made them"
        )
    progress = progress or Silent()
    numbers: dict[Basis, np.ndarray] = {basis: _by_spread(a.components_of(basis)) for basis in ("z", "pca")}
    plan, size = _plan(a, codec, {basis: len(found) for basis, found in numbers.items()}, progress)
    chosen = {basis: found[: plan.axes] for basis, found in numbers.items()}
    base = a.latents.some(plan.base_points, seed).array()
    decoded = 2 * len(base) * sum(map(len, chosen.values()))
    with progress.task("pictures", decoded, "images") as task:
        tables = {
            basis: _with_changes(
                a.components_of(basis), found, _changes(codec, base, _steps(a, basis, found), size, task)
            )
            for basis, found in chosen.items()
        }
    return _summarised(a, tables, chosen, len(base), decoded, progress)


def _by_spread(table: pd.DataFrame) -> Int[np.ndarray, " k"]:
    """Numbers of the living components, the largest variance first."""
    std = table.loc[~table["dead"].astype(bool), "std"]
    return std.sort_values(ascending=False, kind="stable").index.to_numpy()


def _plan(a: Analysis, codec: "Codec", counts: dict[Basis, int], progress: Progress) -> tuple[_Plan, int]:
    """What to decode, and how many pictures at a time; said where it is less than all."""
    from zpoints.models.coding import batch_of

    size = max(2, batch_of(codec, "decoding") // 2 * 2)
    assert a.latents is not None
    few = np.tile(np.asarray(a.latents.head(1)[:1], np.float32), (min(size, 8), 1))
    codec.decode(few)  # whatever is made ready at the first call
    started = time.perf_counter()
    codec.decode(few)
    per_second = len(few) / max(time.perf_counter() - started, 1e-9)
    plan = _Plan.of(counts, min(DECODED, int(SECONDS * per_second)))
    if (most := max(counts.values())) > plan.axes:
        progress.say(
            f"pictures: one sigma is tried along the {plan.axes:,} leading axes of {most:,} only, at "
            f"{plan.base_points} base points: the model decodes {per_second:.3g} pictures a second"
        )
    return plan, size


def _steps(a: Analysis, basis: Basis, chosen: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k d"]:
    """One sigma along each axis, in the vectors' own units."""
    std = a.components_of(basis).loc[chosen, "std"].to_numpy()
    if basis == "pca":
        pca = a.distribution.pca
        return std[:, None] * pca.axes[chosen] * pca.scale
    steps = np.zeros((len(chosen), a.summary.d))
    steps[np.arange(len(chosen)), chosen] = std
    return steps


def _changes(
    codec: "Codec", base: Float[np.ndarray, "b d"], steps: Float[np.ndarray, "k d"], size: int, task: Task
) -> Float[np.ndarray, "b k"]:
    """Change of the picture at each base point by one sigma along each axis, root mean square in grey levels."""
    found, pairs = np.empty((len(base), len(steps))), size // 2
    for point, z in enumerate(base):
        for first in range(0, len(steps), pairs):
            half = steps[first : first + pairs] / 2
            both = codec.decode(np.concatenate([z + half, z - half]).astype(np.float32))
            change = both[: len(half)].astype(np.float32) - both[len(half) :]
            found[point, first : first + len(half)] = np.sqrt(
                np.mean(change.reshape(len(half), -1) ** 2, axis=1)
            )
            task.advance(len(both))
    return found


def _with_changes(
    table: pd.DataFrame, chosen: Int[np.ndarray, " k"], changes: Float[np.ndarray, "b k"]
) -> pd.DataFrame:
    """The table with the mean over base points and its standard error."""
    errors = changes.std(axis=0, ddof=1) / np.sqrt(len(changes)) if len(changes) > 1 else np.nan
    return table.assign(
        pixels_per_sigma=pd.Series(changes.mean(axis=0), chosen),
        pixels_per_sigma_error=pd.Series(errors, chosen, dtype=float),
    )


def _summarised(
    a: Analysis,
    tables: dict[Basis, pd.DataFrame],
    chosen: dict[Basis, np.ndarray],
    base_points: int,
    decoded: int,
    progress: Progress,
) -> Analysis:
    pca = a.distribution.pca
    change = tables["pca"]["pixels_per_sigma"].to_numpy()
    visible = np.flatnonzero(change > VISIBLE)
    normality: dict[str, Any] | None = None
    if 1 < len(visible) < pca.rank and a.latents is not None:
        what = "axes along which one sigma changes the picture by more than one grey level"
        normality = measure_axes(a.latents, pca, visible, what, label="visible axes", progress=progress)
    found = {
        "base_points": base_points,
        "decoded": decoded,
        "components": len(chosen["z"]),
        "axes": len(chosen["pca"]),
        "visible_components": int((tables["z"]["pixels_per_sigma"] > VISIBLE).sum()),
        "visible_axes": len(visible),
        "visible_variance": float(pca.explained_variance_ratio[visible].sum()),
        "largest": float(np.nanmax(change)),
        "left_out": len(tables["pca"]) - len(chosen["pca"]),
        "normality": normality,
    }
    summary = replace(a.summary, pictures=PicturesSummary.from_dict(found, "the pictures"))
    return replace(a, summary=summary, components=tables["z"], principal_components=tables["pca"])

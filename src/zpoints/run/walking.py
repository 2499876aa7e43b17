"""Walks through latent space, decoded."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.errors import UsageError
from zpoints.files.documents import write_json
from zpoints.run.ownership import check_own
from zpoints.run.work import SHEET_COLUMNS, codec_of

if TYPE_CHECKING:
    from zpoints.analysis.distribution import Distribution
    from zpoints.analysis.result import Analysis
    from zpoints.analysis.walks import Path as WalkPath
    from zpoints.models.codec import Codec

__all__ = ["walk"]


def walk(
    model: "str | Path | Codec",
    source: "str | Path | Distribution | Analysis",
    out: str | Path,
    *,
    axis: int | None = None,
    plane: tuple[int, int] | None = None,
    angle: float = 45.0,
    between: tuple[int, int] | None = None,
    latents: Any = None,
    kind: str = "mahalanobis",
    sigma: float = 5.0,
    mark: float = 3.0,
    steps: int = 24,
) -> "WalkPath":
    """Move through latent space on a path, and decode what lies on it.

    Parameters
    ----------
    model : a folder that `train` made, or a `Codec`.
    source : where the vectors lie: an analysis, its folder, or its ``distribution.npz``.
    out : folder for ``z.npy`` (steps, d; or in the shape of the latent arrays that were analysed), ``walk.png``, and
        the moving ``walk.webp`` and ``walk.gif``.
    axis : through the centre along this principal axis; or
    plane, angle : through the centre in the plane of two components, at an angle in degrees from the first to the
        second; or
    between, latents : from one picture to another, by their rows in an (n, d) array or the path of one.
    kind : with `between`: ``"straight"``, ``"spherical"`` or ``"mahalanobis"``; see `walks.interpolate`.
    sigma : along an axis and in a plane, the path ends so many standard deviations from the centre.
    mark : there, pictures outside of so many get a frame.
    steps : number of pictures.

    Returns
    -------
    Path : the vectors, and the Mahalanobis distance of each.

    Raises
    ------
    UsageError : not exactly one of `axis`, `plane` and `between`, or one out of range; `out` holds files of these
        names that zpoints did not write.

    Examples
    --------
    >>> import zpoints as zp
    >>> zp.walk("model", "analysis", "walks/first", axis=0).leaves(3.0)  # doctest: +SKIP
    4
    """
    from zpoints.files.numpy_files import write_npy
    from zpoints.images.sheets import framed, save_animation, save_sheet

    out = Path(out)
    source = _distribution(source)
    shape = source.shape
    path = _way(source, axis, plane, angle, between, latents, kind, sigma, steps)
    check_own(out, ("z.npy", "walk.png", "walk.webp", "walk.gif"), "walk.json")
    pictures = codec_of(model, None).decode(path.vectors)
    write_json(out / "walk.json", {"steps": path.steps.tolist(), "distance": path.distance.tolist()})
    write_npy(out / "z.npy", path.vectors.astype(np.float32).reshape(len(path.vectors), *shape))
    save_sheet(out / "walk.png", framed(pictures, np.abs(path.steps) > mark), SHEET_COLUMNS)
    for ending in ("webp", "gif"):
        save_animation(out / f"walk.{ending}", pictures)
    return path


def _way(
    distribution: "Distribution",
    axis: int | None,
    plane: tuple[int, int] | None,
    angle: float,
    between: tuple[int, int] | None,
    latents: Any,
    kind: str,
    sigma: float,
    steps: int,
) -> "WalkPath":
    from zpoints.analysis.walks import along_axis, between_rows, in_plane
    from zpoints.vectors.latent_set import LatentSet

    if [axis, plane, between].count(None) != 2:
        raise UsageError("walk: choose one of --axis, --plane and --between")
    if between is not None and latents is None:
        raise UsageError("walk: --between needs --latents, the vectors of the pictures")
    if axis is not None:
        return along_axis(distribution, axis, sigma, steps)
    if plane is not None:
        return in_plane(distribution, *plane, angle, sigma, steps)
    assert between is not None, "one of the three is there"
    return between_rows(distribution, LatentSet.open(latents), *between, steps, kind)


def _distribution(source: Any) -> "Distribution":
    from zpoints.analysis.distribution import Distribution

    if isinstance(source, str | Path):
        path = Path(source)
        return Distribution.load(path / "distribution.npz" if path.is_dir() else path)
    return getattr(source, "distribution", source)

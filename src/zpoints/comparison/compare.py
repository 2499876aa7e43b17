"""Two clouds of latent vectors: in what they differ, by how much, and whether that is more than noise.

Two passes over each cloud: the first finds vectors that stand in both, or several times in one; the second measures.
Each figure stands beside its noise: a standard error, or what random halves show that are equal but for chance.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from zpoints.comparison.classifiers import classifiers, distances
from zpoints.comparison.clouds import Cloud, check_size, dealt
from zpoints.comparison.components import component_summary, components_table
from zpoints.comparison.correlations import correlations
from zpoints.comparison.differences import moment_differences, subspaces
from zpoints.comparison.left_out import common_components, left_out, with_left_out
from zpoints.comparison.regions import RegionsFound, regions_of_both
from zpoints.comparison.result import Comparison
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError
from zpoints.statistics.fingerprints import Dealt
from zpoints.statistics.location import Location
from zpoints.statistics.pca import PCA
from zpoints.system.kernels import compiling_told
from zpoints.system.meter import Meter
from zpoints.system.progress import Progress, Silent
from zpoints.vectors.dask_cluster import executor_for
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import working_by

__all__ = ["compare"]


def compare(
    a: Any,
    b: Any,
    settings: AnalysisSettings | None = None,
    rows_a: np.ndarray | None = None,
    rows_b: np.ndarray | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    columns: str | Sequence[str] | None = None,
    client: Any = None,
) -> Comparison:
    """Compare two clouds of vectors with the same components: training and test, two networks, two data sets.

    Vectors that stand in both clouds (exactly equal) are found and counted: ``c.summary.equal_vectors``. They are
    dealt so that nothing is tried on a vector that it was fitted to, and what is left of a difference can only be
    smaller than between clouds that share none: the rate of false alarms stays below the stated one.

    Components that are constant in one of the clouds, or in both, are left out of all figures but their own: rows of
    ``c.summary.left_out``.

    Parameters
    ----------
    a, b : arrays of shape (n, d), or whatever else `LatentSet.open` takes.
    settings : block length of the pass.
    rows_a, rows_b : numbers of the vectors to use, ascending; None is all.
    seed : decides the random halves and the vectors that the classifiers see.
    progress : where to report; silent by default.
    columns : of tables that are components, of both; see `LatentSet.open`.
    client : a ``distributed.Client`` whose workers read both; see `analyse`.

    Raises
    ------
    ArrayError : not arrays of as many components, fewer than 80 vectors, NaN or infinity, no component that
        varies in both.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> random = np.random.default_rng(0)
    >>> found = zp.compare(random.normal(size=(500, 2)), random.normal(size=(500, 2)) + [1, 0])
    >>> found.components["z_mean"].abs().idxmax()
    0
    """
    first, second = LatentSet.open(a, rows_a, columns), LatentSet.open(b, rows_b, columns)
    if first.dimension != second.dimension:
        raise ArrayError(
            f"A ({first.name}) has {first.dimension} components and B ({second.name}) {second.dimension}: "
            "only clouds with the same components can be compared; `zpoints card A B` shows figures of both "
            "beside each other"
        )
    shapes = first.latent_shape, second.latent_shape
    if shapes[0] != shapes[1] and min(map(len, shapes)) > 1:
        raise ArrayError(
            f"A ({first.name}) has latent arrays of shape {shapes[0]} and B ({second.name}) of {shapes[1]}: only "
            "those of one shape can be compared; bring their axes into one order"
        )
    check_size(first)
    check_size(second)
    block = (settings or AnalysisSettings()).block_of(first.dimension)
    workers = working_by(executor_for(client, first, second))
    with Meter() as meter, compiling_told(progress or Silent()), workers:
        found = dealt(first, second, seed, block, progress)
        # Where no vector stands twice, its place decides as well as its content would.
        known = found if any(cloud.tied for cloud in found) else (None, None)
        cloud_a = Cloud.read(first, np.random.default_rng([seed, 0]), known[0], block, progress)
        cloud_b = Cloud.read(second, np.random.default_rng([seed, 1]), known[1], block, progress)
        common, dead = common_components(cloud_a, cloud_b), left_out(cloud_a, cloud_b)
        wholes = cloud_a, cloud_b
        cloud_a = cloud_a.of_components(common, first, block)
        cloud_b = cloud_b.of_components(common, second, block)
        components, regions = components_table(cloud_a, cloud_b), regions_of_both(cloud_a, cloud_b, seed)
        parts = {
            "a": _description(cloud_a, regions[0]),
            "b": _description(cloud_b, regions[1]),
            **moment_differences(cloud_a, cloud_b),
            "subspaces": subspaces(cloud_a, cloud_b),
            "components": component_summary(components),
            "correlations": correlations(cloud_a, cloud_b),
            "distance": distances(cloud_a, cloud_b),
            "classifiers": classifiers(cloud_a, cloud_b, seed),
            "left_out": dead,
            "equal_vectors": _equal_vectors(*found),
        }
        table = with_left_out(components, dead, *wholes)
    return Comparison.of_parts(parts | asdict(meter.cost), table)


def _equal_vectors(a: Dealt, b: Dealt) -> dict[str, int]:
    return {
        "shared_a": int(a.shared.sum()),
        "shared_b": int(b.shared.sum()),
        "repeats_a": a.repeats,
        "repeats_b": b.repeats,
    }


def _description(cloud: Cloud, regions: RegionsFound) -> dict[str, Any]:
    """One cloud for itself: size, location, variance, regions."""
    moments = cloud.moments
    pca = PCA.of_moments(moments)
    location = Location.of(pca, cloud.lengths)
    return {
        "name": cloud.name,
        "n": moments.n,
        "d": cloud.living.dimension,
        **asdict(location),
        "total_variance": float(pca.variance.sum()),
        "axes_for_80_percent": pca.components_for(0.8),
        "regions": regions.whole.regions,
        "clusters": regions.whole.sentence(),
        "regions_of_halves": regions.of_halves,
    }

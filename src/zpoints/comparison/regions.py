"""The number of regions of two clouds, and whether it differs by more than parts of one cloud do."""

from dataclasses import dataclass

import numpy as np

from zpoints.comparison.clouds import PARTS, Cloud
from zpoints.statistics.clusters import Clusters, find_clusters
from zpoints.statistics.pca import PCA

__all__ = ["RegionsFound", "regions_of_both"]


@dataclass(frozen=True, eq=False)
class RegionsFound:
    """The regions of a cloud's sample, and their number in two halves of it; none where nothing hung on these."""

    whole: Clusters
    of_halves: tuple[int, ...]


def regions_of_both(a: Cloud, b: Cloud, seed: int) -> tuple[RegionsFound, RegionsFound]:
    """Regions of both along their leading axes; of halves too, equally large ones, where the numbers differ.

    How many regions are found depends on the number of vectors, and near the limits on chance. The halves show it.
    """
    both = [(cloud, PCA.of_moments(cloud.moments)) for cloud in (a, b)]
    wholes = [find_clusters(pca.whiten(cloud.sample), seed=seed) for cloud, pca in both]
    halves: list[tuple[int, ...]] = [(), ()]
    if wholes[0].regions != wholes[1].regions:
        parts = [
            [np.flatnonzero((cloud.part >= PARTS // 2) == upper) for upper in (False, True)]
            for cloud, _ in both
        ]
        count = min(len(part) for of_cloud in parts for part in of_cloud)
        random = np.random.default_rng([seed, 3])
        for k, (cloud, pca) in enumerate(both):
            chosen = [np.sort(random.permutation(part)[:count]) for part in parts[k]]
            halves[k] = tuple(
                find_clusters(pca.whiten(cloud.sample[rows]), seed=seed).regions for rows in chosen
            )
    return RegionsFound(wholes[0], halves[0]), RegionsFound(wholes[1], halves[1])

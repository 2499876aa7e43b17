"""New vectors with an attribute: the law of those that have it, its covariance shrunk towards that within groups."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from zpoints.analysis.distribution import Distribution
from zpoints.analysis.readings import moments_of
from zpoints.errors import ArrayError
from zpoints.samplers.points import Points
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.vectors.latent_set import LatentSet

__all__ = ["conditioned"]

FEWEST = 2


def conditioned(points: Points, rows: np.ndarray, shrinkage: float | None = None) -> Points:
    r"""What a sampler needs to draw vectors like those of `rows` only.

    Mean of the subset, and :math:`(1 - \lambda) \Sigma_{subset} + \lambda \Sigma_{within}`: a few hundred pictures
    do not tell a covariance of 256 components. :math:`\Sigma_{within}` is pooled from the subset and the rest, each
    about its own mean: that of all would hold the distance between them too. Samplers that learn from vectors learn
    from those of the subset. There are no margins and no robust core: samplers that need margins refuse. Components
    that are dead in the whole are dead here, with the same constants.

    Parameters
    ----------
    points : the distribution of all vectors, and these.
    rows : numbers of the subset, ascending, among the vectors of the file.
    shrinkage : :math:`\lambda` from 0 to 1; None is d / (n + d) for n vectors of d components.

    Raises
    ------
    ArrayError : no vectors given, or fewer than two in the subset.
    """
    if points.vectors is None:
        raise ArrayError("a condition needs the latent vectors; give them too, as in --latents z.npy")
    if len(rows) < FEWEST:
        raise ArrayError(
            f"{points.vectors.name}: {len(rows)} vector(s) fulfil the condition; take a wider one"
        )
    living, whole = points.distribution.living, points.distribution.alive
    subset = LatentSet.open(points.vectors, rows)
    moments = moments_of(subset).of_components(living.numbers)
    n, d = moments.n, moments.dimension
    share = d / (n + d) if shrinkage is None else shrinkage
    covariance = (1 - share) * moments.covariance + share * _within(moments, whole)
    # Mixed with that of the groups, it spans what the whole spans.
    pca = PCA.of(moments.mean, covariance, whole.n if share > 0 else n)
    found = Distribution(n, moments.mean, covariance, pca).with_dead(living)
    return Points(replace(found, latent_shape=points.distribution.latent_shape), subset)


def _within(subset: Moments, whole: Distribution) -> Float[np.ndarray, "d d"]:
    r"""Covariance within the subset and the rest, pooled: that of all without the distance of both means.

    .. math:: (N - 2) \Sigma_{within} = (N - 1) \Sigma - \frac{n (N - n)}{N} \delta \delta^T

    with :math:`\delta` from the mean of the rest to that of the n in the subset.
    """
    n, total = subset.n, whole.n
    if total - n < FEWEST:
        return whole.covariance
    away = (subset.mean - whole.mean) * (total / (total - n))
    return ((total - 1) * whole.covariance - n * (total - n) / total * np.outer(away, away)) / (total - 2)

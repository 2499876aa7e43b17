"""Moving through latent space: along axes, in planes, between pictures, towards an attribute.

Every function returns vectors to decode, row by row; `Path.leaves` tells where a straight one leaves the ellipses.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from zpoints.analysis.distribution import Distribution
from zpoints.analysis.readings import moments_of
from zpoints.errors import ArrayError, UsageError
from zpoints.statistics.core import mahalanobis
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import collect

__all__ = [
    "Interpolation",
    "Path",
    "along_axis",
    "attribute_direction",
    "between_rows",
    "farthest",
    "in_plane",
    "interpolate",
]

Interpolation = Literal["straight", "spherical", "mahalanobis"]
Vector = Float[np.ndarray, " d"]


@dataclass(frozen=True, eq=False)
class Path:
    """Vectors one after the other, and how far from the centre each lies.

    Attributes
    ----------
    vectors : one row per step.
    steps : the parameter of each: sigma along an axis or in a plane, 0 to 1 between two vectors.
    distance : Mahalanobis distance of each.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(500, 3))
    >>> path = zp.walks.along_axis(zp.analyse(z).distribution, 0, sigma=4, steps=9)
    >>> path.steps[path.leaves(3)]
    np.float64(-4.0)
    """

    vectors: Float[np.ndarray, "s d"]
    steps: Float[np.ndarray, " s"]
    distance: Float[np.ndarray, " s"]

    def leaves(self, sigma: float) -> int | None:
        """The first step of more than `sigma` standard deviations to either side of the middle; None without one."""
        outside = np.flatnonzero(np.abs(self.steps) > sigma)
        return int(outside[np.argmin(np.abs(self.steps[outside]))]) if len(outside) else None


def along_axis(distribution: Distribution, axis: int, sigma: float = 4.0, steps: int = 17) -> Path:
    r"""Straight through the centre along one principal axis: :math:`\mu + t \sqrt{\lambda_k} a_k`.

    Parameters
    ----------
    distribution : of the vectors, with mean and covariance in their units: ``a.distribution``.
    axis : number k of the principal axis, 0 for that of the largest variance.
    sigma : t goes from -sigma to sigma, in standard deviations along the axis.
    steps : number of vectors, both ends counted.

    Raises
    ------
    UsageError : no such axis, fewer than 2 steps, or a sigma that is not positive.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(500, 3))
    >>> path = zp.walks.along_axis(zp.analyse(z).distribution, 0, sigma=4, steps=9)
    >>> path.vectors.shape, path.distance.round(6).tolist()
    ((9, 3), [4.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    """
    pca = distribution.pca
    if not 0 <= axis < pca.rank:
        raise UsageError(f"axis {axis}: there are principal axes 0 to {pca.rank - 1}")
    amounts = _amounts(sigma, steps)
    direction = np.sqrt(pca.variance[axis]) * pca.axes[axis] * pca.scale
    return _path(distribution, distribution.mean + amounts[:, None] * direction, amounts)


def in_plane(
    distribution: Distribution, i: int, j: int, angle: float = 45.0, sigma: float = 4.0, steps: int = 17
) -> Path:
    r"""Straight through the centre in the plane of two latent components; all others keep their means.

    The steps are in units of the plane's own confidence ellipse: at k the path crosses the k sigma ellipse.

    Parameters
    ----------
    distribution : of the vectors, with mean and covariance in their units: ``a.distribution``.
    i, j : the components.
    angle : direction in degrees from component i towards component j, in standardised values.
    sigma : the path goes from the -sigma ellipse to the sigma ellipse.
    steps : number of vectors, both ends counted.

    Raises
    ------
    UsageError : not two different components, a constant one, fewer than 2 steps, or a sigma that is not positive.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(500, 3))
    >>> path = zp.walks.in_plane(zp.analyse(z).distribution, 0, 2, angle=30.0, sigma=3.0, steps=7)
    >>> path.steps.tolist()
    [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    """
    d = distribution.dimension
    if not (0 <= i < d and 0 <= j < d and i != j):
        raise UsageError(f"components {i} and {j}: two different ones from 0 to {d - 1}")
    if dead := [c for c in (i, j) if c in distribution.dead]:
        raise UsageError(f"component {dead[0]} is constant: no path leads along it; choose another one")
    std = distribution.std
    r = distribution.covariance[i, j] / (std[i] * std[j])
    u, v = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    # Along (u, v), q = u^2 - 2 r u v + v^2 reaches k^2 (1 - r^2) at k times this length.
    length = np.sqrt((1 - r) * (1 + r) / (u * u - 2 * r * u * v + v * v))
    amounts = _amounts(sigma, steps)
    vectors = np.tile(distribution.mean, (steps, 1))
    vectors[:, i] += amounts * length * u * std[i]
    vectors[:, j] += amounts * length * v * std[j]
    return _path(distribution, vectors, amounts)


def interpolate(
    distribution: Distribution, a: Vector, b: Vector, steps: int = 9, kind: str = "mahalanobis"
) -> Path:
    """From one vector to another.

    Parameters
    ----------
    distribution : of the vectors, with mean and covariance in their units: ``a.distribution``.
    kind : ``"straight"``; ``"spherical"``, turning around the origin; or ``"mahalanobis"``, turning around the centre
        in whitened axes, the distance from it changing evenly. The middle of a straight way between two vectors lies
        nearer to the centre than both, where hardly any z-point is; the last kind keeps to where they are.
    a, b : (d,) vectors. steps : number of vectors, both ends counted.

    Raises
    ------
    UsageError : no such kind, or fewer than 2 steps.

    References
    ----------
    K. Shoemake, Animating rotation with quaternion curves (SIGGRAPH 1985), https://doi.org/10.1145/325334.325242

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(500, 20))
    >>> distribution = zp.analyse(z).distribution
    >>> kinds = ("straight", "mahalanobis")
    >>> middle = {kind: zp.walks.interpolate(distribution, z[0], z[1], 3, kind).distance[1] for kind in kinds}
    >>> bool(middle["straight"] < middle["mahalanobis"])
    True
    """
    if kind not in get_args(Interpolation):
        raise UsageError(f"interpolation '{kind}': there are {', '.join(get_args(Interpolation))}")
    amounts = np.linspace(0.0, 1.0, _checked(steps))
    if kind == "straight":
        vectors = a + amounts[:, None] * (b - a)
    elif kind == "spherical":
        vectors = _turned(a, b, amounts)
    else:
        pca = distribution.pca
        ends = np.stack([a, b])
        first, last = whitened = pca.whiten(ends)
        # What the whitened axes do not hold, for vectors outside of their span, goes straight.
        rest = ends - pca.unwhiten(whitened)
        vectors = pca.unwhiten(_turned(first, last, amounts))
        vectors += rest[0] + amounts[:, None] * (rest[1] - rest[0])
    return _path(distribution, vectors, amounts)


def between_rows(
    distribution: Distribution,
    latents: LatentSet,
    first: int,
    last: int,
    steps: int = 9,
    kind: str = "mahalanobis",
) -> Path:
    """From one vector of a file to another, by their row numbers; see `interpolate`.

    Parameters
    ----------
    distribution : of the vectors, with mean and covariance in their units: ``a.distribution``.
    latents : the vectors, (n, d).
    first, last : row numbers. steps : number of vectors, both ends counted.
    kind : of way; see `interpolate`.

    Raises
    ------
    UsageError : twice the same row; or as `interpolate`.
    ArrayError : no such row.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> latents = zp.LatentSet.open(np.random.default_rng(0).normal(size=(500, 3)))
    >>> path = zp.walks.between_rows(zp.analyse(latents).distribution, latents, 7, 2, steps=5)
    >>> bool(np.allclose(path.vectors[[0, -1]], latents.array()[[7, 2]]))
    True
    """
    if first == last:
        raise UsageError(f"rows {first} and {last}: a way leads from one picture to another")
    a, b = LatentSet.open(latents, np.array(sorted((first, last)))).array()
    return interpolate(distribution, *((a, b) if first < last else (b, a)), steps, kind)


def attribute_direction(
    latents: LatentSet, chosen: Int[np.ndarray, " n"], others: Int[np.ndarray, " m"]
) -> Vector:
    """What to add to a vector to give it an attribute: mean of those that have it less mean of those that do not.

    Parameters
    ----------
    latents : the vectors, (n, d).
    chosen, others : row numbers in the file, ascending, of the vectors with and without the attribute.

    References
    ----------
    A. Larsen, S. Sonderby, H. Larochelle, O. Winther, Autoencoding beyond pixels using a learned similarity metric
    (ICML 2016), https://arxiv.org/abs/1512.09300

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.zeros((6, 2))
    >>> z[3:, 1] = 2.0
    >>> zp.walks.attribute_direction(zp.LatentSet.open(z), np.arange(3, 6), np.arange(3))
    array([0., 2.])
    """
    if min(len(chosen), len(others)) < 2:
        raise ArrayError(
            f"{latents.name}: {len(chosen)} vectors with the attribute and {len(others)} without; at least 2 of each"
        )
    means = [moments_of(LatentSet.open(latents, rows)).mean for rows in (chosen, others)]
    return means[0] - means[1]


def farthest(
    latents: LatentSet, distribution: Distribution, count: int
) -> tuple[Int[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """The odd ones: numbers and Mahalanobis distances of the vectors farthest from the centre, farthest first.

    Parameters
    ----------
    latents : the vectors, (n, d).
    distribution : of the vectors, with mean and covariance in their units: ``a.distribution``.
    count : how many; all, if there are fewer.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(500, 3))
    >>> z[42] *= 20
    >>> rows, distances = zp.walks.farthest(zp.LatentSet.open(z), zp.analyse(z).distribution, 3)
    >>> int(rows[0]), distances.shape
    (42, (3,))
    """
    squares = collect(latents, lambda block: mahalanobis(block, distribution.pca))
    order = np.argsort(-squares, kind="stable")[:count]
    return order, np.sqrt(squares[order])


def _turned(a: Vector, b: Vector, amounts: Float[np.ndarray, " s"]) -> Float[np.ndarray, "s d"]:
    """Directions along the great circle, lengths evenly."""
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    if min(length_a, length_b) == 0:
        return a + amounts[:, None] * (b - a)
    unit_a, unit_b = a / length_a, b / length_b
    angle = 2 * np.arctan2(np.linalg.norm(unit_a - unit_b), np.linalg.norm(unit_a + unit_b))
    lengths = length_a + amounts * (length_b - length_a)
    if np.sin(angle) < 1e-9:  # the same direction, or opposite ones, between which no circle is the shortest
        return a + amounts[:, None] * (b - a)
    parts = np.sin((1 - amounts) * angle)[:, None] * unit_a + np.sin(amounts * angle)[:, None] * unit_b
    return lengths[:, None] * parts / np.sin(angle)


def _path(distribution: Distribution, vectors: np.ndarray, amounts: np.ndarray) -> Path:
    return Path(vectors, amounts, np.sqrt(mahalanobis(vectors, distribution.pca)))


def _amounts(sigma: float, steps: int) -> Float[np.ndarray, " s"]:
    if not 0 < sigma < np.inf:
        raise UsageError(f"sigma={sigma}; the length of the path must be positive")
    return np.linspace(-sigma, sigma, _checked(steps))


def _checked(steps: int) -> int:
    if steps < 2:
        raise UsageError(f"steps={steps}; a path has at least 2")
    return steps

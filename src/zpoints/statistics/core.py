"""The Mahalanobis cut and the robust core: mean and covariance of the inner part of a cloud.

The cut drops a vector if it lies too far out as a whole. It keeps the shape of a normal cloud, and the covariance
matrix of what it leaves can be corrected exactly; repeated, it finds a core that outer points no longer influence.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Num
from scipy.linalg import eigh
from scipy.special import betaincinv, fdtri, gammainc, gammaincinv

from zpoints.statistics.moments import Moments, joined
from zpoints.statistics.pca import PCA

__all__ = ["Core", "CoreStep", "inside", "mahalanobis", "robust_core", "truncation_factor"]

LEVEL = 0.975
"""Share of a normal cloud that the robust core is meant to hold."""

ITERATIONS = 50  # of the robust core, at most; 2 to 10 are usual
STARTING = 8192  # vectors from which the robust core starts (or 16 d)
MAD_PER_SIGMA = 0.6744897501960817  # median absolute deviation of a Gaussian, in its sigma
ROUNDING = float(np.finfo(np.float64).eps)


def mahalanobis(block: Num[np.ndarray, "m d"], pca: PCA) -> Float[np.ndarray, " m"]:
    """Squared Mahalanobis distance of each vector from the centre of the axes, in the span of the leading ones."""
    u = pca.whiten(block)
    return np.einsum("ij,ij->i", u, u)


def inside(block: Num[np.ndarray, "m d"], pca: PCA, radius: float) -> Bool[np.ndarray, " m"]:
    """Which vectors lie within the Mahalanobis radius."""
    return mahalanobis(block, pca) <= radius * radius


def truncation_factor(dimension: int, radius: float) -> float:
    r"""By what the covariance of a normal cloud shrinks when it is cut at a Mahalanobis radius D.

    :math:`F_{d+2}(D^2) / F_d(D^2)`, with the chi-square distribution functions; the shape is kept. It falls from
    1 for an infinite radius like :math:`D^2 / (d + 2)` towards 0 for a small one.

    References
    ----------
    G. Tallis, Elliptical and radial truncation in normal populations (1963),
    https://doi.org/10.1214/aoms/1177704016

    Raises
    ------
    ValueError : the radius is not positive.

    Examples
    --------
    >>> round(truncation_factor(2, 2.0), 4), truncation_factor(256, np.inf)
    (0.687, 1.0)
    """
    if not radius > 0:
        raise ValueError(f"radius = {radius}; it must be positive")
    a, x = dimension / 2, radius * radius / 2
    share = gammainc(a, x)
    if share > 1e-200:
        return float(gammainc(a + 1, x) / share)
    # Both underflow. Far inside, with S(a) = 1 + x / (a + 1) * S(a + 1), the quotient is 1 - 1 / S(a).
    tail = 1.0
    for k in range(200, 0, -1):
        tail = 1.0 + x / (a + 1 + k) * tail
    return float(x / (a + 1) * tail / (1.0 + x / (a + 1) * tail))


@dataclass(frozen=True, eq=False)
class Core:
    """Mean and covariance of the inner part of a cloud, as if it were a normal cloud cut at a radius.

    Attributes
    ----------
    mean, covariance : of the vectors inside, the covariance divided by its shrinkage: unbiased for the whole of
        a normal cloud.
    radius : Mahalanobis radius of the cut.
    n, kept : number of vectors, and of those inside.
    level : share inside that a normal cloud has.
    iterations, converged : how often the vectors were chosen anew, and whether the choice came to rest.
    """

    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]
    radius: float
    n: int
    kept: int
    level: float
    iterations: int
    converged: bool

    @property
    def share(self) -> float:
        """Share of the vectors inside: `level` for a normal cloud, less for one with outliers or heavy tails."""
        return self.kept / self.n

    @property
    def pca(self) -> PCA:
        """Principal axes of the core."""
        return PCA.of(self.mean, self.covariance, self.kept)


@dataclass(frozen=True, eq=False)
class CoreStep:
    """One step of the iteration as a sum over blocks: moments of the vectors within a Mahalanobis radius.

    Attributes
    ----------
    n : number of vectors, inside or not.
    dimension : number of axes in which the distance is measured.
    radius : Mahalanobis radius.
    kept : moments of the vectors inside; None if there are none.
    """

    n: int
    dimension: int
    radius: float
    kept: Moments | None

    @classmethod
    def of(cls, block: Num[np.ndarray, "m d"], pca: PCA, radius: float) -> Self:
        """Summarise one block, with the axes of the step before (`Core.pca`) and the radius."""
        chosen = inside(block, pca, radius)
        return cls(len(block), pca.rank, radius, Moments.of(block[chosen]) if chosen.any() else None)

    def __add__(self, other: Self) -> Self:
        """Both blocks together."""
        if (self.dimension, self.radius) != (other.dimension, other.radius):
            raise ValueError("steps with different axes or radii do not add up")
        return type(self)(self.n + other.n, self.dimension, self.radius, joined(self.kept, other.kept))

    @property
    def share(self) -> float:
        """Share of the vectors inside."""
        return 0.0 if self.kept is None else self.kept.n / self.n

    def core(self, iterations: int = 1, converged: bool = False) -> Core:
        """Mean, and covariance corrected for the cut. Needs two vectors inside."""
        if self.kept is None or self.kept.n < 2:
            raise ValueError(f"fewer than two of {self.n} vectors lie within radius {self.radius:g}")
        covariance = self.kept.covariance / truncation_factor(self.dimension, self.radius)
        level = float(gammainc(self.dimension / 2, self.radius**2 / 2))
        return Core(
            self.kept.mean, covariance, self.radius, self.n, self.kept.n, level, iterations, converged
        )


def robust_core(
    x: Num[np.ndarray, "n d"],
    level: float = LEVEL,
    start: tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]] | None = None,
) -> Core:
    r"""Find the inner part of a cloud that outer points do not influence.

    Keeps the vectors with :math:`D^2 \le` the chi-square quantile of `level`, under the present mean and
    covariance, and takes mean and covariance of those anew, corrected by `truncation_factor`, until the choice
    comes to rest, or returns to an earlier one (two vectors on the border can push each other out). The quantile
    is adapted to the number of vectors, apart for those inside and outside. Never keeps fewer than (n + d + 1) / 2
    vectors, as the minimum covariance determinant: where the quantile leaves fewer, the nearest ones are taken,
    and `radius` grows to hold them.

    It starts from medians, the axes of the spatial signs, and the median absolute deviations along these. A start
    from all vectors would not see a cluster of 5 % of them in 256 dimensions, however far away: for no share p of
    the vectors can the mean lie beyond :math:`D^2 = 1 / p`, which is less than the distances' own spread. Far
    clusters of up to 20 % are dropped whole.

    For a normal cloud of n >= 10 d vectors the covariance is unbiased, and the share is `level`, both within 1 %.

    Parameters
    ----------
    x : all vectors, in memory; more than d + 2, better 5 d or more. For a file, take a random part of it, and then
        one or two `CoreStep` over all its vectors.
    start : mean and covariance to start from instead.

    Raises
    ------
    ValueError : for n <= d + 2, and where the core spans fewer than d dimensions; use the leading axes of a PCA then.

    References
    ----------
    P. Rousseeuw, K. Van Driessen, A fast algorithm for the minimum covariance determinant estimator (1999),
    https://doi.org/10.1080/00401706.1999.10485670
    M. Hubert, P. Rousseeuw, T. Verdonck, A deterministic algorithm for robust location and scatter (2012),
    https://doi.org/10.1080/10618600.2012.672100
    S. Visuri, V. Koivunen, H. Oja, Sign and rank covariance matrices (2000),
    https://doi.org/10.1016/S0378-3758(00)00199-3

    Examples
    --------
    A fifth of the vectors lies far out; the core is that of the others:

    >>> x = np.random.default_rng(0).normal(size=(2000, 5))
    >>> x[:400] += 20
    >>> core = robust_core(x)
    >>> bool(np.abs(core.mean).max() < 0.15), 0.76 < core.share < 0.8, core.converged
    (True, True, True)
    >>> bool(np.abs(core.covariance - np.eye(5)).max() < 0.2)
    True
    """
    n, d = x.shape
    if n <= d + 2:
        raise ValueError(f"{n} vectors of {d} components have no core; more than {d + 2} are needed")
    if not 0.5 <= level < 1:
        raise ValueError(f"level = {level}; it must be at least 0.5 and below 1")
    if not np.isfinite(x).all():
        raise ValueError("the vectors hold NaN or infinity")
    centre, unit = _medians(_some(x))
    w = (x - centre) / unit
    square = unit * unit[:, None]
    mean, covariance = ((start[0] - centre) / unit, start[1] / square) if start else _sign_start(_some(w))
    core = _iterated(w, level, mean, covariance)
    return replace(core, mean=centre + unit * core.mean, covariance=core.covariance * square)


def _iterated(
    w: Float[np.ndarray, "n d"],
    level: float,
    mean: Float[np.ndarray, " d"],
    covariance: Float[np.ndarray, "d d"],
) -> Core:
    """Choose vectors and measure them, in turn, until the choice is one that was made before."""
    n, d = w.shape
    fewest, quantile = (n + d + 1) // 2, _radius(d, level) ** 2
    chosen, cuts = np.zeros(n, bool), (quantile, quantile)
    converged, iterations, seen = False, 0, set[bytes]()
    while not converged and iterations < ITERATIONS:
        ratio = _squared_distances(w, mean, covariance) / np.where(chosen, *cuts)
        cut = max(1.0, np.partition(ratio, fewest - 1)[fewest - 1])
        chosen = ratio <= cut
        choice = np.packbits(chosen).tobytes()
        converged, iterations = choice in seen, iterations + 1
        seen.add(choice)
        moments = Moments.of(w[chosen])
        # Where the cut would leave too few, what it does is told by how many it leaves.
        held = level if cut == 1 else fewest / n
        mean, covariance = moments.mean, moments.covariance / truncation_factor(d, _radius(d, held))
        cuts = _fair_cuts(d, moments.n, level)
    _root(covariance)  # refuses a flat core
    radius = float(np.sqrt(cut * quantile))
    return Core(mean, covariance, radius, n, moments.n, level, iterations, converged)


def _radius(dimension: int, level: float) -> float:
    """Mahalanobis radius that holds this share of a normal cloud."""
    return float(np.sqrt(2 * gammaincinv(dimension / 2, level)))


def _fair_cuts(dimension: int, kept: int, level: float) -> tuple[float, float]:
    """Squared radii that hold the same share of the vectors inside and of those outside.

    Those inside have shaped the covariance, and lie nearer for it: their distances follow a beta law, those of the
    others an F law; with many vectors both are chi-square. One radius for both would let any core sit where the
    start has put it, in many dimensions (J. Hardin, D. Rocke, The distribution of robust distances (2005),
    https://doi.org/10.1198/106186005X77685).
    """
    a, b = dimension / 2, (kept - dimension) / 2
    near = betaincinv(a, b - 0.5, level) * (kept - 1) ** 2 / kept
    far = fdtri(2 * a, 2 * b, level) * (a / b) * (kept + 1) * (kept - 1) / kept
    return float(near), float(far)


def _some(x: Num[np.ndarray, "n d"]) -> Num[np.ndarray, "k d"]:
    """Enough vectors for a start, drawn evenly."""
    count = max(STARTING, 16 * x.shape[1])
    return x if len(x) <= count else np.random.default_rng(0).choice(x, count, replace=False, shuffle=False)


def _medians(x: Num[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
    """Median of each component, and sigma by its median absolute deviation."""
    columns = np.array(x.T, dtype=np.float64, order="C")
    centre = np.median(columns, axis=1)
    columns -= centre[:, None]
    sigma = np.median(np.abs(columns), axis=1) / MAD_PER_SIGMA
    # More than half of the values are the same one: the standard deviation still gives the order of magnitude.
    sigma = np.where(sigma > 0, sigma, columns.std(axis=1))
    if (sigma == 0).any():
        raise ValueError(f"component {np.flatnonzero(sigma == 0)[0]} is constant; drop it first")
    return centre, sigma


def _sign_start(w: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
    """Centre and covariance from the axes of the vectors' directions, with robust scales along them."""
    length = np.sqrt(np.einsum("ij,ij->i", w, w))
    _, axes = eigh(Moments.of(w / np.where(length > 0, length, 1.0)[:, None]).scatter)
    try:
        centre, sigma = _medians(w @ axes)
    except ValueError:
        raise _flat() from None
    return axes @ centre, (axes * sigma**2) @ axes.T


def _squared_distances(
    w: Float[np.ndarray, "n d"], mean: Float[np.ndarray, " d"], covariance: Float[np.ndarray, "d d"]
) -> Float[np.ndarray, " n"]:
    """Squared Mahalanobis distances."""
    # By NumPy alone: the threads of SciPy's BLAS would fight those of NumPy's (`moments.Moments.of`).
    u = (w - mean) @ np.linalg.inv(_root(covariance)).T
    return np.einsum("ij,ij->i", u, u)


def _root(covariance: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    """Cholesky factor; refused where a component depends on the others, up to rounding."""
    variance = np.diagonal(covariance)
    std = np.sqrt(np.where(variance > 0, variance, 1.0))
    try:
        root = np.linalg.cholesky(covariance / std / std[:, None])
    except np.linalg.LinAlgError:
        raise _flat() from None
    if np.diagonal(root).min() ** 2 <= (len(std) + 10) * ROUNDING:
        raise _flat()
    return root * std[:, None]


def _flat() -> ValueError:
    return ValueError(
        "the core of the vectors spans fewer dimensions than there are components; "
        "transform all to the leading axes of a PCA first"
    )

"""What a cut of outer points does: how many vectors survive, and what mean and covariance the core has.

Two cuts. The FWHM cut drops a vector if any of its components lies too far out; the Mahalanobis cut drops it if
the vector as a whole does. The second one keeps the shape of a normal cloud, and its covariance matrix can be
corrected exactly; repeated, it finds a core that outer points no longer influence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Self

import numba
import numpy as np
from jaxtyping import Bool, Float, Int, Num
from scipy.linalg import eigh
from scipy.special import betaincinv, erfc, fdtri, gammainc, gammaincinv

from zpoints.statistics.marginals import FWHM_PER_SIGMA
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

__all__ = [
    "FACTORS",
    "Core",
    "CoreStep",
    "CutMoments",
    "expected_survivors",
    "fwhm_reach",
    "independent_survivors",
    "inside",
    "mahalanobis",
    "robust_core",
    "truncation_factor",
]

FACTORS = (1.25, 1.35, 1.45, 1.55, 1.7, 1.8)
"""Half-widths of the FWHM cut, in full widths at half maximum: 1.7 is 4.00 sigma of a Gaussian."""

LEVEL = 0.975
"""Share of a normal cloud that the robust core is meant to hold."""

ITERATIONS = 50  # of the robust core, at most; 2 to 10 are usual
STARTING = 8192  # vectors from which the robust core starts (or 16 d)
DRAWN = 8192  # vectors drawn at a time for the expectation
MAD_PER_SIGMA = 0.6744897501960817  # median absolute deviation of a Gaussian, in its sigma
ROUNDING = float(np.finfo(np.float64).eps)


# --- the FWHM cut -------------------------------------------------------------------------------------------------


def fwhm_reach(
    block: Num[np.ndarray, "m d"], centre: Float[np.ndarray, " d"], fwhm: Float[np.ndarray, " d"]
) -> Float[np.ndarray, " m"]:
    r"""How far out each vector lies, :math:`\max_j |z_j - c_j| / \mathrm{FWHM}_j`; the cut drops what is > factor.

    The values must be finite.
    """
    if not (fwhm > 0).all():
        raise ValueError("every FWHM must be positive; drop the components that are constant")
    if block.dtype not in (np.float32, np.float64):
        # Numba knows neither float16 nor foreign byte order: it fails, or reads the bytes in its own.
        block = block.astype(np.float64)
    reach = np.zeros(len(block))
    if block.flags.f_contiguous and not block.flags.c_contiguous:
        _reach_of_columns(block.T, centre, 1.0 / fwhm, reach)
    else:
        _reach_of_rows(np.ascontiguousarray(block), centre, 1.0 / fwhm, reach)
    return reach


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nnan", "nsz"}, error_model="numpy")
def _reach_of_rows(block: np.ndarray, centre: np.ndarray, scale: np.ndarray, reach: np.ndarray) -> None:
    for row in range(len(block)):
        farthest = 0.0
        for c in range(block.shape[1]):
            farthest = max(farthest, abs(block[row, c] - centre[c]) * scale[c])
        reach[row] = farthest


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reach_of_columns(columns: np.ndarray, centre: np.ndarray, scale: np.ndarray, reach: np.ndarray) -> None:
    d, m = columns.shape
    tile = 1024  # vectors whose result stays in the first-level cache while the components pass by
    for t in range((m + tile - 1) // tile):
        stop = min(m, (t + 1) * tile)
        for c in range(d):
            for row in range(t * tile, stop):
                reach[row] = max(reach[row], abs(columns[c, row] - centre[c]) * scale[c])


@dataclass(frozen=True, eq=False)
class CutMoments:
    """Vectors grouped by their reach, so that one pass tells what every factor of the FWHM cut leaves.

    Attributes
    ----------
    factors : rising; ring k lies between factor k - 1 and factor k, one more ring beyond the last factor.
    rings : moments of the vectors in each ring; None for an empty one.
    """

    factors: tuple[float, ...]
    rings: tuple[Moments | None, ...]

    @classmethod
    def of(
        cls,
        block: Num[np.ndarray, "m d"],
        reach: Float[np.ndarray, " m"],
        factors: Sequence[float] = FACTORS,
    ) -> Self:
        """Summarise one block and its reach (`fwhm_reach`)."""
        if not len(factors) or (np.diff(factors) <= 0).any():
            raise ValueError(f"factors must rise: {tuple(factors)}")
        ring = np.searchsorted(factors, reach, side="left")
        members = [np.flatnonzero(ring == k) for k in range(len(factors) + 1)]
        return cls(tuple(factors), tuple(Moments.of(block[m]) if len(m) else None for m in members))

    def __add__(self, other: Self) -> Self:
        """CutMoments of both blocks together."""
        if self.factors != other.factors:
            raise ValueError(f"cuts at {self.factors} and at {other.factors} do not add up")
        both = zip(self.rings, other.rings, strict=True)
        return type(self)(self.factors, tuple(_sum(a, b) for a, b in both))

    @property
    def n(self) -> int:
        """Number of vectors, survivors or not."""
        return sum(ring.n for ring in self.rings if ring is not None)

    @property
    def survivors(self) -> Int[np.ndarray, " f"]:
        """How many vectors each factor leaves."""
        return np.cumsum([0 if ring is None else ring.n for ring in self.rings[:-1]])

    @property
    def share(self) -> Float[np.ndarray, " f"]:
        """Share of the vectors that each factor leaves."""
        return self.survivors / self.n

    def moments(self, k: int) -> Moments | None:
        """Moments of the survivors of factor `k`; None if there are fewer than two of them."""
        if not 0 <= k < len(self.factors):
            raise IndexError(f"factor {k} of {len(self.factors)}")
        filled = [ring for ring in self.rings[: k + 1] if ring is not None]
        return reduce(add, filled) if self.survivors[k] >= 2 else None


def _sum(a: Moments | None, b: Moments | None) -> Moments | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def independent_survivors(dimension: int, factor: float) -> float:
    r"""Share of a cloud of independent normal components that the FWHM cut leaves.

    :math:`(2 \Phi(2.3548 f) - 1)^d`: for d = 256 it is 68.5, 84.9, 93.5, 98.4 and 99.4 % at the factors 1.35,
    1.45, 1.55, 1.7 and 1.8.
    """
    # One component's share outside, first: at large factors its complement would round to 1.
    return float(np.exp(dimension * np.log1p(-erfc(FWHM_PER_SIGMA * factor / np.sqrt(2)))))


def expected_survivors(
    pearson: Float[np.ndarray, "d d"],
    centre_offset_in_std: Float[np.ndarray, " d"],
    fwhm_in_std: Float[np.ndarray, " d"],
    factors: Sequence[float] = FACTORS,
    draws: int = 100_000,
    seed: int = 0,
) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, " f"]]:
    """Share of a normal cloud with the measured correlations that the FWHM cut leaves, by simulation.

    Parameters
    ----------
    centre_offset_in_std : (centre of the cut - mean) / std of each component.
    fwhm_in_std : FWHM / std of each component; 2.3548 where both describe the same Gaussian.

    Returns
    -------
    share, error : for each factor; the error is one standard error of the simulation, never 0 (A. Agresti,
        B. Coull, Approximate is better than "exact" for interval estimation of binomial proportions (1998),
        https://doi.org/10.1080/00031305.1998.10480550).
    """
    values, vectors = eigh(pearson)
    # The symmetric root exists for singular matrices too, and does not depend on the eigenvectors' signs. float32
    # moves a reach by 1e-6.
    root = ((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T).astype(np.float32)
    random = np.random.default_rng(seed)
    left = np.zeros(len(factors), np.int64)
    for start in range(0, draws, DRAWN):
        shape = (min(DRAWN, draws - start), len(pearson))
        cloud = random.standard_normal(shape, dtype=np.float32) @ root
        reach = np.sort(fwhm_reach(cloud, centre_offset_in_std, fwhm_in_std))
        left += np.searchsorted(reach, factors, side="right")
    careful = (left + 1) / (draws + 2)
    return left / draws, np.sqrt(careful * (1 - careful) / draws)


# --- the Mahalanobis cut ------------------------------------------------------------------------------------------


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


# --- the robust core ----------------------------------------------------------------------------------------------


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
        return type(self)(self.n + other.n, self.dimension, self.radius, _sum(self.kept, other.kept))

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

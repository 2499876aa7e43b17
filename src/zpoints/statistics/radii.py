r"""How far from the centre? The Mahalanobis distances of all vectors beside those of a multivariate normal.

In many dimensions normal vectors lie in a thin shell: distances :math:`\sqrt d \pm 1 / \sqrt 2`. The directions may
look perfectly normal and the radii not at all, as when some pictures have strong and others weak features: a mixture
of scales. Nothing shows that plainer than the law of the squared distance :math:`D^2`.

With mean and covariance estimated from the same n vectors, that law under normality is not quite chi-square:

.. math:: \frac{n}{(n - 1)^2} D^2 \sim \mathrm{Beta}\left(\frac d 2, \frac{n - d - 1} 2\right),

exactly, for every n. It is what every figure here is compared with; at n = 3 d, chi-square would reject a true
normal cloud.

References
----------
R. Gnanadesikan, J. Kettenring, Robust estimates, residuals, and outlier detection with multiresponse data,
Biometrics 28 (1972), https://doi.org/10.2307/2528963
"""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from scipy.special import betainc, betaincinv, gammaincinv, ndtr

from zpoints.statistics.mardia import kurtosis_null

__all__ = ["PROBABILITIES", "SHARES", "Radii", "RadiusNull"]

BINS = 16384
NEAREST, FARTHEST = 1e-3, 1e4  # first and last edge, in units of sqrt(d)

SHARES = (0.5, 0.9, 0.99, 0.999)
"""Shares of a normal law whose chi-square radii are looked at."""

PROBABILITIES = ndtr(np.linspace(-4.25, 4.25, 35))
"""Where measured and normal quantiles are compared: 1e-5 to 1 - 1e-5, even steps of a normal's quantiles."""


@dataclass(frozen=True, eq=False)
class RadiusNull:
    r"""The exact law of :math:`D^2` for n normal vectors of d components, measured by their own mean and covariance.

    With n = d + 1 vectors, the fewest that span d axes, every one has the same :math:`D^2 = (n - 1)^2 / n`.
    """

    n: int
    dimension: int

    @property
    def largest(self) -> float:
        """No vector of any sample can lie farther out."""
        return (self.n - 1) ** 2 / self.n

    @property
    def std(self) -> float:
        """Standard deviation; near sqrt(2 d) for many vectors."""
        n, d = self.n, self.dimension
        return float(self.largest * np.sqrt(2 * d * max(n - 1 - d, 0) / (n + 1)) / (n - 1))

    def share_within(self, square: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
        """Probability of a squared distance of at most `square`."""
        part = np.clip(square / self.largest, 0.0, 1.0)
        if self._rest <= 0:
            return (part >= 1 - 1e-9).astype(np.float64)
        return betainc(self.dimension / 2, self._rest, part)

    def quantile(self, share: Float[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        """Squared distance that holds the share."""
        if self._rest <= 0:
            return np.full(np.shape(share), self.largest)
        return self.largest * betaincinv(self.dimension / 2, self._rest, share)

    @property
    def _rest(self) -> float:
        return (self.n - self.dimension - 1) / 2


@dataclass(frozen=True, eq=False)
class Radii:
    r"""Histogram and moments of the Mahalanobis distances of whitened vectors, mergeable.

    The vectors come whitened by the mean and the unbiased covariance of *all* of them (`pca.PCA.whiten`). The bins
    reach from :math:`10^{-3} \sqrt d` to :math:`10^4 \sqrt d`. They are finest at :math:`\sqrt d`, 0.0009 standard
    deviations of a normal's distances, and grow from there, to less than 1 % of the radius at the ends.

    Attributes
    ----------
    dimension : number of components d.
    counts : vectors per bin; the first and last entries hold those below and above all bins.
    total, total_square : sums of :math:`D^2` and of :math:`D^4`.

    Examples
    --------
    Normal vectors, each times its own random scale:

    >>> random = np.random.default_rng(0)
    >>> x = random.normal(size=(20_000, 50)) * np.sqrt(random.choice([0.5, 1.5], size=(20_000, 1)))
    >>> radii = Radii.of(x[:9000]) + Radii.of(x[9000:])
    >>> radii.n, round(radii.scale_variance, 2)
    (20000, 0.25)
    """

    dimension: int
    counts: Int[np.ndarray, " bins"]
    total: float
    total_square: float

    @classmethod
    def of(cls, block: Float[np.ndarray, "m d"]) -> Self:
        """Measure one block."""
        u = np.asarray(block, np.float64)
        square = np.einsum("ij,ij->i", u, u)
        d = block.shape[1]
        place = np.searchsorted(_edges(d) ** 2, square, side="left")
        counts = np.bincount(place, minlength=BINS + 2).astype(np.int64)
        return cls(d, counts, float(square.sum()), float(np.sum(square**2)))

    def __add__(self, other: Self) -> Self:
        """Distances of both sets together."""
        return type(self)(
            self.dimension,
            self.counts + other.counts,
            self.total + other.total,
            self.total_square + other.total_square,
        )

    @property
    def n(self) -> int:
        """Number of vectors."""
        return int(self.counts.sum())

    @property
    def null(self) -> RadiusNull:
        """What normal vectors, as many of as many components, have."""
        return RadiusNull(self.n, self.dimension)

    @property
    def edges(self) -> Float[np.ndarray, " edges"]:
        """Distances that bound the bins; a vector exactly on one belongs to the bin below it."""
        return _edges(self.dimension)

    @property
    def mean(self) -> float:
        r"""Mean of :math:`D^2`. It is d (n - 1) / n for every cloud, so it checks the whitening, not normality."""
        return self.total / self.n

    @property
    def std(self) -> float:
        r"""Standard deviation of :math:`D^2`; `RadiusNull.std` (near :math:`\sqrt{2 d}`) for a normal law."""
        return float(np.sqrt(max(self.total_square / self.n - self.mean**2, 0.0)))

    @property
    def scale_variance(self) -> float:
        r"""Variance of :math:`s^2` if the vectors are normal ones times a random scale s with :math:`E s^2 = 1`.

        Mean of :math:`D^4` over what normal samples have, less 1: 0 for a normal law. The same figure as
        `ThirdMoments.scale_variance`, for any number of components.
        """
        return self.total_square / self.n * (self.n / (self.n - 1)) ** 2 / self._null_square[0] - 1

    @property
    def scale_variance_error(self) -> float:
        """Standard error of `scale_variance` over normal samples of the same size."""
        expected, error = self._null_square
        return error / expected

    @property
    def scale_spread(self) -> float:
        r"""Coefficient of variation of the squared scale :math:`s^2`, 0 when `scale_variance` is not positive."""
        return float(np.sqrt(max(self.scale_variance, 0.0)))

    def share_within(self, radius: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
        """Share of the vectors inside each Mahalanobis radius; exact at `edges`, linear within a bin."""
        return np.interp(radius, self._knots, np.concatenate([[0.0], self._cumulative, [1.0]]))

    def quantile(self, share: Float[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        """Mahalanobis radius that holds each share of the vectors, linear within a bin.

        The ends of what was counted for shares of 0 and 1. Vectors outside all bins count at their ends.
        """
        counted = np.flatnonzero(self.counts)
        held = np.cumsum(self.counts[counted]) / self.n
        place = np.minimum(np.searchsorted(held, share, side="left"), len(counted) - 1)
        before = np.concatenate([[0.0], held])[place]
        part = np.clip((share - before) / (held[place] - before), 0.0, 1.0)
        ends = np.concatenate([self.edges[:1], self.edges, self.edges[-1:]])
        low, high = ends[counted[place]], ends[counted[place] + 1]
        return low + part * (high - low)

    @property
    def shares(self) -> Float[np.ndarray, " levels"]:
        """Shares of the vectors inside the chi-square radii of `SHARES`."""
        return self.share_within(self._chi_square_radii)

    @property
    def normal_shares(self) -> Float[np.ndarray, " levels"]:
        """Exact shares there for a normal sample of this size; `SHARES` themselves for many vectors."""
        return self.null.share_within(self._chi_square_radii**2)

    @property
    def distance_to_normal(self) -> float:
        r"""Kolmogorov and Smirnov's largest difference between measured and normal shares, over all edges.

        By simulation, normal samples have about :math:`0.67 / \sqrt n`, and stay below :math:`1.0 / \sqrt n` (d = 1:
        1.2) in 95 of 100 cases. Kolmogorov's own 1.36 is for distances whose mean is not fixed.
        """
        return float(np.abs(self._cumulative - self.null.share_within(self.edges**2)).max())

    def quantiles(
        self, probabilities: Float[np.ndarray, " q"] = PROBABILITIES
    ) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
        r"""Normal and measured quantiles of :math:`D^2`, for a figure: a straight line y = x for a normal law.

        In the tails, beyond shares of some 10 / n, single vectors decide.
        """
        return self.null.quantile(probabilities), self.quantile(probabilities) ** 2

    @property
    def _null_square(self) -> tuple[float, float]:
        return kurtosis_null(self.n, self.dimension)

    @property
    def _chi_square_radii(self) -> Float[np.ndarray, " levels"]:
        return np.sqrt(
            2 * gammaincinv(self.dimension / 2, SHARES)
        )  # of chi square; scipy.stats takes a second to import

    @property
    def _cumulative(self) -> Float[np.ndarray, " edges"]:
        """Share of the vectors up to each edge."""
        return np.cumsum(self.counts[:-1]) / self.n

    @property
    def _knots(self) -> Float[np.ndarray, " knots"]:
        # What lies below all bins is taken to fill the ball inside the first edge; above the last, all are in.
        return np.concatenate([[0.0], self.edges, [np.nextafter(self.edges[-1], np.inf)]])


@cache
def _edges(dimension: int) -> Float[np.ndarray, " edges"]:
    r"""Edges :math:`\sqrt d \exp(\sinh(t) / \sqrt{2 d})` at even steps of t.

    The logarithm of a normal's distance has about the standard deviation :math:`1 / \sqrt{2 d}`: so steps of t are
    even steps of it near :math:`\sqrt d`, and even steps of its logarithm far out.
    """
    spread = np.sqrt(2.0 * dimension)
    first, last = np.arcsinh(spread * np.log([NEAREST, FARTHEST]))
    edges = np.sqrt(dimension) * np.exp(np.sinh(np.linspace(first, last, BINS + 1)) / spread)
    edges.flags.writeable = False
    return edges

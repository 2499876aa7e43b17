"""Groups of one cloud: how far their centres lie apart, how their covariances differ, and what it helps to know them.

All figures are invariant under linear maps of the vectors. Those with a law of normal vectors behind them (distances
of centres) say so; covariances are compared with permuted groups, whatever the law.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular
from scipy.special import fdtrc, logsumexp

__all__ = ["CentreDistance", "CovarianceDistances", "Gain", "Within", "mixture_gain"]

FOLDS = 5
SCORED = 10_000  # held-out vectors at most


@dataclass(frozen=True, eq=False)
class Within:
    """Groups about their own centres.

    Attributes
    ----------
    counts, means : of each group.
    residuals : vectors less their group's mean. covariance : of these, pooled; divided by n less the groups.
    """

    counts: Int[np.ndarray, " g"]
    means: Float[np.ndarray, "g k"]
    residuals: Float[np.ndarray, "n k"]
    covariance: Float[np.ndarray, "k k"]

    @classmethod
    def of(cls, u: Float[np.ndarray, "n k"], codes: Int[np.ndarray, " n"], groups: int) -> Self:
        """Of vectors with the number of the group of each."""
        counts = np.bincount(codes, minlength=groups)
        means = np.stack([u[codes == g].mean(axis=0) for g in range(groups)])
        residuals = u - means[codes]
        return cls(counts, means, residuals, residuals.T @ residuals / (len(u) - groups))

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the pooled covariance."""
        return int(self.counts.sum()) - len(self.counts)


@dataclass(frozen=True, eq=False)
class CentreDistance:
    r"""Mahalanobis distance of two groups' centres, by the pooled covariance within groups.

    :math:`D^2 = \delta^T S^{-1} \delta` is too large even where the centres are the same. For normal groups with one
    covariance, :math:`\nu` degrees of freedom of S and :math:`1 / m = 1 / n_a + 1 / n_b`, the unbiased square is

    .. math:: \Delta^2 = \frac{\nu - k - 1}{\nu} D^2 - \frac k m

    and :math:`m (\nu - k + 1) D^2 / (\nu k)` follows the F law with :math:`k, \nu - k + 1` degrees of freedom where
    the centres are the same, and the non-central one else, whose variance gives the standard error.

    Attributes
    ----------
    squared, squared_error : :math:`\Delta^2`, which may be negative, and its standard error.
    p : of centres that are the same (Hotelling).

    References
    ----------
    H. Hotelling, The generalization of Student's ratio, Annals of Mathematical Statistics 2 (1931),
    https://doi.org/10.1214/aoms/1177732979

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> codes = np.repeat([0, 1], 1000)
    >>> u = random.normal(size=(2000, 5)) + np.outer(codes, [1.0, 0, 0, 0, 0])
    >>> found = CentreDistance.of(Within.of(u, codes, 2), 0, 1)
    >>> bool(abs(found.distance - 1.0) < 3 * found.error), round(float(found.error), 2), found.p < 1e-9
    (True, 0.05, True)
    """

    squared: float
    squared_error: float
    p: float

    @classmethod
    def of(cls, within: Within, a: int, b: int) -> Self:
        """Of the groups with these numbers."""
        k, freedom = within.means.shape[1], within.freedom
        delta = within.means[a] - within.means[b]
        square = float(delta @ np.linalg.solve(within.covariance, delta))
        m = 1 / (1 / within.counts[a] + 1 / within.counts[b])
        first, second = k, freedom - k + 1
        factor = m * second / (freedom * k)  # factor * D^2 follows F
        p = float(fdtrc(first, second, factor * square)) if second > 0 else float("nan")
        squared = (freedom - k - 1) / freedom * square - k / m
        error = float("nan")
        if second > 4:
            off = m * max(squared, 0.0)
            variance = (first + off) ** 2 + (first + 2 * off) * (second - 2)
            variance *= 2 * (second / first) ** 2 / ((second - 2) ** 2 * (second - 4))
            error = float(np.sqrt(variance)) / factor * (freedom - k - 1) / freedom
        return cls(squared, error, p)

    @property
    def distance(self) -> float:
        """Standard deviations along the line between the centres; 0 where the square is negative."""
        return float(np.sqrt(max(self.squared, 0.0)))

    @property
    def error(self) -> float:
        """Standard error of `distance`; near 0 the root of that of its square."""
        near = float(np.sqrt(self.squared_error))
        return min(self.squared_error / (2 * self.distance), near) if self.distance > 0 else near


@dataclass(frozen=True, eq=False)
class CovarianceDistances:
    r"""How the covariances of groups differ: the affine-invariant distance of each pair, beside permuted groups.

    .. math:: d(A, B) = \sqrt{\sum_i \ln^2 \lambda_i(A^{-1} B)}

    the length of the shortest way between both among covariance matrices; :math:`\lambda_i` are the ratios of the
    variances along the axes that both share. Sampled covariances differ even where those behind them are the same: by
    so much as groups dealt at random do, of vectors less their own group's centre.

    Attributes
    ----------
    pairs : numbers of the groups of each pair.
    distance : measured. null, spread : mean and standard deviation over the permutations.
    p : share of the permutations, the measured groups counted as one, whose largest z score reaches the measured one.

    References
    ----------
    W. Foerstner, B. Moonen, A metric for covariance matrices (1999), https://doi.org/10.1007/978-3-662-05296-9_31
    X. Pennec, P. Fillard, N. Ayache, A Riemannian framework for tensor computing, International Journal of Computer
    Vision 66 (2006), https://doi.org/10.1007/s11263-005-3222-z

    Examples
    --------
    Twice the variance along all of 4 axes, so :math:`\sqrt{4 \ln^2 2} = 1.39`:

    >>> codes = np.repeat([0, 1], 2000)
    >>> u = np.random.default_rng(0).normal(size=(4000, 4)) * np.sqrt(1 + codes)[:, None]
    >>> found = CovarianceDistances.of(Within.of(u, codes, 2), codes, permutations=99)
    >>> bool(abs(found.excess[0] - 1.39) < 0.15), found.p
    (True, 0.01)
    """

    pairs: Int[np.ndarray, "p 2"]
    distance: Float[np.ndarray, " p"]
    null: Float[np.ndarray, " p"]
    spread: Float[np.ndarray, " p"]
    p: float

    @classmethod
    def of(cls, within: Within, codes: Int[np.ndarray, " n"], permutations: int = 199, seed: int = 0) -> Self:
        """Of all pairs of groups; each group needs more vectors than there are components."""
        groups, random = len(within.counts), np.random.default_rng(seed)
        white = solve_triangular(np.linalg.cholesky(within.covariance), within.residuals.T, lower=True).T
        pairs = np.array([(a, b) for a in range(groups) for b in range(a + 1, groups)])
        measured = _distances(white, codes, pairs, groups)
        permuted = np.stack(
            [_distances(white, random.permutation(codes), pairs, groups) for _ in range(permutations)]
        )
        null, spread = permuted.mean(axis=0), permuted.std(axis=0, ddof=1)
        largest, others = ((measured - null) / spread).max(), ((permuted - null) / spread).max(axis=1)
        p = (1 + int((others >= largest).sum())) / (1 + permutations)
        return cls(pairs, measured, null, spread, p)

    @property
    def excess(self) -> Float[np.ndarray, " p"]:
        """What is beyond chance: the root of the measured square less that of permuted groups, 0 at least."""
        return np.sqrt(np.maximum(self.distance**2 - self.null**2 - self.spread**2, 0.0))

    @property
    def z(self) -> Float[np.ndarray, " p"]:
        """In standard deviations of permuted groups."""
        return (self.distance - self.null) / self.spread


def _distances(
    x: Float[np.ndarray, "n k"], codes: Int[np.ndarray, " n"], pairs: Int[np.ndarray, "p 2"], groups: int
) -> Float[np.ndarray, " p"]:
    parts = [x[codes == g] for g in range(groups)]
    covariances = np.stack([np.atleast_2d(np.cov(part.T)) for part in parts])
    inverses = np.linalg.inv(np.linalg.cholesky(covariances))
    first, second = covariances[pairs[:, 0]], inverses[pairs[:, 1]]
    ratios = np.linalg.eigvalsh(second @ first @ second.transpose(0, 2, 1))
    return np.sqrt(np.sum(np.log(np.maximum(ratios, 1e-300)) ** 2, axis=1))


@dataclass(frozen=True, eq=False)
class Gain:
    """Mean log density of held-out vectors by a mixture of normals by group, less that by one normal; nats a vector.

    Attributes
    ----------
    value : each group has its own covariance, shrunk. shared : one covariance, the one within groups, for all.
    chance : the first of groups dealt at random.
    beyond, error : what the groups gain beyond chance, and its standard error.
    held_out : number of the vectors.
    """

    value: float
    shared: float
    chance: float
    beyond: float
    error: float
    held_out: int


def mixture_gain(
    u: Float[np.ndarray, "n k"], codes: Int[np.ndarray, " n"], groups: int, seed: int = 0
) -> Gain:
    r"""One normal, or a mixture of normals by group? Judged on vectors that neither was fitted to.

    In each of five turns a fifth of the vectors (of many, 2,000 of that fifth) is held out. To the others are fitted
    one normal with their mean and covariance, and the mixture :math:`\sum_g w_g N(m_g, \Sigma_g)` with the groups'
    shares and means, and :math:`\Sigma_g = (1 - \lambda_g) S_g + \lambda_g S_{within}`. The labels of held-out
    vectors are not looked at. In coordinates in which :math:`S_{within}` is the identity,

    .. math:: \lambda_g = \frac{\mathrm{mean}|r|^4 - |S_g|^2}{n_g |S_g - 1|^2}, at most 1

    over residuals r: what chance adds to :math:`|S_g - 1|^2`, over that itself (Ledoit and Wolf's intensity).

    Several normals of random shapes describe heavy tails better than one does, whoever they are of. So the same is
    done with the groups dealt at random, in each turn anew, and what counts is the difference.

    Parameters
    ----------
    u : vectors; the figures do not change under linear maps. codes : number of the group of each.

    References
    ----------
    O. Ledoit, M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices, Journal of
    Multivariate Analysis 88 (2004), https://doi.org/10.1016/S0047-259X(03)00096-4

    Examples
    --------
    Two normals 4 standard deviations apart, beside one normal of variance 5 along that line:

    >>> random = np.random.default_rng(0)
    >>> codes = random.integers(0, 2, size=4000)
    >>> u = random.normal(size=(4000, 3)) + np.outer(codes, [4.0, 0.0, 0.0])
    >>> gain = mixture_gain(u, codes, 2)
    >>> round(gain.value, 1), round(gain.beyond, 1), round(gain.error, 2), abs(gain.chance) < 0.01
    (0.2, 0.2, 0.01, True)
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(u))
    found: list[np.ndarray] = []
    for turn in range(FOLDS):
        fitted = np.ones(len(u), bool)
        fitted[order[turn::FOLDS]] = False
        x, mine, labels = u[order[turn::FOLDS][: SCORED // FOLDS]], u[fitted], codes[fitted]
        one = _log_normal(x, mine.mean(axis=0), np.atleast_2d(np.cov(mine.T)))
        own, shared = _log_mixtures(x, mine, labels, groups)
        chance, _ = _log_mixtures(x, mine, random.permutation(labels), groups)
        found.append(np.stack([own - one, shared - one, chance - one, own - chance]))
    every = np.concatenate(found, axis=1)
    value, shared_gain, chance_gain, beyond = (float(mean) for mean in every.mean(axis=1))
    count = every.shape[1]
    return Gain(value, shared_gain, chance_gain, beyond, float(every[3].std(ddof=1)) / count**0.5, count)


def _log_mixtures(
    x: Float[np.ndarray, "m k"], mine: Float[np.ndarray, "n k"], labels: Int[np.ndarray, " n"], groups: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Log densities of held-out vectors by the mixture, and by the one with a common covariance."""
    within = Within.of(mine, labels, groups)
    factor = np.linalg.cholesky(within.covariance)
    common = float(np.log(np.diagonal(factor)).sum())
    y, centres, residuals = (
        solve_triangular(factor, part.T, lower=True).T for part in (x, within.means, within.residuals)
    )
    share = np.log(within.counts / within.counts.sum())
    own, shared = np.empty((groups, len(x))), np.empty((groups, len(x)))
    for g in range(groups):
        own[g] = share[g] + _log_normal(y, centres[g], _shrunk(residuals[labels == g]))
        shared[g] = share[g] - 0.5 * np.sum((y - centres[g]) ** 2, axis=1)
    return logsumexp(own, axis=0) - common, logsumexp(shared, axis=0) - common


def _shrunk(residuals: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "k k"]:
    """A group's covariance, drawn towards the identity."""
    n, k = residuals.shape
    covariance = residuals.T @ residuals / max(n - 1, 1)
    away = float(np.sum((covariance - np.eye(k)) ** 2))
    fourth = float(np.mean(np.einsum("nk,nk->n", residuals, residuals) ** 2))
    share = min(1.0, max(fourth - float(np.sum(covariance**2)), 0.0) / (n * away)) if away > 0 else 1.0
    return (1 - share) * covariance + share * np.eye(k)


def _log_normal(
    x: Float[np.ndarray, "m k"], mean: Float[np.ndarray, " k"], covariance: Float[np.ndarray, "k k"]
) -> Float[np.ndarray, " m"]:
    """Log density but for the constant that all have in common."""
    factor = np.linalg.cholesky(covariance)
    white = solve_triangular(factor, (x - mean).T, lower=True)
    return -0.5 * np.einsum("km,km->m", white, white) - float(np.log(np.diagonal(factor)).sum())

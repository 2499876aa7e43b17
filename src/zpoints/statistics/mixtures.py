r"""Gaussian mixtures with full covariances, fitted by expectation and maximisation as a sum over blocks.

One iteration is one pass: every block yields the responsibilities' sums, they add up, and the sum tells the next
mixture. All vectors of a block meet all components in a single matrix product. In many dimensions nearly every
vector belongs to one component only, so the second moments, which take as long in the usual implementations, are
summed over those vectors alone.

References
----------
A. Dempster, N. Laird, D. Rubin, Maximum likelihood from incomplete data via the EM algorithm, Journal of the Royal
Statistical Society B 39 (1977), https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
C. Fraley, A. Raftery, Bayesian regularization for normal mixture estimation and model-based clustering, Journal of
Classification 24 (2007), https://doi.org/10.1007/s00357-007-0004-5: covariances with a prior.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float, Float32
from scipy.special import logsumexp

__all__ = ["Mixture", "MixtureSums"]

NEGLIGIBLE = 1e-6  # responsibilities below this are left out of the second moments
LEAST_WEIGHT = 1e-9


@dataclass(frozen=True, eq=False)
class Mixture:
    """Weights, means and covariances of k normal components in r dimensions.

    Attributes
    ----------
    weights : shares of the components, of sum 1.
    means, covariances : of the components; the covariances are positive definite.

    Examples
    --------
    Two components, fitted by three iterations over two blocks:

    >>> random = np.random.default_rng(0)
    >>> law = Mixture(np.array([0.3, 0.7]), np.array([[-4.0, 0.0], [4.0, 0.0]]), np.stack([np.eye(2)] * 2))
    >>> x = law.draw(4000, random)
    >>> found = Mixture(np.array([0.5, 0.5]), np.array([[-1.0, 0.0], [1.0, 0.0]]), np.stack([np.eye(2)] * 2))
    >>> for _ in range(3):
    ...     found = (MixtureSums.of(x[:1000], found) + MixtureSums.of(x[1000:], found)).mixture(prior=1.0)
    >>> found.weights.round(1).tolist(), bool(np.abs(found.means - law.means).max() < 0.2)
    ([0.3, 0.7], True)
    """

    weights: Float[np.ndarray, " k"]
    means: Float[np.ndarray, "k r"]
    covariances: Float[np.ndarray, "k r r"]

    @property
    def components(self) -> int:
        """Number of components k."""
        return len(self.weights)

    @cached_property
    def roots(self) -> Float[np.ndarray, "k r r"]:
        """Cholesky factors of the covariances."""
        return np.linalg.cholesky(self.covariances)

    @cached_property
    def _whitening(
        self,
    ) -> tuple[Float32[np.ndarray, "r kr"], Float32[np.ndarray, " kr"], Float[np.ndarray, " k"]]:
        """One matrix that whitens for all components at once, what to subtract, and the constant of each density."""
        inverse = np.linalg.inv(self.roots)
        k, r = self.means.shape
        matrix = np.ascontiguousarray(inverse.transpose(2, 0, 1).reshape(r, k * r))
        offset = np.einsum("krs,ks->kr", inverse, self.means).reshape(k * r)
        log_determinant = np.log(np.diagonal(self.roots, axis1=1, axis2=2)).sum(axis=1)
        constant = np.log(self.weights) - log_determinant - 0.5 * r * np.log(2 * np.pi)
        return matrix.astype(np.float32), offset.astype(np.float32), constant

    def log_joint(self, x: Float[np.ndarray, "m r"]) -> Float[np.ndarray, "m k"]:
        """Logarithm of weight times density of every component at every vector."""
        matrix, offset, constant = self._whitening
        y = np.asarray(x, np.float32) @ matrix
        y -= offset
        y = y.reshape(len(x), *self.means.shape)
        return constant - 0.5 * np.einsum("mkr,mkr->mk", y, y).astype(np.float64)

    def log_density(self, x: Float[np.ndarray, "m r"]) -> Float[np.ndarray, " m"]:
        """Logarithm of the density at every vector."""
        return logsumexp(self.log_joint(x), axis=1)

    def draw(self, n: int, random: np.random.Generator, temperature: float = 1.0) -> Float[np.ndarray, "n r"]:
        """Draw vectors; `temperature` multiplies the distances from each component's mean."""
        chosen = random.choice(self.components, n, p=self.weights)
        noise = random.standard_normal((n, self.means.shape[1])) * temperature
        found = self.means[chosen]
        for k in np.unique(chosen):
            mine = chosen == k
            found[mine] += noise[mine] @ self.roots[k].T
        return found


@dataclass(frozen=True, eq=False)
class MixtureSums:
    """What one iteration adds up, mergeable.

    Attributes
    ----------
    n : number of vectors.
    log_likelihood : sum of the logarithm of the density.
    weight, first, second : sums of responsibilities, of responsibility times x, and times x x^T.
    """

    n: int
    log_likelihood: float
    weight: Float[np.ndarray, " k"]
    first: Float[np.ndarray, "k r"]
    second: Float[np.ndarray, "k r r"]

    @classmethod
    def of(cls, block: Float[np.ndarray, "m r"], mixture: Mixture) -> Self:
        """Expectation: share one block among the components."""
        x = np.asarray(block, np.float32)
        joint = mixture.log_joint(x)
        total = logsumexp(joint, axis=1)
        share = np.exp(joint - total[:, None]).astype(np.float32)
        second = np.empty((mixture.components, x.shape[1], x.shape[1]))
        for k in range(mixture.components):
            mine = np.flatnonzero(share[:, k] > NEGLIGIBLE)
            weighted = x[mine] * np.sqrt(share[mine, k])[:, None]
            second[k] = weighted.T @ weighted
        return cls(
            len(x),
            float(total.sum()),
            share.sum(axis=0, dtype=np.float64),
            (share.T @ x).astype(np.float64),
            second,
        )

    def __add__(self, other: Self) -> Self:
        """Sums over both blocks."""
        return type(self)(
            self.n + other.n,
            self.log_likelihood + other.log_likelihood,
            self.weight + other.weight,
            self.first + other.first,
            self.second + other.second,
        )

    @property
    def mean_log_likelihood(self) -> float:
        """Mean logarithm of the density, under the mixture that shared out the vectors."""
        return self.log_likelihood / self.n

    def mixture(self, prior: float) -> Mixture:
        r"""Maximisation: the mixture that these sums tell.

        Parameters
        ----------
        prior : so many vectors' worth of a common covariance are mixed into every component's,
            :math:`\Sigma_k = (S_k + \nu W) / (n_k + \nu)`; keeps components of few vectors invertible. W is the
            covariance within components, :math:`\sum_k S_k / n`, and a share :math:`r / (n + r)` of it is replaced by
            the round one with the same trace. The covariance of all vectors would not do: it holds the distances
            between the components, which their means have already, and the mixture would be wider than the vectors.
        """
        weight = np.maximum(self.weight, LEAST_WEIGHT)
        means = self.first / weight[:, None]
        scatter = self.second - weight[:, None, None] * means[:, :, None] * means[:, None, :]
        r = self.first.shape[1]
        within = scatter.sum(axis=0) / weight.sum()
        round_ = max(np.trace(within) / r, 1 / self.n) * np.eye(r)  # where every vector is a component
        common = (self.n * within + r * round_) / (self.n + r)
        covariances = (scatter + prior * common) / (weight + prior)[:, None, None]
        return Mixture(weight / weight.sum(), means, covariances)

"""How far two sets of pictures are apart, by their features: Fréchet and kernel distance, density and coverage."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Float32

from zpoints.statistics.frechet import frechet_distance
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

__all__ = ["Axes", "DensityCoverage", "frechet_bootstrap", "kernel_distance"]

BOOTSTRAPS, BOOTSTRAPS_OF_MANY, MANY = 100, 20, 256  # fewer in many dimensions: each takes seconds there
PARTS = 10  # disjoint parts of both sets, whose kernel distances tell the error
NEIGHBOURS = 5
BLOCK = 512  # pictures whose distances to all others are in memory at a time

FeatureSet = Float[np.ndarray, "n f"] | Float32[np.ndarray, "n f"]


@dataclass(frozen=True, eq=False)
class Axes:
    """Leading principal axes of real pictures' features, in which Fréchet distances are taken.

    In all 1280 dimensions a few thousand pictures would measure their own number more than anything else.

    Attributes
    ----------
    pca, count : the axes, and how many of them; without a PCA all dimensions, as they are.
    """

    pca: PCA | None
    count: int

    @classmethod
    def of(cls, real: FeatureSet, most: int) -> Self:
        """At most `most` axes, and never more than a tenth of the number of pictures."""
        pca = PCA.of_moments(Moments.of(real))
        return cls(pca, max(1, min(most, pca.rank, len(real) // 10)))

    @classmethod
    def all_of(cls, dimension: int) -> Self:
        """All dimensions, as published Fréchet distances have it."""
        return cls(None, dimension)

    def project(self, features: FeatureSet) -> Float[np.ndarray, "n a"]:
        """Coordinates along the axes."""
        if self.pca is None:
            return np.asarray(features, np.float64)
        return self.pca.transform(features, 0, self.count)


def frechet_bootstrap(
    a: Float[np.ndarray, "n a"], b: Float[np.ndarray, "m a"], seed: int
) -> tuple[float, Float[np.ndarray, " b"]]:
    r"""Squared Fréchet distance of two sets, and of 100 pairs of sets drawn from them with repetition.

    In more than 256 dimensions there are 20 pairs. The draws from `b` depend on seed and length alone: so two sets
    compared with the same `b` are compared pair by pair. Drawn sets lie farther apart than the sets themselves;
    their spread is what counts, not their mean.

    References
    ----------
    M. Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium
    (NeurIPS 2017), https://arxiv.org/abs/1706.08500
    """

    def distance(x: np.ndarray, y: np.ndarray) -> float:
        p, q = Moments.of(x), Moments.of(y)
        return frechet_distance(p.mean, p.covariance, q.mean, q.covariance)

    from_a, from_b = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    drawn = [
        distance(a[from_a.integers(len(a), size=len(a))], b[from_b.integers(len(b), size=len(b))])
        for _ in range(BOOTSTRAPS if a.shape[1] <= MANY else BOOTSTRAPS_OF_MANY)
    ]
    return distance(a, b), np.array(drawn)


def kernel_distance(a: FeatureSet, b: FeatureSet) -> tuple[float, float]:
    r"""Kernel distance (KID): the unbiased squared maximum mean discrepancy, and its standard error.

    Kernel :math:`(x \cdot y / f + 1)^3`. The error comes from 10 disjoint parts of both sets, dealt at random, since
    pictures may be sorted: a careful one, up to three times too large where the two laws are the same. It is not a
    number for fewer than 20 pictures.

    References
    ----------
    M. Binkowski, D. Sutherland, M. Arbel, A. Gretton, Demystifying MMD GANs (ICLR 2018),
    https://arxiv.org/abs/1801.01401
    """
    error = float("nan")
    if min(len(a), len(b)) >= 2 * PARTS:
        random = np.random.default_rng(0)
        dealt = (np.array_split(random.permutation(x), PARTS) for x in (a, b))
        parts = zip(*dealt, strict=True)
        error = float(np.std([_discrepancy(x, y) for x, y in parts], ddof=1) / np.sqrt(PARTS))
    return _discrepancy(a, b), error


def _discrepancy(a: FeatureSet, b: FeatureSet) -> float:
    n, m = len(a), len(b)
    within_a = (_kernel_sum(a, a) - _own(a)) / (n * (n - 1))
    within_b = (_kernel_sum(b, b) - _own(b)) / (m * (m - 1))
    return float(within_a + within_b - 2 * _kernel_sum(a, b) / (n * m))


def _kernel_sum(a: FeatureSet, b: FeatureSet) -> float:
    columns, total = np.asarray(b, np.float64).T / b.shape[1], 0.0
    for start in range(0, len(a), BLOCK):
        kernel = np.asarray(a[start : start + BLOCK], np.float64) @ columns
        kernel += 1
        total += float(np.power(kernel, 3, out=kernel).sum())
    return total


def _own(a: FeatureSet) -> float:
    square = np.einsum("ij,ij->i", a, a, dtype=np.float64) / a.shape[1]
    return float(((square + 1) ** 3).sum())


@dataclass(frozen=True)
class DensityCoverage:
    r"""How well a set of pictures fills the neighbourhoods of real ones.

    Every real picture has a ball that reaches to its fifth nearest real neighbour. Density is the mean number of
    balls that a picture lies in, over 5; near 1 where the two laws are the same, above it where pictures crowd in
    the densest places. Coverage is the share of the balls that hold at least one picture; :math:`1 - 2^{-5}` for two
    samples of one law and of equal size.

    References
    ----------
    M. Naeem, S. Oh, Y. Uh, Y. Choi, J. Yoo, Reliable Fidelity and Diversity Metrics for Generative Models
    (ICML 2020), https://arxiv.org/abs/2002.09797
    """

    density: float
    coverage: float

    @classmethod
    def of(cls, pictures: FeatureSet, real: FeatureSet) -> Self:
        """Compare pictures with real ones; the distances are in memory block by block."""
        k = min(NEIGHBOURS, len(real) - 1)
        # Copied: a view of one column would keep its whole block in memory.
        radii = np.concatenate(
            [np.partition(block, k, axis=1)[:, k].copy() for block in _squares(real, real)]
        )
        inside, covered = 0, np.zeros(len(real), bool)
        for block in _squares(pictures, real):
            within = block < radii
            inside += int(within.sum())
            covered |= within.any(axis=0)
        return cls(inside / (k * len(pictures)), float(covered.mean()))


def _squares(a: FeatureSet, b: FeatureSet) -> Iterator[Float[np.ndarray, "m n"]]:
    """Squared distances of all of `b` from a block of `a` at a time."""
    b = np.asarray(b, np.float64)
    lengths = np.einsum("ij,ij->i", b, b)
    for start in range(0, len(a), BLOCK):
        block = np.asarray(a[start : start + BLOCK], np.float64)
        square = 2 * block @ b.T
        np.subtract(np.einsum("ij,ij->i", block, block)[:, None] + lengths, square, out=square)
        yield np.maximum(square, 0.0, out=square)

"""How far two sets of pictures are apart, by their features: kernel distance, density, coverage, recall, Vendi."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Float32

from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

__all__ = ["Axes", "PictureDistances", "PictureSet", "vendi_score"]

PARTS = 10  # disjoint parts of both sets, whose kernel distances tell the error
NEIGHBOURS, RECALL_NEIGHBOURS = 5, 3
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


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Features of a set of pictures, and what of the figures depends on them alone: found once.

    Attributes
    ----------
    features : (n, f).
    kernel : sum of the kernel of `PictureDistances` over all pairs of different pictures.
    balls : (2, n), squared distances to the third and to the fifth nearest other picture.
    """

    features: FeatureSet
    kernel: float
    balls: Float[np.ndarray, "2 n"]

    @classmethod
    def of(cls, features: FeatureSet) -> Self:
        """Look at all pairs, block by block."""
        most = len(features) - 1
        places = [min(k, most) for k in (RECALL_NEIGHBOURS, NEIGHBOURS)]
        kernel, balls = 0.0, []
        for product, squares in _pairs(features, features):
            kernel += _kernel_sum(product, features.shape[1])
            balls.append(np.partition(squares, places, axis=1)[:, places])
        return cls(features, kernel - _own(features), np.concatenate(balls).T)


@dataclass(frozen=True)
class PictureDistances:
    r"""How far a set of pictures is from real ones, and how well it fills their neighbourhoods.

    **Kernel distance** (KID): the unbiased squared maximum mean discrepancy with the kernel
    :math:`(x \cdot y / f + 1)^3`. Its error comes from 10 disjoint parts of both sets, dealt at random, since
    pictures may be sorted: a careful one, up to three times too large where the two laws are the same. It is not a
    number for fewer than 20 pictures.

    **Density and coverage.** Every real picture has a ball that reaches to its fifth nearest real neighbour. Density
    is the mean number of balls that a picture lies in, over 5; near 1 where the two laws are the same, above it where
    pictures crowd in the densest places. Coverage is the share of the balls that hold at least one picture;
    :math:`1 - 2^{-5}` for two samples of one law and of equal size.

    **Recall**: share of the real pictures that lie in the ball of some picture of the set, which reaches to its third
    nearest neighbour in the set. Coverage asks whether something was drawn near each real picture, recall whether
    each lies within what could be drawn; wide sets have much recall. It falls with the dimension, and grows with the
    number: it is to be compared within a table.

    Attributes
    ----------
    kernel, kernel_error, density, coverage, recall : as above.

    References
    ----------
    M. Binkowski, D. Sutherland, M. Arbel, A. Gretton, Demystifying MMD GANs (ICLR 2018),
    https://arxiv.org/abs/1801.01401
    M. Naeem, S. Oh, Y. Uh, Y. Choi, J. Yoo, Reliable Fidelity and Diversity Metrics for Generative Models
    (ICML 2020), https://arxiv.org/abs/2002.09797
    T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila, Improved Precision and Recall Metric for Assessing
    Generative Models (NeurIPS 2019), https://arxiv.org/abs/1904.06991

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> real, narrow = (PictureSet.of(s * random.normal(size=(500, 4))) for s in (1.0, 0.5))
    >>> found = PictureDistances.of(narrow, real)
    >>> found.coverage < 0.8, found.recall < 0.6
    (True, True)
    """

    kernel: float
    kernel_error: float
    density: float
    coverage: float
    recall: float

    @classmethod
    def of(cls, pictures: PictureSet, real: PictureSet) -> Self:
        """Compare pictures with real ones, all pairs, block by block."""
        a, b = pictures.features, real.features
        n, m = len(a), len(b)
        kernel, inside = 0.0, 0
        covered, recalled = np.zeros(m, bool), np.zeros(m, bool)
        start = 0
        for product, squares in _pairs(a, b):
            stop = start + len(squares)
            recalled |= (squares <= pictures.balls[0, start:stop, None]).any(axis=0)
            within = squares < real.balls[1]
            inside += int(within.sum())
            covered |= within.any(axis=0)
            kernel += _kernel_sum(product, a.shape[1])
            start = stop
        own = pictures.kernel / (n * (n - 1)) + real.kernel / (m * (m - 1))
        return cls(
            float(own - 2 * kernel / (n * m)),
            _kernel_error(a, b),
            inside / (min(NEIGHBOURS, m - 1) * n),
            float(covered.mean()),
            float(recalled.mean()),
        )


def vendi_score(features: FeatureSet) -> float:
    r"""Vendi score: the effective number of different pictures, from 1 (all alike) to n (all orthogonal).

    .. math:: \exp \Bigl( - \sum_i \lambda_i \log \lambda_i \Bigr)

    with the eigenvalues of :math:`K / n`, where K holds the cosines of the features of every two pictures. It grows
    with n, and is to be compared with that of as many real pictures. It asks for no resemblance to these.

    References
    ----------
    D. Friedman, A. Dieng, The Vendi Score: A Diversity Evaluation Metric for Machine Learning (TMLR 2023),
    https://arxiv.org/abs/2210.02410

    Examples
    --------
    >>> round(vendi_score(np.eye(5)), 6), round(vendi_score(np.ones((5, 3))), 6)
    (5.0, 1.0)
    """
    x = np.asarray(features, np.float64)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    x = x / np.where(lengths > 0, lengths, 1.0)
    # Both products have the same eigenvalues but for zeros.
    values = np.linalg.eigvalsh(x @ x.T if len(x) < x.shape[1] else x.T @ x)
    values = values[values > 1e-12 * len(x)]
    share = values / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def _kernel_error(a: FeatureSet, b: FeatureSet) -> float:
    if min(len(a), len(b)) < 2 * PARTS:
        return float("nan")
    random = np.random.default_rng(0)
    dealt = (np.array_split(random.permutation(x), PARTS) for x in (a, b))
    parts = [_discrepancy(x, y) for x, y in zip(*dealt, strict=True)]
    return float(np.std(parts, ddof=1) / np.sqrt(PARTS))


def _discrepancy(a: FeatureSet, b: FeatureSet) -> float:
    n, m = len(a), len(b)
    within_a = (_kernel_of(a, a) - _own(a)) / (n * (n - 1))
    within_b = (_kernel_of(b, b) - _own(b)) / (m * (m - 1))
    return float(within_a + within_b - 2 * _kernel_of(a, b) / (n * m))


def _kernel_of(a: FeatureSet, b: FeatureSet) -> float:
    return sum(_kernel_sum(product, a.shape[1]) for product, _ in _pairs(a, b, False))


def _kernel_sum(product: Float[np.ndarray, "m n"], dimension: int) -> float:
    """Sum of the kernel; the products are used up."""
    product /= dimension
    product += 1
    return float(np.einsum("ij,ij,ij->", product, product, product))


def _own(a: FeatureSet) -> float:
    """Sum of the kernel of each picture with itself."""
    square = np.einsum("ij,ij->i", a, a, dtype=np.float64) / a.shape[1]
    return float(((square + 1) ** 3).sum())


def _pairs(
    a: FeatureSet, b: FeatureSet, distances: bool = True
) -> Iterator[tuple[Float[np.ndarray, "m n"], Float[np.ndarray, "m n"]]]:
    """Scalar products and squared distances of all of `b` with a block of `a` at a time."""
    b = np.asarray(b, np.float64)
    lengths = np.einsum("ij,ij->i", b, b)
    for start in range(0, len(a), BLOCK):
        block = np.asarray(a[start : start + BLOCK], np.float64)
        product = block @ b.T
        if not distances:
            yield product, product
            continue
        square = -2 * product
        square += lengths
        square += np.einsum("ij,ij->i", block, block)[:, None]
        yield product, np.maximum(square, 0.0, out=square)

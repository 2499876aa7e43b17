"""The nearest training vectors of any vectors, and which of these are copies."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numba
import numpy as np
from jaxtyping import Float
from scipy.stats import mannwhitneyu

from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import Numbered, reduce

__all__ = ["CopiedShare", "Nearest", "copied_share", "copying_z"]

BLOCK = 1024
KEPT = 12  # nearest vectors: enough for six different distances where training vectors repeat
SPACINGS = 5  # between six different distances
ALIKE = 1e-6
"""Distances count as one where they differ by less than this part of the usual one: the training repeats a vector."""
TAIL = 0.99
CLOSE = 0.2
"""A copy lies nearer by this at least, in the logarithm of distances: 18 % nearer than to the next vector."""


@dataclass(frozen=True, eq=False)
class _Least:
    """Smallest squared distances in rising order, up to a constant of each vector, and whose they are."""

    square: Float[np.ndarray, "m k"]
    number: np.ndarray

    def __add__(self, other: "_Least") -> "_Least":
        square = np.concatenate([self.square, other.square], axis=1)
        number = np.concatenate([self.number, other.number], axis=1)
        # Stable: of equals the first.
        order = np.argsort(square, axis=1, kind="stable")[:, :KEPT]
        return _Least(np.take_along_axis(square, order, 1), np.take_along_axis(number, order, 1))


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest training vectors of every vector, up to twelve: Euclidean distances, and their numbers.

    Attributes
    ----------
    distances, numbers : (m, k), the nearest first.
    """

    distances: Float[np.ndarray, "m k"]
    numbers: np.ndarray

    @classmethod
    def of(cls, vectors: Float[np.ndarray, "m d"], training: LatentSet) -> Self:
        """Look through all training vectors, block by block."""
        z = np.ascontiguousarray(vectors, np.float64)
        own = np.einsum("ij,ij->i", z, z)[:, None]

        def nearest(start: int, block: np.ndarray) -> _Least:
            block = block.astype(np.float64)
            lengths = np.einsum("ij,ij->i", block, block)
            square, number = _smallest(z @ block.T, lengths, min(KEPT, len(block)))
            return _Least(square, number + start)

        found = reduce(training, Numbered(nearest), size=BLOCK, besides=8 * BLOCK * len(z))
        return cls(np.sqrt(np.maximum(found.square + own, 0.0)), found.number)

    @property
    def distance(self) -> Float[np.ndarray, " m"]:
        """To the nearest one."""
        return self.distances[:, 0]

    @property
    def number(self) -> np.ndarray:
        """Of the nearest one."""
        return self.numbers[:, 0]


@numba.njit(cache=True, nogil=True)
def _smallest(product: np.ndarray, lengths: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The smallest `count` of ``lengths - 2 product`` in each row, in rising order, and their columns."""
    rows, columns = product.shape
    value = np.full((rows, count), np.inf)
    number = np.zeros((rows, count), np.int64)
    for row in range(rows):
        for column in range(columns):
            square = lengths[column] - 2.0 * product[row, column]
            if square < value[row, count - 1]:
                place = count - 1
                while place > 0 and square < value[row, place - 1]:
                    value[row, place] = value[row, place - 1]
                    number[row, place] = number[row, place - 1]
                    place -= 1
                value[row, place] = square
                number[row, place] = column
    return value, number


class CopiedShare(NamedTuple):
    """Share of vectors that are copies of training vectors, and its standard error."""

    share: float
    error: float


def copied_share(drawn: Nearest, held_out: Nearest | None, seen: float = 1.0) -> CopiedShare:
    r"""Which share of the drawn vectors copies a training vector? The null has the sampler's own spread.

    Let :math:`d_1 < d_2 < \dots` be a vector's distances to its nearest training vectors. Wherever it lies, and
    however dense the training vectors lie there: if it was drawn without regard to single ones, their number within a
    distance is a Poisson process in :math:`d^D` (D the cloud's dimension there), and the spacings

    .. math:: s_j = j \log(d_{j+1} / d_j), \qquad j = 1, 2, \dots, 5

    are independent, of one law (exponential, of mean 1/D; Rényi). A copy has its own training vector far nearer than
    all others, so a large :math:`s_1`, and the other spacings as ever. So the drawn vectors' own :math:`s_2` to
    :math:`s_5` are the null of their :math:`s_1`: a sampler that is narrow, or wide, or a bad one, has narrow
    spacings of all numbers. Counted is how often :math:`s_1` exceeds a limit, less how often the others do; the limit
    is the 99 % quantile of the others, and 0.2 at least: 18 % nearer than the next one. What held-out vectors show
    is subtracted, since a set may hold nearly the same picture twice.

    Parameters
    ----------
    held_out : None subtracts nothing.
    seen : share of the training vectors that were looked through; copies of others go unseen, and are made up for.

    Returns
    -------
    Share and standard error (binomial, of all counts). Distances that are equal count once: repeated training vectors
    are one vector, up to twice each.

    References
    ----------
    A. Rényi, On the theory of order statistics (1953), https://doi.org/10.1007/BF02127580 (exponential spacings)
    E. Levina, P. Bickel, Maximum Likelihood Estimation of Intrinsic Dimension, NIPS 17 (2004) (the Poisson process)
    C. Meehan, K. Chaudhuri, S. Dasgupta, A Non-Parametric Test to Detect Data-Copying in Generative Models
    (AISTATS 2020), https://arxiv.org/abs/2004.05675 (the question; see `copying_z`)

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> training, held, drawn = (random.normal(size=(n, 32)) for n in (3000, 400, 400))
    >>> drawn[:80] = training[:80] + 0.01  # one in five
    >>> latents = LatentSet.open(training)
    >>> copied = copied_share(Nearest.of(drawn, latents), Nearest.of(held, latents))
    >>> round(copied.share, 2), round(copied.error, 2)
    (0.19, 0.02)
    """
    ours, natural = _excess(drawn), _excess(held_out) if held_out is not None else CopiedShare(0.0, 0.0)
    share = max(ours.share - max(natural.share, 0.0), 0.0) / seen
    error = float(np.hypot(ours.error, natural.error)) / seen
    return CopiedShare(min(share, 1.0), error)


def _excess(nearest: Nearest) -> CopiedShare:
    """Share of the vectors with a first spacing beyond the others' limit, less the others' share."""
    spacings = _spacings(nearest.distances)
    first, others = spacings[:, 0], spacings[:, 1:]
    others = others[np.isfinite(others)]
    limit = max(np.quantile(others, TAIL) if len(others) else 0.0, CLOSE)
    own, chance = int((first > limit).sum()), int((others > limit).sum())
    p, q = own / len(first), chance / max(len(others), 1)
    # Half a count more on both sides (Jeffreys): none of 500 is not certain to be none.
    errors = [
        (k + 0.5) * (n - k + 0.5) / (n + 1) ** 3
        for k, n in ((own, len(first)), (chance, max(len(others), 1)))
    ]
    return CopiedShare((p - q) / (1 - q), float(np.sqrt(sum(errors))))


def _spacings(distances: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "m s"]:
    """``j log(d[j + 1] / d[j])`` of different distances; NaN where there are not so many."""
    alike = ALIKE * float(np.median(distances[:, -1]))
    new = np.diff(distances, axis=1, prepend=-np.inf) > alike
    place = np.cumsum(new, axis=1) - 1
    row, column = np.nonzero(new & (place <= SPACINGS))
    different = np.full((len(distances), SPACINGS + 1), np.nan)
    different[row, place[row, column]] = np.maximum(distances[row, column], max(alike, np.finfo(float).tiny))
    return np.arange(1, SPACINGS + 1) * np.diff(np.log(different), axis=1)


def copying_z(drawn: Nearest, held_out: Nearest) -> float:
    r"""Meehan's :math:`C_T` in one cell: do drawn vectors lie nearer to training vectors than held-out ones do?

    Mann and Whitney's U of both sides' distances to the nearest training vector, as a z value,

    .. math:: C_T = \frac{U - m n / 2}{\sqrt{m n (m + n + 1) / 12}},

    below -3 where drawn vectors lie nearer. It takes a sampler that is merely narrow for one that copies, since its
    vectors lie where training vectors are dense; `copied_share` does not.

    References
    ----------
    C. Meehan, K. Chaudhuri, S. Dasgupta, A Non-Parametric Test to Detect Data-Copying in Generative Models
    (AISTATS 2020), https://arxiv.org/abs/2004.05675

    Examples
    --------
    >>> near, far = (Nearest(d + np.arange(20.0)[:, None], np.zeros((20, 1))) for d in (0.0, 5.5))
    >>> round(copying_z(near, far), 1), round(copying_z(far, near), 1)
    (-2.6, 2.6)
    """
    m, n = len(drawn.distance), len(held_out.distance)
    u = float(mannwhitneyu(drawn.distance, held_out.distance).statistic)
    return float((u - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12))

"""The FWHM cut: it drops a vector if any of its components lies too far out. How many survive, and their moments.

The other cut, by the Mahalanobis distance, drops a vector if it lies too far out as a whole: `core`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Self

import numba
import numpy as np
from jaxtyping import Float, Int, Num
from scipy.linalg import eigh
from scipy.special import erfc

from zpoints.statistics.gaussian_fits import FWHM_PER_SIGMA
from zpoints.statistics.moments import Moments, joined

__all__ = ["FACTORS", "CutMoments", "expected_survivors", "fwhm_reach", "independent_survivors"]

FACTORS = (1.25, 1.35, 1.45, 1.55, 1.7, 1.8)
"""Half-widths of the FWHM cut, in full widths at half maximum: 1.7 is 4.00 sigma of a Gaussian."""
DRAWN = 8192  # vectors drawn at a time for the expectation


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

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(1000, 2))
    >>> cut = CutMoments.of(x, fwhm_reach(x, np.zeros(2), np.full(2, FWHM_PER_SIGMA)), (0.5, 1.0))
    >>> cut.n, bool(cut.survivors[0] < cut.survivors[1] < 1000)
    (1000, True)
    >>> bool(cut.moments(1).n == cut.survivors[1])
    True
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
        return type(self)(self.factors, tuple(joined(a, b) for a, b in both))

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


def independent_survivors(dimension: int, factor: float) -> float:
    r"""Share of a cloud of independent normal components that the FWHM cut leaves.

    :math:`(2 \Phi(2.3548 f) - 1)^d`: for d = 256 it is 68.5, 84.9, 93.5, 98.4 and 99.4 % at the factors 1.35,
    1.45, 1.55, 1.7 and 1.8.

    Examples
    --------
    >>> [round(100 * independent_survivors(256, factor), 1) for factor in (1.35, 1.7)]
    [68.5, 98.4]
    """
    # One component's share outside, first: at large factors its complement would round to 1.
    return float(np.exp(dimension * np.log1p(-erfc(FWHM_PER_SIGMA * factor / np.sqrt(2)))))


def expected_survivors(
    pearson: Float[np.ndarray, "d d"],
    centre_offset_in_std: Float[np.ndarray, " d"] | None = None,
    fwhm_in_std: Float[np.ndarray, " d"] | None = None,
    factors: Sequence[float] = FACTORS,
    draws: int = 100_000,
    seed: int = 0,
) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, " f"]]:
    """Share of a normal cloud with the measured correlations that the FWHM cut leaves, by simulation.

    Parameters
    ----------
    centre_offset_in_std : (centre of the cut - mean) / std of each component; by default 0, an ideal normal's.
    fwhm_in_std : FWHM / std of each component; by default 2.3548, an ideal normal's.

    Returns
    -------
    share, error : for each factor; the error is one standard error of the simulation, never 0 (A. Agresti,
        B. Coull, Approximate is better than "exact" for interval estimation of binomial proportions (1998),
        https://doi.org/10.1080/00031305.1998.10480550).
    """
    offset = np.zeros(len(pearson)) if centre_offset_in_std is None else centre_offset_in_std
    fwhm = np.full(len(pearson), FWHM_PER_SIGMA) if fwhm_in_std is None else fwhm_in_std
    values, vectors = eigh(pearson)
    # The symmetric root exists for singular matrices too, and does not depend on the eigenvectors' signs. float32
    # moves a reach by 1e-6.
    root = ((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T).astype(np.float32)
    random = np.random.default_rng(seed)
    left = np.zeros(len(factors), np.int64)
    for start in range(0, draws, DRAWN):
        shape = (min(DRAWN, draws - start), len(pearson))
        cloud = random.standard_normal(shape, dtype=np.float32) @ root
        reach = np.sort(fwhm_reach(cloud, offset, fwhm))
        left += np.searchsorted(reach, factors, side="right")
    careful = (left + 1) / (draws + 2)
    return left / draws, np.sqrt(careful * (1 - careful) / draws)

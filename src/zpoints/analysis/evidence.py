"""What decides which kind of law the vectors follow: repeats, few values, lengths, and rival densities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from zpoints.analysis.components import LEVEL
from zpoints.analysis.normality import Normality
from zpoints.files.documents import json_number
from zpoints.files.records import Record
from zpoints.statistics.mardia import MardiaTest
from zpoints.statistics.moments import Moments
from zpoints.statistics.negentropy import PER_AXIS, Rivals
from zpoints.statistics.pca import PCA
from zpoints.statistics.univariate import kurtosis_log10_p, skewness_log10_p
from zpoints.vectors.latent_set import some_of

__all__ = ["Evidence", "GainSummary", "evidence_of", "few_values"]

LOOKED_AT = 4096  # vectors whose values are counted
FEW_VALUES = 64  # different ones among so many
SAME = 0.05  # share of the vectors that have one and the same value
AMONG = 8  # a normal law may be named "but for" one in so many of its components or axes
NORMAL_WEIGHT = 3.8191  # distance of a normal law's outer half percents over that of its quartiles
MOST = 16_384  # vectors of which the rest is judged
RANDOM = 200  # directions of the rest that are looked at


@dataclass(frozen=True, eq=False)
class GainSummary(Record):
    """Nats per held-out vector over the normal law, standard error, and right answers of the ratio of densities."""

    nats: float
    error: float
    told_apart: float


@dataclass(frozen=True, eq=False)
class Evidence(Record):
    """Effect sizes of all dimensions together.

    Attributes
    ----------
    gains : by kind of law (`statistics.negentropy`); none where there are fewer than 10 vectors for each axis.
    held_out : vectors that they were measured on.
    freedom : degrees of freedom of the multivariate t law of these radii; None is infinity, a normal law.
    freedom_gain : what it explains, in nats per vector.
    off_components : components that are not normal.
    rest_without_components, rest_without_directions : whether all else is normal within the noise; None where there
        is nothing to leave out, or too much.
    few_values, atoms : components of few different values, and those of which one value is frequent.
    asymmetry, tail_weight : of the components that are not normal, or else of the directions: median of the absolute
        value of (q97.5 + q2.5 - 2 q50) / (q97.5 - q2.5), 0 for a normal law, and of (q99.5 - q0.5) / (q75 - q25) over
        that of a normal law. Quantiles, since moments of heavy tails say little. None where all are normal.
    length_spread : standard deviation of the lengths, in standard deviations of a component (their root mean
        square).
    distinct : different vectors.
    """

    gains: dict[str, GainSummary]
    held_out: int
    freedom: float | None
    freedom_gain: float | None
    off_components: tuple[int, ...]
    rest_without_components: bool | None
    rest_without_directions: bool | None
    few_values: tuple[int, ...]
    atoms: tuple[int, ...]
    asymmetry: float | None
    tail_weight: float | None
    length_spread: float
    distinct: int

    @property
    def best(self) -> str:
        """The kind of law that explains most; empty where nothing was measured."""
        return max(self.gains, key=lambda name: self.gains[name].nats) if self.gains else ""


def evidence_of(
    whole: PCA,
    sample: Float[np.ndarray, "s d"],
    numbers: np.ndarray,
    off: np.ndarray,
    shape: Normality,
    length_spread: float,
    distinct: int,
) -> dict[str, Any]:
    """Everything, as plain figures.

    Parameters
    ----------
    whole : principal axes of all vectors. sample : random vectors, in memory.
    numbers : of the sample's components. off : places of those that are not normal.
    shape : directions along which the cloud is not normal.
    """
    directions = shape.confirmed
    sample = np.asarray(sample, np.float64)
    few, atoms = few_values(sample)
    odd = sample[:, off] if len(off) else whole.whiten(sample) @ directions.T
    asymmetry, tail_weight = _margin_shape(odd)
    found: dict[str, Any] = {
        "gains": {},
        "held_out": 0,
        "freedom": None,
        "freedom_gain": None,
        "off_components": [int(numbers[k]) for k in off],
        "rest_without_components": _rest_without_components(sample, off),
        "rest_without_directions": _rest_without_directions(whole, sample, directions),
        "few_values": [int(numbers[k]) for k in few],
        "atoms": [int(numbers[k]) for k in atoms],
        "asymmetry": asymmetry,
        "tail_weight": tail_weight,
        "length_spread": length_spread,
        "distinct": distinct,
    }
    # Rivals need a covariance of full rank, and components of few values have no density.
    if len(few) or len(sample) < PER_AXIS * whole.rank or whole.rank < sample.shape[1] or whole.rank < 2:
        return found
    along = directions / np.sqrt(whole.variance[: whole.rank]) @ whole.axes[: whole.rank]
    rivals = Rivals.of(sample, along, shape.judging)
    return found | {
        "gains": {
            name: {"nats": gain.nats, "error": gain.error, "told_apart": gain.told_apart}
            for name, gain in rivals.gains.items()
        },
        "held_out": rivals.held_out,
        "freedom": rivals.freedom if np.isfinite(rivals.freedom) else None,
        "freedom_gain": rivals.freedom_gain,
    }


def _margin_shape(odd: Float[np.ndarray, "s k"]) -> tuple[float | None, float | None]:
    if not odd.shape[1]:
        return None, None
    levels = [0.005, 0.025, 0.25, 0.5, 0.75, 0.975, 0.995]
    lowest, low, lower, middle, upper, high, highest = np.quantile(odd, levels, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        asymmetry = np.abs(high + low - 2 * middle) / (high - low)
        weight = (highest - lowest) / (upper - lower) / NORMAL_WEIGHT
    return json_number(np.nanmedian(asymmetry)), json_number(np.nanmedian(weight))


def few_values(sample: Float[np.ndarray, "s d"]) -> tuple[np.ndarray, np.ndarray]:
    """Places of the components with few different values, and of the others of which one value is frequent.

    Few are at most 64 in 4,096 vectors, and at most the square root of the number of fewer ones.
    """
    some = np.sort(some_of(sample, LOOKED_AT, seed=1), axis=0)
    m, most = len(some), min(FEW_VALUES, int(np.sqrt(len(some))))
    different = 1 + (some[1:] != some[:-1]).sum(axis=0)
    few = different <= most
    # A value that fills a share s of the sorted column is found at one of its 1/s even steps.
    step = max(int(SAME * m), 1)
    same = (some[step:] == some[:-step]).any(axis=0) & (m >= 4 / SAME)
    return np.flatnonzero(few), np.flatnonzero(same & ~few)


def _rest_without_components(sample: Float[np.ndarray, "s d"], off: np.ndarray) -> bool | None:
    d = sample.shape[1]
    if not 0 < len(off) <= max(1, d // AMONG) or len(off) == d:
        return None
    return _normal_within_noise(np.delete(some_of(sample, MOST, seed=1), off, axis=1))


def _rest_without_directions(
    whole: PCA, sample: Float[np.ndarray, "s d"], directions: Float[np.ndarray, "k r"]
) -> bool | None:
    if not len(directions) or len(directions) > max(1, whole.rank // 4):
        return None
    _, _, axes = np.linalg.svd(directions)
    return _normal_within_noise(whole.whiten(some_of(sample, MOST, seed=1)) @ axes[len(directions) :].T)


def _normal_within_noise(x: Float[np.ndarray, "s k"]) -> bool:
    """Margins, principal axes, random directions and lengths of a sample, each by its own p-value."""
    n = len(x)
    pca = PCA.of_moments(Moments.of(x))
    if n < PER_AXIS * pca.rank:
        return False
    u = pca.whiten(x)
    random = np.random.default_rng(0).normal(size=(pca.rank, RANDOM if pca.rank > 1 else 0))
    looked_at = np.concatenate([x, u, u @ random], axis=1)
    moments = Moments.of(looked_at)
    p = np.minimum(skewness_log10_p(moments.skewness, n), kurtosis_log10_p(moments.excess_kurtosis, n))
    squares = np.sum(u * u, axis=1) * (n / (n - 1))
    kurtosis = MardiaTest.of_kurtosis(float(np.mean(squares**2)), n, pca.rank)
    limit = np.log10(LEVEL)
    return bool(p.min() + np.log10(2 * len(p)) > limit and kurtosis.log10_p > limit)

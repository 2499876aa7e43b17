"""Is the cloud one region? A mixture of normals against one, and the valleys between its modes.

Heavy tails, skewness and bends make a mixture better than one normal without making the cloud fall apart. So the
number of regions is not the number of mixture components: two regions are separate only if the fitted density
has a valley between them, and if vectors that the fit has not seen are missing from that valley.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter1d

from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

__all__ = ["Clusters", "Valley", "find_clusters"]

MOST_COMPONENTS = 6
FIT = 10_000  # vectors that a mixture is fitted to; as many again judge it
LEAST = 100  # fewer vectors than this say nothing about valleys
VECTORS_PER_NUMBER = 2  # a mixture needs at least so many vectors per number that it fits
DIP = 0.7  # deeper than this share of the lower peak is a valley
SIGNIFICANCE = 5.0  # standard errors between valley and lower peak
SMALLEST = 0.02  # share of the vectors that a region must hold


@dataclass(frozen=True)
class Valley:
    """What separates two regions, counted in held-out vectors along the line that tells them apart best.

    Attributes
    ----------
    regions : numbers of the two regions, the larger first.
    peaks, valley : held-out vectors in slabs of equal width at the two peaks, and at the valley between them.
    density_dip : lowest density of the fitted mixture on the best path between the peaks, over the lower peak.
    """

    regions: tuple[int, int]
    peaks: tuple[int, int]
    valley: int
    density_dip: float

    @property
    def dip(self) -> float:
        """Vectors in the valley over those at the lower peak; 1 or more is no valley."""
        return self.valley / max(min(self.peaks), 1)

    @property
    def z(self) -> float:
        """Difference between lower peak and valley, in standard errors of two Poisson counts."""
        lower = min(self.peaks)
        return float((lower - self.valley) / np.sqrt(max(lower + self.valley, 1)))

    @property
    def separates(self) -> bool:
        """Whether fit and held-out vectors agree that this is a valley."""
        return self.density_dip < DIP and self.dip < DIP and self.z > SIGNIFICANCE

    @property
    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "regions": list(self.regions),
            "peaks": list(self.peaks),
            "valley": self.valley,
            "dip": self.dip,
            "z": self.z,
            "density_dip": self.density_dip,
        }


@dataclass(frozen=True, eq=False)
class Clusters:
    """How well a mixture of normals describes a cloud, and of how many separate regions the cloud consists.

    Attributes
    ----------
    n_fitted, n_held_out : vectors that the mixtures were fitted to, and that judged them.
    dimension : number of axes looked at.
    components : normals in the best mixture: the fewest that describe held-out vectors as well as any.
    gain, gain_error : log likelihood per held-out vector, that mixture's less one normal's, in nats, and its
        standard error.
    log_likelihood, bic : per number of components from 1: held-out log likelihood per vector, and Schwarz's
        criterion of the fit (the smaller, the better).
    regions : separate regions; 1 unless the evidence says otherwise.
    shares : of the held-out vectors in each region, the largest first.
    evidence : one valley per pair of regions.
    """

    n_fitted: int
    n_held_out: int
    dimension: int
    components: int
    gain: float
    gain_error: float
    log_likelihood: tuple[float, ...]
    bic: tuple[float, ...]
    regions: int
    shares: tuple[float, ...]
    evidence: tuple[Valley, ...]

    @property
    def summary(self) -> dict[str, Any]:
        """For JSON: every figure, and the sentence."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "evidence"}
        plain |= {
            "log_likelihood": list(self.log_likelihood),
            "bic": list(self.bic),
            "shares": list(self.shares),
        }
        return plain | {"evidence": [v.as_dict for v in self.evidence], "sentence": self.sentence()}

    def sentence(self) -> str:
        """The finding in plain words; `fragmented` only with its evidence."""
        if self.n_fitted == 0:
            return f"Too few vectors to look for separate regions ({LEAST} are needed)."
        if self.regions == 1:
            return f"One region: {self._why_one()}."
        shares = ", ".join(f"{100 * share:.0f}" for share in self.shares)
        weakest = max(self.evidence, key=lambda valley: valley.dip)
        pair = "them" if self.regions == 2 else "even the two nearest of them"
        return (
            f"Fragmented: {self.regions} separate regions with {shares} % of the vectors; the valley between {pair} "
            f"holds {100 * weakest.dip:.0f} % of the vectors at the lower peak ({weakest.valley} against "
            f"{min(weakest.peaks)} held-out vectors, {weakest.z:.0f} standard errors)."
        )

    def _why_one(self) -> str:
        if self.components == 1:
            return "no mixture of normals describes held-out vectors better than one normal distribution does"
        return (
            f"a mixture of {self.components} normals describes held-out vectors better than one "
            f"({self.gain:.2f} +/- {self.gain_error:.2f} nats a vector), but no valley that held-out vectors "
            "confirm lies between them: the cloud is not normal, and not fragmented"
        )


def find_clusters(u: Float[np.ndarray, "m k"], seed: int = 0) -> Clusters:
    """Fit mixtures of 1 to 6 normals to one half of the vectors, judge them and look for valleys with the other.

    Parameters
    ----------
    u : scores along the leading principal axes, and along any other direction that looks unlike a normal; up to
        about 12 axes. Their scale does not matter. Of more than 20,000 vectors a random 20,000 are used.
    seed : decides which vectors make up the halves.

    Notes
    -----
    One thread works: matrices of 12 columns are too small for more, which only wait for each other.

    The regions are found by merging, beginning with one per mixture component: two of them become one if the
    density on the best path between their modes stays above 0.7 of the lower mode, if one of them holds less
    than 2 % of the held-out vectors, or if the held-out vectors do not confirm the valley by 5 standard errors.
    What is left must also be found with twice as many components: a coarse mixture has gaps along a bent shape.
    A thin closed ring can still be taken for fragments: its halves have a valley in every direction.

    References
    ----------
    S. Ray, B. Lindsay, The topography of multivariate normal mixtures (2005),
    https://doi.org/10.1214/009053605000000417
    M. Carreira-Perpiñán, Mode-finding for mixtures of Gaussian distributions (2000),
    https://doi.org/10.1109/34.888716
    C. Hennig, Methods for merging Gaussian mixture components (2010),
    https://doi.org/10.1007/s11634-010-0058-3
    """
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(u))[: 2 * FIT]
    if len(chosen) < LEAST:
        return Clusters(0, 0, u.shape[1], 1, 0.0, 0.0, (), (), 1, (1.0,), ())
    from threadpoolctl import threadpool_limits

    scores = _whitened(np.asarray(u, np.float64)[chosen])
    fit, held_out = scores[: len(scores) // 2], scores[len(scores) // 2 :]
    with threadpool_limits(1):
        mixtures = [_mixture(fit, k, seed) for k in range(1, _affordable(fit, MOST_COMPONENTS) + 1)]
        likelihood = np.array([mixture.score_samples(held_out) for mixture in mixtures])
        best = _fewest_as_good_as_any(likelihood)
        shares, evidence = _Merging.of(mixtures[best], fit, held_out).regions()
        if len(shares) > 1:
            finer = _mixture(fit, _affordable(fit, 2 * MOST_COMPONENTS), seed)
            found = (shares, evidence), _Merging.of(finer, fit, held_out).regions()
            shares, evidence = min(found, key=lambda regions: len(regions[0]))
    gain = likelihood[best] - likelihood[0]
    return Clusters(
        n_fitted=len(fit),
        n_held_out=len(held_out),
        dimension=scores.shape[1],
        components=best + 1,
        gain=float(gain.mean()),
        gain_error=float(gain.std() / np.sqrt(len(gain))),
        log_likelihood=tuple(likelihood.mean(axis=1).tolist()),
        bic=tuple(float(mixture.bic(fit)) for mixture in mixtures),
        regions=len(shares),
        shares=shares,
        evidence=evidence,
    )


def _whitened(u: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "m r"]:
    """All directions on one scale; directions that the others contain already are dropped."""
    spread = u.std(axis=0)
    u = (u - u.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    moments = Moments.of(u)
    pca = PCA.of_moments(moments)
    rank = max(int((pca.variance > 1e-9).sum()), 1)
    return pca.transform(u)[:, :rank] / np.sqrt(np.maximum(pca.variance[:rank], 1e-9))


def _affordable(fit: Float[np.ndarray, "m r"], most: int) -> int:
    """How many normals with full covariances these vectors can pay for, at most `most`."""
    dimension = fit.shape[1]
    numbers = 1 + dimension + dimension * (dimension + 1) // 2
    return int(np.clip(len(fit) // (VECTORS_PER_NUMBER * numbers), 1, most))


def _mixture(fit: Float[np.ndarray, "m r"], components: int, seed: int) -> "GaussianMixture":
    """Scikit-learn's EM: double precision, several starts. The samplers' `mixtures` streams in single precision."""
    # That one's prior and stopping rule would change the counts in the evidence: not the same verdicts.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    # Few components get stuck in a wrong place more often than many, and cost less.
    starts = 3 if 2 <= components <= 3 else 1
    mixture = GaussianMixture(components, n_init=starts, max_iter=100, tol=1e-3, random_state=seed)
    with warnings.catch_warnings():
        # Stopped early, a mixture is still a mixture: the held-out vectors judge what it is worth.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(fit)


def _fewest_as_good_as_any(likelihood: Float[np.ndarray, "c m"]) -> int:
    """Row of the fewest components whose mean is within one standard error of the best one's."""
    best = likelihood[np.argmax(likelihood.mean(axis=1))]
    loss = best - likelihood
    within = loss.mean(axis=1) <= loss.std(axis=1) / np.sqrt(likelihood.shape[1])
    return int(np.argmax(within))


@dataclass(frozen=True, eq=False)
class _Merging:
    """The components of a mixture on their way to regions.

    Attributes
    ----------
    peak : log density at the mode above each component.
    saddle : log of the lowest density on the best path between two components' modes.
    fit, held_out : the vectors, and how much each belongs to each component.
    """

    peak: Float[np.ndarray, " c"]
    saddle: Float[np.ndarray, "c c"]
    fit: Float[np.ndarray, "m r"]
    fit_belongs: Float[np.ndarray, "m c"]
    held_out: Float[np.ndarray, "h r"]
    held_out_belongs: Float[np.ndarray, "h c"]

    @classmethod
    def of(cls, mixture: "GaussianMixture", fit: np.ndarray, held_out: np.ndarray) -> Self:
        modes = _modes(mixture)
        return cls(
            peak=mixture.score_samples(modes),
            saddle=_saddles(mixture, modes),
            fit=fit,
            fit_belongs=mixture.predict_proba(fit),
            held_out=held_out,
            held_out_belongs=mixture.predict_proba(held_out),
        )

    def regions(self) -> tuple[tuple[float, ...], tuple[Valley, ...]]:
        """Merge whatever is not separate; the shares of the regions, and the valley of each pair."""
        groups = [[c] for c in range(len(self.peak))]
        while True:
            groups, shares = self._ordered(groups)
            pairs = [(a, b) for b in range(len(groups)) for a in range(b)]
            dips = {pair: self._density_dip(groups, pair) for pair in pairs}
            merged = next((p for p in sorted(pairs, key=lambda p: -dips[p]) if dips[p] >= DIP), None)
            if merged is None and len(groups) > 1 and shares[-1] < SMALLEST:
                last = len(groups) - 1
                merged = max(((a, last) for a in range(last)), key=lambda p: self._between(groups, p))
            if merged is None:
                valleys = {pair: self._valley(groups, pair, dips[pair]) for pair in pairs}
                doubtful = [pair for pair in pairs if not valleys[pair].separates]
                merged = max(doubtful, key=lambda pair: dips[pair], default=None)
            if merged is None:
                return tuple(shares), tuple(valleys.values())
            a, b = merged
            groups[a] = groups[a] + groups.pop(b)

    def _ordered(self, groups: list[list[int]]) -> tuple[list[list[int]], list[float]]:
        """Groups by falling share of the held-out vectors, and the shares."""
        counts = np.bincount(_labels(self.held_out_belongs, groups), minlength=len(groups))
        order = np.argsort(-counts, kind="stable")
        return [groups[g] for g in order], (counts[order] / len(self.held_out)).tolist()

    def _between(self, groups: list[list[int]], pair: tuple[int, int]) -> float:
        return float(self.saddle[np.ix_(groups[pair[0]], groups[pair[1]])].max())

    def _density_dip(self, groups: list[list[int]], pair: tuple[int, int]) -> float:
        lower = min(self.peak[groups[pair[0]]].max(), self.peak[groups[pair[1]]].max())
        return float(np.exp(min(self._between(groups, pair) - lower, 0.0)))

    def _valley(self, groups: list[list[int]], pair: tuple[int, int], density_dip: float) -> Valley:
        """Direction, valley and peaks from the vectors of the fit; counts from the others."""
        label, held_out_label = _labels(self.fit_belongs, groups), _labels(self.held_out_belongs, groups)
        a, b = self.fit[label == pair[0]], self.fit[label == pair[1]]
        if min(len(a), len(b)) < 2:
            return Valley(pair, (0, 0), 0, density_dip)
        direction = _fisher_direction(a, b)
        peak_a, peak_b, valley = _peaks_and_valley(a @ direction, b @ direction)
        width = min(abs(peak_b - peak_a) / 4, abs(valley - peak_a), abs(peak_b - valley))
        line = self.held_out[np.isin(held_out_label, pair)] @ direction
        count_a, count_b, count = (
            int((np.abs(line - at) < width / 2).sum()) for at in (peak_a, peak_b, valley)
        )
        return Valley(pair, (count_a, count_b), count, density_dip)


def _labels(belongs: Float[np.ndarray, "m c"], groups: list[list[int]]) -> Int[np.ndarray, " m"]:
    """The group that each vector belongs to most."""
    return np.argmax(np.stack([belongs[:, group].sum(axis=1) for group in groups]), axis=0)


def _modes(mixture: "GaussianMixture", steps: int = 500) -> Float[np.ndarray, "c r"]:
    """The mode above each component's mean, by the fixed-point iteration, which never descends."""
    precision = mixture.precisions_
    pull = np.einsum("cij,cj->ci", precision, mixture.means_)
    x = mixture.means_.copy()
    for _ in range(steps):
        share = mixture.predict_proba(x)
        after = np.linalg.solve(np.einsum("sc,cij->sij", share, precision), (share @ pull)[..., None])[..., 0]
        moved, x = np.abs(after - x).max(), after
        if moved < 1e-7:
            break
    return x


def _saddles(mixture: "GaussianMixture", modes: Float[np.ndarray, "c r"]) -> Float[np.ndarray, "c c"]:
    """Log of the lowest density on the best path between each two modes, also by way of other modes.

    Paths are the straight line, and Ray and Lindsay's ridgeline, on which all critical points of two normals
    lie; from its ends, the means, the density only rises to the modes.
    """
    count = len(modes)
    first, second = np.triu_indices(count, 1)
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    saddle = np.diag(mixture.score_samples(modes))
    if pairs:
        paths = [(_straight(modes[i], modes[j]), _ridgeline(mixture, i, j)) for i, j in pairs]
        height = mixture.score_samples(np.concatenate([path for both in paths for path in both]))
        lowest = height.reshape(len(pairs), 2, -1).min(axis=2).max(axis=1)
        saddle[first, second] = saddle[second, first] = lowest
    for via in range(count):
        saddle = np.maximum(saddle, np.minimum(saddle[:, [via]], saddle[[via]]))
    return saddle


def _straight(start: Float[np.ndarray, " r"], end: Float[np.ndarray, " r"]) -> Float[np.ndarray, "p r"]:
    return start + np.linspace(0, 1, 200)[:, None] * (end - start)


def _ridgeline(mixture: "GaussianMixture", i: int, j: int) -> Float[np.ndarray, "p r"]:
    # Denser towards the ends: where one normal is much narrower, most of the way lies there.
    t = np.sin(np.linspace(0, np.pi / 2, 200)) ** 2
    precision, mean = mixture.precisions_, mixture.means_
    matrix = (1 - t)[:, None, None] * precision[i] + t[:, None, None] * precision[j]
    pull = np.outer(1 - t, precision[i] @ mean[i]) + np.outer(t, precision[j] @ mean[j])
    return np.linalg.solve(matrix, pull[..., None])[..., 0]


def _fisher_direction(a: Float[np.ndarray, "m r"], b: Float[np.ndarray, "h r"]) -> Float[np.ndarray, " r"]:
    """The unit vector along which two sets differ most for their spread, from the first to the second."""
    within = (np.cov(a.T) * len(a) + np.cov(b.T) * len(b)) / (len(a) + len(b))
    within = np.atleast_2d(within) + 1e-9 * np.eye(a.shape[1])
    direction = np.linalg.solve(within, b.mean(axis=0) - a.mean(axis=0))
    return direction / np.linalg.norm(direction)


def _peaks_and_valley(a: Float[np.ndarray, " m"], b: Float[np.ndarray, " h"]) -> tuple[float, float, float]:
    """On a line: the place between the two medians where the smoothed density is lowest against both sides."""
    line = np.concatenate([a, b])
    within = np.sqrt((a.var() * len(a) + b.var() * len(b)) / len(line))
    lowest, highest = np.quantile(line, (0.0005, 0.9995))
    edges = np.linspace(lowest, highest, 401)
    step, place = edges[1] - edges[0], (edges[:-1] + edges[1:]) / 2
    # Silverman's bandwidth for each of the two, not for their union; 0 where both are points, as of binary codes.
    width = max(1.06 * within * len(line) ** -0.2 / step, 1e-9)
    density = gaussian_filter1d(np.histogram(line, edges)[0].astype(float), width, mode="constant")
    left, right = np.maximum.accumulate(density), np.maximum.accumulate(density[::-1])[::-1]
    depth = density / np.maximum(np.minimum(left, right), 1e-300)
    inside = (place >= min(np.median(a), np.median(b))) & (place <= max(np.median(a), np.median(b)))
    lowest_places = np.flatnonzero((depth := np.where(inside, depth, np.inf)) == depth.min())
    valley = int(lowest_places[len(lowest_places) // 2])  # the middle of what is empty
    first, second = int(np.argmax(density[: valley + 1])), valley + int(np.argmax(density[valley:]))
    return float(place[first]), float(place[second]), float(place[valley])

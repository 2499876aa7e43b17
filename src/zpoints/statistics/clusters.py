"""Of how many separate regions does a cloud consist? At least of so many as valleys are proven.

Heavy tails, skewness and bends are no fragments, and neither is a ring. Regions are what `density_graph` finds: peaks
of the density that no path joins without crossing a valley, and of each valley held-out vectors are the proof. It
looks at several views of the cloud, since a valley is seen best along few axes, and many clusters only along many. A
view can hide a valley, never make one; so the view with the most regions counts, and says "at least".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from zpoints.statistics.density_graph import Landscape, Nodes, learnt_metric
from zpoints.statistics.directions import pursue
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

__all__ = ["Clusters", "Valley", "find_clusters"]

MOST = 20_000  # vectors that are looked at
FIT = 0.4  # share of them that chooses where to look; the others count
LEAST = 100  # fewer different vectors than this say nothing about valleys
PER_NODE = 20  # different vectors of the fit for each node
FEW, MANY = 24, 200  # nodes that are asked for: few count surely, many find many regions
AXES = 32  # leading ones that are looked at
PURSUED = 4  # least normal directions that are looked for if none are given
PER_AXIS = 10  # different vectors of the fit for each axis, if directions are to be looked for
POINTS = 20  # so many vectors for each different one are points, and no density


@dataclass(frozen=True)
class Valley:
    """What separates two regions, counted in held-out vectors in a tube between their densest places.

    Attributes
    ----------
    regions : numbers of the two regions, the larger first.
    peaks, valley : held-out vectors in slabs of equal thickness at the two ends of the tube, and in the valley.
    """

    regions: tuple[int, int]
    peaks: tuple[int, int]
    valley: int

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
    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "regions": list(self.regions),
            "peaks": list(self.peaks),
            "valley": self.valley,
            "dip": self.dip,
            "z": self.z,
        }


@dataclass(frozen=True, eq=False)
class Clusters:
    """Of how many separate regions a cloud consists, at least.

    Attributes
    ----------
    n_fitted, n_held_out : vectors that chose where to look, and that judged; 0 if there were too few.
    distinct : different vectors among both; if they are few and each is there many times, every one is a region.
    dimension : number of axes looked at.
    regions : separate regions that are proven; 1 unless the evidence says otherwise.
    shares : of the held-out vectors in each region, the largest first.
    evidence : for each region the shallowest of its valleys to others.
    """

    n_fitted: int
    n_held_out: int
    distinct: int
    dimension: int
    regions: int
    shares: tuple[float, ...]
    evidence: tuple[Valley, ...]

    @property
    def summary(self) -> dict[str, Any]:
        """For JSON: every figure, and the sentence."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "evidence"}
        plain["shares"] = list(self.shares)
        return plain | {"evidence": [v.as_dict for v in self.evidence], "sentence": self.sentence()}

    def sentence(self) -> str:
        """The finding in plain words; `fragmented` only with its evidence."""
        if self.n_fitted == 0 and self.distinct < LEAST:
            return self._of_few()
        looked_at = f"{self.n_fitted + self.n_held_out:,} vectors"
        if self.regions == 1:
            return f"One region: no valley is proven between dense places of the {looked_at} looked at."
        weakest = max(self.evidence, key=lambda valley: valley.dip)
        pair = "them" if self.regions == 2 else "even the two nearest of them"
        shares = _percentages(self.shares)
        return (
            f"Fragmented: at least {self.regions} separate regions with {shares} % of the vectors; the valley "
            f"between {pair} holds {100 * weakest.dip:.0f} % of the vectors at the lower peak "
            f"({weakest.valley} against {min(weakest.peaks)} held-out vectors, {weakest.z:.0f} standard errors; "
            f"{looked_at} looked at)."
        )

    def _of_few(self) -> str:
        if self.regions == 1:
            return f"Too few different vectors to look for separate regions ({LEAST} are needed)."
        return (
            f"Points rather than a density: only {self.distinct} different vectors, each repeated many times."
        )


def _percentages(shares: tuple[float, ...], most: int = 10) -> str:
    if len(shares) > most:
        return f"{100 * shares[0]:.2g} to {100 * shares[-1]:.2g}"
    return ", ".join(f"{100 * share:.0f}" for share in shares)


def find_clusters(
    u: Float[np.ndarray, "m r"], directions: Float[np.ndarray, "k r"] | None = None, seed: int = 0
) -> Clusters:
    """Count the separate regions of a cloud.

    Views of the cloud are the 32 leading axes with the directions, and the directions alone. In each, 40 % of
    the vectors choose the metric, the nodes of a graph and the places of valleys, and the others count
    (`density_graph`).

    Parameters
    ----------
    u : scores along principal axes, the leading ones first; their scale does not matter. Of more than 20,000 vectors
        a random 20,000 are used.
    directions : in the coordinates of u, along which the cloud looks least normal: two clusters in many dimensions
        may differ along none of the axes. Without any given, the vectors that choose look for four.
    seed : decides which vectors choose, and where k-means begins.

    Notes
    -----
    The number is a lower bound, and the sentence says so: clusters that no view shows, that hold less than some 30
    held-out vectors, or whose valley is shallower than 0.7 of the lower peak, are not told apart; and more than
    200 never are. In simulations of 20,000 vectors in 32 dimensions 2, 7, 20 and 100 clusters were counted exactly.
    One thread works: matrices of so few columns are too small for more, which only wait for each other.

    Examples
    --------
    Two clusters, and a ring, which is one region although a line across it has a valley:

    >>> random = np.random.default_rng(0)
    >>> x = random.normal(size=(2000, 3))
    >>> find_clusters(x + 6 * random.integers(0, 2, (2000, 1))).regions
    2
    >>> angle = random.uniform(0, 2 * np.pi, 2000)
    >>> ring = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * random.normal(size=(2000, 2))
    >>> find_clusters(ring).regions
    1
    """
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(seed)
    u = np.asarray(u, np.float64)[random.permutation(len(u))[:MOST]]
    # Different vectors have different places in a random direction; to sort whole rows is slow.
    same = np.unique((u * random.normal(size=u.shape[1])).sum(axis=1), return_inverse=True)[1]
    distinct = int(same.max(initial=-1)) + 1
    if distinct < LEAST:
        return _of_few(u, same, distinct)
    # Copies of a vector stay together: in both parts, they would confirm what was chosen by them.
    fitted = (random.permutation(distinct) < FIT * distinct)[same]
    with threadpool_limits(1):
        directions = _pursued(u[fitted], distinct, seed) if directions is None else directions
        found = [
            run
            for view, counts in _views(u, directions)
            for run in _runs(view, counts, fitted, distinct, seed)
        ]
    shares, evidence = max(found, key=lambda run: len(run[0]))
    return Clusters(
        n_fitted=int(fitted.sum()),
        n_held_out=int((~fitted).sum()),
        distinct=distinct,
        dimension=min(u.shape[1], AXES + len(directions)),
        regions=len(shares),
        shares=shares,
        evidence=evidence,
    )


Run = tuple[tuple[float, ...], tuple[Valley, ...]]
"""Shares and evidence."""


def _of_few(u: Float[np.ndarray, "m r"], same: np.ndarray, distinct: int) -> Clusters:
    """Each different vector is a region of its own if there are many of each, and nothing can be said if not."""
    shares: tuple[float, ...] = (1.0,)
    if len(u) >= max(LEAST, POINTS * distinct):
        shares = tuple((np.sort(np.bincount(same))[::-1] / len(u)).tolist())
    return Clusters(0, 0, distinct, u.shape[1], len(shares), shares, ())


def _pursued(fit: Float[np.ndarray, "m r"], distinct: int, seed: int) -> Float[np.ndarray, "k r"]:
    """Least normal directions within the leading axes, if the vectors that choose are enough to look for some."""
    axes = min(fit.shape[1], AXES)
    directions = np.zeros((0, fit.shape[1]))
    if axes > 1 and FIT * distinct >= PER_AXIS * axes:
        white = _whitened(fit[:, :axes])
        if white.shape[1] == axes:
            onto = np.linalg.lstsq(fit[:, :axes] - fit[:, :axes].mean(axis=0), white, rcond=None)[0]
            found = pursue(white, min(PURSUED, axes), seed).directions @ onto.T
            directions = np.concatenate([found, np.zeros((len(found), fit.shape[1] - axes))], axis=1)
    return directions


def _views(
    u: Float[np.ndarray, "m r"], directions: Float[np.ndarray, "k r"]
) -> Iterator[tuple[Float[np.ndarray, "m v"], tuple[int, ...]]]:
    """The cloud along some axes, and the numbers of nodes to look at it with."""
    along = u @ directions.T
    yield np.concatenate([u[:, :AXES], along], axis=1), (FEW, MANY)
    if along.shape[1]:
        yield along, (FEW,)


def _runs(
    view: Float[np.ndarray, "m v"],
    counts: tuple[int, ...],
    fitted: Bool[np.ndarray, " m"],
    distinct: int,
    seed: int,
) -> Iterator[Run]:
    repeats = len(view) / distinct
    view = _whitened(view).astype(np.float32)
    metric, fit = learnt_metric(view[fitted], seed)
    held_out = view[~fitted] @ metric
    affordable = max(int(len(fit) / (PER_NODE * repeats)), 2)
    for count in counts:
        nodes = Nodes.of(fit, min(count, affordable), seed)
        if nodes is None:
            yield (1.0,), ()
        else:
            yield _regions(Landscape.of(fit, held_out, nodes, repeats))


def _regions(landscape: Landscape) -> Run:
    """Shares and evidence of what is separate, the largest region first."""
    found = landscape.regions()
    if len(found) == 1:
        return (1.0,), ()
    region_of = np.empty(len(landscape.height), int)
    for number, region in enumerate(found):
        region_of[region] = number
    share = np.bincount(region_of[landscape.held_out.argmin(axis=1)], minlength=len(found))
    order = np.argsort(-share, kind="stable")
    peaks = [found[number][0] for number in order]
    shares = tuple((share[order] / share.sum()).tolist())
    return shares, _shallowest(landscape, peaks)


def _shallowest(landscape: Landscape, peaks: list[int]) -> tuple[Valley, ...]:
    """For each region the valley that parts it least from a neighbour."""
    number = {peak: region for region, peak in enumerate(peaks)}
    valleys = [_valley(landscape, number, *pair) for pair in landscape.neighbours(sorted(peaks))]
    each = [[valley for valley in valleys if region in valley.regions] for region in range(len(peaks))]
    return tuple(dict.fromkeys(max(own, key=lambda valley: valley.dip) for own in each))


def _valley(landscape: Landscape, number: dict[int, int], a: int, b: int) -> Valley:
    first, valley, second = landscape.counts(a, b)
    if number[a] < number[b]:
        return Valley((number[a], number[b]), (first, second), valley)
    return Valley((number[b], number[a]), (second, first), valley)


def _whitened(u: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "m r"]:
    """All directions on one scale; directions that the others contain already are dropped."""
    spread = u.std(axis=0)
    u = (u - u.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    moments = Moments.of(u)
    pca = PCA.of_moments(moments)
    rank = max(int((pca.variance > 1e-9).sum()), 1)
    return pca.transform(u)[:, :rank] / np.sqrt(np.maximum(pca.variance[:rank], 1e-9))

r"""Separate regions of a density, by topology: peaks that no path joins without crossing a valley.

A graph stands for the density. Its nodes are places where it is locally high: centres of k-means, and what some steps
of mean shift make of them. Its edges are straight tubes from node to node, of one radius. The nodes are taken from
the highest to the lowest. Each joins those of its nearest higher nodes from which no dip parts it; where two hills
meet so, they become one, unless the node where they meet is proven to lie below both peaks. Both halves of a ring
meet on either side of it, whatever lies in its middle. That is ToMATo (Chazal et al. 2013), with a proof of each
valley in place of one threshold for all. At last the straight line between two peaks must have a proven valley too.

That last proof makes it safe. Some of the vectors choose nodes, tubes and the places of valleys, the others count. In
a tube, which is convex, a log-concave density has a unimodal projection (Prékopa 1973), and so has one that falls
with an elliptical distance (Anderson 1955). So in a normal cloud, and in one with heavier or lighter radii, no tube
has a valley in expectation, wherever it lies.

References
----------
F. Chazal, L. Guibas, S. Oudot, P. Skraba, Persistence-based clustering in Riemannian manifolds (2013),
https://doi.org/10.1145/2535927
T. Anderson, The integral of a symmetric unimodal function over a symmetric convex set (1955),
https://doi.org/10.1090/S0002-9939-1955-0069229-1
G. Toussaint, The relative neighbourhood graph of a finite planar set (1980),
https://doi.org/10.1016/0031-3203(80)90066-7
D. Art, R. Gnanadesikan, J. Kettenring, Data-based metrics for cluster analysis (1982): vectors are measured by the
covariance within clusters, found by turns with them.
"""

import warnings
from dataclasses import dataclass, field

import numba
import numpy as np
from jaxtyping import Float, Int
from scipy.special import bdtr

__all__ = ["DIP", "SIGNIFICANCE", "Counts", "Landscape", "Nodes", "learnt_metric", "proven"]

Vectors = Float[np.ndarray, "m r"]
Counts = tuple[int, int, int]
"""Held-out vectors at one node, in the valley, and at the other node."""

DIP = 0.7  # a valley holds less than this share of the lower peak
SIGNIFICANCE = 1e-4  # largest probability of so deep a valley in a flat stretch, for a single one
TURNS = 2  # of k-means, from which the metric is learnt
CENTRES = 24  # of k-means in these
NEIGHBOURS = 10  # higher nodes with which a node may be connected
LEVEL = (
    0.6  # share of the lower of two neighbours, which every place between them holds, if they are connected
)
STEPS = 5  # of mean shift
FEWEST = 8  # vectors of a centre of k-means; what lies in smaller ones is scattered, and left out next time
INNER = slice(2, 9)  # slabs of a tube, from 0 to 10 tenths of it, where a valley may be
CLOSE = 0.5  # nodes nearer than this share of the radius are one


def proven(valley: int, peak: int, repeats: float = 1.0) -> bool:
    """Whether counts at a valley and at the lower peak differ by more than `DIP` says, and by more than chance.

    Two equally dense places have each vector with probability 1/2, so the counts of the valley are binomial.

    Parameters
    ----------
    repeats : vectors for each different one, by which the counts are divided: repeated vectors prove nothing.

    Examples
    --------
    >>> proven(3, 40), proven(3, 10), proven(300, 400)
    (True, False, False)
    """
    low, high = int(np.ceil(valley / repeats)), int(peak / repeats)
    return low < DIP * high and bool(bdtr(low, low + high, 0.5) < SIGNIFICANCE)


@dataclass(frozen=True, eq=False)
class Nodes:
    """Places of high density.

    Attributes
    ----------
    places : in the coordinates in which distances are taken; tops of hills first, then what leads up to them.
    radius : of the balls around them and of the tubes between them.
    """

    places: Float[np.ndarray, "k r"]
    radius: float

    @classmethod
    def of(cls, fit: Vectors, count: int, seed: int) -> "Nodes | None":
        """From so many centres of k-means; None if every vector lies alone.

        The radius is such that the median ball around a centre holds as many vectors as there are per centre.
        """
        centres, label = _k_means(fit, count, seed)
        centres = centres[np.bincount(label, minlength=len(centres)) >= FEWEST]
        if not len(centres):
            return None
        radius = _radius(squared_distances(fit, centres), len(fit) // len(centres))
        return cls(_distinct(_uphill(fit, centres, radius), CLOSE * radius), radius)


def learnt_metric(fit: Vectors, seed: int) -> tuple[Float[np.ndarray, "r r"], Float[np.ndarray, "kept r"]]:
    """What takes vectors (as rows) to coordinates in which clusters are round; the vectors in them, less strays."""
    metric = np.eye(fit.shape[1], dtype=fit.dtype)
    for turn in range(TURNS):
        x = fit @ metric
        centres, label = _k_means(x, CENTRES, seed + turn)
        kept = np.bincount(label, minlength=len(centres))[label] >= FEWEST
        if not kept.any():
            break
        metric = metric @ _whitening(x[kept] - centres[label[kept]])
        fit = fit[kept]
    return metric, fit @ metric


def _k_means(x: Vectors, count: int, seed: int) -> tuple[Float[np.ndarray, "k r"], Int[np.ndarray, " m"]]:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different vectors than centres
        found = KMeans(min(count, len(x)), n_init=1, max_iter=15, random_state=seed).fit(x)
    return found.cluster_centers_, found.labels_


def _whitening(residual: Vectors) -> Float[np.ndarray, "r r"]:
    """What gives the deviations from the centres the covariance 1, but none more than 100 times its weight."""
    variance, axes = np.linalg.eigh(residual.T @ residual / len(residual))
    return axes / np.sqrt(np.maximum(variance, max(1e-4 * variance[-1], np.finfo(float).tiny)))


def squared_distances(x: Vectors, places: Float[np.ndarray, "k r"]) -> Float[np.ndarray, "m k"]:
    """From each vector to each place."""
    squares = (x**2).sum(axis=1)[:, None] + (places**2).sum(axis=1)
    return np.maximum(squares - 2 * x @ places.T, 0.0)


def _radius(squared: Float[np.ndarray, "m k"], held: int) -> float:
    rank = min(held, len(squared)) - 1
    return float(np.sqrt(np.median(np.partition(squared, rank, axis=0)[rank])))


def _uphill(x: Vectors, places: Float[np.ndarray, "k r"], radius: float) -> Float[np.ndarray, "c r"]:
    """The places and where some steps to the mean of the vectors in the ball take them, the last steps first."""
    paths = [places]
    for _ in range(STEPS):
        inside = squared_distances(x, paths[0]) <= radius**2
        count = inside.sum(axis=0)[:, None]
        paths.insert(0, np.where(count > 0, inside.T.astype(x.dtype) @ x / np.maximum(count, 1), paths[0]))
    return np.concatenate(paths)


def _distinct(places: Float[np.ndarray, "k r"], least: float) -> Float[np.ndarray, "c r"]:
    """Places at least so far apart, the first ones first."""
    near = squared_distances(places, places) <= least**2
    kept = np.zeros(len(places), bool)
    for place in range(len(places)):
        kept[place] = not near[place, :place][kept[:place]].any()
    return places[kept]


@dataclass(frozen=True, eq=False)
class Landscape:
    """The graph: nodes by falling height in the fit, and what the held-out vectors count at and between them.

    Attributes
    ----------
    fit, held_out : squared distances of the two parts of the vectors to the nodes.
    between : squared distances between the nodes.
    radius : of balls and tubes.
    height : held-out vectors in the ball around each node.
    repeats : vectors for each different one.
    """

    fit: Float[np.ndarray, "m k"]
    held_out: Float[np.ndarray, "h k"]
    between: Float[np.ndarray, "k k"]
    radius: float
    height: Int[np.ndarray, " k"]
    repeats: float
    counted: dict[tuple[int, int], Counts] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, fit: Vectors, held_out: Float[np.ndarray, "h r"], nodes: Nodes, repeats: float = 1.0
    ) -> "Landscape":
        """All in the metric of the nodes."""
        squared = squared_distances(fit, nodes.places)
        order = np.argsort(-(squared <= nodes.radius**2).sum(axis=0), kind="stable")
        places = nodes.places[order]
        judged = squared_distances(held_out, places)
        return cls(
            fit=np.asfortranarray(squared[:, order]),
            held_out=np.asfortranarray(judged),
            between=squared_distances(places, places),
            radius=nodes.radius,
            height=(judged <= nodes.radius**2).sum(axis=0),
            repeats=repeats,
        )

    def counts(self, a: int, b: int) -> Counts:
        """Held-out vectors in slabs of the tube from node a to node b: at a, at the valley, and at b.

        The valley is where the fit has the fewest, of equals the place nearest to the middle.
        """
        if (a, b) not in self.counted:
            length, wall = self.between[a, b], self.radius**2
            chosen = _slabs(self.fit[:, a], self.fit[:, b], length, wall)[INNER]
            valley = INNER.start + int(
                np.argmin(chosen + 0.1 * np.abs(np.arange(len(chosen)) - len(chosen) // 2))
            )
            found = _slabs(self.held_out[:, a], self.held_out[:, b], length, wall)
            self.counted[a, b] = int(found[0]), int(found[valley]), int(found[-1])
        return self.counted[a, b]

    def regions(self) -> list[list[int]]:
        """Nodes of each separate region, its peak first; the region of the highest peak first."""
        hills = {hill[0]: hill for hill in self._hills()}
        while True:
            # The straight line between neighbouring peaks must have a valley as well: the last and strongest proof.
            doubtful = [pair for pair in self.neighbours(sorted(hills)) if not self._parted(*pair)]
            if not doubtful:
                return [hills[peak] for peak in sorted(hills)]
            for lower in sorted({b for _, b in doubtful}, reverse=True):
                higher = max((a for a, b in doubtful if b == lower), key=lambda a: self._openness(a, lower))
                hills[higher] += hills.pop(lower)

    def neighbours(self, peaks: list[int]) -> list[tuple[int, int]]:
        """Pairs of peaks that no third one lies between: nearer to both than they are to each other.

        That is the relative neighbourhood graph (Toussaint 1980); it joins all peaks.
        """
        between = self.between[np.ix_(peaks, peaks)]
        between = np.maximum(between, between.T)  # they differ by rounding
        pairs = [(a, b) for b in range(len(peaks)) for a in range(b)]
        apart = [(a, b) for a, b in pairs if (np.maximum(between[a], between[b]) >= between[a, b]).all()]
        return [(peaks[a], peaks[b]) for a, b in apart]

    def _hills(self) -> list[list[int]]:
        """Nodes from the highest down: each joins what it is level with, and may join that to other hills."""
        hill_of: list[int] = []  # each hill goes by its peak's number
        for node in range(len(self.height)):
            met = self._met(node, hill_of)
            hill_of.append(min(met, default=node))
            for other in met - {hill_of[node]}:
                lower = min(int(self.height[other]), int(self.height[hill_of[node]]))
                if not proven(int(self.height[node]), lower, self.repeats):
                    # By height the peaks come first, so that the hill with the smaller number is the higher one.
                    hill_of = [hill_of[node] if hill == other else hill for hill in hill_of]
        return [[node for node, hill in enumerate(hill_of) if hill == peak] for peak in sorted(set(hill_of))]

    def _met(self, node: int, hill_of: list[int]) -> set[int]:
        """Hills of the nearest higher nodes that no dip parts from this one."""
        met: set[int] = set()
        for other in np.argsort(self.between[node, :node], kind="stable")[:NEIGHBOURS].tolist():
            if hill_of[other] not in met and self._openness(other, node) >= LEVEL:
                met.add(hill_of[other])
        return met

    def _parted(self, a: int, b: int) -> bool:
        """Whether a valley between two nodes is proven. Not if each is in the other's ball: what is there is one."""
        first, valley, second = self.counts(a, b)
        return self.between[a, b] > self.radius**2 and proven(valley, min(first, second), self.repeats)

    def _openness(self, a: int, b: int) -> float:
        """Vectors in the valley over those at the lower node; 0 where that has none, and nothing can be said."""
        if self.between[a, b] <= self.radius**2:
            return 1.0
        first, valley, second = self.counts(a, b)
        return valley / min(first, second) if min(first, second) else 0.0


@numba.njit(cache=True, error_model="numpy")
def _slabs(to_a: np.ndarray, to_b: np.ndarray, length: float, radius: float) -> np.ndarray:
    """Vectors of the tube in slabs at 0, 0.1 ... 1 of its length, each 0.2 thick, from squared distances.

    Of the vectors to both ends, of these to each other, and of the wall.
    """
    count = np.zeros(12, np.int64)
    scale, start = 5.0 / length, 6.0
    for i in range(len(to_a)):
        tenths = start + scale * (to_a[i] - to_b[i])
        if 0 <= tenths < 12:
            along = 0.1 * (tenths - 1)
            if to_a[i] - along * along * length <= radius:
                count[int(tenths)] += 1
    return count[:-1] + count[1:]

r"""Inside the confidence ellipses of all pairs of latent components, without any PCA: a Gibbs sampler.

Given all others, a standardised component must lie in :math:`r u_i \pm \sqrt{(1 - r^2)(k^2 - u_i^2)}` for every
other component i. The intersection of these intervals is one interval, from which it is drawn anew; component after
component, sweep after sweep. Strongly correlated components move together only, and one by one hardly at all: so each
sweep also draws anew along one of the longest principal axes of the correlations. Every chain starts in the centre.
"""

import warnings
from typing import Any

import numba
import numpy as np
from jaxtyping import Float

from zpoints.errors import UsageError
from zpoints.samplers.base import Sampler
from zpoints.samplers.checks import check_choice, check_number, check_whole
from zpoints.samplers.points import Points

__all__ = ["EllipsePairs"]

TRIAL_CHAINS = 256
MOST_AXES = 8
LONG = 1.5  # variance along a principal axis of the correlations from which on each sweep moves along it, too
FAR = 0.95  # of the way from the centre to the border, where the other half of the trial chains starts
ERRORS = 4.0  # standard errors between the two halves, up to which they have met
LAWS = ("normal", "uniform", "correlated")
LEAST = 1e-9  # eigenvalue of the correlations
THIN = 1e-6  # two components of which one follows from the other share an interval of at least so many sigma


class EllipsePairs(Sampler):
    r"""Draws inside all pairwise k sigma ellipses of the latent components themselves, by Gibbs sampling.

    By default all that it knows are pairs, as one would who looks at planes only: the law inside the ellipses is
    uniform, or a product of normal densities. Satisfying every pair is necessary for a small Mahalanobis distance,
    not sufficient: compare with `Ellipse`, which works in principal axes and is exact.

    One vector costs :math:`O(d^2)` steps a sweep.

    Parameters
    ----------
    sigma : level k of the ellipses.
    draws : the law inside. ``"uniform"``, or ``"normal"``, a product of normal densities of the components. Neither
        knows of the correlations but by the borders: at 3 sigma, r = 0.5 becomes 0.1. ``"correlated"`` is the normal
        law with the measured correlations, cut at the ellipses, and keeps them.
    sweeps : how often every component of a vector is drawn anew.
    temperature : multiplies the distances from the mean, and the ellipses with them.
    random_state : see `Sampler`.

    Attributes
    ----------
    trace_ : mean squared length of the standardised vectors of 128 trial chains from the centre after every sweep:
        flat where they have forgotten their start.
    settled_ : the sweep from which on `trace_` stays within three standard errors of its second half's mean, and
        128 other chains, that started near the border, have as many sigma squared in all and along the longest axes.
        Equal to `sweeps` if that never comes to pass: then `fit` warns, and more sweeps are needed.

    References
    ----------
    A. Gelman, D. Rubin, Inference from iterative simulation using multiple sequences (1992),
    https://doi.org/10.1214/ss/1177011136: dispersed starts.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> zp.samplers.EllipsePairs(sigma=2.0).fit(z).sample(100, random_state=0).shape
    (100, 3)
    """

    name = "ellipse-pairs"
    summary = (
        "Inside the {sigma:g} sigma ellipses of all pairs of latent components, without a PCA: all that one knows "
        "who looks at planes only."
    )

    def __init__(
        self,
        sigma: float = 3.0,
        draws: str = "normal",
        sweeps: int = 60,
        *,
        temperature: float = 1.0,
        random_state: Any = None,
    ) -> None:
        super().__init__(temperature=temperature, random_state=random_state)
        self.sigma, self.draws, self.sweeps = sigma, draws, sweeps

    def _check(self) -> None:
        check_number(self, "sigma", above=0)
        check_choice(self, "draws", *LAWS)
        check_whole(self, "sweeps", least=2)

    def _learn(self, points: Points) -> None:
        std = self.distribution_.std
        self._pearson = np.clip(self.distribution_.covariance / std / std[:, None], -1, 1)
        values, vectors = np.linalg.eigh(self._pearson)
        values = np.maximum(values, LEAST)
        # Of the normal law: what one component has, given all others.
        self._precision = (vectors / values) @ vectors.T
        longest = np.argsort(-values)[:MOST_AXES]
        moved = longest[values[longest] > LONG]
        self._axes, self._variances = np.ascontiguousarray(vectors[:, moved].T), values[moved]
        self.trace_, self.settled_ = self._trial(np.ascontiguousarray(vectors[:, longest].T))
        if self.settled_ == self.sweeps:
            warnings.warn(
                f"EllipsePairs: after {self.sweeps} sweeps the chains have not forgotten where they started, and the "
                "vectors lie too near to the centre; give more sweeps, or draw with Ellipse, which is exact",
                stacklevel=3,
            )

    def _trial(self, axes: Float[np.ndarray, "a d"]) -> tuple[Float[np.ndarray, " sweeps"], int]:
        """Chains from the centre and from near the border along these axes: their trace, and when they meet."""
        count = TRIAL_CHAINS // 2
        random = np.random.default_rng(0)
        own = axes[np.arange(count) % len(axes)]
        centre = np.zeros(axes.shape[1])
        border = np.array(
            [
                _interval(centre, axis, self._pearson, _narrow(self._pearson), float(self.sigma))[1]
                for axis in axes
            ]
        )
        far = FAR * border[np.arange(count) % len(axes), None] * own
        lengths, along = np.empty((2, self.sweeps, count)), np.empty((2, self.sweeps, count))
        for k, start in enumerate((np.zeros_like(far), far)):
            self._chains(start, random, lengths[k], own, along[k])
        trace = lengths[0].mean(axis=1)
        late = lengths[0, self.sweeps // 2 :]
        error = (late.mean(axis=0).std() + late.std()) / np.sqrt(count)
        apart = np.abs(trace - late.mean()) > 3 * error
        for found in (lengths, along**2):
            difference = np.abs(found[0].mean(axis=1) - found[1].mean(axis=1))
            apart |= difference > ERRORS * np.sqrt(found.var(axis=2).sum(axis=0) / count)
        off = np.flatnonzero(apart)
        return trace, 0 if not len(off) else int(off[-1]) + 1

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        d = len(self._pearson)
        u = np.zeros((n, d))
        self._chains(u, random, np.empty((self.sweeps, n)), np.zeros((n, d)), np.empty((self.sweeps, n)))
        return self.distribution_.mean + self.temperature * self.distribution_.std * u

    def _chains(
        self,
        u: Float[np.ndarray, "n d"],
        random: np.random.Generator,
        lengths: Float[np.ndarray, "sweeps n"],
        own: Float[np.ndarray, "n d"],
        along: Float[np.ndarray, "sweeps n"],
    ) -> None:
        """Move each row of `u` by all sweeps; `lengths` and `along` take squared lengths and places along `own`."""
        seeds = random.integers(2**31, size=len(u))
        law, sigma = LAWS.index(self.draws), float(self.sigma)
        of_law = self._pearson, self._precision, self._axes, self._variances
        _gibbs(u, *of_law, sigma, law, seeds, lengths, own, along)

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        raise UsageError(
            "EllipsePairs: the volume inside all ellipses is not known, and so there is no density"
        )


@numba.njit(parallel=True, cache=True, error_model="numpy")
def _gibbs(
    u: np.ndarray,
    pearson: np.ndarray,
    precision: np.ndarray,
    axes: np.ndarray,
    variances: np.ndarray,
    sigma: float,
    law: int,
    seeds: np.ndarray,
    lengths: np.ndarray,
    own: np.ndarray,
    along: np.ndarray,
) -> None:
    n, d = u.shape
    narrow = _narrow(pearson)
    for chain in numba.prange(n):
        np.random.seed(seeds[chain])  # noqa: NPY002 (the one that Numba's threads have each for their own)
        x = u[chain]
        room = np.sqrt(np.maximum(sigma * sigma - x * x, 0.0))  # sqrt(k^2 - u_i^2)
        for sweep in range(lengths.shape[0]):
            for j in range(d):
                low, high, pull = -sigma, sigma, 0.0
                for i in range(d):
                    if i != j:
                        r = pearson[j, i]
                        reach = max(np.sqrt((1.0 - r) * (1.0 + r)) * room[i], THIN)
                        low, high = max(low, r * x[i] - reach), min(high, r * x[i] + reach)
                mean, spread = 0.0, 1.0
                if law == 2:
                    for i in range(d):
                        pull += precision[j, i] * x[i] if i != j else 0.0
                    mean, spread = -pull / precision[j, j], np.sqrt(1.0 / precision[j, j])
                x[j] = _drawn(low, high, mean, spread, law != 1) if high > low else 0.5 * (low + high)
                room[j] = np.sqrt(max(sigma * sigma - x[j] * x[j], 0.0))
            if len(axes):  # one of them a sweep, in turns: each costs as much as all components
                a = sweep % len(axes)
                low, high = _interval(x, axes[a], pearson, narrow, sigma)
                if high > low:
                    place, spread = np.sum(x * axes[a]), 1.0
                    if law == 2:
                        spread = np.sqrt(variances[a])
                    x += _drawn(low, high, -place, spread, law != 1) * axes[a]
                    room[:] = np.sqrt(np.maximum(sigma * sigma - x * x, 0.0))
            lengths[sweep, chain] = np.sum(x * x)
            along[sweep, chain] = np.sum(x * own[chain])


@numba.njit(cache=True, error_model="numpy")
def _narrow(pearson: np.ndarray) -> np.ndarray:
    """1 / sqrt(1 - r^2) of all pairs."""
    return 1.0 / np.sqrt(np.maximum((1.0 - pearson) * (1.0 + pearson), THIN * THIN))


@numba.njit(cache=True, error_model="numpy")
def _interval(
    x: np.ndarray, axis: np.ndarray, pearson: np.ndarray, narrow: np.ndarray, sigma: float
) -> tuple[float, float]:
    """From where to where x + t axis lies inside all ellipses; x does."""
    low, high = -np.inf, np.inf
    d = len(x)
    for i in range(d):
        if axis[i] != 0.0:
            first, last = (-sigma - x[i]) / axis[i], (sigma - x[i]) / axis[i]
            low, high = max(low, min(first, last)), min(high, max(first, last))
    for i in range(d):
        for j in range(i):
            r = pearson[i, j]
            # In round coordinates, which keep thin ellipses free of cancellation.
            v, e = (x[j] - r * x[i]) * narrow[i, j], (axis[j] - r * axis[i]) * narrow[i, j]
            a, b = axis[i] * axis[i] + e * e, axis[i] * x[i] + e * v
            # Most ellipses are no limit: both ends found so far lie inside them.
            c = x[i] * x[i] + v * v - sigma * sigma
            if a > 0.0 and max((a * low + 2.0 * b) * low, (a * high + 2.0 * b) * high) + c > 0.0:
                root = np.sqrt(max(b * b - a * c, 0.0))
                low, high = max(low, (-b - root) / a), min(high, (-b + root) / a)
    return low, high


@numba.njit(cache=True, error_model="numpy")
def _drawn(low: float, high: float, mean: float, spread: float, normal: bool) -> float:
    """A uniform or a normal value in an interval."""
    if not normal:
        return low + (high - low) * np.random.random()  # noqa: NPY002
    found = mean + spread * _inside((low - mean) / spread, (high - mean) / spread)
    return min(max(found, low), high)


@numba.njit(cache=True, error_model="numpy")
def _inside(low: float, high: float) -> float:
    """A standard normal value in an interval, by rejection.

    C. Robert, Simulation of truncated normal variables (1995), https://doi.org/10.1007/BF00143942
    """
    nearest = 0.0
    if low > 0.0:
        nearest = low
    elif high < 0.0:
        nearest = -high
    if nearest == 0.0 and high - low > 8.0:
        while True:
            x = np.random.normal()  # noqa: NPY002
            if low <= x <= high:
                return x
    if nearest * (high - low) > 8.0:  # far out: an exponential law fits better than a uniform one
        rate = 0.5 * (nearest + np.sqrt(nearest * nearest + 4.0))
        while True:
            x = nearest - np.log(1.0 - np.random.random()) / rate  # noqa: NPY002
            if x <= nearest + high - low and np.random.random() < np.exp(-0.5 * (x - rate) ** 2):  # noqa: NPY002
                return x if low > 0.0 else -x
    while True:
        x = low + (high - low) * np.random.random()  # noqa: NPY002
        if np.random.random() < np.exp(0.5 * (nearest * nearest - x * x)):  # noqa: NPY002
            return x

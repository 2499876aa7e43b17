r"""Inside the confidence ellipses of all pairs of latent components, without any PCA: a Gibbs sampler.

Given all others, a standardised component must lie in :math:`r u_i \pm \sqrt{(1 - r^2)(k^2 - u_i^2)}` for every
other component i. The intersection of these intervals is one interval, from which it is drawn anew; component after
component, sweep after sweep. Every chain starts in the centre.
"""

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
THIN = 1e-6  # two components of which one follows from the other share an interval of at least so many sigma


class EllipsePairs(Sampler):
    r"""Draws inside all pairwise k sigma ellipses of the latent components themselves, by Gibbs sampling.

    All that it knows are pairs, as one would who looks at planes only: the law inside the ellipses is uniform, or a
    product of normal densities. Satisfying every pair is necessary for a small Mahalanobis distance, not sufficient:
    compare with `Ellipse`, which works in principal axes and is exact.

    One vector costs :math:`O(d^2)` steps a sweep.

    Parameters
    ----------
    sigma : level k of the ellipses.
    draws : ``"normal"`` or ``"uniform"``: the law inside.
    sweeps : how often every component of a vector is drawn anew.
    temperature : multiplies the distances from the mean, and the ellipses with them.
    random_state : see `Sampler`.

    Attributes
    ----------
    trace_ : mean squared length of the standardised vectors of 256 chains after every sweep: flat where they have
        forgotten their start.
    settled_ : the sweep from which on `trace_` stays within three standard errors of its second half's mean; equal
        to `sweeps` if it never does, then take more of them.

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
        check_choice(self, "draws", "normal", "uniform")
        check_whole(self, "sweeps", least=2)

    def _learn(self, points: Points) -> None:
        std = self.distribution_.std
        self._pearson = np.clip(self.distribution_.covariance / std / std[:, None], -1, 1)
        _, lengths = self._chains(TRIAL_CHAINS, np.random.default_rng(0))
        self.trace_ = lengths.mean(axis=1)
        late = lengths[self.sweeps // 2 :]
        error = late.mean(axis=0).std() / np.sqrt(TRIAL_CHAINS) + late.std() / np.sqrt(TRIAL_CHAINS)
        off = np.flatnonzero(np.abs(self.trace_ - late.mean()) > 3 * error)
        self.settled_ = 0 if not len(off) else int(off[-1]) + 1

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        u, _ = self._chains(n, random)
        return self.distribution_.mean + self.temperature * self.distribution_.std * u

    def _chains(
        self, n: int, random: np.random.Generator
    ) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "sweeps n"]]:
        u = np.zeros((n, len(self._pearson)))
        lengths = np.empty((self.sweeps, n))
        seeds = random.integers(2**31, size=n)
        _gibbs(u, self._pearson, self.sigma, self.draws == "normal", seeds, lengths)
        return u, lengths

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        raise UsageError(
            "EllipsePairs: the volume inside all ellipses is not known, and so there is no density"
        )


@numba.njit(parallel=True, cache=True, error_model="numpy")
def _gibbs(
    u: np.ndarray, pearson: np.ndarray, sigma: float, normal: bool, seeds: np.ndarray, lengths: np.ndarray
) -> None:
    n, d = u.shape
    for chain in numba.prange(n):
        np.random.seed(seeds[chain])  # noqa: NPY002 (the one that Numba's threads have each for their own)
        x = u[chain]
        room = np.full(d, sigma)  # sqrt(k^2 - u_i^2)
        for sweep in range(lengths.shape[0]):
            for j in range(d):
                low, high = -sigma, sigma
                for i in range(d):
                    if i != j:
                        r = pearson[j, i]
                        reach = max(np.sqrt((1.0 - r) * (1.0 + r)) * room[i], THIN)
                        low, high = max(low, r * x[i] - reach), min(high, r * x[i] + reach)
                x[j] = _inside(low, high, normal) if high > low else 0.5 * (low + high)
                room[j] = np.sqrt(max(sigma * sigma - x[j] * x[j], 0.0))
            lengths[sweep, chain] = np.sum(x * x)


@numba.njit(cache=True, error_model="numpy")
def _inside(low: float, high: float, normal: bool) -> float:
    """A uniform or standard normal value in an interval; the latter by rejection from the former."""
    nearest = 0.0
    if low > 0.0:
        nearest = low
    elif high < 0.0:
        nearest = high
    while True:
        x = low + (high - low) * np.random.random()  # noqa: NPY002
        if not normal or np.random.random() < np.exp(0.5 * (nearest * nearest - x * x)):  # noqa: NPY002
            return x

"""Close to the training vectors: the smoothed bootstrap, and the vectors themselves."""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from zpoints.errors import UsageError
from zpoints.samplers.base import Sampler, log_volume, restored
from zpoints.samplers.checks import check_number, check_whole, seed_of
from zpoints.samplers.points import Points

__all__ = ["Kernel", "Resample"]

WIDTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
JUDGES = 1000  # held-out vectors that choose among them
PART = 256  # judges whose distances to all points are in memory at a time


class _FromVectors(Sampler):
    """Keeps whitened vectors `points_`, at most `most` of them, drawn at random."""

    needs_vectors = True

    def __init__(self, most: int = 20_000, *, temperature: float = 1.0, random_state: Any = None) -> None:
        super().__init__(temperature=temperature, random_state=random_state)
        self.most = most

    def _check(self) -> None:
        check_whole(self, "most", least=2)

    def _learn(self, points: Points) -> None:
        assert points.vectors is not None, "fit has seen to it"
        kept = points.vectors.some(self.most, seed_of(self.random_state)).array()
        self.points_ = self.distribution_.pca.whiten(kept).astype(np.float32)

    def _state(self) -> dict[str, np.ndarray]:
        return super()._state() | {"points": self.points_}

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        self._restore_distribution(arrays)
        rank = self.distribution_.pca.rank
        self.points_ = restored(arrays, "points", (len(arrays["points"]), rank))


class Kernel(_FromVectors):
    r"""The smoothed bootstrap: a training vector, drawn towards the mean, and normal noise around it.

    .. math:: z = \mu + \sqrt{1 - h^2} (z_i - \mu) + h \Sigma^{1/2} e, \qquad e \sim N(0, I)

    The factor in front keeps the covariance, which the noise alone would widen. A small h copies; h = 1 is the
    normal distribution.

    Parameters
    ----------
    width : h in (0, 1], or ``"auto"``: the one that describes held-out vectors best.
    most : so many vectors are kept, drawn at random.
    temperature : multiplies the distances from the mean.
    random_state : of that draw, and see `Sampler`.

    References
    ----------
    B. Silverman, G. Young, The bootstrap: to smooth or not to smooth? Biometrika 74 (1987),
    https://doi.org/10.1093/biomet/74.3.469
    M. West, Approximating posterior distributions by mixtures, Journal of the Royal Statistical Society B 55
    (1993), https://doi.org/10.1111/j.2517-6161.1993.tb01911.x: the shrinkage.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> zp.samplers.Kernel(width=0.3).fit(z).sample(1000, random_state=0).std(axis=0).round().tolist()
    [1.0, 2.0, 3.0]
    """

    name = "kernel"
    summary = "A training vector, drawn towards the mean, with normal noise around it; near copies if that is small."

    def __init__(
        self,
        width: float | str = "auto",
        most: int = 20_000,
        *,
        temperature: float = 1.0,
        random_state: Any = None,
    ) -> None:
        super().__init__(most, temperature=temperature, random_state=random_state)
        self.width = width

    def _check(self) -> None:
        super()._check()
        check_number(self, "width", above=0, most=1, auto=True)

    def _learn(self, points: Points) -> None:
        super()._learn(points)
        self.width_ = self._best_width() if self.width == "auto" else float(self.width)

    def _best_width(self) -> float:
        held = min(JUDGES, len(self.points_) // 4)
        if held < 1:
            return 1.0
        # Not the first ones: files are sorted, by person or by class.
        order = np.random.default_rng(seed_of(self.random_state)).permutation(len(self.points_))
        judges, fitted = self.points_[order[:held]], self.points_[order[held:]]
        scores = [_log_kernel(judges, fitted, width).mean() for width in WIDTHS]
        return WIDTHS[int(np.argmax(scores))]

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        chosen = self.points_[random.integers(len(self.points_), size=n)]
        noise = random.standard_normal(chosen.shape)
        return self._unwhitened(np.sqrt(1 - self.width_**2) * chosen + self.width_ * noise)

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        u = self._spanned(z) / self.temperature
        volume = log_volume(self.distribution_.pca) + u.shape[1] * np.log(self.temperature)
        return _log_kernel(u, self.points_, self.width_) - volume

    def _state(self) -> dict[str, np.ndarray]:
        return super()._state() | {"width": np.asarray(self.width_)}

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        super()._restore(arrays)
        self.width_ = float(arrays["width"])


class Resample(_FromVectors):
    """Draws the training vectors themselves: no generator, but the floor that the others are compared with.

    Parameters
    ----------
    most : so many vectors are kept, drawn at random.
    temperature : multiplies the distances from the mean.
    random_state : of that draw, and see `Sampler`.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> drawn = zp.samplers.Resample().fit(z).sample(5, random_state=0)
    >>> bool((np.abs(drawn[:, None] - z).max(axis=2).min(axis=1) < 1e-5).all())
    True
    """

    name = "resample"
    summary = (
        "Training vectors themselves, decoded: no generator, the floor that the others are compared with."
    )

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        return self._unwhitened(self.points_[random.integers(len(self.points_), size=n)].astype(np.float64))

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        raise UsageError("Resample: single vectors have no density")


def _log_kernel(
    u: Float[np.ndarray, "n r"], points: Float[np.ndarray, "m r"], width: float
) -> Float[np.ndarray, " n"]:
    """Logarithm of the mean of normal kernels around the points, drawn towards the origin."""
    r = u.shape[1]
    centres = np.sqrt(1 - width * width) * points.astype(np.float64)
    lengths = (centres**2).sum(axis=1)
    found = np.empty(len(u))
    for start in range(0, len(u), PART):
        part = np.asarray(u[start : start + PART], np.float64)
        square = (part**2).sum(axis=1)[:, None] - 2 * part @ centres.T + lengths
        found[start : start + PART] = logsumexp(-0.5 * np.maximum(square, 0) / width**2, axis=1)
    return found - np.log(len(points)) - r * np.log(width) - 0.5 * r * np.log(2 * np.pi)

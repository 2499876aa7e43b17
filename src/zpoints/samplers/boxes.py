"""Uniform vectors in a box: the first guesses, which show what goes wrong without correlations."""

from typing import Any

import numpy as np
from jaxtyping import Float

from zpoints.samplers.base import Sampler
from zpoints.samplers.checks import check_number
from zpoints.samplers.points import Points
from zpoints.statistics.location import mean_length_in_unit_box

__all__ = ["Interval", "Uniform"]


class _Box(Sampler):
    """Uniform in a box with the centre `centre_` and the half widths `half_width_`."""

    centre_: Float[np.ndarray, " d"]
    half_width_: Float[np.ndarray, " d"]

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        reach = self.half_width_ * self.temperature
        return self.centre_ + reach * random.uniform(-1, 1, (n, len(reach)))

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        reach = self.half_width_ * self.temperature
        inside = (np.abs(z - self.centre_) <= reach).all(axis=1)
        return np.where(inside, -np.log(2 * reach).sum(), -np.inf)


class Uniform(_Box):
    r"""Draws every component from the same interval [-b, b] around the origin, as one would without a look.

    A box ignores where the z-points lie: most of its volume is far from them, however b is chosen, and the Decoder
    answers with noise or with one dark face.

    Parameters
    ----------
    b : half width of the box; ``"auto"`` is the one whose vectors have the z-points' mean length.
    temperature : multiplies b.
    random_state : see `Sampler`.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> drawn = zp.samplers.Uniform().fit(z).sample(1000, random_state=0)
    >>> bool(abs(drawn.mean()) < 1)  # around the origin, wherever the vectors lie
    True
    """

    name = "uniform"
    summary = "Every component uniform in the same box around the origin, as one would draw without a look."

    def __init__(
        self, b: float | str = "auto", *, temperature: float = 1.0, random_state: Any = None
    ) -> None:
        super().__init__(temperature=temperature, random_state=random_state)
        self.b = b

    def _check(self) -> None:
        check_number(self, "b", above=0, auto=True)

    def _learn(self, points: Points) -> None:
        d = self.distribution_.dimension
        b = float(self._margins().mean_length) / mean_length_in_unit_box(d) if self.b == "auto" else self.b
        self.centre_, self.half_width_ = np.zeros(d), np.full(d, float(b))


class Interval(_Box):
    r"""Draws every component from an interval of its own, read off its number density.

    The interval is :math:`c_j \pm w \cdot \mathrm{FWHM}_j` around the centre of the Gaussian fitted to the
    component's density. Better than one box for all, and still wrong: correlations are missing, and the corners of
    a box in many dimensions lie far outside of the cloud.

    Parameters
    ----------
    width : w; at the default 0.735 (:math:`\sqrt 3 / 2.355`) a uniform component has its Gaussian's variance.
    temperature : multiplies the widths.
    random_state : see `Sampler`.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> drawn = zp.samplers.Interval().fit(z).sample(1000, random_state=0)
    >>> drawn.mean(axis=0).round().tolist()
    [5.0, 5.0, 5.0]
    """

    name = "interval"
    summary = (
        "Every component uniform in an interval of its own, read off its number density; no correlations."
    )

    def __init__(self, width: float = 0.735, *, temperature: float = 1.0, random_state: Any = None) -> None:
        super().__init__(temperature=temperature, random_state=random_state)
        self.width = width

    def _check(self) -> None:
        check_number(self, "width", above=0)

    def _learn(self, points: Points) -> None:
        margins = self._margins()
        self.centre_, self.half_width_ = margins.fit_centre, self.width * margins.fit_fwhm

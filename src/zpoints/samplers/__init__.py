"""Samplers: draw new latent vectors where the z-points lie.

All follow scikit-learn's conventions: constructor arguments are settings, ``fit`` learns and returns self, learnt
attributes end in an underscore, ``sample(n, seed)`` draws.
"""

from zpoints.config import SamplerName
from zpoints.samplers.base import Sampler
from zpoints.samplers.ellipse import Ellipse
from zpoints.samplers.independent import Independent
from zpoints.samplers.normal import Normal

__all__ = ["Ellipse", "Independent", "Normal", "Sampler", "by_name"]


def by_name(name: SamplerName, sigma: float) -> Sampler:
    """The sampler that the settings call `name`; `sigma` is the level of the ellipses."""
    samplers: dict[SamplerName, Sampler] = {
        "normal": Normal(),
        "ellipse": Ellipse(sigma=sigma),
        "independent": Independent(),
    }
    return samplers[name]

"""Samplers: draw new latent vectors where the z-points lie.

All follow scikit-learn's conventions: constructor arguments are settings, ``fit`` learns and returns self, learnt
attributes end in an underscore, ``sample(n, seed)`` draws, ``score_samples`` is the log density.
"""

from zpoints.samplers.base import Sampler
from zpoints.samplers.boxes import Interval, Uniform
from zpoints.samplers.ellipse import Ellipse
from zpoints.samplers.ellipse_pairs import EllipsePairs
from zpoints.samplers.flow import Flow
from zpoints.samplers.flow_matching import FlowMatching
from zpoints.samplers.independent import Independent
from zpoints.samplers.kernel import Kernel, Resample
from zpoints.samplers.margins import Copula, Elliptical
from zpoints.samplers.mixture import Mixture
from zpoints.samplers.normal import Core, Normal

__all__ = [
    "SAMPLERS",
    "Copula",
    "Core",
    "Ellipse",
    "EllipsePairs",
    "Elliptical",
    "Flow",
    "FlowMatching",
    "Independent",
    "Interval",
    "Kernel",
    "Mixture",
    "Normal",
    "Resample",
    "Sampler",
    "Uniform",
    "by_name",
]

SAMPLERS: dict[str, type[Sampler]] = {
    sampler.name: sampler
    for sampler in (
        Uniform,
        Interval,
        Independent,
        Normal,
        Core,
        Ellipse,
        EllipsePairs,
        Mixture,
        Kernel,
        Copula,
        Elliptical,
        Flow,
        FlowMatching,
        Resample,
    )
}
"""All samplers by name."""


def by_name(name: str, sigma: float = 3.0, temperature: float = 1.0) -> Sampler:
    """The sampler that the settings call `name`; `sigma` is the level of the ellipses."""
    kind = SAMPLERS[name]
    if issubclass(kind, Ellipse | EllipsePairs):
        return kind(sigma=sigma, temperature=temperature)
    return kind(temperature=temperature)

"""Samplers: draw new latent vectors where the z-points lie.

All follow scikit-learn's conventions: constructor arguments are settings, ``fit`` learns and returns self, learnt
attributes end in an underscore, ``sample(n, seed)`` draws, ``score_samples`` is the log density.
"""

import difflib
from collections.abc import Mapping
from inspect import signature
from typing import Any

from zpoints.errors import UsageError
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
from zpoints.system.registry import Registry

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

SAMPLERS: Registry[type[Sampler]] = Registry(
    "sampler",
    "zpoints.samplers",
    {
        kind.name: f"{kind.__module__}:{kind.__name__}"
        for kind in (
            *(Uniform, Interval, Independent, Normal, Core, Ellipse, EllipsePairs),
            *(Mixture, Kernel, Copula, Elliptical, Flow, FlowMatching, Resample),
        )
    },
)
"""All samplers by name."""


def by_name(name: str, options: Mapping[str, Any] | None = None, temperature: float = 1.0) -> Sampler:
    """The sampler that the settings call `name`, with its own settings."""
    kind = SAMPLERS[name]
    known = [option for option in signature(kind).parameters if option != "temperature"]
    for option in options or {}:
        if option not in known:
            close = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known) or 'none'}"
            raise UsageError(f"{name}: no option '{option}'; {hint}")
    return kind(**(options or {}), temperature=temperature)

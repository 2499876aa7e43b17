"""Samplers: draw new latent vectors where the z-points lie.

All follow scikit-learn's conventions: constructor arguments are settings, ``fit`` learns and returns self, learnt
attributes end in an underscore, ``sample(n, random_state)`` draws, ``score_samples`` is the log density.

To add one: a `Sampler` in one file, and its name. A sampler of this package is named in `SAMPLERS` here; one of
another package by an entry point of the group ``zpoints.samplers``.
"""

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zpoints.errors import UsageError
from zpoints.system.registry import Registry

if TYPE_CHECKING:
    from zpoints.samplers.base import NotFittedError, Sampler
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
    "NotFittedError",
    "Resample",
    "Sampler",
    "Uniform",
    "by_name",
]

SAMPLERS: Registry[type["Sampler"]] = Registry(
    "sampler",
    "zpoints.samplers",
    {
        "uniform": "zpoints.samplers.boxes:Uniform",
        "interval": "zpoints.samplers.boxes:Interval",
        "independent": "zpoints.samplers.independent:Independent",
        "normal": "zpoints.samplers.normal:Normal",
        "core": "zpoints.samplers.normal:Core",
        "ellipse": "zpoints.samplers.ellipse:Ellipse",
        "ellipse-pairs": "zpoints.samplers.ellipse_pairs:EllipsePairs",
        "mixture": "zpoints.samplers.mixture:Mixture",
        "kernel": "zpoints.samplers.kernel:Kernel",
        "copula": "zpoints.samplers.margins:Copula",
        "elliptical": "zpoints.samplers.margins:Elliptical",
        "flow": "zpoints.samplers.flow:Flow",
        "flow-matching": "zpoints.samplers.flow_matching:FlowMatching",
        "resample": "zpoints.samplers.kernel:Resample",
    },
)
"""All samplers by name; each is loaded at its first use."""

# Classes are looked up at first use, so that the list of names costs nothing.
_HOME = {place.partition(":")[2]: place.partition(":")[0] for place in SAMPLERS.built_in.values()}
_HOME |= {"NotFittedError": "zpoints.samplers.base", "Sampler": "zpoints.samplers.base"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'zpoints.samplers' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def by_name(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    sigma: float | None = None,
    temperature: float = 1.0,
) -> "Sampler":
    """The sampler that settings call `name`, not yet fitted; whatever its fit draws follows from the seed 0.

    Parameters
    ----------
    name : one of ``SAMPLERS.names()``.
    options : settings of this sampler; they go before the two that follow.
    sigma : level of the ellipses, for the samplers that have this setting; None is their own default.
    temperature : below 1 nearer to where vectors are dense.

    Raises
    ------
    UsageError : no such sampler, no such setting of it, or a value that cannot be meant.

    Examples
    --------
    >>> by_name("ellipse", {"order": "variance"}, sigma=2.5)
    Ellipse(order='variance', random_state=0, sigma=2.5)
    """
    from zpoints.samplers.base import Sampler

    kind = SAMPLERS[name]
    if not (isinstance(kind, type) and issubclass(kind, Sampler)):
        raise UsageError(f"sampler '{name}' of {SAMPLERS.origin(name)}: is no zpoints.samplers.Sampler")
    known = kind._get_param_names()
    for option in options or {}:
        if option not in known:
            close = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"it has {', '.join(known)}"
            raise UsageError(f"sampler '{name}': no setting '{option:.60}'; {hint}")
    general = {"temperature": temperature, "random_state": 0} | ({} if sigma is None else {"sigma": sigma})
    given = {key: value for key, value in general.items() if key in known} | dict(options or {})
    sampler = kind().set_params(**given)
    sampler.check_settings()
    return sampler

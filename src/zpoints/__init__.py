"""Measure where a trained autoencoder puts its images in latent space, and make new images from it.

The short way for an array of latent vectors::

    import numpy as np, zpoints as zp

    a = zp.analyse(np.load("z.npy", mmap_mode="r"))
    z = zp.samplers.Ellipse(sigma=3.0).fit(a).sample(64, seed=0)
"""

import importlib
from typing import Any

from zpoints.system.kernels import prepare as _prepare

__all__ = [
    "Analysis",
    "Comparison",
    "Distribution",
    "LatentSet",
    "Settings",
    "ZPointsError",
    "analyse",
    "compare",
    "samplers",
]
__version__ = "0.1.0"

_prepare()  # before any kernel is defined

# Names are looked up at first use, so that importing zpoints costs nothing and never imports torch.
_HOME = {
    "Analysis": "zpoints.analysis.result",
    "Comparison": "zpoints.comparison.result",
    "Distribution": "zpoints.analysis.distribution",
    "LatentSet": "zpoints.vectors.latent_set",
    "Settings": "zpoints.config",
    "ZPointsError": "zpoints.errors",
    "analyse": "zpoints.analysis.analyse",
    "compare": "zpoints.comparison.compare",
}


def __getattr__(name: str) -> Any:
    if name == "samplers":
        return importlib.import_module("zpoints.samplers")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'zpoints' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

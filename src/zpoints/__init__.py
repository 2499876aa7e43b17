"""Measure where a trained autoencoder puts its images in latent space, and make new images from it.

The short way for an array of latent vectors::

    import numpy as np, zpoints as zp

    a = zp.analyse(np.load("z.npy", mmap_mode="r"))
    z = zp.samplers.Ellipse(sigma=3.0).fit(a).sample(64, seed=0)

Names are looked up at their first use, so that importing zpoints costs nothing and never imports torch. Type checkers
see them all. This module stands above all floors: it alone knows who draws the figures of a result.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zpoints.system.notebook import bind

if TYPE_CHECKING:
    import zpoints.plots as plots
    import zpoints.samplers as samplers
    from zpoints.analysis import walks
    from zpoints.analysis.analyse import analyse
    from zpoints.analysis.card import gaussianity
    from zpoints.analysis.card_figures import Gaussianity
    from zpoints.analysis.card_history import CardHistory
    from zpoints.analysis.distribution import Distribution
    from zpoints.analysis.result import Analysis
    from zpoints.comparison.compare import compare
    from zpoints.comparison.result import Comparison
    from zpoints.config import Settings
    from zpoints.errors import (
        ArrayError,
        BudgetError,
        DiskError,
        SourceError,
        StageError,
        UsageError,
        ZPointsError,
    )
    from zpoints.explorer.serving import explore
    from zpoints.judging.result import Judgement
    from zpoints.models.codec import Codec
    from zpoints.models.kinds import open_codec
    from zpoints.run.folder import Run
    from zpoints.run.walking import walk
    from zpoints.run.work import decode, encode, judge, prepare, train
    from zpoints.vectors.latent_set import LatentSet

from zpoints.system.kernels import prepare as _prepare

__all__ = [
    "Analysis",
    "ArrayError",
    "BudgetError",
    "CardHistory",
    "Codec",
    "Comparison",
    "DiskError",
    "Distribution",
    "Gaussianity",
    "Judgement",
    "LatentSet",
    "Run",
    "Settings",
    "SourceError",
    "StageError",
    "UsageError",
    "ZPointsError",
    "analyse",
    "compare",
    "decode",
    "encode",
    "explore",
    "gaussianity",
    "judge",
    "open_codec",
    "plots",
    "prepare",
    "samplers",
    "train",
    "walk",
    "walks",
]
__version__ = "0.2.0"

_prepare()  # before any kernel is defined

_HOMES = {
    "analysis.analyse": ("analyse",),
    "analysis.card": ("gaussianity",),
    "analysis.card_figures": ("Gaussianity",),
    "analysis.card_history": ("CardHistory",),
    "analysis.distribution": ("Distribution",),
    "analysis.result": ("Analysis",),
    "comparison.compare": ("compare",),
    "comparison.result": ("Comparison",),
    "config": ("Settings",),
    "errors": (
        "ArrayError",
        "BudgetError",
        "DiskError",
        "SourceError",
        "StageError",
        "UsageError",
        "ZPointsError",
    ),
    "explorer.serving": ("explore",),
    "judging.result": ("Judgement",),
    "models.codec": ("Codec",),
    "models.kinds": ("open_codec",),
    "run.folder": ("Run",),
    "run.walking": ("walk",),
    "run.work": ("decode", "encode", "judge", "prepare", "train"),
    "vectors.latent_set": ("LatentSet",),
}
_MODULES = {"plots": "zpoints.plots", "samplers": "zpoints.samplers", "walks": "zpoints.analysis.walks"}
_HOME = {name: f"zpoints.{module}" for module, names in _HOMES.items() for name in names}

bind("zpoints.plots", "zpoints.explorer.serving")


if not TYPE_CHECKING:  # with this function in sight, a type checker takes any name for one that is there

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            found = import_module(_MODULES[name])
        elif name in _HOME:
            found = getattr(import_module(_HOME[name]), name)
        else:
            raise AttributeError(f"module 'zpoints' has no attribute '{name}'")
        globals()[name] = found  # the next time it is there
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The smallest budget that a run can work with, known before anything is done.

A run is one process, and keeps some of what each stage took. The constants are peaks of small runs under small
budgets, with a tenth on top; peaks of large ones are in `benchmarks/RESULTS.md`.
"""

from typing import TYPE_CHECKING

import numpy as np

from zpoints.config import ImageSettings, Settings
from zpoints.errors import BudgetError, StageError
from zpoints.system.budget import Budget
from zpoints.system.sizes import MIB, in_words

if TYPE_CHECKING:
    from zpoints.images.store import ImageStore
    from zpoints.run.stage import Stage

__all__ = ["check_budget", "enough_rows", "for_analysis", "for_judging", "for_training", "smallest_budgets"]

FEWEST = 2
"""Training pictures: one point has no distribution."""
ANALYSE_BYTES = 640 * MIB
"""All that a run has imported by then, and one group of planes."""
MATRICES = 60
"""So many (d, d) matrices of float64 are alive in an analysis at once, at most."""
JUDGE_BYTES = 720 * MIB
"""The same as for an analysis, and the network that gives the features."""
ARRAYS = 6
"""So many arrays of (pictures, features) float32 the judge holds at once."""
SIZES = {"photo-faces": (64, 64), "faces": (64, 64), "orl": (112, 92), "olivetti": (64, 64), "lfw": (62, 47)}


def enough_rows(store: "ImageStore") -> np.ndarray:
    """Row numbers of the training pictures.

    Raises
    ------
    StageError : too few for the stages after the training.
    """
    rows = store.rows("train")
    if len(rows) < FEWEST:
        raise StageError(
            f"{store.folder}: {len(rows)} training picture(s) of {len(store)}; the stage analyse needs at least "
            f"{FEWEST}: give more pictures, or lower images.validation and images.test"
        )
    return rows


def for_training(settings: Settings, shape: tuple[int, int, int] | None) -> int:
    """Bytes that a training needs at least; asks the kind of model, which may load what it is built of."""
    from zpoints.models.kinds import CODECS

    kind = CODECS[settings.autoencoder.kind]
    return kind.smallest_memory(shape or _expected_shape(settings.images), settings)


def for_analysis(settings: Settings, shape: tuple[int, int, int] | None) -> int:
    """Bytes that an analysis needs at least."""
    return ANALYSE_BYTES + 8 * MATRICES * settings.autoencoder.latent**2


def for_judging(settings: Settings, shape: tuple[int, int, int] | None) -> int:
    """Bytes that the judge needs at least."""
    from zpoints.judging.features import FEATURES

    names = {settings.judge.features, settings.judge.second} - {"none"}
    dimension = sum(FEATURES[name].dimension for name in names)
    return JUDGE_BYTES + 4 * ARRAYS * dimension * _held_out(settings)


def smallest_budgets(
    settings: Settings, stages: "tuple[Stage, ...]", shape: tuple[int, int, int] | None = None
) -> dict[str, int]:
    """Bytes of RAM that each stage needs at least, where it says so.

    Parameters
    ----------
    shape : (height, width, colours) of the pictures, where they are prepared already; else what the settings say, or
        what is usual for the source.
    """
    return {stage.name: stage.smallest(settings, shape) for stage in stages if stage.smallest}


def check_budget(
    budget: Budget,
    settings: Settings,
    stages: "tuple[Stage, ...]",
    shape: tuple[int, int, int] | None = None,
) -> None:
    """Refuse a run whose budget cannot work.

    Raises
    ------
    BudgetError : names the stage that needs most, and the smallest budget that would do.
    """
    asked = tuple(stage for stage in stages if stage.smallest)
    if budget.ram is None or not asked:
        return
    # The first one asks the model, and its libraries alone may take too much.
    needs = smallest_budgets(settings, asked[1:], shape)
    if max(needs.values(), default=0) <= budget.ram:
        needs = smallest_budgets(settings, asked, shape)
    stage = max((stage for stage in asked if stage.name in needs), key=lambda stage: needs[stage.name])
    if needs[stage.name] <= budget.ram:
        return
    smallest = -(-needs[stage.name] // (10 * MIB)) * 10
    raise BudgetError(
        f"a budget of {in_words(budget.ram)} ({budget.ram_of}) is too small for this run: the stage {stage.name} "
        f"needs {in_words(needs[stage.name])}; give --ram {smallest}MiB or more, or {stage.smaller}"
    )


def _expected_shape(images: ImageSettings) -> tuple[int, int, int]:
    height, width = SIZES.get(images.source, (96, 96)) if images.size == "auto" else images.size
    return height, width, 1 if images.colour == "grey" else 3


def _held_out(settings: Settings) -> int:
    """Pictures that the judge looks at, of each kind; at most, where the number of pictures is not known yet."""
    images, most = settings.images, settings.judge.count
    return most if images.count == "auto" else min(most, int(images.test * images.count) + 1)

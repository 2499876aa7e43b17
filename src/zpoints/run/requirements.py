"""The smallest budget that a run can work with, known before anything is done.

A run is one process, and keeps some of what each stage took. The constants are peaks of small runs under small
budgets, with a tenth on top; peaks of large ones are in `benchmarks/RESULTS.md`.
"""

from zpoints.config import ImageSettings, Settings
from zpoints.errors import BudgetError
from zpoints.system.budget import Budget
from zpoints.system.sizes import MIB, in_words

__all__ = ["check_budget", "smallest_budgets"]

ANALYSE_BYTES = 640 * MIB
"""All that a run has imported by then, and one group of planes."""
MATRICES = 60
"""So many (d, d) matrices of float64 are alive in an analysis at once, at most."""
JUDGE_BYTES = 720 * MIB
"""The same as for an analysis, and the network that gives the features."""
FEATURE_ARRAYS = 6
"""So many arrays of (pictures, features) float32 the judge holds at once."""
SIZES = {"faces": (64, 64), "orl": (112, 92), "olivetti": (64, 64), "lfw": (62, 47)}


def smallest_budgets(settings: Settings, shape: tuple[int, int, int] | None = None) -> dict[str, int]:
    """Bytes of RAM that each stage needs at least.

    Parameters
    ----------
    shape : (height, width, colours) of the pictures, where they are prepared already; else what the settings say, or
        what is usual for the source.
    """
    from zpoints.models.kinds import CODECS

    kind, shape = CODECS[settings.autoencoder.kind], shape or _expected_shape(settings.images)
    return {"train": kind.smallest_memory(shape, settings), **_later_stages(settings)}


def _later_stages(settings: Settings) -> dict[str, int]:
    """What can be said without PyTorch, whose import alone may be too much."""
    from zpoints.judging.features import FEATURES

    d, judge = settings.autoencoder.latent, settings.judge
    return {
        "analyse": ANALYSE_BYTES + 8 * MATRICES * d * d,
        "judge": JUDGE_BYTES + 4 * FEATURE_ARRAYS * FEATURES[judge.features].dimension * _held_out(settings),
    }


def check_budget(budget: Budget, settings: Settings, shape: tuple[int, int, int] | None = None) -> None:
    """Refuse a run whose budget cannot work.

    Raises
    ------
    BudgetError : names the stage that needs most, and the smallest budget that would do.
    """
    if budget.ram is None:
        return
    needs = _later_stages(settings)
    if max(needs.values()) <= budget.ram:
        needs = smallest_budgets(settings, shape)
    stage = max(needs, key=lambda name: needs[name])
    if needs[stage] <= budget.ram:
        return
    smallest = -(-needs[stage] // (10 * MIB)) * 10
    smaller = {
        "train": "choose fewer channels or smaller pictures",
        "analyse": "choose a smaller autoencoder.latent",
        "judge": "choose a smaller judge.count",
    }[stage]
    raise BudgetError(
        f"a budget of {in_words(budget.ram)} ({budget.ram_of}) is too small for this run: the stage {stage} needs "
        f"{in_words(needs[stage])}; give --ram {smallest}MiB or more, or {smaller}"
    )


def _expected_shape(images: ImageSettings) -> tuple[int, int, int]:
    height, width = SIZES.get(images.source, (96, 96)) if images.size == "auto" else images.size
    return height, width, 1 if images.colour == "grey" else 3


def _held_out(settings: Settings) -> int:
    """Pictures that the judge looks at, of each kind; at most, where the number of pictures is not known yet."""
    images, most = settings.images, settings.judge.count
    return most if images.count == "auto" else min(most, int(images.test * images.count) + 1)

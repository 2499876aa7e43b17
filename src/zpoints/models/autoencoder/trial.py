"""A few steps before the real ones: how many pictures fit at once, what they take, how fast they go."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from zpoints.errors import BudgetError
from zpoints.models.autoencoder.memory import training_bytes
from zpoints.models.autoencoder.step import Learner, is_out_of_memory
from zpoints.system.budget import current, require, spare
from zpoints.system.meter import Meter
from zpoints.system.sizes import MIB, in_words

__all__ = ["Trial", "try_out"]

WARM_UP, TIMED = 2, 4  # steps
MOST_SEARCH = 16  # steps, where other programs are at work and fewer threads are tried
FEWEST_STEPS = 60  # of a whole training that pay for a trial


@dataclass(frozen=True)
class Trial:
    """What is known before the training.

    Attributes
    ----------
    micro_batch : pictures that pass through the network at once; less than a batch where a batch does not fit.
    ram, vram : peaks in bytes; 0 where they are not known.
    images_per_second : the rate to expect; None where no step was tried.
    """

    micro_batch: int
    ram: int = 0
    vram: int = 0
    images_per_second: float | None = None


def try_out(
    learner: Learner, batch: int, steps_left: int, pictures: Callable[[int], Iterable[Tensor]]
) -> Trial:
    """Train a few steps and forget them. A batch that does not fit is halved until its parts do.

    The learner is as new afterwards, but for its micro-batches, which have the size that was found. Too few steps do
    not pay for a trial; then the size is what the budget holds by the sizes of the layers.

    Parameters
    ----------
    learner : a new one, or one whose steps are kept elsewhere.
    batch : pictures in one, or in this process's slice of it.
    steps_left : of the training.
    pictures : gives so many pictures, in batches.

    Raises
    ------
    BudgetError : not even single pictures fit.
    """
    require(training_bytes(learner.architecture, 1), "training", "choose fewer channels or smaller pictures")
    learner.micro_batch = learner.ranks.least(_that_fits(learner, batch))
    if steps_left < FEWEST_STEPS:
        return Trial(learner.micro_batch)
    while True:
        try:
            if not learner.ranks.alone:
                # Each finds its own size before the first step that all make together, and none is too large for it.
                learner.rehearse(next(iter(pictures(batch))))
                learner.micro_batch = learner.ranks.least(learner.micro_batch)
            return _tried(learner, batch, pictures(batch * (WARM_UP + MOST_SEARCH + TIMED)))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if learner.micro_batch == 1:
                raise BudgetError(
                    f"training: not even one picture at a time fits the GPU's budget of {_vram_words(learner)}; "
                    "give a larger --vram, or choose fewer channels or smaller pictures"
                ) from error
            learner.micro_batch = -(-learner.micro_batch // 2)
        finally:
            learner.start_again()


def _that_fits(learner: Learner, micro_batch: int) -> int:
    """As many pictures, halved and halved again, as the budget's RAM holds. On a GPU RAM holds few things."""
    left = spare()
    if left is None or learner.device.kind != "cpu":
        return micro_batch
    left //= learner.ranks.place.local_world
    # What the network and the optimiser have already is counted twice: the safe side.
    while micro_batch > 1 and training_bytes(learner.architecture, micro_batch) > left:
        micro_batch = -(-micro_batch // 2)
    return micro_batch


def _tried(learner: Learner, batch: int, blocks: Iterable[Tensor]) -> Trial:
    seconds: list[float] = []
    last = 0.0
    with Meter(every=0.005) as meter, learner.pace as pace:
        for number, block in enumerate(blocks):
            started = time.perf_counter()
            last = learner.step(block).item()  # waits for the GPU
            if pace.searching:
                seconds.clear()
            elif number >= WARM_UP:
                seconds.append(time.perf_counter() - started)
            if len(seconds) == TIMED:
                break
    del last
    cost = meter.cost
    mean = sum(seconds) / len(seconds) if seconds else cost.seconds
    return Trial(
        micro_batch=learner.micro_batch,
        ram=int((cost.peak_ram_mib or 0) * MIB),
        vram=int((cost.peak_vram_mib or 0) * MIB),
        images_per_second=learner.ranks.totals(batch)[0] / max(mean, 1e-9),
    )


def _vram_words(learner: Learner) -> str:
    limit = learner.device.vram_limit(current().vram)
    return in_words(limit) if limit else "unknown size"

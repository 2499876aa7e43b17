"""A few steps before the real ones: how many pictures fit at once, what they take, how fast they go."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from zpoints.errors import BudgetError
from zpoints.models.autoencoder.memory import training_bytes
from zpoints.system.budget import current, require, spare
from zpoints.system.meter import Meter
from zpoints.system.sizes import MIB

if TYPE_CHECKING:
    from zpoints.models.autoencoder.training import Trainer

__all__ = ["Trial", "is_out_of_memory", "try_out"]

WARM_UP, TIMED = 2, 4  # steps
FEWEST_STEPS = 60  # of a whole training that pay for a trial


@dataclass(frozen=True)
class Trial:
    """What a few steps have shown.

    Attributes
    ----------
    micro_batch : pictures that pass through the network at once; less than a batch where a batch does not fit.
    ram, vram : peaks in bytes; 0 where they are not known.
    images_per_second : the rate to expect.
    """

    micro_batch: int
    ram: int
    vram: int
    images_per_second: float


def try_out(trainer: "Trainer", steps_left: int) -> Trial | None:
    """Train a few steps and forget them. A batch that does not fit is halved until its parts do.

    The parts' gradients are added up, so that a batch has the same effect; only batch normalisation sees the parts.
    None: too few steps to pay for a trial.

    Raises
    ------
    BudgetError : not even single pictures fit.
    """
    batch = min(trainer.settings.batch, len(trainer.sets.train))
    require(training_bytes(trainer.architecture, 1), "training", "choose fewer channels or smaller pictures")
    micro_batch = _that_fits(trainer, batch)
    if steps_left < FEWEST_STEPS:
        trainer.micro_batch = micro_batch
        return None
    while True:
        trainer.micro_batch = micro_batch
        try:
            return _tried(trainer, batch)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if micro_batch == 1:
                raise BudgetError(
                    f"training: not even one picture at a time fits the GPU's budget of "
                    f"{_vram_words(trainer)}; give a larger --vram, or choose fewer channels or smaller pictures"
                ) from error
            micro_batch = -(-micro_batch // 2)
        finally:
            trainer.start_again()


def is_out_of_memory(error: Exception) -> bool:
    """Whether PyTorch says that there is no more memory, on a GPU or on the processor."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _that_fits(trainer: "Trainer", micro_batch: int) -> int:
    """As many pictures, halved and halved again, as the budget's RAM holds. On a GPU RAM holds few things."""
    left = spare()
    if left is None or trainer.device.kind != "cpu":
        return micro_batch
    # What the network and the optimiser have already is counted twice: the safe side.
    while micro_batch > 1 and training_bytes(trainer.architecture, micro_batch) > left:
        micro_batch = -(-micro_batch // 2)
    return micro_batch


def _tried(trainer: "Trainer", batch: int) -> Trial:
    order = trainer.order(0)[: batch * (WARM_UP + TIMED)]
    seconds, last = [], 0.0
    with Meter(every=0.005) as meter:
        for number, block in enumerate(trainer.feed.batches(order, batch)):
            started = time.perf_counter()
            last = trainer.step(block).item()  # waits for the GPU
            if number >= WARM_UP:
                seconds.append(time.perf_counter() - started)
    del last
    cost = meter.cost
    mean = sum(seconds) / len(seconds) if seconds else meter.cost.seconds
    return Trial(
        micro_batch=trainer.micro_batch,
        ram=int((cost.peak_ram_mib or 0) * MIB),
        vram=int((cost.peak_vram_mib or 0) * MIB),
        images_per_second=batch / max(mean, 1e-9),
    )


def _vram_words(trainer: "Trainer") -> str:
    from zpoints.system.sizes import in_words

    limit = trainer.device.vram_limit(current().vram)
    return in_words(limit) if limit else "unknown size"

"""A network that learns: its optimiser, the schedule of its rate, and one gradient step."""

import logging
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from zpoints.config import TrainingSettings
from zpoints.errors import BudgetError
from zpoints.models.autoencoder.network import Architecture, Autoencoder, pictures_to_tensor
from zpoints.models.autoencoder.ranks import ALONE, Ranks
from zpoints.system.device import Device
from zpoints.system.pace import Pace

__all__ = ["LOSSES", "SMALLEST_SCALE", "Learner", "is_out_of_memory"]

# Fabric announces its number format on its own; model.json says it.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "binary_cross_entropy": functional.binary_cross_entropy,
}


SMALLEST_SCALE = 2.0**-14
"""Of the loss under float16: gradients that overflow even so are no numbers at any scale."""


class Learner:
    """Network, optimiser (AdamW) and schedule (one cycle), as they are before the first step.

    Parameters
    ----------
    architecture : of the network.
    settings : of the training.
    device : where it learns.
    total_steps : of the whole training; the schedule depends on it.
    seed : of the first weights.
    ranks : the processes that learn together, of which this is one. All of them make the same calls.

    Attributes
    ----------
    micro_batch : pictures that pass through the network at once. The gradients of a batch's parts are added up, so
        that a batch has the same effect; only batch normalisation sees the parts.
    pace : how many threads a step has, where it is made by the processor.
    weight : what the mean loss of this process's slice of a batch counts in the mean over all processes: 1, but for
        slices of unequal size.

    References
    ----------
    I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization (ICLR 2019), https://arxiv.org/abs/1711.05101
    L. Smith, N. Topin, Super-Convergence (2018), https://arxiv.org/abs/1708.07120
    """

    def __init__(
        self,
        architecture: Architecture,
        settings: TrainingSettings,
        device: Device,
        total_steps: int,
        seed: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self.architecture, self.settings, self.device = architecture, settings, device
        self.total_steps, self.seed = total_steps, seed
        self.loss = LOSSES[settings.loss]
        self.micro_batch, self.weight = settings.batch, 1.0
        self.ranks = ranks
        self.pace = Pace(device.kind == "cpu" and ranks.alone)
        self.start_again()

    def start_again(self) -> None:
        """Forget all steps. The size of the micro-batches is kept."""
        settings = self.settings
        for name in ("model", "network", "fast_optimizer", "optimizer", "schedule", "fabric"):
            self.__dict__.pop(name, None)  # their memory, before that of new ones
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network = Autoencoder(self.architecture)
        self.device.place(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            # A fused one undoes the loss's scale itself, and so too late for clipping.
            fused=self.device.kind in ("cpu", "cuda") and not self.device.float16,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            max_lr=settings.learning_rate,
            total_steps=max(1, self.total_steps),
            pct_start=0.15,
        )
        self.fabric = self.ranks.fabric(self.device)
        self.model, self.fast_optimizer = self.fabric.setup(
            self.network, self.optimizer, move_to_device=False
        )

    def step(self, block: Tensor) -> Tensor:
        """One step of the optimiser with a batch of pictures, as bytes; returns its mean loss.

        With several processes each gives its own slice of the batch, and gets `weight` times the slice's mean loss:
        the mean of that over the processes is the batch's mean loss.

        Parameters
        ----------
        block : (m, height, width, colours) uint8, on the device.
        """
        with self.pace.step(("step", len(block), self.micro_batch)):
            return self._step(block)

    def _step(self, block: Tensor) -> Tensor:
        loss = self._fitting(block, send=True)
        if self.settings.clip_gradient:
            self.fabric.clip_gradients(
                self.model,
                self.fast_optimizer,
                max_norm=self.settings.clip_gradient,
                error_if_nonfinite=False,  # the next loss tells; under float16 the scaler leaves out the step
            )
        self.fast_optimizer.step()
        with warnings.catch_warnings():
            # The scaler of float16 may leave out the first steps; the schedule counts them all the same.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
            self.schedule.step()
        return loss

    def rehearse(self, block: Tensor) -> None:
        """Work out gradients, which no other process hears of: finds out how many pictures fit at once."""
        self._fitting(block, send=False)
        self.fast_optimizer.zero_grad()

    def _fitting(self, block: Tensor, send: bool) -> Tensor:
        """`_gradients`, of smaller and smaller parts until they fit."""
        while True:
            try:
                return self._gradients(block, send)
            except Exception as error:
                # A GPU's memory goes to pieces, and other programs may take some of it.
                if self.micro_batch == 1 or not is_out_of_memory(error):
                    raise
                if self._sending and not self.ranks.alone:
                    # Half of the gradients is with the others already. The next start tries out what fits.
                    raise BudgetError(
                        "training: memory ran short in the middle of a step; start again"
                    ) from None
            self.micro_batch = -(-self.micro_batch // 2)
            self.device.free_cache()

    def _gradients(self, block: Tensor, send: bool) -> Tensor:
        """Gradients of the mean loss of a batch, added up over as many parts of it as memory asks for.

        The last part brings them to the other processes, and theirs here, if they are to be sent.
        """
        self._sending = False
        self.model.train()
        self.fast_optimizer.zero_grad()
        total = torch.zeros((), device=self.device.kind)
        parts = block.split(self.micro_batch)
        for number, part in enumerate(parts, start=1):
            sending = send and number == len(parts)
            with self.fabric.no_backward_sync(self.model, enabled=not sending):
                pictures = pictures_to_tensor(part)
                loss = self.loss(self.model(pictures), pictures)
                if (weight := self.weight * len(part) / len(block)) != 1:
                    loss = loss * weight
                self._sending = sending
                self.fabric.backward(loss)
            total += loss.detach()
        return total

    def mean_loss(self, blocks: Iterable[Tensor]) -> float:
        """Mean loss of pictures that come in blocks, some to each process, without learning from them."""
        self.model.eval()
        total, count = 0.0, 0
        with torch.inference_mode():
            for block in blocks:
                with self.pace.step(("loss", len(block))):
                    pictures = pictures_to_tensor(block)
                    total += self.loss(self.model(pictures), pictures).item() * len(block)
                count += len(block)
        total, count_of_all = self.ranks.totals(total, count)
        return total / count_of_all

    @property
    def overflows(self) -> bool:
        """Whether under float16 gradients stay infinite however small the loss is made. A few left out are usual."""
        scale = self.fabric.strategy.precision.state_dict().get("scale", 1.0)
        return bool(scale < SMALLEST_SCALE)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.schedule.get_last_lr()[0])

    @property
    def peak_rate(self) -> float:
        """The highest learning rate of the schedule."""
        return float(self.optimizer.param_groups[0]["max_lr"])

    def slow_down(self, factor: float) -> None:
        """Multiply all rates of the schedule."""
        for group in self.optimizer.param_groups:
            for name in ("lr", "initial_lr", "max_lr", "min_lr"):
                group[name] *= factor

    def take_over(self) -> None:
        """The network of process 0, in all of them."""
        if not self.ranks.alone:
            self.network.load_state_dict(self.ranks.share(self.network.state_dict))

    def agree(self) -> None:
        """Make the running means of batch normalisation those of all processes: each has seen its own slices."""
        if self.ranks.alone:
            return
        with torch.no_grad():
            for running in self.network.buffers():
                if running.is_floating_point():
                    running.copy_(self.ranks.mean_of(running))

    def state(self) -> dict[str, dict[str, Any]]:
        """All that later steps depend on: ``network``, ``optimizer``, ``schedule``, ``scaler``."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
        }

    def go_on(self, state: dict[str, dict[str, Any]]) -> None:
        """Take over what `state` gave."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if scaler := state.get("scaler"):
            self.fabric.strategy.precision.load_state_dict(scaler)


def is_out_of_memory(error: Exception) -> bool:
    """Whether PyTorch says that there is no more memory, on a GPU or on the processor."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)

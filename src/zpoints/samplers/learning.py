"""The training of the neural samplers: a running mean of the weights, stopped by held-out vectors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from zpoints.config import TrainingSettings
from zpoints.system.device import Device
from zpoints.system.pace import Pace

__all__ = ["FitOptions", "at_work", "learn"]

WEIGHT_DECAY = 1e-2
LONGEST_GRADIENT = 1.0
LOOKS = 20  # at the held-out vectors
PATIENCE = 0.5  # share of all steps without a better look, after which the training ends
JUDGES = 2048
LEAST_CYCLE = 20

Tensors = tuple[Tensor, ...] | list[Tensor]
Loss = Callable[[nn.Module, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class FitOptions:
    """How long and how fast a network learns.

    Attributes
    ----------
    steps : at most so many of the optimiser.
    batch, rate : vectors per step, peak learning rate.
    seed : of the order of the vectors, and of what the loss draws.
    device : ``auto``, ``cpu``, ``cuda``, ``mps``.
    average : share of the old weights in the running mean of each step.
    """

    steps: int
    batch: int
    rate: float
    seed: int
    device: str
    average: float


@contextmanager
def at_work(network: nn.Module, device: str) -> Iterator[str]:
    """Inside, a trained network is on its device (which is given), without gradients, in the quickest format."""
    place = _placed(device)
    network.to(place.kind)
    try:
        with place.inference():
            yield place.kind
    finally:
        network.to("cpu")


def _placed(device: str) -> Device:
    return Device.of(TrainingSettings.model_validate({"device": device}))


def learn(
    network: nn.Module,
    loss: Loss,
    vectors: Float32[np.ndarray, "n r"],
    held_out: Float32[np.ndarray, "m r"],
    lesson: FitOptions,
) -> tuple[nn.Module, int, float]:
    """Train a network by AdamW under a one-cycle schedule.

    Returns
    -------
    the network with those averaged weights that describe held-out vectors best, on the CPU; their step; their loss
    on held-out vectors.
    """
    device = _placed(lesson.device)
    data = torch.from_numpy(vectors).to(device.kind)
    judges = _judges(torch.from_numpy(held_out)).to(device.kind)
    network = network.to(device.kind).train()
    average = AveragedModel(network, multi_avg_fn=partial(_into_mean, lesson.average))
    fused = device.kind in ("cpu", "cuda")
    optimiser = torch.optim.AdamW(network.parameters(), lesson.rate, weight_decay=WEIGHT_DECAY, fused=fused)
    # A cycle of fewer steps has no rise to divide by.
    total = max(lesson.steps, LEAST_CYCLE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lesson.rate, total_steps=total, pct_start=0.1)
    random = torch.Generator(device.kind).manual_seed(lesson.seed)
    # Untrained the networks draw from a law that was fitted already: what few vectors teach may be worse than that.
    best, when, kept = _judged(average, loss, judges, lesson.seed + 1), 0, _copied(average)
    every = max(1, lesson.steps // LOOKS)
    size = min(lesson.batch, len(data))

    def learn_once() -> None:
        chosen = torch.randint(len(data), (size,), generator=random, device=device.kind)
        with torch.autocast(device.kind, torch.bfloat16, enabled=device.bfloat16):
            found = loss(network, data[chosen], random)
        optimiser.zero_grad(set_to_none=True)
        found.backward()
        nn.utils.clip_grad_norm_(network.parameters(), LONGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)

    with Pace(device.kind == "cpu") as pace:
        for step in range(1, lesson.steps + 1):
            with pace.step("learn"):
                learn_once()
            if step % every == 0 or step == lesson.steps:
                judged = _judged(average, loss, judges, lesson.seed + 1)
                if judged < best:
                    best, when, kept = judged, step, _copied(average)
                elif step - when >= PATIENCE * lesson.steps:
                    break
    average.module.load_state_dict(kept)
    return average.module.to("cpu").eval(), when, best


def _into_mean(average: float, averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
    # At the start the running mean would remember the random weights for too long.
    keep = min(average, float(count) / (float(count) + 10))
    torch._foreach_lerp_(list(averaged), list(current), 1 - keep)


def _copied(average: AveragedModel) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in average.module.state_dict().items()}


def _judges(held_out: Tensor) -> Tensor:
    """Held-out vectors, repeated where they are few: each then meets the loss's random numbers several times."""
    times = -(-JUDGES // len(held_out))
    return held_out.repeat(times, 1)[:JUDGES]


def _judged(average: AveragedModel, loss: Loss, judges: Tensor, seed: int) -> float:
    random = torch.Generator(judges.device.type).manual_seed(seed)  # the same numbers at every look
    average.module.eval()
    with torch.inference_mode():
        return float(loss(average.module, judges, random))

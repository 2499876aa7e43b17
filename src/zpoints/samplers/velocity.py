"""The network of the flow-matching sampler, and its training; the only part of the samplers that needs PyTorch."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

__all__ = ["Velocity", "flow", "train"]

FREQUENCIES = 32  # of the time, as sines and cosines
AVERAGE = 0.999  # share of the old weights in the running mean of each step
JUDGED_EVERY = 200  # steps between two looks at the held-out vectors
PATIENCE = 10  # looks without a better one, after which the training ends
JUDGES = 2048


class Velocity(nn.Module):
    """Residual layers that tell in which direction a point moves at a time."""

    def __init__(self, dimension: int, width: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.enter = nn.Linear(dimension, width)
        self.blocks = nn.ModuleList(_Block(width, dropout) for _ in range(blocks))
        last = nn.Linear(width, dimension)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), last)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angle = t[:, None] * torch.exp(torch.linspace(0.0, math.log(1000.0), FREQUENCIES, device=x.device))
        when = self.time(torch.cat([angle.sin(), angle.cos()], dim=1))
        h = self.enter(x)
        for block in self.blocks:
            h = block(h, when)
        return self.leave(h)


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.when = nn.LayerNorm(width), nn.Linear(width, width)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, when: Tensor) -> Tensor:
        inner = nn.functional.silu(self.first(self.norm(h)) + self.when(when))
        return h + self.second(self.dropout(inner))


def train(
    network: Velocity,
    vectors: Float32[np.ndarray, "n r"],
    held_out: Float32[np.ndarray, "m r"],
    steps: int,
    batch: int,
    rate: float,
    seed: int,
) -> tuple[int, float]:
    """Train in place; the network ends with the averaged weights that describe held-out vectors best.

    Returns
    -------
    the step of these weights, and their held-out loss.
    """
    random = torch.Generator().manual_seed(seed)
    data = torch.from_numpy(vectors)
    judge = _pairs(torch.from_numpy(held_out[:JUDGES]), torch.Generator().manual_seed(seed + 1))
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    best, kept, when = float("inf"), average, 0
    network.train()
    for step in range(1, steps + 1):
        chosen = torch.randint(len(data), (min(batch, len(data)),), generator=random)
        loss = _loss(network, _pairs(data[chosen], random))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        # At the start the running mean would remember the random weights for too long.
        keep = min(AVERAGE, step / (step + 10))
        for name, value in network.state_dict().items():
            average[name].lerp_(value, 1 - keep)
        if step % JUDGED_EVERY == 0 or step == steps:
            found = _held_out_loss(network, average, judge)
            if found < best:
                best, kept, when = found, {name: value.clone() for name, value in average.items()}, step
            elif step - when >= PATIENCE * JUDGED_EVERY:
                break
    network.load_state_dict(kept)
    network.eval()
    return when, best


Pairs = tuple[Tensor, Tensor, Tensor]


def _pairs(data: Tensor, random: torch.Generator) -> Pairs:
    """Points on straight ways from noise to data, their times, and the velocities there."""
    noise = torch.randn(data.shape, generator=random)
    t = torch.rand(len(data), generator=random)
    return noise.lerp(data, t[:, None]), t, data - noise


def _loss(network: Velocity, pairs: Pairs) -> Tensor:
    x, t, velocity = pairs
    return nn.functional.mse_loss(network(x, t), velocity)


def _held_out_loss(network: Velocity, average: dict[str, Tensor], judge: Pairs) -> float:
    present = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average)
    network.eval()
    with torch.inference_mode():
        found = float(_loss(network, judge))
    network.load_state_dict(present)
    network.train()
    return found


def flow(network: Velocity, start: Float[np.ndarray, "n r"], steps: int) -> Float[np.ndarray, "n r"]:
    """Follow the velocities from time 0 to 1 by Heun's method."""
    x, width = torch.from_numpy(start.astype(np.float32)), 1 / steps
    with torch.inference_mode():
        for step in range(steps):
            t = torch.full((len(x),), step * width)
            first = network(x, t)
            second = network(x + width * first, t + width)
            x = x + width / 2 * (first + second)
    return x.numpy().astype(np.float64)

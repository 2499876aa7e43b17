"""The network of the flow-matching sampler: in which direction a point moves at a time."""

import math

import torch
from torch import Tensor, nn

__all__ = ["Velocity", "flow", "straight_ways"]

FREQUENCIES = 32  # of the time, as sines and cosines
WIDTH_OF_TIME = 128


class Velocity(nn.Module):
    r"""Residual layers that tell in which direction a point moves at a time.

    They learn only what a normal law does not have: of whitened normal vectors the mean velocity at x is known,
    :math:`(2t - 1) x / s^2` with :math:`s^2 = (1 - t)^2 + t^2`, and :math:`x / s` has variance 1 at all times.
    """

    def __init__(self, dimension: int, width: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.time = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, WIDTH_OF_TIME), nn.SiLU(), nn.Linear(WIDTH_OF_TIME, WIDTH_OF_TIME)
        )
        self.enter = nn.Linear(dimension, width)
        self.blocks = nn.ModuleList(_Block(width, dropout) for _ in range(blocks))
        last = nn.Linear(width, dimension)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), last)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        variance = ((1 - t) ** 2 + t**2)[:, None]
        angle = t[:, None] * torch.exp(torch.linspace(0.0, math.log(1000.0), FREQUENCIES, device=x.device))
        when = self.time(torch.cat([angle.sin(), angle.cos()], dim=1))
        h = self.enter(x / variance.sqrt())
        for block in self.blocks:
            h = block(h, when)
        return (2 * t - 1)[:, None] / variance * x + self.leave(h)


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.when = nn.LayerNorm(width), nn.Linear(WIDTH_OF_TIME, width)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, when: Tensor) -> Tensor:
        inner = nn.functional.silu(self.first(self.norm(h)) + self.when(when))
        return h + self.second(self.dropout(inner))


def straight_ways(data: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Points on straight ways from noise to data, their times, and the velocities there.

    Times are logit-normal: near both ends the normal law's velocity is nearly right, in the middle there is more to
    learn (P. Esser et al., Scaling Rectified Flow Transformers, ICML 2024, https://arxiv.org/abs/2403.03206).
    """
    noise = torch.randn(data.shape, generator=random, device=data.device)
    t = torch.randn(len(data), generator=random, device=data.device).sigmoid()
    return noise.lerp(data, t[:, None]), t, data - noise


def flow(network: nn.Module, x: Tensor, steps: int) -> Tensor:
    """Follow the velocities from time 0 to 1 by Heun's method."""
    width = 1 / steps
    for step in range(steps):
        t = torch.full((len(x),), step * width, device=x.device)
        first = network(x, t).float()
        second = network(x + width * first, t + width).float()
        x = x + width / 2 * (first + second)
    return x

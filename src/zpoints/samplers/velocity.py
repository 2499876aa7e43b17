"""The velocities of the flow-matching sampler: those of a mixture of normals, known, and what a network adds."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from zpoints.statistics.mixtures import Mixture

__all__ = ["MixtureVelocity", "Velocity", "flow", "straight_ways"]

FREQUENCIES = 8  # of the time, as sines and cosines
HIGHEST = 100.0
WIDTH_OF_TIME = 32
TOGETHER = 8  # vectors that share a time
AT_ONCE = 1 << 20  # numbers of a part: more leave the processor's cache
TABLE = 1024  # times at which the components' volumes are known; between two of them a line is good to 1e-4


class MixtureVelocity(nn.Module):
    r"""Mean velocity at a point and a time, on straight ways from normal noise to a mixture of normals.

    At time t component k has mean :math:`t m_k` and covariance :math:`S_k = (1 - t)^2 I + t^2 C_k`. With its share
    :math:`r_k(x)` in the density at x, the mean of :math:`u_1 - u_0` among the ways that pass there is

    .. math:: v(x, t) = \sum_k r_k(x) \left[ m_k + (t C_k - (1 - t) I) S_k^{-1} (x - t m_k) \right].
    """

    spread: Tensor
    means: Tensor
    volume: Tensor
    onto: Tensor
    back: Tensor

    def __init__(self, law: Mixture) -> None:
        super().__init__()
        spread, axes = np.linalg.eigh(law.covariances)
        k, r = law.means.shape
        t = np.linspace(0.0, 1.0, TABLE + 1)[:, None, None]
        volume = np.log(law.weights) - 0.5 * np.log((1 - t) ** 2 + t * t * spread).sum(axis=2)
        onto = axes.transpose(1, 0, 2).reshape(r, k * r)
        origin = np.einsum("kr,krs->ks", law.means, axes).reshape(1, k * r)
        self._keep("spread", spread)
        self._keep("means", law.means)
        self._keep("volume", volume)
        self._keep("onto", np.concatenate([onto, -origin]))  # of (x, t)
        self._keep("back", axes.transpose(0, 2, 1).reshape(k * r, r))

    def _keep(self, name: str, values: np.ndarray) -> None:
        # Not with the network's weights: the sampler's file has the mixture already.
        kept = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        self.register_buffer(name, kept, persistent=False)

    @torch.no_grad()
    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Of vectors (m, n, d) at times (m,)."""
        if len(t) == 1:
            rows = max(1, AT_ONCE // self.spread.numel())
            return torch.cat([self._part(part, t) for part in x.split(rows, dim=1)], dim=1)
        rows = max(1, AT_ONCE // (self.spread.numel() * x.shape[1]))
        return torch.cat([self._part(*part) for part in zip(x.split(rows), t.split(rows), strict=True)])

    def _part(self, x: Tensor, t: Tensor) -> Tensor:
        m, n, d = x.shape
        place = (t * TABLE).clamp(0, TABLE)
        low = place.long().clamp(max=TABLE - 1)
        volume = torch.lerp(self.volume[low], self.volume[low + 1], (place - low)[:, None])
        t = t[:, None, None]
        scale = torch.addcmul((1 - t) ** 2, t * t, self.spread).rsqrt_()
        pull = torch.addcmul(t - 1, t, self.spread).mul_(scale)
        along = torch.cat([x, t.expand(m, n, 1)], dim=2) @ self.onto
        y = along.view(m, n, -1, d).mul_(scale[:, None])
        far = torch.linalg.vector_norm(y, dim=3).square_()
        share = (volume[:, None] - 0.5 * far).softmax(dim=2)
        y.mul_(pull[:, None]).mul_(share[..., None])
        return share @ self.means + y.view(m, n, -1) @ self.back


class Velocity(nn.Module):
    """Residual layers that tell what the z-points' mean velocity has beyond a mixture's.

    They are given the mixture's velocity too, and the point scaled to variance 1 at all times.
    """

    def __init__(self, law: Mixture, width: int, blocks: int, dropout: float) -> None:
        super().__init__()
        dimension = law.means.shape[1]
        self.known = MixtureVelocity(law)
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, WIDTH_OF_TIME), nn.SiLU())
        self.enter = nn.Linear(2 * dimension, width)
        self.blocks = nn.ModuleList(_Block(width, dropout) for _ in range(blocks))
        last = nn.Linear(width, dimension)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), last)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Of vectors (m, n, d) at times (m,)."""
        angle = t[:, None] * torch.exp(torch.linspace(0.0, math.log(HIGHEST), FREQUENCIES, device=x.device))
        when = self.time(torch.cat([angle.sin(), angle.cos()], dim=1))[:, None]
        known, t = self.known(x, t), t[:, None, None]
        scale = ((1 - t) ** 2 + t * t).sqrt()
        normal = (2 * t - 1) / scale * x  # the velocity if one normal law were all
        h = self.enter(torch.cat([x / scale, known * scale - normal], dim=2))
        for block in self.blocks:
            h = block(h, when)
        return known + self.leave(h)


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
    """Points (m, n, d) on straight ways from noise to data, their times (m,), and the velocities there.

    Times are logit-normal: near both ends the normal law's velocity is nearly right, in the middle there is more to
    learn (P. Esser et al., Scaling Rectified Flow Transformers, ICML 2024, https://arxiv.org/abs/2403.03206). Some
    vectors share one, so that the network works out fewer of them; what is left over of the data is left out.
    """
    together = min(TOGETHER, len(data))
    data = data[: len(data) // together * together].view(-1, together, data.shape[1])
    noise = torch.randn(data.shape, generator=random, device=data.device)
    t = torch.randn(len(data), generator=random, device=data.device).sigmoid()
    return noise.lerp(data, t[:, None, None]), t, data - noise


def flow(network: nn.Module, x: Tensor, steps: int) -> Tensor:
    """Follow the velocities of vectors (n, d) from time 0 to 1 by Heun's method."""
    width, x = 1 / steps, x[None]
    for step in range(steps):
        t = torch.full((1,), step * width, device=x.device)
        first = network(x, t).float()
        second = network(x + width * first, t + width).float()
        x = x + width / 2 * (first + second)
    return x[0]

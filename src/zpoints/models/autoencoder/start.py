"""First weights by which the network is a linear one already: hierarchical principal axes of the pictures.

From random weights a short training spends most of its time on what linear algebra finds in seconds. Each layer has
its units in pairs of opposite sign, so that what follows can take the difference of the two, and that is linear:
for the leaky rectifier f with slope s below zero, (f(x) - f(-x)) / (1 + s) = x. Through such pairs the Encoder's
convolutions are principal axes of patches, its last layer those of all features, and the Decoder is fitted layer by
layer, by least squares. The training then finds what no linear map can do: nothing is tied or held back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn
from torch.nn import functional

from zpoints.images.batches import mirrored_in
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.network import SLOPE, Architecture, Autoencoder, pictures_to_tensor

__all__ = ["can_start_linear", "pictures_for_start", "start_from", "start_linear"]

PICTURES = 2000
"""At most so many pictures are looked at."""
FEATURE_BYTES = 2**26
"""Their features before the latent vector take at most so much memory; for large pictures fewer are looked at."""
ROWS, FEWEST = 10_000, 256
"""So many patches, or neighbourhoods, decide each layer; they come from at least so many pictures."""
BLOCK_BYTES = 2**24
"""What the layers give for a block of pictures."""
RIDGE = 1e-3
"""Of each least squares fit, as a share of the mean eigenvalue."""
POWERS, OVERSAMPLING = 6, 16
"""Of the subspace iteration: rounds, and axes beyond those that are wanted."""
DARKEST = 0.02
"""Pixels nearer to black or white than this share of the range are taken as so far: their logits have no end."""


def can_start_linear(architecture: Architecture) -> bool:
    """Whether pairs of units make these layers linear: rectifiers, without batch normalisation between them."""
    return architecture.activation in ("relu", "leaky_relu") and not architecture.batch_norm


def pictures_for_start(architecture: Architecture, available: int) -> int:
    """How many pictures `start_linear` is to be given, so that it keeps to some 200 MiB."""
    height, width = architecture.sizes[-1]
    features = 4 * (architecture.channels[-1] // 2) * height * width
    return min(available, PICTURES, max(2, FEATURE_BYTES // features))


def start_from(network: Autoencoder, store: ImageStore, mirror: bool, seed: int) -> int:
    """`start_linear` by some of a store's pictures for training, half of them mirrored; returns their number."""
    rows = store.rows("train")
    count = pictures_for_start(network.architecture, len(rows))
    chosen = np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))
    pictures = store.pixels[chosen]
    if mirror:
        turned = mirrored_in(0, chosen, seed)
        pictures[turned] = pictures[turned, :, ::-1]
    start_linear(network, pictures, seed)
    return count


@torch.no_grad()
def start_linear(network: Autoencoder, pictures: UInt8[np.ndarray, "n h w c"], seed: int) -> None:
    r"""Replace the network's weights by those of a linear autoencoder in pairs of opposite units.

    Layer l of the Encoder is :math:`h_l = R U^T (p - \bar p)` of the patches p of :math:`h_{l-1}`: their leading
    principal axes U, as many as it has pairs of units, turned by a random rotation R, so that all units have the same
    variance, 1. The latent vector is the leading principal axes of the last of them, in a unit that gives its
    components a mean variance of 1. Each layer of the Decoder is the linear map of 2 x 2 neighbourhoods that comes
    nearest to the Encoder's :math:`h_l`; the last one to the pixels' logits.

    Parameters
    ----------
    network : of rectifiers without batch normalisation; see `can_start_linear`.
    pictures : of the training; see `pictures_for_start`.
    seed : of the rotations and of the choice of patches.

    References
    ----------
    D. Balduzzi et al., The Shattered Gradients Problem: If resnets are the answer, then what is the question?
    (ICML 2017; "looks linear" start), https://arxiv.org/abs/1702.08591
    """
    start = _Start(network, pictures, torch.Generator().manual_seed(seed))
    start.encoder()
    start.latent()
    start.decoder()


@dataclass(frozen=True)
class _Map:
    """A linear layer between half representations: one number for each pair of units."""

    weight: Tensor
    bias: Tensor


class _Start:
    def __init__(self, network: Autoencoder, pictures: np.ndarray, random: torch.Generator) -> None:
        a = network.architecture
        self.network, self.pictures, self.random, self.missing = network, pictures, random, a.missing
        self.kernel, self.padding, self.latents = a.kernel, a.padding, a.latent
        self.share = 1 / (1 + {"relu": 0.0, "leaky_relu": SLOPE}[a.activation])
        self.down: list[_Map] = []
        self.up: list[_Map] = []
        self.sides = a.sizes
        most = max(
            channels * h * w for channels, (h, w) in zip((a.colours, *a.channels), a.sizes, strict=True)
        )
        self.at_once = max(1, BLOCK_BYTES // (8 * most))

    def blocks(self, positions: int = 0) -> Iterator[Tensor]:
        """The pictures in blocks: all, or as many as give some `ROWS` rows where each has so many positions."""
        count = len(self.pictures)
        if positions:
            count = min(count, max(FEWEST, -(-2 * ROWS // positions)))
        self.part = -(-ROWS * min(self.at_once, count) // count)
        for first in range(0, count, self.at_once):
            block = np.array(self.pictures[first : min(count, first + self.at_once)])
            yield pictures_to_tensor(torch.from_numpy(block)).contiguous()

    def pick(self, rows: int) -> Tensor:
        """A block's part of the rows that decide a layer, at random."""
        return torch.randperm(rows, generator=self.random)[: self.part]

    def levels(self, block: Tensor) -> list[Tensor]:
        """The pictures, and what the Encoder's layers make of them as far as they are known."""
        found = [block]
        for layer in self.down:
            found.append(functional.conv2d(found[-1], layer.weight, layer.bias, 2, self.padding))
        return found

    def encoder(self) -> None:
        for number, layer in enumerate(_layers(self.network.encoder.features)):
            height, width = self.sides[number + 1]
            sums = _Sums()
            for block in self.blocks(height * width):
                rows = self.patches(self.levels(block)[-1])
                sums.add(rows[self.pick(len(rows))])
            covariance, mean = sums.covariance, sums.mean.float()
            axes = torch.linalg.eigh(covariance)[1].flip(1).float()
            pairs = layer.out_channels // 2
            kept = min(pairs, axes.shape[1])
            rotation = torch.linalg.qr(torch.randn(pairs, kept, generator=self.random))[0]
            weight = rotation @ axes[:, :kept].T
            spread = ((weight @ covariance.float()) * weight).sum(dim=1).mean().sqrt()
            weight = weight / spread.clamp_min(1e-6)
            shape = (pairs, -1, self.kernel, self.kernel)
            self.down.append(_Map(weight.reshape(shape), -weight @ mean))
            _set_pairs(layer, self.down[-1], self.share if number else None)

    def patches(self, h: Tensor) -> Tensor:
        found = functional.unfold(h, self.kernel, padding=self.padding, stride=2)
        return found.transpose(1, 2).flatten(0, 1)

    def latent(self) -> None:
        """Principal axes of the last features; the Decoder's first layer is the way back."""
        tops = torch.cat([self.levels(block)[-1] for block in self.blocks()]).permute(0, 2, 3, 1)
        height, width, pairs = tops.shape[1:]
        mean = tops.flatten(1).mean(dim=0)
        axes, unit = self.axes_of(tops.flatten(1) - mean)
        to, back = self.network.encoder.to_latent, self.network.decoder.from_latent
        shape = (height, width, -1)
        inward = to.weight.T.unflatten(0, shape)
        inward.zero_()
        inward[:, :, : 2 * pairs].copy_(_opposite((axes / unit * self.share).unflatten(0, shape), 2))
        to.bias.copy_(-(axes / unit).T @ mean)
        outward = _opposite((axes * unit).unflatten(0, shape), 2)
        back.weight.unflatten(0, shape)[:, :, : 2 * pairs].copy_(outward)
        back.bias.unflatten(0, shape)[:, :, : 2 * pairs].copy_(_opposite(mean.unflatten(0, shape), 2))
        self.axes, self.mean = axes, mean

    def axes_of(self, centred: Tensor) -> tuple[Tensor, Tensor]:
        """Orthonormal columns, the leading principal axes first; and the root of their mean variance.

        Found by subspace iteration. Where pictures are fewer than latent components, random axes fill up.
        """
        n, features = centred.shape
        count = min(self.latents + OVERSAMPLING, n, features)
        basis = torch.randn(features, count, generator=self.random)
        for _ in range(POWERS):
            basis = torch.linalg.qr(centred.T @ (centred @ basis))[0]
        values, turned = torch.linalg.svd(centred @ basis, full_matrices=False)[1:]
        found = (basis @ turned.T)[:, values > 1e-3 * values[0]][:, : self.latents]
        missing = torch.randn(features, self.latents - found.shape[1], generator=self.random)
        axes = torch.cat([found, missing], dim=1)
        if missing.shape[1]:
            axes[:, found.shape[1] :] = torch.linalg.qr(axes)[0][:, found.shape[1] :]
        variance = (centred @ axes).square().mean(dim=0)
        return axes, variance[: found.shape[1]].mean().sqrt().clamp_min(1e-6)

    def known(self, levels: list[Tensor]) -> Tensor:
        """What the Decoder's layers make of a block's latent vectors, as far as they are known."""
        top = levels[-1].permute(0, 2, 3, 1)
        flat = (top.flatten(1) - self.mean) @ self.axes @ self.axes.T + self.mean
        g = flat.reshape(top.shape).permute(0, 3, 1, 2)
        for layer, level in zip(self.up, reversed(levels[:-1]), strict=False):
            extra = [self.missing(g.shape[side], level.shape[side]) for side in (2, 3)]
            g = functional.conv_transpose2d(g, layer.weight, layer.bias, 2, self.padding, extra)
        return g

    def decoder(self) -> None:
        layers = _layers(self.network.decoder.pictures)
        for number, layer in enumerate(layers):
            last = number == len(layers) - 1
            self.up.append(self.fitted(number, last))
            _set_pairs(layer, self.up[-1], self.share, transposed=True, plain=last)

    def fitted(self, number: int, last: bool) -> _Map:
        """The transposed convolution that comes nearest to the Encoder's features, or the pixels' logits."""
        parities = [(y, x) for y in (0, 1) for x in (0, 1)]
        sums = {parity: _Sums() for parity in parities}
        height, width = self.sides[-2 - number]
        for block in self.blocks(max(1, height * width // 4)):
            levels = self.levels(block)
            g, target = self.known(levels), _logits(block) if last else levels[-2 - number]
            for parity in parities:
                rows, values = self.neighbourhoods(g, target, *parity)
                pick = self.pick(len(rows))
                sums[parity].add(rows[pick], values[pick])
        weight = torch.zeros(g.shape[1], target.shape[1], self.kernel, self.kernel)
        offsets = []
        for (y, x), found in sums.items():
            if found.count:  # a picture of one row has no odd ones
                solved, offset = found.solved()
                down, right = self.taps(y), self.taps(x)
                parts = solved.unflatten(0, (len(down), len(right), -1)).permute(2, 3, 0, 1)
                weight[:, :, down[0] :: 2, right[0] :: 2] = parts
                offsets.append(offset)
        return _Map(weight, torch.stack(offsets).mean(dim=0))

    def taps(self, side: int) -> list[int]:
        """Rows of the kernel that reach an output row of this parity."""
        return [tap for tap in range(self.kernel) if (side + self.padding - tap) % 2 == 0]

    def neighbourhoods(self, g: Tensor, target: Tensor, y: int, x: int) -> tuple[Tensor, Tensor]:
        """Inputs that each output pixel of one parity depends on, tap by tap, and the values it is to have."""
        target = target[:, :, y::2, x::2]
        rows, columns = target.shape[2:]
        padded = functional.pad(g, (self.kernel,) * 4)
        seen = []
        for q in self.taps(y):
            for r in self.taps(x):
                top = (y + self.padding - q) // 2 + self.kernel
                left = (x + self.padding - r) // 2 + self.kernel
                seen.append(padded[:, :, top : top + rows, left : left + columns])
        found = torch.stack(seen, dim=1).permute(0, 3, 4, 1, 2)
        return found.flatten(0, 2).flatten(1), target.permute(0, 2, 3, 1).flatten(0, 2)


def _layers(module: nn.Module) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]


def _logits(pictures: Tensor) -> Tensor:
    return torch.logit(pictures.clamp(DARKEST, 1 - DARKEST))


class _Sums:
    """Sums over rows that come block by block, for their covariance and for a least squares fit."""

    def __init__(self) -> None:
        self.count = 0
        self.x: Any = 0.0
        self.y: Any = 0.0
        self.xx: Any = 0.0
        self.xy: Any = 0.0

    def add(self, x: Tensor, y: Tensor | None = None) -> None:
        self.count += len(x)
        self.x, self.xx = self.x + x.sum(dim=0).double(), self.xx + (x.T @ x).double()
        if y is not None:
            self.y, self.xy = self.y + y.sum(dim=0).double(), self.xy + (x.T @ y).double()

    @property
    def mean(self) -> Tensor:
        return self.x / self.count

    @property
    def covariance(self) -> Tensor:
        return self.xx / self.count - torch.outer(self.mean, self.mean)

    def solved(self) -> tuple[Tensor, Tensor]:
        """Weights (inputs, outputs) and offset of the fit of y to x, with a small ridge."""
        gram, mean = self.covariance, self.y / self.count
        gram.diagonal().add_(RIDGE * gram.diagonal().mean() + 1e-9)
        weight = torch.linalg.solve(gram, self.xy / self.count - torch.outer(self.mean, mean))
        return weight.float(), (mean - self.mean @ weight).float()


def _opposite(half: Tensor, axis: int) -> Tensor:
    """Values and their opposites, one after the other along an axis."""
    return torch.cat([half, -half], dim=axis)


def _set_pairs(
    layer: nn.Conv2d | nn.ConvTranspose2d,
    found: _Map,
    share: float | None,
    transposed: bool = False,
    plain: bool = False,
) -> None:
    """Write a half layer into a whole one: pairs of outputs (unless `plain`), and of inputs where there is a `share`.

    An output without a partner, of an odd number, keeps its random weights; what follows begins by ignoring it.
    """
    assert layer.bias is not None
    given, taken = (1, 0) if transposed else (0, 1)
    weight, bias = found.weight, found.bias
    if share is not None:
        weight = _opposite(weight * share, taken)
    if not plain:
        weight, bias = _opposite(weight, given), _opposite(bias, 0)
    place = layer.weight.narrow(given, 0, weight.shape[given])
    place.zero_()
    place.narrow(taken, 0, weight.shape[taken]).copy_(weight)
    layer.bias[: len(bias)].copy_(bias)

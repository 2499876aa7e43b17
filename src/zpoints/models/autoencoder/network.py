"""The articles' network: convolutions of stride 2 down to a latent vector, and the mirror image up again."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from zpoints.config import AutoencoderSettings
from zpoints.errors import UsageError
from zpoints.files.readable import readable
from zpoints.models.autoencoder.layers import BatchNorm, TransposedConvolution

__all__ = ["Architecture", "Autoencoder", "pictures_to_tensor", "tensor_to_pictures"]

LARGEST = 1 << 20  # pixels to a side
SLOPE = 0.2  # of the leaky rectifier, below zero
ACTIVATIONS = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(SLOPE, inplace=True),
    "selu": lambda: nn.SELU(inplace=True),
}


@dataclass(frozen=True)
class Architecture:
    """All that fixes the network's shape; what ``model.json`` holds."""

    height: int
    width: int
    colours: int
    channels: tuple[int, ...]
    kernel: int
    latent: int
    activation: str
    batch_norm: bool

    @classmethod
    def of(cls, picture: tuple[int, int, int], settings: AutoencoderSettings) -> Self:
        """Architecture for pictures of (height, width, colours).

        Raises
        ------
        UsageError : the pictures are too small for so many layers.
        """
        height, width, colours = picture
        architecture = cls(height, width, colours, **settings.model_dump(exclude={"kind", "model"}))
        if min(architecture.sizes[-1]) < 1:
            layers = len(settings.channels)
            raise UsageError(
                f"autoencoder.channels: {layers} layers of stride 2 leave nothing of {height}x{width} pictures; "
                f"use larger pictures or fewer layers"
            )
        return architecture

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read what `to_json` gave."""
        with readable("model.json", "an architecture that this version knows", "train again"):
            rest = dict(content)
            picture = rest.pop("height"), rest.pop("width"), rest.pop("colours")
            if not all(isinstance(side, int) and 0 < side < LARGEST for side in picture):
                raise ValueError(f"pictures of {picture}")
            return cls.of(picture, AutoencoderSettings(**rest))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @property
    def padding(self) -> int:
        """Padding that makes each layer halve the size."""
        return (self.kernel - 1) // 2

    def missing(self, small: int, large: int) -> int:
        """Rows or columns that a transposed convolution of `small` ones lacks to give `large` ones, 0 or 1."""
        return large - ((small - 1) * 2 - 2 * self.padding + self.kernel)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(height, width) before the first layer, after it, after the second, ..."""

        def halved(side: int) -> int:
            return (side + 2 * self.padding - self.kernel) // 2 + 1

        sizes = [(self.height, self.width)]
        for _ in self.channels:
            sizes.append((halved(sizes[-1][0]), halved(sizes[-1][1])))
        return sizes


class Autoencoder(nn.Module):
    """Encoder, latent vector, Decoder. Pictures are (n, colours, height, width) with values in 0..1.

    Latent vectors that are given out come from a float32 product even under bfloat16 autocast: components rounded
    to 8 binary digits would show in every density. During the training that rounding does no harm.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = Encoder(architecture)
        self.decoder = Decoder(architecture)
        if not self.encoder.to_latent.weight.is_meta:  # there only the shapes are wanted
            _initialise(self)

    def forward(self, pictures: Tensor) -> Tensor:
        """Reconstruct pictures."""
        return self.decoder(self.encoder(pictures))


class Encoder(nn.Module):
    """Pictures in, latent vectors out."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        layers: list[nn.Module] = []
        width = a.colours
        for channels in a.channels:
            layers.append(nn.Conv2d(width, channels, a.kernel, 2, a.padding, bias=not a.batch_norm))
            layers += _after(a, channels)
            width = channels
        self.features = nn.Sequential(*layers)
        height, breadth = a.sizes[-1]
        self.to_latent = nn.Linear(width * height * breadth, a.latent)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, colours, height, width) to (n, d)."""
        # Flattened as height, width, channel: with channels_last memory that is no copy.
        features = self.features(pictures).permute(0, 2, 3, 1).flatten(1)
        if self.training:
            return self.to_latent(features)
        with torch.autocast(features.device.type, enabled=False):
            return self.to_latent(features.float())


class Decoder(nn.Module):
    """Latent vectors in, pictures out."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.start = (*a.sizes[-1], a.channels[-1])
        self.from_latent = nn.Linear(a.latent, a.channels[-1] * a.sizes[-1][0] * a.sizes[-1][1])
        layers: list[nn.Module] = _after(a, a.channels[-1])
        outputs = (*reversed(a.channels[:-1]), a.colours)
        for number, channels in enumerate(outputs):
            small, large = a.sizes[-1 - number], a.sizes[-2 - number]
            # Halving rounds; the extra row or column restores the size that the Encoder had here.
            extra = (a.missing(small[0], large[0]), a.missing(small[1], large[1]))
            last = number == len(outputs) - 1
            width = a.channels[-1 - number]
            bias = last or not a.batch_norm
            layers.append(TransposedConvolution(width, channels, a.kernel, 2, a.padding, extra, bias=bias))
            layers += [nn.Sigmoid()] if last else _after(a, channels)
        self.pictures = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """(n, d) to (n, colours, height, width)."""
        features = self.from_latent(z)
        return self.pictures(features.unflatten(1, self.start).permute(0, 3, 1, 2))


def _initialise(network: Autoencoder) -> None:
    """Weights that hand on the variance of what comes in, layer by layer, at the start of the training.

    K. He, X. Zhang, S. Ren, J. Sun, Delving Deep into Rectifiers (ICCV 2015), https://arxiv.org/abs/1502.01852.
    PyTorch's own start lets signals fade; in a short training that cost a fifth of the final loss.
    """
    gain = {"relu": 2**0.5, "leaky_relu": (2 / (1 + SLOPE**2)) ** 0.5, "selu": 1.0}[
        network.architecture.activation
    ]
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    linear_after = (network.encoder.to_latent, layers[-1])
    for layer in layers:
        if isinstance(layer, nn.Linear):
            inputs = float(layer.in_features)
        else:
            inputs = float(layer.in_channels * network.architecture.kernel**2)
            # A transposed convolution of stride 2 spreads its products over four times as many pixels.
            inputs /= 4 if isinstance(layer, nn.ConvTranspose2d) else 1
        nn.init.normal_(layer.weight, std=(1.0 if layer in linear_after else gain) / inputs**0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _after(architecture: Architecture, channels: int) -> list[nn.Module]:
    norm: list[nn.Module] = [BatchNorm(channels)] if architecture.batch_norm else []
    return [*norm, ACTIVATIONS[architecture.activation]()]


def pictures_to_tensor(pictures: Tensor) -> Tensor:
    """(n, height, width, colours) uint8 to (n, colours, height, width) float32 in 0..1, in channels_last memory."""
    return pictures.permute(0, 3, 1, 2).float().div_(255)


def tensor_to_pictures(values: Tensor) -> Tensor:
    """The way back: (n, colours, height, width) in 0..1 to (n, height, width, colours) uint8."""
    return values.float().mul(255).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()

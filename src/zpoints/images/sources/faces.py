"""Faces without a data set: a small trained DCGAN draws as many as asked for."""

import io
from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Self

import numpy as np
from PIL import Image

from zpoints.files.wheels import GAN_FACES
from zpoints.images.source import Opener, Options, Source
from zpoints.system.extras import need
from zpoints.system.progress import Progress

if TYPE_CHECKING:
    import torch

__all__ = ["FaceSource"]

DEFAULT_FACES = 10_000
BLOCK = 128
"""Faces drawn at once. The noise of a block depends on the seed and the block's number only."""
NOISE = 100
WEIGHTS = "gan_face_generate/weights.tar"
LAYERS = ((0, 1, 0), (3, 2, 1), (6, 2, 1), (9, 2, 1), (12, 2, 1))
"""(place in the saved network, stride, padding) of the five transposed convolutions."""


class FaceSource(Source):
    """Colour faces of 64x64 pixels; the same seed gives the same faces; a larger count only adds some."""

    name = word = "faces"
    picture_size = (64, 64)
    channels = 3
    has_names = False
    held_bytes = 64 * 64 * 3

    def __init__(self, count: int, seed: int, progress: Progress) -> None:
        need("torch", "train", "the source 'faces'", "take the source 'orl', a folder, a zip or an array")
        self.count, self.seed, self.progress = count, seed, progress
        self._block = lru_cache(maxsize=2)(self._draw)

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """As many faces as are asked for."""
        return cls(options.count or DEFAULT_FACES, options.seed, options.progress)

    def __len__(self) -> int:
        return self.count

    def describe(self) -> str:
        """Give the credit."""
        return (
            f"{self.count:,} colour faces of 64x64, drawn by the DCGAN that gan-face-generate 1.1.1 (MIT) "
            "ships, trained on the renderings of DigiFace-1M; no real persons"
        )

    def fingerprint(self) -> str:
        """Name the weights and the seed."""
        return f"faces {GAN_FACES.sha256} {self.seed}"

    def label(self, item: int) -> str:
        """Return the number of the face."""
        return f"face {item}"

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Draw the faces and return them."""
        return [
            partial(Image.fromarray, self._block(item // BLOCK)[item % BLOCK]) for item in range(start, stop)
        ]

    def _draw(self, block: int) -> np.ndarray:
        import torch

        noise = np.random.default_rng([self.seed, block]).standard_normal((BLOCK, NOISE), dtype=np.float32)
        with torch.inference_mode():
            faces = self._generator.draw(torch.from_numpy(noise))
            return ((faces + 1) * 127.5).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()

    @cached_property
    def _generator(self) -> "_Generator":
        return _Generator(GAN_FACES.open(WEIGHTS, self.progress))


class _Generator:
    """The DCGAN with its batch normalisations folded into the convolutions: 5 matrices, 4 offsets."""

    def __init__(self, saved: bytes) -> None:
        import torch

        state = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)["netG_state_dict"]
        self.layers = []
        for place, stride, padding in LAYERS:
            weight, offset = state[f"main.{place}.weight"], None
            if place < LAYERS[-1][0]:
                gain, mean, shift, variance = (
                    state[f"main.{place + 1}.{part}"]
                    for part in ("weight", "running_mean", "bias", "running_var")
                )
                scale = gain / torch.sqrt(variance + 1e-5)
                weight, offset = weight * scale[:, None, None], shift - mean * scale
            self.layers.append(
                (weight.contiguous(memory_format=torch.channels_last), offset, stride, padding)
            )

    def draw(self, noise: "torch.Tensor") -> "torch.Tensor":
        """Turn noise (n, 100) into faces (n, 3, 64, 64) in -1..1."""
        import torch

        # Channels last is measured to be a fifth faster on CPU, and more in the wide layers.
        x = noise[:, :, None, None].contiguous(memory_format=torch.channels_last)
        for weight, offset, stride, padding in self.layers:
            x = torch.nn.functional.conv_transpose2d(x, weight, offset, stride, padding)
            x = x.tanh_() if offset is None else x.relu_()
        return x

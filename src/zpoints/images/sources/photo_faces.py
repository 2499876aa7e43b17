"""Photographic faces without a data set: the first half of a trained style GAN draws them, and a small fitted end.

The whole network draws 1024x1024 pixels, and spends most of its time on the last of them. Here it ends in the block
that has the pictures' size, with a part of that block's channels, and a linear map of 3x3 neighbourhoods gives the
colours: the same faces, many times as fast. That end was fitted by least squares on full pictures scaled down:
``python -m benchmarks.photo_head``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from PIL import Image

from zpoints.errors import SourceError, ZPointsError, reason
from zpoints.files.numpy_files import write_npy
from zpoints.files.wheels import RANDOM_FACE, cache_folder
from zpoints.images.source import Opener, Options, Source
from zpoints.system.extras import need
from zpoints.system.progress import Progress

__all__ = ["BATCH", "Ending", "Painter", "PhotoFaceSource", "load_network", "noise_of", "openvino_core"]

DEFAULT_FACES = 5_000
BATCH = 4
"""Faces drawn at once: twice as fast as one by one. The noise of each depends on seed and number only."""
SHARD = 64
"""Faces in one file of those that are kept."""
NOISE, STYLE = 512, 512
TRUNCATION = 0.8
"""Styles are drawn nearer to their mean by this factor, as is usual: the rarest ones are no faces."""
BLOCKS = {64: 3, 128: 4}
"""The network's block that has so many pixels to a side; its layers are named by its number."""
DATA = "random_face/data"
PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}
RECIPE = 1


class PhotoFaceSource(Source):
    """Photographic colour faces of 64x64 pixels, or of 128x128 where larger ones are asked for.

    The same seed gives the same faces; a larger count only adds some. What was drawn once is kept in the user's
    cache, so that another run does not draw it again.
    """

    name = word = "photo-faces"
    channels = 3
    has_names = False

    def __init__(self, count: int, seed: int, side: int, progress: Progress) -> None:
        need("openvino", "photo-faces", "the source 'photo-faces'", "take the source 'faces'")
        self.count, self.seed, self.side, self.progress = count, seed, side, progress
        self.picture_size = (side, side)
        self.held_bytes = side * side * 3
        self._shard = lru_cache(maxsize=1)(self._kept_or_drawn)
        self._keeps = True

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """As many faces as are asked for, of the smaller size if that is large enough."""
        wanted = max(options.size or (0, 0))
        side = next((side for side in BLOCKS if side >= wanted), max(BLOCKS))
        return cls(options.count or DEFAULT_FACES, options.seed, side, options.progress)

    def __len__(self) -> int:
        return self.count

    def describe(self) -> str:
        """Give the credit, and what may be done with the faces."""
        return (
            f"{self.count:,} colour faces of {self.side}x{self.side}, drawn by the MobileStyleGAN that random-face "
            "2021.7.21.1 (Apache-2.0) ships, trained on FFHQ (for non-commercial use); no real persons"
        )

    def fingerprint(self) -> str:
        """Name the weights, the way of drawing and the seed."""
        return f"photo-faces {RANDOM_FACE.sha256} {RECIPE} {self.side} {self.seed}"

    def label(self, item: int) -> str:
        """Return the number of the face."""
        return f"face {item}"

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Draw the faces that are not kept, and return them."""
        return [
            partial(Image.fromarray, self._shard(item // SHARD)[item % SHARD]) for item in range(start, stop)
        ]

    def _kept_or_drawn(self, number: int) -> UInt8[np.ndarray, "n side side 3"]:
        found = self._kept(number)
        return self._drawn(number) if found is None else found

    def _kept(self, number: int) -> np.ndarray | None:
        """A shard out of the cache; None if it is not there, or not whole."""
        try:
            found = np.load(self._place(number), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        whole = found.shape == (SHARD, self.side, self.side, 3) and found.dtype == np.uint8
        return found if whole else None

    def _drawn(self, number: int) -> np.ndarray:
        found = np.empty((SHARD, self.side, self.side, 3), np.uint8)
        for place in range(0, SHARD, BATCH):
            first = number * SHARD + place
            found[place : place + BATCH] = self._painter.paint(noise_of(self.seed, first, first + BATCH))
        if self._keeps:
            try:
                self._place(number).parent.mkdir(parents=True, exist_ok=True)
                write_npy(self._place(number), found)
            except (OSError, ZPointsError) as error:
                self._keeps = False
                self.progress.say(f"photo-faces: not kept for another run ({reason(error)})")
        return found

    def _place(self, number: int) -> Path:
        folder = f"photo-faces-{self.side}-seed{self.seed}-{RECIPE}"
        return cache_folder().parent / folder / f"{number:06d}.npy"

    @cached_property
    def _painter(self) -> "Painter":
        return Painter(self.side, self.progress)


@dataclass(frozen=True, eq=False)
class Ending:
    """What stands for the second half of a block, and for the conversion to colours.

    Attributes
    ----------
    inner : the channels of the block's first half that are used.
    weight, offset : from these to the channels that the colours are taken from, before their rectifier.
    head : of each colour the weights of all channels in 3x3 neighbourhoods. colours : its offsets.
    """

    inner: Int32[np.ndarray, " m"]
    weight: Float32[np.ndarray, "k m"]
    offset: Float32[np.ndarray, " k"]
    head: Float32[np.ndarray, "3 k 3 3"]
    colours: Float32[np.ndarray, " 3"]

    @classmethod
    def shipped(cls, side: int) -> Self:
        """The one that comes with zpoints."""
        with place_of(side).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            inner = arrays["inner"].astype(np.int32)
            rest = {name: arrays[name].astype(np.float32) for name in ("weight", "offset", "head", "colours")}
        return cls(inner, **rest)


def place_of(side: int) -> Any:
    """The file of the ending that comes with zpoints."""
    return files("zpoints.images.sources") / f"photo_faces_{side}.npz"


class Block:
    """The layers of one block of the network, by their part in it."""

    def __init__(self, network: Any, side: int) -> None:
        nodes = {node.get_friendly_name(): node for node in network.get_ordered_ops()}
        first = 100 * BLOCKS[side]
        self.enter = nodes[f"Conv_{first + 87}"].output(0)
        self.first, self.first_sum = nodes[f"Conv_{first + 88}"], nodes[f"Add_{first + 108}"]
        self.first_rectified = nodes[f"LeakyRelu_{first + 109}"]
        self.style = nodes[f"Mul_{first + 118}"].output(0)
        self.spread = nodes[f"Conv_{first + 120}"]
        self.second_sum, self.second_rectified = (
            nodes[f"Add_{first + 141}"],
            nodes[f"LeakyRelu_{first + 142}"],
        )

    @staticmethod
    def noise_and_offset(node: Any) -> tuple[np.ndarray, np.ndarray]:
        """Constants that a sum adds: (1, 1, side, side) and (1, channels, 1, 1)."""
        within = node.input_value(0).get_node()
        return within.input_value(1).get_node().get_data(), node.input_value(1).get_node().get_data()

    @staticmethod
    def slope(node: Any) -> np.ndarray:
        """Of a rectifier, below zero."""
        return np.asarray(node.input_value(1).get_node().get_data())

    def ended(self, ending: Ending) -> Any:
        """Red, green and blue in 0..255, as the output of a node."""
        from openvino import opset10 as ops

        def constant(value: np.ndarray, kind: type = np.float32) -> Any:
            return ops.constant(np.ascontiguousarray(value, kind))

        def convolution(x: Any, weight: np.ndarray, margin: int) -> Any:
            return ops.convolution(x, constant(weight), [1, 1], [margin] * 2, [margin] * 2, [1, 1])

        inner, (noise, offset) = ending.inner, self.noise_and_offset(self.first_sum)
        x = convolution(self.enter, self.first.input_value(1).get_node().get_data()[inner], 0)
        x = ops.prelu(
            ops.add(x, constant(noise + offset[:, inner])), constant(self.slope(self.first_rectified))
        )
        style = ops.gather(self.style, constant(inner, np.int32), constant(np.array(1), np.int32))
        kernel = constant(self.spread.input_value(1).get_node().get_data()[inner])
        x = ops.group_convolution(ops.multiply(style, x), kernel, [1, 1], [1, 1], [1, 1], [1, 1])
        x = convolution(x, ending.weight[:, :, None, None], 0)
        noise, _ = self.noise_and_offset(self.second_sum)
        x = ops.add(x, constant(noise + ending.offset[None, :, None, None]))
        x = convolution(ops.prelu(x, constant(self.slope(self.second_rectified))), ending.head, 1)
        return ops.add(x, constant(ending.colours[None, :, None, None])).output(0)


class Painter:
    """The shortened network: 0.37 of the products up to there at 64x64 pixels, 0.66 at 128x128.

    Faces differ from full ones scaled down by a root mean square of 20 of 255 (64x64) and 16 (128x128), most of it in
    the contrast; measured by ``python -m benchmarks.photo_head`` on 48 faces that had no part in the fit.

    Parameters
    ----------
    side : 64 or 128, of the pictures.
    ending : of the network; by default the one that comes with zpoints.
    """

    def __init__(self, side: int, progress: Progress, ending: Ending | None = None) -> None:
        import openvino

        core = openvino_core()
        mapping = load_network("MappingNetwork", progress)
        mapping.reshape([-1, NOISE])
        self._mapping = core.compile_model(mapping, "CPU", PRECISION)
        network = load_network("SynthesisNetwork", progress)
        network.reshape([BATCH, STYLE])
        output = Block(network, side).ended(ending or Ending.shipped(side))
        self._network = core.compile_model(
            openvino.Model([output], network.get_parameters(), "short"), "CPU", PRECISION
        )
        noise = np.random.default_rng(99).standard_normal((4000, NOISE)).astype(np.float32)
        self._mean = self._mapping([noise])["style"].mean(axis=0)

    def styles(self, noise: Float32[np.ndarray, "n 512"]) -> Float32[np.ndarray, "n 512"]:
        """Styles of noise, drawn towards their mean."""
        return (self._mean + TRUNCATION * (self._mapping([noise])["style"] - self._mean)).astype(np.float32)

    def paint(self, noise: Float32[np.ndarray, "4 512"]) -> UInt8[np.ndarray, "4 side side 3"]:
        """Four faces."""
        drawn = next(iter(self._network([self.styles(noise)]).values()))
        return np.ascontiguousarray(np.rint(drawn.clip(0, 255)).astype(np.uint8).transpose(0, 2, 3, 1))


def noise_of(seed: int, first: int, stop: int) -> Float32[np.ndarray, "n 512"]:
    """Of some faces; that of each depends on the seed and its number only."""
    rows = [
        np.random.default_rng([seed, n]).standard_normal(NOISE, dtype=np.float32) for n in range(first, stop)
    ]
    return np.stack(rows)


@cache
def openvino_core() -> Any:
    """OpenVINO's runtime, one for the process.

    Each gives signals a stack of its own, and takes it away when it ends; where several end in another order than
    they began, Python's handlers are left on a stack that is no longer there, and the next Ctrl-C kills the process.
    """
    import openvino

    return openvino.Core()


def load_network(name: str, progress: Progress) -> Any:
    """``MappingNetwork`` or ``SynthesisNetwork`` of the wheel, read as it lies there."""
    description, weights = (RANDOM_FACE.open(f"{DATA}/{name}.{kind}", progress) for kind in ("xml", "bin"))
    try:
        return openvino_core().read_model(description, weights)
    except RuntimeError as error:
        raise SourceError(
            f"photo-faces: OpenVINO cannot read the network ({reason(error)}); {RANDOM_FACE.instead}"
        ) from error

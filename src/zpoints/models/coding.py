"""Encode and decode any number of pictures or vectors, block by block, straight to disk."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from zpoints.config import TrainingSettings
from zpoints.errors import ArrayError, StageError
from zpoints.files.array_writer import ArrayWriter
from zpoints.images.batches import batches
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.checkpoint import load_autoencoder
from zpoints.models.autoencoder.memory import coding_bytes
from zpoints.models.autoencoder.network import (
    Architecture,
    Autoencoder,
    pictures_to_tensor,
    tensor_to_pictures,
)
from zpoints.system.budget import require, spare
from zpoints.system.device import Device
from zpoints.system.forecast import forecast
from zpoints.system.lock import locked
from zpoints.system.meter import Meter, kept_memory
from zpoints.system.progress import Progress, Silent
from zpoints.system.sizes import MIB
from zpoints.vectors.latent_set import LatentSet

__all__ = ["Coder", "decode", "encode"]

BATCH = 128  # pictures at a time; fewer where a batch does not fit the budget
LONG = 5000  # so many pictures take long enough to say beforehand how long
SYNC_EVERY = 64  # batches between two notes of what is safely on disk


class Coder:
    """A trained network at work: pictures to vectors and back, as NumPy arrays.

    Parameters
    ----------
    network : the trained autoencoder; it is moved to the device.
    device : where to work, and in which number format.
    """

    def __init__(self, network: Autoencoder, device: Device) -> None:
        self.network, self.device = network.eval(), device
        device.place(network)
        self.key = ""

    @classmethod
    def load(cls, model: Path, device: str = "auto", precision: str = "auto") -> "Coder":
        """Open a model folder. `device` and `precision` are those of the training settings."""
        network, _ = load_autoencoder(model)
        settings = TrainingSettings.model_validate({"device": device, "precision": precision})
        return cls(network, Device.of(settings))

    def encode(self, pictures: UInt8[np.ndarray, "m h w c"]) -> Float[np.ndarray, "m d"]:
        """Latent vectors of one batch of pictures."""
        with self.device.inference():
            block = torch.from_numpy(pictures).to(self.device.kind, non_blocking=True)
            return self.network.encoder(pictures_to_tensor(block)).float().cpu().numpy()

    def decode(self, z: Float[np.ndarray, "m d"]) -> UInt8[np.ndarray, "m h w c"]:
        """Pictures of one batch of latent vectors."""
        with self.device.inference():
            block = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(self.device.kind)
            return tensor_to_pictures(self.network.decoder(block)).cpu().numpy()

    def reconstruct(self, pictures: UInt8[np.ndarray, "m h w c"]) -> UInt8[np.ndarray, "m h w c"]:
        """Pictures through Encoder and Decoder."""
        return self.decode(self.encode(pictures))


def encode(coder: Any, store: ImageStore, out: Path, progress: Progress | None = None, key: str = "") -> None:
    """Write the latent vectors of all pictures to `out`: (N, d) float32, in the order of the pictures.

    Continues after a kill. `key` identifies model and pictures: what an earlier run left under another key is
    dropped.

    Raises
    ------
    StageError : the network was trained on pictures of another shape.
    """
    a = coder.network.architecture
    if store.shape != (a.height, a.width, a.colours):
        raise StageError(
            f"{out}: the network takes pictures of shape {(a.height, a.width, a.colours)}, these have "
            f"{store.shape}; prepare them with the settings of the training"
        )
    with locked(out.parent), ArrayWriter(out, (a.latent,), np.float32, key) as writer, kept_memory():
        writer.expect(len(store))
        rows, size = np.arange(writer.rows, len(store)), _together(a, "encoding")
        progress = progress or Silent()
        if len(rows) > LONG:
            _say_how_long(
                "encode", len(rows), "images", lambda: coder.encode(store.pixels[rows[:size]]), progress
            )
        with progress.task("encode", len(store), "images", writer.rows) as task:
            for number, block in enumerate(batches(store.pixels, rows, size), 1):
                writer.append(coder.encode(block))
                if number % SYNC_EVERY == 0:
                    writer.sync()
                task.advance(len(block))
        writer.finish()


def decode(
    coder: Any, latents: LatentSet, out: Path, progress: Progress | None = None, key: str = ""
) -> None:
    """Write the pictures of all latent vectors to `out`: (n, H, W, C) uint8.

    Continues after a kill; `key` identifies model and vectors, as in `encode`.

    Raises
    ------
    ArrayError : the vectors do not have the network's number of components, or are not finite.
    """
    a = coder.network.architecture
    if latents.dimension != a.latent:
        raise ArrayError(
            f"{latents.name}: vectors of {latents.dimension} components; this Decoder takes {a.latent}"
        )
    shape = (a.height, a.width, a.colours)
    with locked(out.parent), ArrayWriter(out, shape, np.uint8, key) as writer, kept_memory():
        # Vectors are quickly read over again, pictures are not quickly made again.
        skip, size = writer.rows, _together(a, "decoding")
        writer.expect(latents.n)
        progress = progress or Silent()
        if latents.n - skip > LONG:
            first = np.zeros((size, a.latent), np.float32)
            _say_how_long("decode", latents.n - skip, "vectors", lambda: coder.decode(first), progress)
        with progress.task("decode", latents.n, "images", skip) as task:
            for number, (start, block) in enumerate(latents.numbered_blocks(size), 1):
                if start + len(block) <= skip:
                    continue
                if not np.isfinite(block).all():
                    row = start + int(np.argwhere(~np.isfinite(block))[0, 0])
                    raise ArrayError(f"{latents.name}: vector {row} is not finite; drop such vectors first")
                # An earlier run may have had another budget, and other batches.
                writer.append(coder.decode(block[max(0, skip - start) :]))
                if number % SYNC_EVERY == 0:
                    writer.sync()
                task.advance(len(block))
        writer.finish()


def _together(architecture: Architecture, what: str) -> int:
    """Pictures in a batch: as many as the budget holds. The results differ by rounding at most."""
    require(coding_bytes(architecture, 1), what, "choose fewer channels or smaller pictures")
    left, size = spare(), BATCH
    while left is not None and size > 1 and coding_bytes(architecture, size) > left:
        size //= 2
    return size


def _say_how_long(
    stage: str, count: int, unit: str, work: Callable[[], np.ndarray], progress: Progress
) -> None:
    """Do one batch twice, the second time by the clock, and say what all will take."""
    size = len(work())
    with Meter(every=0.005) as meter:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    cost = meter.cost
    ram, vram = (int((peak or 0) * MIB) for peak in (cost.peak_ram_mib, cost.peak_vram_mib))
    progress.say(forecast(stage, f"{count:,} {unit}", ram, seconds * count / size, vram))

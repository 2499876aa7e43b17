"""Encoding speed: `zpoints encode` from file to file, against the bare Encoder's forward pass on tensors in RAM.

python -m benchmarks.encoding
"""

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.common import BATCH, SIDE, noise_pictures, race_or_work

PICTURES = 60 * BATCH
ROUNDS = 7
for_good = contextlib.ExitStack()  # until the process ends


def zpoints() -> Callable[[], float]:
    """Pictures from disk to vectors on disk."""
    import pandas as pd

    from zpoints.images.store import ImageStore
    from zpoints.models.coding import encode

    folder = Path(tempfile.mkdtemp())
    np.save(folder / "pixels.npy", noise_pictures(PICTURES))
    pd.DataFrame({"id": range(PICTURES), "source": "", "split": "train"}).to_parquet(folder / "index.parquet")
    store, coder = ImageStore.open(folder), _coder()

    def work() -> float:
        started = time.perf_counter()
        encode(coder, store, folder / "z.npy")
        return PICTURES / (time.perf_counter() - started)

    return work


def bare() -> Callable[[], float]:
    """The Encoder alone, again and again on one ready batch of floats, in the number format that zpoints chose."""
    import torch

    from zpoints.models.autoencoder.network import pictures_to_tensor
    from zpoints.system.meter import kept_memory

    coder = _coder()
    batch = pictures_to_tensor(torch.from_numpy(noise_pictures(BATCH)))
    for_good.enter_context(kept_memory())

    def work() -> float:
        started = time.perf_counter()
        with coder.device.inference():
            for _ in range(PICTURES // BATCH):
                coder.network.encoder(batch)
        return PICTURES / (time.perf_counter() - started)

    return work


def _coder():
    from zpoints.config import AutoencoderSettings, TrainingSettings
    from zpoints.models.autoencoder.codec import NetworkCodec
    from zpoints.models.autoencoder.network import Architecture, Autoencoder
    from zpoints.system.device import Device

    network = Autoencoder(Architecture.of((SIDE, SIDE, 3), AutoencoderSettings(latent=256)))
    return NetworkCodec(network, Device.of(TrainingSettings()))


CONTESTANTS = {"zpoints, file to file": zpoints, "bare Encoder": bare}


if __name__ == "__main__":
    race_or_work("benchmarks.encoding", CONTESTANTS, ROUNDS, "Encoding, images per second", "bare Encoder")

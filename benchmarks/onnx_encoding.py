"""Encoding speed of one network on the processor: exported, through ONNX Runtime, and in PyTorch, float32.

python -m benchmarks.onnx_encoding
"""

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import BATCH, SIDE, noise_pictures, race_or_work

PICTURES = 20 * BATCH
ROUNDS = 7
LATENT = 256
for_good = contextlib.ExitStack()  # until the process ends


def onnx() -> Callable[[], float]:
    """`zpoints run --model` of the folder that `zpoints export --onnx` writes."""
    from zpoints.models.autoencoder.export import export_network
    from zpoints.models.foreign.looking import look

    folder = Path(tempfile.mkdtemp())
    export_network(_network(), folder / "encoder.onnx", folder / "decoder.onnx")
    return _work(look(str(folder)).codec)


def torch() -> Callable[[], float]:
    """The network itself, as zpoints encodes with it."""
    from zpoints.config import TrainingSettings
    from zpoints.models.autoencoder.codec import NetworkCodec
    from zpoints.system.device import Device

    return _work(NetworkCodec(_network(), Device.of(TrainingSettings(device="cpu", precision="float32"))))


def _network():
    from zpoints.config import AutoencoderSettings
    from zpoints.models.autoencoder.network import Architecture, Autoencoder

    return Autoencoder(Architecture.of((SIDE, SIDE, 3), AutoencoderSettings(latent=LATENT)))


def _work(codec) -> Callable[[], float]:
    from zpoints.system.meter import kept_memory

    batch = noise_pictures(BATCH)
    for_good.enter_context(kept_memory())

    def work() -> float:
        started = time.perf_counter()
        for _ in range(PICTURES // BATCH):
            codec.encode(batch)
        return PICTURES / (time.perf_counter() - started)

    return work


CONTESTANTS = {"ONNX Runtime": onnx, "PyTorch": torch}


if __name__ == "__main__":
    race_or_work("benchmarks.onnx_encoding", CONTESTANTS, ROUNDS, "Encoding, images per second", "PyTorch")

"""The kinds of models by name: how one is trained on pictures, and how a trained one is opened."""

from pathlib import Path
from typing import Any

from zpoints.config import Settings, TrainingSettings
from zpoints.system.progress import Progress
from zpoints.system.sizes import MIB

__all__ = ["open_codec", "train_codec", "training_bytes"]

TORCH_BYTES = 330 * MIB
"""Python, PyTorch and what a training imports; its network comes on top."""


def train_codec(images: Path, out: Path, settings: Settings, progress: Progress | None = None) -> Any:
    """Train the kind of model that ``settings.autoencoder.kind`` names on a prepared folder of pictures."""
    from zpoints.images.store import ImageStore
    from zpoints.models.autoencoder.training import train
    from zpoints.models.coding import Coder
    from zpoints.system.device import Device

    store = ImageStore.open(images)
    network = train(store, out, settings.autoencoder, settings.training, settings.seed, progress)
    return Coder(network, Device.of(settings.training))


def training_bytes(shape: tuple[int, int, int], settings: Settings) -> int:
    """Bytes of RAM that training on pictures of (height, width, colours) takes at least, libraries included."""
    from zpoints.models.autoencoder.memory import training_bytes as bytes_of_network
    from zpoints.models.autoencoder.network import Architecture

    return TORCH_BYTES + bytes_of_network(Architecture.of(shape, settings.autoencoder), 1)


def open_codec(folder: Path, training: TrainingSettings | None = None) -> Any:
    """Open a trained model: a `Codec`. `training` says on which device it works, and in which number format."""
    from zpoints.models.autoencoder.checkpoint import model_key
    from zpoints.models.coding import Coder

    settings = training or TrainingSettings()
    codec = Coder.load(folder, settings.device, settings.precision)
    codec.key = model_key(folder)
    return codec

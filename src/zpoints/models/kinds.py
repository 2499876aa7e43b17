"""The kinds of models by name: how one is trained on pictures, and how a trained one is opened."""

from pathlib import Path
from typing import Any

from zpoints.config import Settings, TrainingSettings
from zpoints.system.progress import Progress

__all__ = ["open_codec", "train_codec"]


def train_codec(images: Path, out: Path, settings: Settings, progress: Progress | None = None) -> Any:
    """Train the kind of model that ``settings.autoencoder.kind`` names on a prepared folder of pictures."""
    from zpoints.images.store import ImageStore
    from zpoints.models.autoencoder.training import train
    from zpoints.models.coding import Coder
    from zpoints.system.device import Device

    store = ImageStore.open(images)
    network = train(store, out, settings.autoencoder, settings.training, settings.seed, progress)
    return Coder(network, Device.of(settings.training))


def open_codec(folder: Path, training: TrainingSettings | None = None) -> Any:
    """Open a trained model: a `Codec`. `training` says on which device it works, and in which number format."""
    from zpoints.models.coding import Coder

    settings = training or TrainingSettings()
    return Coder.load(folder, settings.device, settings.precision)

"""The built-in network as a kind of model: what can be said of it without PyTorch, which is imported at its use."""

from pathlib import Path

from zpoints.config import Settings, TrainingSettings
from zpoints.images.store import ImageStore
from zpoints.models.codec import MODEL, Codec, CodecKind
from zpoints.system.extras import load
from zpoints.system.progress import Progress
from zpoints.system.sizes import MIB

__all__ = ["AUTOENCODER"]

IMPORTED = 330 * MIB
"""What Python, PyTorch and all else that a training imports take; measured, with a tenth on top."""


class AutoencoderKind(CodecKind):
    """The plain convolutional autoencoder of the articles, trained by AdamW under a one-cycle schedule."""

    name = "autoencoder"
    outputs = (MODEL, "weights.safetensors", "history.csv")
    has_history = True

    def train(self, store: ImageStore, out: Path, settings: Settings, progress: Progress) -> Codec:
        """See `CodecKind`; `zpoints.models.autoencoder.training.train` says more."""
        _ask_for("lightning_fabric", "torch")
        from zpoints.models.autoencoder.codec import NetworkCodec
        from zpoints.models.autoencoder.training import train
        from zpoints.system.device import Device

        network = train(store, out, settings.autoencoder, settings.training, settings.seed, progress)
        return NetworkCodec(network, Device.of(settings.training))

    def open(self, folder: Path, training: TrainingSettings) -> Codec:
        """See `CodecKind`."""
        _ask_for("torch")  # without Fabric, which takes as long to import as PyTorch
        from zpoints.models.autoencoder.codec import NetworkCodec

        return NetworkCodec.load(folder, training)

    def smallest_memory(self, shape: tuple[int, int, int], settings: Settings) -> int:
        """What training takes one picture at a time."""
        _ask_for("lightning_fabric", "torch")
        from zpoints.models.autoencoder.memory import training_bytes
        from zpoints.models.autoencoder.network import Architecture

        return IMPORTED + training_bytes(Architecture.of(shape, settings.autoencoder), 1)


def _ask_for(*modules: str) -> None:
    for module in modules:
        instead = "take autoencoder.kind = 'pca', which does without"
        load(module, "train", "autoencoder.kind = 'autoencoder'", instead)


AUTOENCODER = AutoencoderKind()

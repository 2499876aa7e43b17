"""The trained network at work: a `Codec`."""

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Real, UInt8

from zpoints.config import TrainingSettings
from zpoints.files.documents import fingerprint
from zpoints.models.autoencoder.checkpoint import load_autoencoder
from zpoints.models.autoencoder.memory import activation_bytes
from zpoints.models.autoencoder.network import Autoencoder, pictures_to_tensor, tensor_to_pictures
from zpoints.system.device import Device
from zpoints.system.notebook import card
from zpoints.system.pace import Pace

__all__ = ["NetworkCodec"]


class NetworkCodec:
    """An autoencoder that turns pictures into vectors and back. See `zpoints.models.codec.Codec`.

    Parameters
    ----------
    network : the trained autoencoder; it is moved to the device.
    device : where to work, and in which number format.
    """

    kind = "autoencoder"

    def __init__(self, network: Autoencoder, device: Device) -> None:
        self.network, self.device = network.eval(), device
        self.pace = Pace(device.kind == "cpu")
        device.place(network)

    @classmethod
    def load(cls, folder: Path, training: TrainingSettings | None = None) -> "NetworkCodec":
        """Open a model's folder.

        Raises
        ------
        StageError : no finished model there, or files that do not fit together.
        """
        network, _ = load_autoencoder(folder)
        return cls(network, Device.of(training or TrainingSettings()))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, colours) of the pictures."""
        a = self.network.architecture
        return a.height, a.width, a.colours

    @property
    def dimension(self) -> int:
        """Number d of latent components."""
        return self.network.architecture.latent

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(d,): the latent array is a vector."""
        return (self.dimension,)

    @cached_property
    def key(self) -> str:
        """Follows from architecture and weights alone, wherever the network came from."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
        return fingerprint(self.kind, self.network.architecture.to_json(), digest.hexdigest())

    def encode(self, pictures: UInt8[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n d"]:
        """Latent vectors of one batch of pictures."""
        with self.pace.step(("encode", len(pictures))), self.device.inference():
            # PyTorch warns of memory that cannot be written to, as that of a map.
            block = torch.from_numpy(np.require(pictures, requirements=["C", "W"]))
            block = block.to(self.device.kind, non_blocking=True)
            return self.network.encoder(pictures_to_tensor(block)).float().cpu().numpy()

    def decode(self, z: Real[np.ndarray, "n d"]) -> UInt8[np.ndarray, "n h w c"]:
        """Pictures of one batch of latent vectors."""
        with self.pace.step(("decode", len(z))), self.device.inference():
            block = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(self.device.kind)
            return tensor_to_pictures(self.network.decoder(block)).cpu().numpy()

    def bytes_for(self, n: int) -> int:
        """Memory of what all layers give out for `n` pictures: more than is alive at a time."""
        return activation_bytes(self.network.architecture, n)

    def __repr__(self) -> str:
        height, width, colours = self.shape
        return f"NetworkCodec({height}x{width}x{colours} pictures, {self.dimension} components, {self.device.name})"

    def _repr_html_(self) -> str:
        a = self.network.architecture
        weights = sum(parameter.numel() for parameter in self.network.parameters())
        sides = " - ".join(f"{height}x{width}" for height, width in a.sizes)
        channels = ", ".join(str(count) for count in a.channels)
        return card(repr(self), [f"{weights:,} weights; sides {sides}; channels {channels}; {a.activation}"])

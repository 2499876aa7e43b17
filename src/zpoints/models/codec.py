"""What the rest of zpoints knows of a model: pictures to vectors and back, and nothing of its layers."""

from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

__all__ = ["Codec"]


class Codec(Protocol):
    """A model at work on NumPy arrays, a batch at a time.

    Attributes
    ----------
    kind : the name that settings and registry know it by: ``"autoencoder"``, ``"pca"``.
    shape : (height, width, colours) of its pictures.
    dimension : number d of latent components.
    latent_shape : the shape of one picture's latent array; (d,) where it is a vector.
    key : identifies the model, for resuming: another model has another key.
    """

    kind: str
    shape: tuple[int, int, int]
    dimension: int
    latent_shape: tuple[int, ...]
    key: str

    def encode(self, pictures: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n d"]:
        """Latent vectors of a batch of pictures."""

    def decode(self, z: Float[np.ndarray, "n d"]) -> UInt8[np.ndarray, "n h w c"]:
        """Pictures of a batch of latent vectors."""

    def bytes_for(self, n: int) -> int:
        """Memory that a batch of `n` pictures takes on its way, on top of the model itself."""

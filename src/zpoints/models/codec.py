"""What the rest of zpoints knows of a model: pictures to vectors and back, and nothing of its layers.

A `Codec` is a model at work. A `CodecKind` is how models of one kind are trained, kept in a folder and opened again;
a package adds one by an entry point of the group ``zpoints.codecs``. All that it needs is one file::

    class Averages(CodecKind):
        name = "averages"

        def train(self, store, out, settings, progress):
            save_model(out, self.name, {"shape": store.shape})
            return AveragesCodec(store.shape)

        def open(self, folder, training):
            return AveragesCodec(tuple(read_model(folder)["shape"]))

    KIND = Averages()
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from jaxtyping import Float, UInt8

from zpoints.config import Settings, TrainingSettings
from zpoints.errors import StageError
from zpoints.files.documents import read_json, write_json
from zpoints.images.store import ImageStore
from zpoints.system.progress import Progress

__all__ = ["MODEL", "Codec", "CodecKind", "read_model", "save_model"]

MODEL = "model.json"
"""Written last: a folder that has it holds a whole model."""


class Codec(Protocol):
    """A model at work on NumPy arrays, a batch at a time.

    Attributes
    ----------
    kind : the name that settings and registry know it by: ``"autoencoder"``, ``"pca"``.
    shape : (height, width, colours) of its pictures.
    dimension : number d of latent components.
    latent_shape : the shape of one picture's latent array; (d,) where it is a vector.
    key : identifies the model, for resuming: another model has another key.

    Examples
    --------
    >>> import zpoints as zp
    >>> codec = zp.open_codec("runs/faces/model")  # doctest: +SKIP
    >>> z = codec.encode(pictures)  # doctest: +SKIP
    >>> again = codec.decode(z)  # doctest: +SKIP
    """

    @property
    def kind(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def dimension(self) -> int: ...
    @property
    def latent_shape(self) -> tuple[int, ...]: ...
    @property
    def key(self) -> str: ...

    def encode(self, pictures: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n d"]:
        """Latent vectors, (n, d) float32, of a batch of `pictures`, (n, height, width, colours) uint8."""

    def decode(self, z: Float[np.ndarray, "n d"]) -> UInt8[np.ndarray, "n h w c"]:
        """Pictures, (n, height, width, colours) uint8, of a batch of latent vectors `z`, (n, d)."""

    def bytes_for(self, n: int) -> int:
        """Memory that a batch of `n` pictures takes on its way, in bytes, on top of the model itself."""


class CodecKind(ABC):
    """How models of one kind are trained, kept and opened.

    Attributes
    ----------
    name : as ``autoencoder.kind`` and ``model.json`` call it.
    outputs : names of the files that a trained model's folder holds; ``model.json`` is one of them.
    has_history : whether the folder has ``history.csv``, the course of a training by epochs.
    """

    name: ClassVar[str]
    outputs: ClassVar[tuple[str, ...]] = (MODEL,)
    has_history: ClassVar[bool] = False

    @abstractmethod
    def train(self, store: ImageStore, out: Path, settings: Settings, progress: Progress) -> Codec:
        """Train on the pictures of split ``train``, and leave a whole model in the folder `out`.

        A finished training of the same pictures and settings is not repeated. `save_model` writes ``model.json``
        as the last of the files.
        """

    @abstractmethod
    def open(self, folder: Path, training: TrainingSettings) -> Codec:
        """Open a trained model.

        Parameters
        ----------
        training : says on which device it works, and in which number format.

        Raises
        ------
        StageError : the folder holds no such model, or a damaged one.
        """

    def smallest_memory(self, shape: tuple[int, int, int], settings: Settings) -> int:
        """Bytes that a process needs at least to train on pictures of `shape`, what it imports included."""
        return 0


def read_model(folder: Path) -> dict[str, Any]:
    """What ``model.json`` says.

    Raises
    ------
    StageError : the folder holds no trained model.
    """
    folder = Path(folder)
    if not (folder / MODEL).is_file():
        raise StageError(f"{folder}: no trained model here (no {MODEL}); run `zpoints train` first")
    return read_json(folder / MODEL)


def save_model(folder: Path, kind: str, content: dict[str, Any]) -> None:
    """Write ``model.json``; do so after all other files of the model.

    Of `content`, the rest of zpoints reads ``description`` (a sentence for the report), and of latent arrays with a
    shape ``latent_shape`` and ``layout``, as ``analysis.layout`` calls it.
    """
    write_json(folder / MODEL, {"kind": kind, **content})

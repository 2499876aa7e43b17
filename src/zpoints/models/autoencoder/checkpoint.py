"""What is kept of a network: weights as safetensors, and the whole state of a training under way."""

import zipfile
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from zpoints.errors import StageError, reason
from zpoints.files.atomic import atomic_path
from zpoints.files.readable import ANEW, readable
from zpoints.images.batches import Order
from zpoints.models.autoencoder.memory import loading_bytes
from zpoints.models.autoencoder.network import Architecture, Autoencoder
from zpoints.models.codec import read_model, save_model
from zpoints.system.budget import require
from zpoints.system.disk import check_room

__all__ = [
    "TrainingState",
    "load_autoencoder",
    "load_weights",
    "save_autoencoder",
    "save_weights",
]

WEIGHTS = "weights.safetensors"


def save_weights(path: Path, network: Autoencoder, sync: bool = True) -> None:
    """Write the weights atomically as safetensors."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    check_room(path, sum(tensor.nbytes for tensor in tensors.values()))
    with atomic_path(path, sync) as temporary:
        save_file(tensors, temporary)


def load_weights(path: Path, network: Autoencoder) -> None:
    """Read weights into a network of the same architecture."""
    with _readable(path):
        network.load_state_dict(load_file(path))


def save_autoencoder(folder: Path, network: Autoencoder, extra: dict[str, Any]) -> None:
    """Write weights.safetensors, then model.json, whose presence means that the folder is whole."""
    save_weights(folder / WEIGHTS, network)
    save_model(folder, "autoencoder", {"architecture": network.architecture.to_json(), **extra})


def load_autoencoder(folder: Path) -> tuple[Autoencoder, dict[str, Any]]:
    """The trained network, ready to encode and decode, and what else model.json says.

    Raises
    ------
    StageError : no finished model there, or files that do not fit together.
    """
    content, weights = read_model(folder), folder / WEIGHTS
    architecture = Architecture.from_json(content.get("architecture", {}))
    _check_fit(weights, architecture)
    require(loading_bytes(architecture), f"{folder}: opening the model")
    network = Autoencoder(architecture)
    load_weights(weights, network)
    return network.eval(), content


def _check_fit(path: Path, architecture: Architecture) -> None:
    """Compare shapes before any memory is asked for: the numbers in a model.json may be anything."""
    with _readable(path), torch.device("meta"), safe_open(path, framework="pt") as file:
        expected = {name: list(value.shape) for name, value in Autoencoder(architecture).state_dict().items()}
        names = file.keys()
        if {name: file.get_slice(name).get_shape() for name in names} != expected:
            raise ValueError("model.json describes another one")


def _readable(path: Path) -> AbstractContextManager[None]:
    return readable(path, "weights of this network", ANEW, StageError)


@dataclass
class TrainingState:
    """All that a training needs to go on as if it had not been interrupted.

    `epoch` epochs are finished; of the next one `steps` steps are done, whose losses add up to `loss`. `order` says
    how pictures are shuffled, as it was decided at the start.

    Nothing of it depends on how many processes train: another number of them goes on. `scaler` is empty but under
    float16. The order of the pictures follows from the seed and the number of the epoch alone, and nothing else is
    random, so there is no state of a random generator to keep.
    """

    key: str
    epoch: int = 0
    steps: int = 0
    loss: float = 0.0
    best_loss: float = float("inf")
    order: Order | Literal[""] = ""
    history: list[dict[str, float | None]] = field(default_factory=list)
    network: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path, sync: bool = True) -> None:
        """Write atomically, and keep the state before it: a disk may spoil a file long after it was written."""
        with atomic_path(path, sync) as temporary:
            torch.save(vars(self), temporary)
            if path.is_file():
                path.replace(_before(path))

    @classmethod
    def load(cls, path: Path, key: str) -> tuple["TrainingState", str]:
        """Read the state of the training that `key` identifies; a fresh state if there is none.

        A file that cannot be read is passed over for the one before it. The second value says so in words, and is
        empty if all is well.

        Raises
        ------
        StageError : neither can be read.
        """
        damage = ""
        for candidate in (path, _before(path)):
            if not candidate.is_file():
                continue
            try:
                state = cls._read(candidate)
            except Exception as error:  # PyTorch's reader has no class of its own for damage
                damage = damage or f"{path}: cannot be read ({reason(error)})"
                continue
            if state.key != key:
                return cls(key), ""
            return state, f"{damage}; the checkpoint before it is whole" if damage else ""
        if damage:
            raise StageError(f"{damage}; delete the folder {path.parent} to train from the start")
        return cls(key), ""

    @classmethod
    def _read(cls, path: Path) -> "TrainingState":
        with zipfile.ZipFile(
            path
        ) as archive:  # PyTorch reads other kinds of files, too, which we never write
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("it is compressed")
        state = cls(**torch.load(path, map_location="cpu", weights_only=True))
        for name, default in vars(cls("")).items():
            if not isinstance(getattr(state, name), type(default)):
                raise ValueError(f"'{name}' is no {type(default).__name__}")
        return state


def _before(path: Path) -> Path:
    """Where the state before the last one lies."""
    return path.with_name(f"{path.stem}-before{path.suffix}")

"""What a kind of model file is to zpoints: known by its place, looked at, opened; and what an opened one can do.

A package adds a format by an entry point of the group ``zpoints.model_formats``, a `ModelFormat` in one file.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zpoints.config import Section
from zpoints.errors import UsageError
from zpoints.models.foreign.recipe import checked
from zpoints.system.sizes import MIB

__all__ = [
    "OUTPUTS",
    "Backend",
    "Found",
    "ModelFormat",
    "Place",
    "by_word",
    "digest",
    "only_file",
    "vector_of",
]

CHUNK = 1 << 20
VARIANCE = re.compile(r"log_?var|(^|[^a-z])(var|variance|std|stddev|sigma)([^a-z]|$)")
OUTPUTS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Black and white of a Decoder that ends so."""


@dataclass(frozen=True)
class Place:
    """Where a model lies, as a user names it.

    Attributes
    ----------
    path : a folder, or a file.
    class_name : ``module:Class`` of the user's own code, where the user named one.
    """

    path: Path
    class_name: str = ""

    @classmethod
    def of(cls, text: str) -> "Place":
        """What ``folder``, ``folder/model.onnx`` or ``folder/net.py:Autoencoder`` names.

        Raises
        ------
        UsageError : there is no such file or folder.
        """
        if named := _class_in(text):
            return named
        path = Path(text).expanduser()
        try:
            there = path.exists()
        except (OSError, ValueError):
            there = False
        if not there:
            raise UsageError(f"{text}: no such model; name its folder, or its file")
        if path.suffix == ".py":
            raise UsageError(f"{text}: which class? name it as in {path.name}:Autoencoder")
        return cls(path)

    @property
    def text(self) -> str:
        """The place from anywhere, as `of` takes it."""
        path = self.path.absolute()
        module, _, name = self.class_name.partition(":")
        return f"{path / module}.py:{name}" if name else str(path)

    @property
    def folder(self) -> Path:
        """The folder that the model's files lie in."""
        return self.path if self.path.is_dir() else self.path.parent


def _class_in(text: str) -> Place | None:
    """The class that ``folder/net.py:Class``, ``folder/net:Class`` or ``folder:net:Class`` names."""
    found = re.fullmatch(r"(.+):([A-Za-z_][\w.]*)", text)
    if not found:
        return None
    module = re.sub(r":(?=[A-Za-z_]\w*$)", "/", found.group(1)).removesuffix(".py")
    path = Path(f"{module}.py").expanduser()
    try:
        return Place(path.parent, f"{path.stem}:{found.group(2)}") if path.is_file() else None
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class Found:
    """What a look at an opened model tells of its pixels.

    Attributes
    ----------
    inputs : shapes of one picture that it may take, the likeliest first; None where any size will do.
    last : the last activation of its Decoder, where it is known: ``sigmoid``, ``tanh``, ``linear``.
    values : what it says of the recipe itself, and what of that was `assumed`, a sentence each.
    """

    inputs: tuple[tuple[int | None, ...], ...]
    last: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()


class Backend(ABC):
    """An opened model at work: its own arrays in, its own arrays out, a batch at a time."""

    takes_bytes: bool = False
    """Pictures of grey levels may be given as they are, in place of float32."""

    @abstractmethod
    def encode(self, x: np.ndarray) -> np.ndarray:
        """Latent arrays (n, ...) of pictures as the model takes them, float32 (or bytes, if it `takes_bytes`)."""

    @abstractmethod
    def decode(self, z: np.ndarray) -> np.ndarray:
        """What the Decoder gives for latent arrays (n, ...)."""

    @abstractmethod
    def look(self) -> Found:
        """What the model tells of its pixels."""

    def chosen(self) -> tuple[str, ...]:
        """Sentences: what had to be chosen of its outputs, known once it has worked."""
        return ()

    def values(self, x: np.ndarray, z: np.ndarray) -> int:
        """Numbers that all layers together give out for one picture, at least."""
        return 8 * x.size


class ModelFormat(ABC):
    """One kind of model file.

    Attributes
    ----------
    name : as ``codec.toml`` calls it.
    words : what it is, for lists of what may be given.
    settings : the table ``[model]`` of ``codec.toml``.
    imported : bytes that a run has taken when such a model has encoded its first pictures, all that it imports
        included; peaks of runs with tiny models, with a tenth on top or more, so that pictures can be prepared
        beside it.
    copies : so many times the bytes of its files are in memory while it is opened.
    """

    name: ClassVar[str]
    words: ClassVar[str]
    settings: ClassVar[type[Section]]
    imported: ClassVar[int] = 200 * MIB
    copies: ClassVar[int] = 2

    @abstractmethod
    def recognises(self, place: Place) -> bool:
        """Whether a model of this kind lies there; nothing is opened, nothing imported."""

    @abstractmethod
    def model(self, place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
        """The table ``[model]``, by names of files alone; what was given goes before.

        Raises
        ------
        UsageError : files are missing, or there are too many to choose from.
        """

    @abstractmethod
    def files(self, folder: Path, model: Mapping[str, Any]) -> list[Path]:
        """All files that the model consists of: another content of them is another model."""

    def smallest_memory(self, folder: Path, model: Mapping[str, Any]) -> int:
        """Bytes that a process needs at least to work with a model; nothing is opened, nothing imported."""
        files = self.files(folder, self.settings_of(model, str(folder)).model_dump(by_alias=True))
        sizes = (path.stat().st_size for path in files if path.is_file())
        return self.imported + self.copies * sum(sizes)

    @abstractmethod
    def open(self, folder: Path, model: Mapping[str, Any], device: str) -> Backend:
        """Open a model.

        Parameters
        ----------
        device : as ``training.device``.

        Raises
        ------
        UsageError : a package is missing, or the model is nothing that can or may be opened.
        """

    def settings_of(self, model: Mapping[str, Any], where: str) -> Any:
        """The table ``[model]``, checked."""
        return checked(self.settings, dict(model), f"{where}, [model]")


def only_file(folder: Path, patterns: Iterable[str], what: str) -> str:
    """The name of the one file in a folder that fits; of several, none is chosen.

    Raises
    ------
    UsageError : there is none, or several.
    """
    names = sorted({path.name for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    if len(names) == 1:
        return names[0]
    naming = f"zpoints model check PATH --set model.{what}=FILE"
    if not names:
        raise UsageError(f"{folder}: no {what} here ({' or '.join(patterns)}); name it: {naming}")
    raise UsageError(f"{folder}: which {what}? there are {', '.join(names)[:200]}; name it: {naming}")


def by_word(names: Iterable[str], words: Iterable[str]) -> str | None:
    """The first name that is, or ends with, one of some words, the likeliest word first."""
    names = list(names)
    for word in words:
        for name in names:
            if re.search(rf"(^|[^a-z]){word}([^a-z]|$)", name.lower()):
                return name
    return None


def vector_of(names: list[str], words: Iterable[str]) -> str:
    """Of an Encoder's outputs the one that is called by one of some words, or the first; no variance, if possible."""
    others = [name for name in names if not VARIANCE.search(name.lower())] or names
    return by_word(others, words) or others[0]


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes; ``gone`` where there is none."""
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError:
        return "gone"


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, time: int) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            found.update(block)
    return found.hexdigest()

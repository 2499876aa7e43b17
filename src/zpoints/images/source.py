"""What every source of pictures can do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import pandas as pd
from PIL import Image

from zpoints.errors import SourceError
from zpoints.system.progress import Progress

__all__ = ["Crop", "Opener", "Options", "Source", "UnusableError", "exists", "path_of"]

Crop = Literal["none", "square"] | tuple[int, int, int, int]
"""What is kept of a picture: all, the centred square, or a box (left, top, right, bottom) in pixels."""

Opener = Callable[[], Image.Image]
"""Gives one picture, from any thread; decodes it only when pixels are asked. May raise `UnusableError`."""


class UnusableError(Exception):
    """One picture that cannot be used. The text is the reason, in a few words."""


@dataclass(frozen=True)
class Options:
    """What the settings say about a source.

    Attributes
    ----------
    count : at most so many pictures, the first ones; None is all.
    max_megapixels : larger pictures are refused before they are decoded.
    seed : of a source that draws its pictures.
    progress : told of a download.
    size : (height, width) that pictures are scaled to; None is the source's own.
    """

    count: int | None
    max_megapixels: float
    seed: int
    progress: Progress
    size: tuple[int, int] | None = None


class Source(ABC):
    """A sequence of pictures that is too large to hold.

    A subclass says what text means it (by its `word`, by `holds` of a path, or by `recognises` of any text), is
    opened by `of`, names its items (`label`) and gives them in ranges (`openers`). All else is optional knowledge.

    Attributes
    ----------
    word : the text that means it in settings and commands, as ``"faces"``; None where a path does.
    name : one word or a path, for messages.
    picture_size : (height, width) if all pictures are known to have the same.
    default_size : (height, width) that the user gets who does not choose.
    default_crop : what is cut off before scaling if the user does not choose.
    channels : 1 or 3 if known beforehand; None has the first pictures looked at.
    held_bytes : memory that one opener holds before it is called.
    in_order : reading goes forward only, so that a look at the last picture reads all before it.
    splits : int8 per item, 0 train, 1 validation, 2 test; None if the source has no official split.
    attributes : one row per item; None if the source has none.
    remarks : what was found, guessed or left out, a line each; said when the source is opened.
    form : of a source that a path means, what the path is, for messages: ``"a zip"``.
    """

    word: ClassVar[str | None] = None
    form: ClassVar[str] = ""
    name: str
    picture_size: tuple[int, int] | None = None
    default_size: tuple[int, int] = (96, 96)
    default_crop: Crop = "none"
    channels: Literal[1, 3] | None = None
    held_bytes: int = 0
    in_order: bool = False
    splits: np.ndarray | None = None
    attributes: pd.DataFrame | None = None
    remarks: tuple[str, ...] = ()

    @classmethod
    def recognises(cls, text: str) -> bool:
        """Whether the text means a source of this kind: its word, or a path that it holds pictures of."""
        if cls.word is not None:
            return text == cls.word
        return exists(text) and cls.holds(path_of(text))

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether a path, where there is something, is of this kind."""
        return False

    @classmethod
    @abstractmethod
    def of(cls, text: str, options: Options) -> "Source":
        """Open what a text that it recognises means.

        Raises
        ------
        SourceError : there is nothing, or nothing that can hold pictures.
        """

    @property
    def natural_size(self) -> tuple[int, int]:
        """(height, width) of the uncut pictures, or what is sensible where these differ."""
        return self.picture_size or self.default_size

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of items, usable or not."""

    @abstractmethod
    def describe(self) -> str:
        """Say in one line what the pictures are, and whose."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a text that is the same as long as the items are the same."""

    @abstractmethod
    def label(self, item: int) -> str:
        """Return the name of one item: a relative path, a member, a number in a file."""

    @abstractmethod
    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener for each item from `start` to before `stop`. Called from one thread only."""

    def contains(self, path: Path) -> bool:
        """Whether a path lies among the pictures, so that what is written there would be taken for one."""
        return False

    def close(self) -> None:
        """Close what is open."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def exists(text: str) -> bool:
    """Whether a text is the path of something."""
    try:
        # An empty text would mean the folder one stands in.
        return bool(text) and path_of(text).exists()
    except (OSError, ValueError):
        return False


def path_of(text: str) -> Path:
    """The path that a text means; ``~`` is the user's folder.

    Raises
    ------
    SourceError : it is no path.
    """
    try:
        return Path(text).expanduser()
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(f"{text!r}: not a path ({error}); name a folder or a file") from error

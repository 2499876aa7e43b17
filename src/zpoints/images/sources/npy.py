"""Pictures as one .npy file."""

from pathlib import Path
from typing import Self

from zpoints.errors import ArrayError, SourceError
from zpoints.files.arrays.npy import NpyReader
from zpoints.images.arrays import ArraySource
from zpoints.images.files import file_mark
from zpoints.images.source import Options, path_of

__all__ = ["NpySource"]


class NpySource(ArraySource):
    """The rows of a .npy file, through a memory map."""

    form = "a .npy"

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is called .npy."""
        return path.suffix.lower() == ".npy"

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the file that the text means."""
        path = path_of(text)
        try:
            rows = NpyReader(path, shared=True)
        except ArrayError as error:
            raise SourceError(str(error)) from error
        return cls(rows, text, file_mark(path), options.count, options.max_megapixels, lazily=True)

"""Pictures as encoded files, wherever these lie."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from zpoints.images.source import Opener, Source

__all__ = ["FileSource", "file_mark", "size_and_time"]


class FileSource(Source):
    """Encoded files, each opened by the thread that decodes it."""

    def __init__(self, name: str, max_megapixels: float) -> None:
        self.name, self.max_megapixels = name, max_megapixels
        # Eight bytes hold a pixel of any uncompressed picture; the rest is for its notes.
        self.max_bytes = int(max_megapixels * 8e6) + 2**20

    @abstractmethod
    def open(self, item: int) -> Image.Image:
        """Open one file as a picture; called from many threads."""

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener per file."""
        return [partial(self.open, item) for item in range(start, stop)]


def file_mark(path: Path) -> str:
    """Identify a file without reading it: where it is, how large, and when it was written."""
    return f"{path.resolve()} {size_and_time(path)}"


def size_and_time(path: Path) -> str:
    """What changes with a file, in the system's own words."""
    try:
        status = path.stat()
    except OSError:  # gone since it was listed: it will be rejected
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns}"

"""Data sets that scikit-learn downloads."""

from pathlib import Path
from typing import Any

from zpoints.errors import SourceError
from zpoints.images.arrays import ArraySource, with_persons
from zpoints.images.files import FolderSource
from zpoints.images.source import Source

__all__ = ["lfw", "olivetti"]

INSTEAD = "use 'faces', 'orl', a folder, a zip or an array"


def olivetti(count: int | None, max_megapixels: float) -> Source:
    """Open the Olivetti faces: 400 grey pictures of 64x64, 40 persons; 6 MB in memory.

    Raises `SourceError` if they cannot be downloaded.
    """
    data = _fetch("olivetti", "fetch_olivetti_faces")
    source = _Olivetti(data["images"], "olivetti", "olivetti", count, max_megapixels, lazily=True)
    return with_persons(source, data["target"])


class _Olivetti(ArraySource):
    def describe(self) -> str:
        """Give the credit."""
        return f"Olivetti faces, AT&T Laboratories Cambridge: {len(self)} grey pictures of 64x64"


def lfw(count: int | None, max_megapixels: float) -> Source:
    """Open Labeled Faces in the Wild (funneled): 13,233 colour pictures of 250x250, cut to the face.

    scikit-learn downloads and unpacks them; the pictures are then read as the folder that they are.
    Raises `SourceError` if they cannot be downloaded.
    """
    from sklearn.datasets import get_data_home  # takes a second

    folder = Path(get_data_home()) / "lfw_home" / "lfw_funneled"
    if not folder.is_dir():
        # Asking for the one person with more than 500 pictures keeps what it loads into memory small.
        _fetch("lfw", "fetch_lfw_people", min_faces_per_person=500)
    return _Lfw(folder, "lfw", count, max_megapixels)


class _Lfw(FolderSource):
    """The pictures and nothing else: the folder also holds lists."""

    default_crop = (63, 70, 188, 195)
    channels = 3

    def __init__(self, root: Path, name: str, count: int | None, max_megapixels: float) -> None:
        super().__init__(root, name, None, max_megapixels)
        self.paths = [path for path in self.paths if path.endswith(".jpg")][:count]

    def describe(self) -> str:
        """Give the credit."""
        return f"Labeled Faces in the Wild (Huang et al. 2007), funneled: {len(self):,} colour pictures"


def _fetch(name: str, fetcher: str, **arguments: Any) -> Any:
    from sklearn import datasets  # takes a second

    try:
        return getattr(datasets, fetcher)(**arguments)
    except Exception as error:  # network, disk, checksum: each scikit-learn release raises other types
        reason = " ".join(str(error).split())[:150]
        raise SourceError(f"{name}: scikit-learn cannot download it ({reason}); {INSTEAD}") from error

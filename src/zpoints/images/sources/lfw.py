"""Labeled Faces in the Wild, which scikit-learn downloads."""

from pathlib import Path
from typing import Self

from zpoints.images.fetched import fetch
from zpoints.images.source import Options
from zpoints.images.sources.folder import FolderSource

__all__ = ["LfwSource"]


class LfwSource(FolderSource):
    """13,233 colour pictures of 250x250 (funneled), cut to the face; the folder also holds lists, which are left out.

    scikit-learn downloads and unpacks them; the pictures are then read as the folder that they are.
    """

    word = "lfw"
    default_crop = (63, 70, 188, 195)
    channels = 3

    def __init__(self, root: Path, name: str, count: int | None, max_megapixels: float) -> None:
        super().__init__(root, name, None, max_megapixels)
        self.paths = [path for path in self.paths if path.endswith(".jpg")][:count]

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the pictures. Raises `SourceError` if they cannot be downloaded."""
        from sklearn.datasets import get_data_home  # takes a second

        folder = Path(get_data_home()) / "lfw_home" / "lfw_funneled"
        if not folder.is_dir():
            # Asking for the one person with more than 500 pictures keeps what it loads into memory small.
            fetch("lfw", "fetch_lfw_people", min_faces_per_person=500)
        return cls(folder, "lfw", options.count, options.max_megapixels)

    def describe(self) -> str:
        """Give the credit."""
        return f"Labeled Faces in the Wild (Huang et al. 2007), funneled: {len(self):,} colour pictures"

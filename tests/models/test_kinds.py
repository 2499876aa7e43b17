"""Kinds of models by name: built in, of an installed package, of older runs, and unknown ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support import line
from zpoints.config import AutoencoderSettings, Settings, TrainingSettings
from zpoints.errors import StageError, UsageError
from zpoints.files.documents import read_json, write_json
from zpoints.images.store import ImageStore
from zpoints.models.kinds import CODECS, open_codec, train_codec

SMALL = {"channels": [8, 12, 16], "latent": 8}


def settings(kind: str) -> Settings:
    return Settings.of({"autoencoder": SMALL | {"kind": kind}, "training": {"epochs": 1}}, "test")


@pytest.mark.parametrize("kind", ["autoencoder", "pca"])
def test_a_kind_keeps_what_it_says(store: ImageStore, tmp_path: Path, kind: str) -> None:
    codec = train_codec(str(store.folder), str(tmp_path), settings(kind))
    member = CODECS[kind]
    assert member.name == codec.kind == kind
    assert all((tmp_path / name).is_file() for name in member.outputs)
    assert (tmp_path / "history.csv").is_file() == member.has_history
    assert read_json(tmp_path / "model.json")["kind"] == kind
    opened = open_codec(tmp_path, TrainingSettings(device="cpu"))
    assert (opened.kind, opened.key, opened.dimension, opened.shape) == (kind, codec.key, 8, store.shape)
    small, large = (member.smallest_memory(shape, settings(kind)) for shape in ((32, 32, 3), (96, 96, 3)))
    assert 0 < small < large


@pytest.mark.parametrize("kind", ["autoencoder", "pca"])
def test_a_codec_shows_itself(store: ImageStore, tmp_path: Path, kind: str) -> None:
    codec = train_codec(store.folder, tmp_path, settings(kind))
    assert "32x32x3 pictures, 8 components" in repr(codec)
    shown = codec._repr_html_()  # type: ignore[attr-defined]
    assert "32x32x3 pictures, 8 components" in shown
    # A linear codec has axes to show; what a network's components do is known by its z-points only.
    assert shown.count("<img") == (kind == "pca")
    assert len(shown) < 120_000


def test_a_model_of_before_there_were_kinds_is_the_network(store: ImageStore, tmp_path: Path) -> None:
    key = train_codec(store.folder, tmp_path, settings("autoencoder")).key
    content = read_json(tmp_path / "model.json")
    del content["kind"]
    write_json(tmp_path / "model.json", content)
    opened = open_codec(tmp_path)
    assert (opened.kind, opened.key) == ("autoencoder", key)


@pytest.mark.parametrize("kind", ["vae", 3, None, ["pca"]])
def test_a_model_of_an_unknown_kind_is_one_line(tmp_path: Path, kind: object) -> None:
    write_json(tmp_path / "model.json", {"kind": kind})
    with pytest.raises(StageError) as caught:
        open_codec(tmp_path)
    assert "autoencoder, pca" in line(caught.value)


def test_no_model_and_a_mistyped_kind_are_one_line(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(StageError) as caught:
        open_codec(tmp_path)
    assert "zpoints train" in line(caught.value)
    with pytest.raises(UsageError) as caught_too:
        train_codec(store.folder, tmp_path, settings("pda"))
    assert "did you mean 'pca'?" in line(caught_too.value)
    assert AutoencoderSettings().kind == "autoencoder"


FOREIGN = '''
import numpy as np
from zpoints.models.codec import CodecKind, read_model, save_model


class Mean:
    """One number a picture: its brightness."""

    kind, dimension, latent_shape, key = "brightness", 1, (1,), "brightness"

    def __init__(self, shape):
        self.shape = shape

    def encode(self, pictures):
        return pictures.mean(axis=(1, 2, 3))[:, None].astype(np.float32)

    def decode(self, z):
        return np.broadcast_to(np.rint(z).astype(np.uint8)[:, :, None, None], (len(z), *self.shape)).copy()

    def bytes_for(self, n):
        return n * 1000


class Brightness(CodecKind):
    name = "brightness"

    def train(self, store, out, settings, progress):
        save_model(out, self.name, {"shape": store.shape})
        return Mean(store.shape)

    def open(self, folder, training):
        return Mean(tuple(read_model(folder)["shape"]))


KIND = Brightness()
'''

USE = """
import sys
from pathlib import Path
import numpy as np
from zpoints.config import Settings
from zpoints.images.store import ImageStore
from zpoints.models.coding import decode, encode
from zpoints.models.kinds import CODECS, open_codec, train_codec
from zpoints.vectors.latent_set import LatentSet

images, out = Path(sys.argv[1]), Path(sys.argv[2])
print(*CODECS, CODECS.origin("brightness"))
train_codec(images, out / "model", Settings.of({"autoencoder": {"kind": "brightness"}}, "test"))
codec, store = open_codec(out / "model"), ImageStore.open(images)
encode(codec, store, out / "z.npy")
decode(codec, LatentSet.open(out / "z.npy"), out / "pictures.npy")
print(codec.kind, "torch" in sys.modules)
"""


def test_a_package_of_one_file_adds_a_kind(store: ImageStore, tmp_path: Path) -> None:
    place = tmp_path / "site"
    (place / "bright-1.0.dist-info").mkdir(parents=True)
    (place / "bright.py").write_text(FOREIGN)
    (place / "bright-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bright\nVersion: 1.0\n"
    )
    (place / "bright-1.0.dist-info" / "entry_points.txt").write_text(
        "[zpoints.codecs]\nbrightness = bright:KIND\n"
    )
    code = f"import sys; sys.path[:0] = [{str(place)!r}, *{sys.path!r}]\n{USE}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.folder), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "autoencoder pca foreign brightness the package bright",
        "brightness False",
    ]
    pictures, rebuilt = np.asarray(store.pixels), np.load(tmp_path / "pictures.npy")
    assert rebuilt.shape == pictures.shape
    assert np.abs(rebuilt.mean(axis=(1, 2, 3)) - pictures.mean(axis=(1, 2, 3))).max() <= 0.51

"""Encoding and decoding: the plain network's results, block by block, whatever interrupts them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from support import line
from zpoints.config import AutoencoderSettings
from zpoints.errors import ArrayError, StageError
from zpoints.images.store import ImageStore
from zpoints.models import coding
from zpoints.models.autoencoder.network import Architecture, Autoencoder
from zpoints.models.coding import Coder, decode, encode
from zpoints.system.device import Device
from zpoints.vectors.latent_set import LatentSet

EXACT = Device("cpu", bfloat16=False)


@pytest.fixture(scope="module")
def coder() -> Coder:
    torch.manual_seed(1)
    settings = AutoencoderSettings(channels=(8, 12, 16), latent=9)
    return Coder(Autoencoder(Architecture.of((32, 32, 3), settings)), EXACT)


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "BATCH", 50)
    monkeypatch.setattr(coding, "SYNC_EVERY", 2)


def test_encode_gives_the_encoder_s_vectors_in_the_order_of_the_pictures(
    coder: Coder, store: ImageStore, tmp_path: Path
) -> None:
    encode(coder, store, tmp_path / "z.npy")
    z = np.load(tmp_path / "z.npy")
    assert z.dtype == np.float32
    with torch.inference_mode():
        expected = coder.network.encoder(torch.from_numpy(np.array(store.pixels)).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(z, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_decode_gives_the_decoder_s_pictures(coder: Coder, tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(130, 9))
    np.save(tmp_path / "z.npy", z)
    decode(coder, LatentSet.open(tmp_path / "z.npy"), tmp_path / "pictures.npy")
    with torch.inference_mode():
        expected = coder.network.decoder(torch.from_numpy(z).float()).permute(0, 2, 3, 1).numpy() * 255
    pictures = np.load(tmp_path / "pictures.npy")
    assert pictures.dtype == np.uint8
    assert np.abs(pictures - expected).max() <= 0.51


class Killed(BaseException):
    """Stands in for SIGKILL."""


@pytest.mark.parametrize("call", [1, 2, 3, 4, 6])
def test_killed_anywhere_both_go_on(
    coder: Coder, store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    z = np.random.default_rng(0).normal(size=(320, 9))
    np.save(tmp_path / "latents.npy", z)

    def both(folder: Path) -> None:
        encode(coder, store, folder / "z.npy", key="k")
        decode(coder, LatentSet.open(tmp_path / "latents.npy"), folder / "pictures.npy", key="k")

    both(tmp_path / "whole")
    for name in ("encode", "decode"):
        original, count = getattr(Coder, name), iter(range(1, 1000))

        def dying(self: Coder, block: np.ndarray, original=original, count=count) -> np.ndarray:
            if next(count) == call:
                raise Killed
            return original(self, block)

        with monkeypatch.context() as patched:
            patched.setattr(Coder, name, dying)
            with pytest.raises(Killed):
                both(tmp_path / "cut")
    both(tmp_path / "cut")
    for name in ("z.npy", "pictures.npy"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()
    assert not list((tmp_path / "cut").glob("*.partial*"))


def test_work_of_another_model_is_not_continued(
    coder: Coder, store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, count = Coder.encode, iter(range(1, 1000))

    def dying(self: Coder, block: np.ndarray) -> np.ndarray:
        if next(count) == 5:
            raise Killed
        return original(self, block) + 100

    with monkeypatch.context() as patched:
        patched.setattr(Coder, "encode", dying)
        with pytest.raises(Killed):
            encode(coder, store, tmp_path / "z.npy", key="other model")
    encode(coder, store, tmp_path / "z.npy", key="this model")
    assert np.load(tmp_path / "z.npy").max() < 50


def test_bfloat16_changes_the_vectors_by_little(coder: Coder, store: ImageStore) -> None:
    pictures = np.asarray(store.pixels[:200])
    exact, fast = coder.encode(pictures), Coder(coder.network, Device("cpu", bfloat16=True)).encode(pictures)
    assert np.abs(exact - fast).max() > 0
    assert (np.abs(exact - fast).std(axis=0) < 0.05 * exact.std(axis=0)).all()


def test_pictures_of_another_shape_are_refused(coder: Coder, store: ImageStore, tmp_path: Path) -> None:
    other = Coder(
        Autoencoder(Architecture.of((16, 16, 1), AutoencoderSettings(channels=(4,), latent=3))), EXACT
    )
    with pytest.raises(StageError) as caught:
        encode(other, store, tmp_path / "z.npy")
    assert "(16, 16, 1)" in line(caught.value)
    assert not (tmp_path / "z.npy").exists()


def test_vectors_that_do_not_fit_are_refused(coder: Coder, tmp_path: Path) -> None:
    with pytest.raises(ArrayError) as caught:
        decode(coder, LatentSet.open(np.zeros((4, 8))), tmp_path / "pictures.npy")
    assert "8 components" in line(caught.value)
    bad = np.zeros((200, 9))
    bad[120, 3] = np.nan
    with pytest.raises(ArrayError) as caught:
        decode(coder, LatentSet.open(bad), tmp_path / "pictures.npy")
    assert "vector 120" in line(caught.value)
    assert not (tmp_path / "pictures.npy").exists()


def test_an_unfinished_model_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError) as caught:
        Coder.load(tmp_path)
    assert "zpoints train" in line(caught.value)

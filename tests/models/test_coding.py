"""Encoding and decoding, file to file: the plain model's results by any codec, whatever interrupts them."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from support import line
from zpoints.config import AutoencoderSettings
from zpoints.errors import ArrayError, BudgetError, StageError
from zpoints.images.store import ImageStore
from zpoints.models import coding
from zpoints.models.autoencoder.codec import NetworkCodec
from zpoints.models.autoencoder.network import Architecture, Autoencoder
from zpoints.models.codec import Codec
from zpoints.models.coding import batch_of, decode, encode, reconstruct
from zpoints.models.pca import PCACodec
from zpoints.system import budget
from zpoints.system.budget import Budget, spare, within
from zpoints.system.device import Device
from zpoints.system.meter import anonymous_bytes
from zpoints.system.sizes import MIB
from zpoints.vectors.latent_set import LatentSet

EXACT = Device("cpu", bfloat16=False)
D = 9


def network(seed: int = 1, shape: tuple[int, int, int] = (32, 32, 3)) -> NetworkCodec:
    torch.manual_seed(seed)
    settings = AutoencoderSettings(channels=(8, 12, 16), latent=D)
    return NetworkCodec(Autoencoder(Architecture.of(shape, settings)), EXACT)


def axes(seed: int = 1, shape: tuple[int, int, int] = (32, 32, 3)) -> PCACodec:
    random, p = np.random.default_rng(seed), int(np.prod(shape))
    return PCACodec(shape, random.uniform(0.3, 0.6, p), np.linalg.qr(random.normal(size=(p, D)))[0].T)


CODECS = {"autoencoder": network, "pca": axes}


@pytest.fixture(params=list(CODECS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def codec(kind: str) -> Codec:
    return CODECS[kind]()


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "BATCH", 50)
    monkeypatch.setattr(coding, "SYNC_EVERY", 2)


def test_what_the_protocol_promises(codec: Codec, kind: str, store: ImageStore) -> None:
    assert codec.kind == kind
    assert codec.shape == (32, 32, 3)
    assert codec.dimension == D
    assert codec.latent_shape == (D,)
    pictures = np.asarray(store.pixels[:7])
    z = codec.encode(pictures)
    assert (z.shape, z.dtype) == ((7, D), np.float32)
    back = codec.decode(z.astype(np.float64))
    assert (back.shape, back.dtype) == (pictures.shape, np.uint8)
    np.testing.assert_array_equal(reconstruct(codec, pictures), back)
    assert "32x32x3" in repr(codec)
    assert "\n" not in repr(codec)


def test_a_batch_is_no_more_than_its_pictures(codec: Codec, store: ImageStore) -> None:
    pictures = np.asarray(store.pixels[:40])
    parts = np.concatenate([codec.encode(pictures[:13]), codec.encode(pictures[13:])])
    np.testing.assert_allclose(codec.encode(pictures), parts, rtol=1e-4, atol=1e-5)


def test_the_key_follows_from_the_weights(kind: str) -> None:
    make = CODECS[kind]
    assert make(1).key == make(1).key
    assert make(1).key != make(2).key
    assert make(1).key != make(1, (32, 32, 1)).key


def test_larger_batches_take_more_memory(codec: Codec) -> None:
    sizes = [codec.bytes_for(n) for n in (1, 2, 64, 128)]
    assert sizes == sorted(set(sizes))
    assert sizes[0] >= 32 * 32 * 3 * 4


def test_a_small_budget_makes_small_batches_and_a_smaller_one_is_refused(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    has = anonymous_bytes()
    if has is None:
        pytest.skip("this system does not tell")
    assert batch_of(codec, "encoding") == 50
    some = 20 * codec.bytes_for(50)  # so much that the meter's own noise does not count
    with within(Budget(has + some + 64 * MIB, "--ram")):
        assert spare() is not None
        assert batch_of(codec, "encoding") == 50
    # Without its watchman, who would stop this very process.
    monkeypatch.setattr(budget, "_in_force", [Budget(has // 2, "--ram")])
    with pytest.raises(BudgetError) as caught:
        batch_of(codec, "encoding")
    assert "encoding" in line(caught.value)


def test_encode_gives_the_codec_s_vectors_in_the_order_of_the_pictures(
    codec: Codec, store: ImageStore, tmp_path: Path
) -> None:
    encode(codec, store, tmp_path / "z.npy")
    z = np.load(tmp_path / "z.npy")
    assert z.dtype == np.float32
    if isinstance(codec, NetworkCodec):
        with torch.inference_mode():
            pictures = torch.from_numpy(np.array(store.pixels)).permute(0, 3, 1, 2) / 255
            expected = codec.network.encoder(pictures).numpy()
    else:
        x = store.pixels.reshape(len(store), -1) / 255 - codec.mean.astype(np.float64)
        expected = x @ codec.axes.T.astype(np.float64)
    np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-5)


def test_latent_arrays_of_another_order_are_not_decoded(tmp_path: Path) -> None:
    codec = mock.Mock(dimension=12, latent_shape=(3, 2, 2), shape=(8, 8, 3))
    with pytest.raises(ArrayError, match=r"shape \(2, 2, 3\); this Decoder takes \(3, 2, 2\)") as error:
        decode(codec, LatentSet.open(np.zeros((5, 2, 2, 3))), tmp_path / "pictures.npy")
    line(error.value)
    assert not list(tmp_path.iterdir())


def test_latent_arrays_are_decoded_as_their_vectors(codec: Codec, tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(5, D)).astype(np.float32)
    for name, latents in (("flat", z), ("shaped", z.reshape(5, 3, 3))):
        decode(codec, LatentSet.open(latents), tmp_path / f"{name}.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "flat.npy"), np.load(tmp_path / "shaped.npy"))


def test_decode_gives_the_codec_s_pictures(codec: Codec, tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(130, D))
    np.save(tmp_path / "z.npy", z)
    decode(codec, LatentSet.open(tmp_path / "z.npy"), tmp_path / "pictures.npy")
    if isinstance(codec, NetworkCodec):
        with torch.inference_mode():
            expected = codec.network.decoder(torch.from_numpy(z).float()).permute(0, 2, 3, 1).numpy() * 255
    else:
        expected = ((z @ codec.axes + codec.mean) * 255).clip(0, 255).reshape(-1, 32, 32, 3)
    pictures = np.load(tmp_path / "pictures.npy")
    assert pictures.dtype == np.uint8
    assert np.abs(pictures - expected).max() <= 0.51


class Killed(BaseException):
    """Stands in for SIGKILL."""


@pytest.mark.parametrize("call", [1, 2, 3, 4, 6])
def test_killed_anywhere_both_go_on(
    codec: Codec, store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    z = np.random.default_rng(0).normal(size=(320, D))
    np.save(tmp_path / "latents.npy", z)

    def both(folder: Path) -> None:
        encode(codec, store, folder / "z.npy", key="k")
        decode(codec, LatentSet.open(tmp_path / "latents.npy"), folder / "pictures.npy", key="k")

    both(tmp_path / "whole")
    for name in ("encode", "decode"):
        original, count = getattr(codec, name), iter(range(1, 1000))

        def dying(block: np.ndarray, original=original, count=count) -> np.ndarray:
            if next(count) == call:
                raise Killed
            return original(block)

        with monkeypatch.context() as patched:
            patched.setattr(codec, name, dying)
            with pytest.raises(Killed):
                both(tmp_path / "cut")
    both(tmp_path / "cut")
    for name in ("z.npy", "pictures.npy"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()
    assert not list((tmp_path / "cut").glob("*.partial*"))


def test_work_of_another_model_is_not_continued(
    codec: Codec, store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, count = codec.encode, iter(range(1, 1000))

    def dying(block: np.ndarray) -> np.ndarray:
        if next(count) == 5:
            raise Killed
        return original(block) + 100

    with monkeypatch.context() as patched:
        patched.setattr(codec, "encode", dying)
        with pytest.raises(Killed):
            encode(codec, store, tmp_path / "z.npy", key="other model")
    encode(codec, store, tmp_path / "z.npy", key="this model")
    assert np.load(tmp_path / "z.npy").max() < 50


def test_bfloat16_changes_the_vectors_by_little(store: ImageStore) -> None:
    codec, pictures = network(), np.asarray(store.pixels[:200])
    exact = codec.encode(pictures)
    fast = NetworkCodec(codec.network, Device("cpu", bfloat16=True)).encode(pictures)
    assert np.abs(exact - fast).max() > 0
    assert (np.abs(exact - fast).std(axis=0) < 0.05 * exact.std(axis=0)).all()


def test_pictures_of_another_shape_are_refused(kind: str, store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(StageError) as caught:
        encode(CODECS[kind](1, (16, 16, 1)), store, tmp_path / "z.npy")
    assert "(16, 16, 1)" in line(caught.value)
    assert not (tmp_path / "z.npy").exists()


def test_vectors_that_do_not_fit_are_refused(codec: Codec, tmp_path: Path) -> None:
    with pytest.raises(ArrayError) as caught:
        decode(codec, LatentSet.open(np.zeros((4, D - 1))), tmp_path / "pictures.npy")
    assert "8 components" in line(caught.value)
    bad = np.zeros((200, D))
    bad[120, 3] = np.nan
    with pytest.raises(ArrayError) as caught:
        decode(codec, LatentSet.open(bad), tmp_path / "pictures.npy")
    assert "vector 120" in line(caught.value)
    assert not (tmp_path / "pictures.npy").exists()

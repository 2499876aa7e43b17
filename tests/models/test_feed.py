"""However pictures reach the network, it sees the same ones."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.images.store import PIXELS, ImageStore
from zpoints.models.autoencoder import feed as feeding
from zpoints.models.autoencoder.feed import Resident, Streamed, chosen_feed, chosen_order
from zpoints.models.autoencoder.training import train

NETWORK = AutoencoderSettings(channels=(8, 12, 16), latent=8)
TRAINING = TrainingSettings(epochs=2, batch=32, learning_rate=3e-3)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_all_feeds_give_the_rows_in_order(store: ImageStore, size: int) -> None:
    rows = np.random.default_rng(0).permutation(store.rows("train"))[:150]
    expected = torch.from_numpy(store.pixels[rows])
    for feed in (
        Streamed(store.pixels, "cpu"),
        Streamed(store.pixels, "cpu", "blocks"),
        Resident.load(store.pixels, store.rows("train"), "cpu"),
    ):
        found = list(feed.batches(rows, size))
        assert all(len(block) == size for block in found[:-1])
        assert torch.equal(torch.cat(found), expected)


def test_pictures_lie_on_the_device_when_there_is_room(store: ImageStore) -> None:
    rows = store.rows("train")
    size = len(rows) * store.pixels[0].nbytes
    assert isinstance(chosen_feed(store.pixels, rows, "cpu", size, "full"), Resident)
    found = chosen_feed(store.pixels, rows, "cpu", size - 1, "blocks")
    assert isinstance(found, Streamed)
    assert "blocks" in found.words


def test_a_small_file_is_read_at_random(store: ImageStore) -> None:
    path, rows = store.folder / PIXELS, store.rows("train")
    assert chosen_order("auto", path, rows, 1e12, 0) == "full"
    assert chosen_order("blocks", path, rows, 1.0, 0) == "blocks"


def test_a_large_file_is_read_as_the_disk_allows(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "ram_left", lambda: 1)
    path, rows = store.folder / PIXELS, store.rows("train")
    assert chosen_order("auto", path, rows, 1.0, 0) == "full"
    assert chosen_order("auto", path, rows, 1e12, 0) == "blocks"


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system cannot be asked to forget")
def test_the_system_is_asked_to_forget_the_pictures_that_are_timed(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda file, start, size, advice: asked.append((start, size)))
    feeding._forget(store.folder / PIXELS, store.pixels, np.array([0, 3]))
    size = 32 * 32 * 3
    assert asked == [(128, size), (128 + 3 * size, size)]
    with (store.folder / PIXELS).open("rb") as file:
        file.seek(128 + 3 * size)
        assert file.read(size) == store.pixels[3].tobytes()


def test_the_order_of_a_training_is_kept_with_it(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun on a slow disk and gone on with on a fast one, the pictures come in the order that was begun."""
    from zpoints.models.autoencoder import training

    def weights(folder: Path) -> bytes:
        return (folder / "weights.safetensors").read_bytes()

    class Killed(BaseException):
        pass

    def dying(self: training.Trainer, epoch: int, loss: float | None) -> None:
        original(self, epoch, loss)
        raise Killed

    monkeypatch.setattr(training, "chosen_order", lambda *_: "blocks")
    train(store, tmp_path / "blocks", NETWORK, TRAINING)
    original = training.Trainer._save
    with monkeypatch.context() as patched:
        patched.setattr(training.Trainer, "_save", dying)
        with pytest.raises(Killed):
            train(store, tmp_path / "both", NETWORK, TRAINING)
    monkeypatch.setattr(training, "chosen_order", lambda *_: "full")
    train(store, tmp_path / "both", NETWORK, TRAINING)
    train(store, tmp_path / "full", NETWORK, TRAINING)
    assert weights(tmp_path / "both") == weights(tmp_path / "blocks")
    assert weights(tmp_path / "both") != weights(tmp_path / "full")

"""float16 and its scaled loss: for GPUs that multiply nothing else fast. Tried on the processor."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from support import line
from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.errors import StageError
from zpoints.images.store import ImageStore
from zpoints.judging import scores
from zpoints.models.autoencoder.checkpoint import load_autoencoder
from zpoints.models.autoencoder.codec import NetworkCodec
from zpoints.models.autoencoder.network import Architecture
from zpoints.models.autoencoder.step import SMALLEST_SCALE, Learner
from zpoints.models.autoencoder.training import Trainer, train
from zpoints.system.device import Device
from zpoints.system.progress import Silent
from zpoints.system.stopping import StoppedError

NETWORK = AutoencoderSettings(channels=(8, 12, 16), latent=8)
TRAINING = TrainingSettings(epochs=2, batch=32, learning_rate=3e-3, start="random", precision="float16")


@pytest.fixture(scope="module")
def half(store: ImageStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("half")
    train(store, folder, NETWORK, TRAINING)
    return folder


def losses(folder: Path) -> np.ndarray:
    return pd.read_csv(folder / "history.csv")[["train_loss", "validation_loss"]].to_numpy()


@pytest.mark.parametrize(
    ("capability", "precision"),
    [
        ((6, 1), "float32"),
        ((7, 0), "float16"),
        ((7, 5), "float16"),
        ((8, 0), "bfloat16"),
        ((9, 0), "bfloat16"),
    ],
)
def test_a_gpu_multiplies_in_what_it_is_fast_at(
    capability: tuple[int, int], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: capability)
    assert Device.of(TrainingSettings(device="cuda")).precision == precision
    wanted = TrainingSettings(device="cuda", precision="float32")
    assert Device.of(wanted).precision == "float32"


def test_it_learns_as_float32_does(store: ImageStore, half: Path, tmp_path: Path) -> None:
    train(store, tmp_path, NETWORK, TRAINING.model_copy(update={"precision": "float32"}))
    np.testing.assert_allclose(losses(half), losses(tmp_path), rtol=0.02)
    assert load_autoencoder(half)[1]["device"]["float16"] is True


def test_its_scale_is_kept_and_taken_up_again(
    store: ImageStore, half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, seen = Learner.step, []

    def stopping(self: Learner, block: torch.Tensor) -> torch.Tensor:
        seen.append(len(block))
        if len(seen) == 11:
            raise StoppedError("here")
        return original(self, block)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, "step", stopping)
        with pytest.raises(StoppedError):
            train(store, tmp_path, NETWORK, TRAINING)
    trainer = Trainer(store, tmp_path, Architecture.of(store.shape, NETWORK), TRAINING, 0)
    steps = trainer.showing.steps
    assert trainer.state.scaler["_growth_tracker"] == steps
    assert trainer.learner.state()["scaler"] == trainer.state.scaler
    train(store, tmp_path, NETWORK, TRAINING)
    np.testing.assert_array_equal(losses(tmp_path), losses(half))


def weights(learner: Learner) -> torch.Tensor:
    return torch.cat([p.detach().clone().ravel() for p in learner.network.parameters()])


@pytest.mark.parametrize("clip", [0.0, 0.1])
def test_a_step_that_the_scaler_leaves_out_is_no_failure(store: ImageStore, clip: float) -> None:
    settings = TRAINING.model_copy(update={"clip_gradient": clip})
    learner = Learner(Architecture.of(store.shape, NETWORK), settings, Device.of(settings), 100, 0)
    state = learner.fabric.strategy.precision.state_dict()
    learner.fabric.strategy.precision.load_state_dict(state | {"scale": 2.0**30})  # all gradients overflow
    block, before = torch.from_numpy(np.array(store.pixels[:32])), weights(learner)
    assert torch.isfinite(learner.step(block))
    assert torch.equal(weights(learner), before)
    assert not learner.overflows
    for _ in range(12):
        loss = learner.step(block)
    assert torch.isfinite(loss)
    assert torch.isfinite(weights(learner)).all()
    assert not torch.equal(weights(learner), before)
    assert not learner.overflows


def test_gradients_that_overflow_at_any_scale_are_told(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(store, tmp_path, Architecture.of(store.shape, NETWORK), TRAINING, 0)
    precision = trainer.learner.fabric.strategy.precision
    precision.load_state_dict(precision.state_dict() | {"scale": SMALLEST_SCALE / 2})
    assert trainer.learner.overflows
    monkeypatch.setattr(Learner, "overflows", True)
    with pytest.raises(StageError) as caught:
        trainer.run(Silent())
    assert "infinite at any scale" in line(caught.value)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_gradients_that_are_no_numbers_end_in_one_line(
    store: ImageStore, tmp_path: Path, precision: str
) -> None:
    """The clipping of gradients once raised an error of its own."""
    settings = TRAINING.model_copy(update={"precision": precision})
    trainer = Trainer(store, tmp_path, Architecture.of(store.shape, NETWORK), settings, 0)
    original = trainer.learner.loss
    trainer.learner.loss = lambda found, wanted: original(found, wanted) * float("nan")
    with pytest.raises(StageError) as caught:
        trainer.run(Silent())
    assert "training.learning_rate" in line(caught.value)


def test_encoding_and_decoding_take_it_too(store: ImageStore, half: Path) -> None:
    short, exact = (
        NetworkCodec(load_autoencoder(half)[0], device)
        for device in (Device("cpu", bfloat16=False, float16=True), Device("cpu", bfloat16=False))
    )
    z = exact.encode(store.pixels[:32])
    np.testing.assert_allclose(short.encode(store.pixels[:32]), z, atol=0.01 * z.std())
    assert abs(short.decode(z).astype(int) - exact.decode(z)).max() <= 2


def test_features_go_to_the_gpu_that_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[str] = []
    features = SimpleNamespace(to=places.append)
    for kind in ("cpu", "cuda", "mps"):
        monkeypatch.setattr(Device, "of", lambda settings, kind=kind: Device(kind, bfloat16=False))
        scores._place((features, features), TrainingSettings())  # type: ignore[arg-type]
    assert places == ["cuda", "cuda"]

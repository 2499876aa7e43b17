"""Training learns, can be interrupted anywhere, and says so when it cannot go on."""

import math
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from support import line
from zpoints.config import AutoencoderSettings, ImageSettings, TrainingSettings
from zpoints.errors import StageError, UsageError
from zpoints.images.prepare import prepare
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder import training
from zpoints.models.autoencoder.checkpoint import TrainingState, load_autoencoder
from zpoints.models.autoencoder.network import Architecture
from zpoints.models.autoencoder.step import Learner
from zpoints.models.autoencoder.training import HISTORY_COLUMNS, Trainer, train
from zpoints.system.device import Device
from zpoints.system.progress import LineProgress, Silent
from zpoints.system.stopping import StoppedError

NETWORK = AutoencoderSettings(channels=(8, 12, 16), latent=8)
TRAINING = TrainingSettings(epochs=4, batch=32, learning_rate=3e-3)


def files_of(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "weights.safetensors").read_bytes(), (folder / "model.json").read_bytes()


def losses(folder: Path) -> np.ndarray:
    history = pd.read_csv(folder / "history.csv")
    return history[["epoch", "train_loss", "validation_loss", "learning_rate"]].to_numpy()


@pytest.fixture(scope="module")
def undisturbed(store: ImageStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    train(store, folder, NETWORK, TRAINING)
    return folder


def test_it_learns_and_writes_what_it_promises(store: ImageStore, undisturbed: Path) -> None:
    history = pd.read_csv(undisturbed / "history.csv")
    assert tuple(history.columns) == HISTORY_COLUMNS
    assert list(history["epoch"]) == [1, 2, 3, 4]
    assert history["train_loss"].iloc[-1] < 0.6 * history["train_loss"].iloc[0]
    network, content = load_autoencoder(undisturbed)
    assert content["best_validation_loss"] == pytest.approx(history["validation_loss"].min())
    # The kept weights really have that loss.
    pictures = torch.from_numpy(store.pixels[store.rows("val")]).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        loss = torch.nn.functional.l1_loss(network(pictures), pictures).item()
    assert loss == pytest.approx(content["best_validation_loss"], rel=0.02)  # bfloat16 against float32


def shown(
    store: ImageStore, out: Path, epoch: int, monkeypatch: pytest.MonkeyPatch, **changes: bool
) -> np.ndarray:
    """The pictures that the network sees in one epoch, in its order."""
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(Learner, "step", lambda self, block: seen.append(block) or torch.zeros(()))
    settings = TRAINING.model_copy(update=changes)
    trainer = Trainer(store, out, Architecture.of(store.shape, NETWORK), settings, 0)
    trainer._train(epoch, Silent().task("", 1, "").__enter__())
    assert [len(block) for block in seen[:-1]] == [TRAINING.batch] * (len(seen) - 1)
    return torch.cat(seen).numpy()


@pytest.mark.parametrize("epoch", [0, 1])
def test_half_of_the_pictures_are_shown_mirrored(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    plain = shown(store, tmp_path, epoch, monkeypatch, mirror=False)
    found = shown(store, tmp_path, epoch, monkeypatch, mirror=True)
    same, mirrored = ((found == other).all(axis=(1, 2, 3)) for other in (plain, plain[:, :, ::-1]))
    assert (same | mirrored).all()
    assert 0.25 < mirrored.mean() < 0.75


def test_the_best_epoch_is_kept_not_the_last(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validation = iter([0.5, 0.1, 0.3, 0.2])
    monkeypatch.setattr(Trainer, "_validate", lambda self: next(validation))
    train(store, tmp_path, NETWORK, TRAINING)
    best, weights = (
        load_file(tmp_path / name) for name in ("checkpoints/best.safetensors", "weights.safetensors")
    )
    last = TrainingState.load(tmp_path / "checkpoints" / "last.pt", _key(tmp_path))[0].network
    name = "encoder.to_latent.weight"
    assert torch.equal(best[name], weights[name])
    assert not torch.equal(last[name], weights[name])


def _key(folder: Path) -> str:
    return torch.load(folder / "checkpoints" / "last.pt", weights_only=True)["key"]


class Killed(BaseException):
    """Stands in for SIGKILL: nothing in the package catches it."""


def train_and_die(store: ImageStore, out: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Train until a step, counted from one over all epochs, would begin."""
    original, count = Learner.step, iter(range(1, 10**6))

    def dying(self: Learner, block: np.ndarray) -> torch.Tensor:
        if next(count) == step:
            raise Killed
        return original(self, block)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, "step", dying)
        with pytest.raises(Killed):
            train(store, out, NETWORK, TRAINING)


@pytest.mark.parametrize("step", [1, 9, 13, 27])
def test_interrupted_anywhere_it_ends_with_the_same_weights_and_curve(
    store: ImageStore, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    train_and_die(store, tmp_path, monkeypatch, step)
    assert not (tmp_path / "model.json").exists()
    train(store, tmp_path, NETWORK, TRAINING)
    np.testing.assert_array_equal(losses(tmp_path), losses(undisturbed))
    assert (tmp_path / "weights.safetensors").read_bytes() == (
        undisturbed / "weights.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("death", [1, 9, 16, 30])
def test_killed_inside_an_epoch_it_goes_on_from_the_last_step_kept(
    store: ImageStore, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    monkeypatch.setattr(training, "KEEP_SECONDS", 0.0)
    train_and_die(store, tmp_path, monkeypatch, death + 1)
    trainer = Trainer(store, tmp_path, load_autoencoder(undisturbed)[0].architecture, TRAINING, 0)
    assert trainer.state.epoch * trainer.showing.steps + trainer.state.steps == death
    train(store, tmp_path, NETWORK, TRAINING)
    np.testing.assert_array_equal(losses(tmp_path), losses(undisturbed))
    assert (tmp_path / "weights.safetensors").read_bytes() == (
        undisturbed / "weights.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(("number", "why"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "SIGTERM")])
def test_asked_to_stop_it_keeps_the_step_that_is_done(
    store: ImageStore,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    why: str,
) -> None:
    original, count = Learner.step, iter(range(1, 10**6))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def asking(self: Learner, block: np.ndarray) -> torch.Tensor:
        if next(count) == 12:
            signal.raise_signal(number)
        return original(self, block)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, "step", asking)
        with pytest.raises(StoppedError, match=why):
            train(store, tmp_path, NETWORK, TRAINING)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    trainer = Trainer(store, tmp_path, load_autoencoder(undisturbed)[0].architecture, TRAINING, 0)
    assert trainer.state.epoch * trainer.showing.steps + trainer.state.steps == 12
    train(store, tmp_path, NETWORK, TRAINING)
    assert (tmp_path / "weights.safetensors").read_bytes() == (
        undisturbed / "weights.safetensors"
    ).read_bytes()


def test_asked_twice_it_stops_at_once(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asking(self: Learner, block: np.ndarray) -> torch.Tensor:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second one did not interrupt")

    monkeypatch.setattr(Learner, "step", asking)
    with pytest.raises(StoppedError):
        train(store, tmp_path, NETWORK, TRAINING)
    assert not (tmp_path / "checkpoints" / "last.pt").exists()


def test_killed_between_the_two_files_of_a_checkpoint_it_ends_the_same(
    store: ImageStore, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(self: TrainingState, path: Path, sync: bool) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(TrainingState, "save", dying)
        with pytest.raises(Killed):
            train(store, tmp_path, NETWORK, TRAINING)
    assert (tmp_path / "checkpoints" / "best.safetensors").exists()
    train(store, tmp_path, NETWORK, TRAINING)
    assert (tmp_path / "weights.safetensors").read_bytes() == (
        undisturbed / "weights.safetensors"
    ).read_bytes()


def test_finished_training_is_not_repeated(store: ImageStore, undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed, folder)
    before = files_of(folder)
    trainer = Trainer(store, folder, load_autoencoder(folder)[0].architecture, TRAINING, 0)
    assert trainer.state.epoch == TRAINING.epochs
    train(store, folder, NETWORK, TRAINING)
    assert files_of(folder) == before


def test_other_settings_or_another_seed_start_anew(
    store: ImageStore, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed, folder)
    architecture = load_autoencoder(folder)[0].architecture
    other = TRAINING.model_copy(update={"learning_rate": 1e-3})
    assert Trainer(store, folder, architecture, other, 0).state.epoch == 0
    assert Trainer(store, folder, architecture, TRAINING, 1).state.epoch == 0
    assert Trainer(store, folder, architecture, TRAINING, 0).state.epoch == 4


@pytest.mark.parametrize("left", [0, 100, 5000])
def test_a_cut_checkpoint_is_passed_over_for_the_one_before(
    store: ImageStore, undisturbed: Path, tmp_path: Path, left: int, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed, folder)
    (folder / "model.json").unlink()
    last = folder / "checkpoints" / "last.pt"
    last.write_bytes(last.read_bytes()[:left])
    train(store, folder, NETWORK, TRAINING, progress=LineProgress())
    said = capsys.readouterr().err
    assert "last.pt: cannot be read" in said
    assert "epoch 3 of 4 was finished before" in said
    assert (folder / "weights.safetensors").read_bytes() == (undisturbed / "weights.safetensors").read_bytes()
    np.testing.assert_array_equal(losses(folder), losses(undisturbed))


def test_killed_before_the_new_checkpoint_has_its_name_the_one_before_is_taken(
    store: ImageStore, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed, folder)
    (folder / "checkpoints" / "last.pt").unlink()
    trainer = Trainer(store, folder, load_autoencoder(folder)[0].architecture, TRAINING, 0)
    assert trainer.state.epoch == 3


def test_two_cut_checkpoints_are_refused_in_one_line(
    store: ImageStore, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed, folder)
    for name in ("last.pt", "last-before.pt"):
        path = folder / "checkpoints" / name
        path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(StageError) as caught:
        train(store, folder, NETWORK, TRAINING)
    assert "last.pt: cannot be read" in line(caught.value)


def test_a_checkpoint_is_never_unpickled(store: ImageStore, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "sprung",))

    folder = tmp_path / "checkpoints"
    folder.mkdir()
    torch.save({"key": Trap()}, folder / "last.pt")
    with pytest.raises(StageError) as caught:
        train(store, tmp_path, NETWORK, TRAINING)
    line(caught.value)
    assert not (tmp_path / "sprung").exists()


def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, count = Learner.step, iter(range(1, 10**6))

    def poisoned(self: Learner, block: np.ndarray) -> torch.Tensor:
        loss = original(self, block)
        return loss * math.nan if next(count) > 12 else loss

    monkeypatch.setattr(Learner, "step", poisoned)
    with pytest.raises(StageError) as caught:
        train(store, tmp_path, NETWORK, TRAINING)
    assert "learning_rate" in line(caught.value)
    assert len(losses(tmp_path)) == 1
    assert not (tmp_path / "model.json").exists()


def test_with_retries_it_goes_back_and_on_at_half_the_rate(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    original, count, rates = Learner.step, iter(range(1, 10**6)), []

    def poisoned(self: Learner, block: np.ndarray) -> torch.Tensor:
        loss = original(self, block)
        rates.append(self.peak_rate)
        return loss * math.nan if next(count) in (12, 25) else loss

    monkeypatch.setattr(Learner, "step", poisoned)
    settings = TRAINING.model_copy(update={"retries": 2})
    train(store, tmp_path, NETWORK, settings, progress=LineProgress())
    said = capsys.readouterr().err
    assert "going back to epoch 1, and on at a peak rate of 0.0015" in said
    assert rates[0] == TRAINING.learning_rate
    assert rates[-1] == pytest.approx(TRAINING.learning_rate / 4)
    assert "at a peak rate of 0.00075" in said
    found = losses(tmp_path)
    assert len(found) == TRAINING.epochs
    assert np.isfinite(found).all()
    # A start without retries ends the same once it is done: patience is no setting of the result.
    before = files_of(tmp_path)
    train(store, tmp_path, NETWORK, settings)
    assert files_of(tmp_path) == before


def test_a_validation_loss_that_is_no_number_stops_too(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "_validate", lambda self: math.nan)
    with pytest.raises(StageError) as caught:
        train(store, tmp_path, NETWORK, TRAINING)
    assert "learning_rate" in line(caught.value)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("loss", ["mse", "l1", "binary_cross_entropy"])
def test_each_loss_is_the_one_it_says(store: ImageStore, tmp_path: Path, loss: str) -> None:
    train(
        store,
        tmp_path,
        NETWORK,
        TRAINING.model_copy(update={"loss": loss, "epochs": 1, "precision": "float32"}),
    )
    network, content = load_autoencoder(tmp_path)
    pictures = (store.pixels[store.rows("val")] / 255).astype(np.float64)
    with torch.inference_mode():
        rebuilt = (
            network(torch.from_numpy(pictures).float().permute(0, 3, 1, 2))
            .permute(0, 2, 3, 1)
            .double()
            .numpy()
        )
    expected = {
        "mse": np.mean((rebuilt - pictures) ** 2),
        "l1": np.mean(np.abs(rebuilt - pictures)),
        "binary_cross_entropy": -np.mean(pictures * np.log(rebuilt) + (1 - pictures) * np.log(1 - rebuilt)),
    }
    assert content["best_validation_loss"] == pytest.approx(expected[loss], rel=1e-3)


@pytest.mark.parametrize(("pictures", "epochs"), [(9000, 8), (360, 200), (162_770, 8), (1000, 72), (1, 200)])
def test_auto_means_enough_showings_within_bounds(pictures: int, epochs: int) -> None:
    assert training._epochs(TrainingSettings(), pictures) == epochs
    assert training._epochs(TrainingSettings(epochs=3), pictures) == 3


def test_long_gradients_are_cut(store: ImageStore, tmp_path: Path) -> None:
    trainer = Trainer(store, tmp_path, Architecture.of(store.shape, NETWORK), TRAINING, 0)
    lengths = []
    original = trainer.learner.optimizer.step

    def step(*args: object, **options: object) -> None:
        gradients = [p.grad for p in trainer.learner.network.parameters()]
        lengths.append(torch.nn.utils.get_total_norm(gradients).item())
        original(*args, **options)

    trainer.learner.optimizer.step = step
    trainer.learner.schedule.step = lambda: None  # it warns of an optimiser whose step was replaced
    for limit in (0.0, 1e-3):
        trainer.learner.settings = TRAINING.model_copy(update={"clip_gradient": limit})
        trainer.learner.step(torch.from_numpy(np.array(store.pixels[:32])))
    assert lengths[0] > 2e-3
    assert lengths[1] == pytest.approx(1e-3, rel=0.01)


def test_without_validation_pictures_the_last_epoch_is_kept(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"train": np.arange(100), "val": np.arange(0), "test": np.arange(0)}
    monkeypatch.setattr(ImageStore, "rows", lambda self, split: rows[split])
    train(store, tmp_path, NETWORK, TRAINING)
    state, _ = TrainingState.load(tmp_path / "checkpoints" / "last.pt", _key(tmp_path))
    weights = load_file(tmp_path / "weights.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in state.network.items())


def test_fewer_pictures_than_a_batch_still_train(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"train": np.arange(10), "val": np.arange(10, 12), "test": np.arange(0)}
    monkeypatch.setattr(ImageStore, "rows", lambda self, split: rows[split])
    train(store, tmp_path, NETWORK, TRAINING)
    assert len(losses(tmp_path)) == TRAINING.epochs


@pytest.mark.parametrize(("batch", "pictures"), [(4, 12), (1, 2), (32, 1)])
def test_batch_norm_bears_maps_of_one_pixel(tmp_path: Path, batch: int, pictures: int) -> None:
    np.save(tmp_path / "p.npy", np.random.default_rng(0).integers(0, 256, (pictures, 28, 28), np.uint8))
    images = ImageSettings(source=str(tmp_path / "p.npy"), validation=0, test=0)
    network = AutoencoderSettings(batch_norm=True, channels=(4, 4, 4, 8), latent=2)
    store = prepare(images, tmp_path / "images")
    trained = train(store, tmp_path / "model", network, TrainingSettings(epochs=2, batch=batch))
    assert trained.architecture.sizes[-1] == (1, 1)
    assert all(torch.isfinite(value).all() for value in trained.state_dict().values())


def test_an_unknown_device_is_refused_in_one_line() -> None:
    for name in ("tpu", "cuda"):
        if name == "cuda" and torch.cuda.is_available():
            continue
        with pytest.raises(UsageError) as caught:
            Device.of(TrainingSettings(device=name))
        assert name in line(caught.value)


def test_the_caller_s_random_state_is_left_alone(store: ImageStore, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(store, tmp_path, NETWORK, TRAINING.model_copy(update={"epochs": 1}))
    assert torch.equal(torch.rand(3), expected)


def test_no_epoch_keeps_the_first_weights(store: ImageStore, tmp_path: Path) -> None:
    untrained = TrainingSettings(epochs=0, start="random")
    network = train(store, tmp_path, NETWORK, untrained, seed=3)
    device = Device.of(untrained)
    first = Learner(Architecture.of(store.shape, NETWORK), untrained, device, 1, 3).network.state_dict()
    kept = load_file(tmp_path / "weights.safetensors")
    assert kept.keys() == first.keys()
    assert all(torch.equal(kept[name], first[name]) for name in kept)
    assert not network.training
    assert pd.read_csv(tmp_path / "history.csv").empty
    assert load_autoencoder(tmp_path)[1]["best_validation_loss"] is None
    train(store, tmp_path, NETWORK, untrained, seed=3)  # again: the same
    assert all(torch.equal(load_file(tmp_path / "weights.safetensors")[name], kept[name]) for name in kept)

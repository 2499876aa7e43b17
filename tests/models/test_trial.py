"""Before the training: what fits is found, and nothing of the trial stays."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from support import line
from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.errors import BudgetError
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder import trial
from zpoints.models.autoencoder.memory import activation_bytes, parameter_count, training_bytes
from zpoints.models.autoencoder.network import Architecture, Autoencoder
from zpoints.models.autoencoder.step import Learner, is_out_of_memory
from zpoints.models.autoencoder.training import train
from zpoints.models.autoencoder.trial import Trial, try_out
from zpoints.system import budget
from zpoints.system.budget import Budget, within
from zpoints.system.device import Device
from zpoints.system.meter import anonymous_bytes
from zpoints.system.sizes import GIB

NETWORK = AutoencoderSettings(channels=(8, 12, 16), latent=8)
TRAINING = TrainingSettings(epochs=8, batch=32, learning_rate=3e-3)


def learner_of(store: ImageStore, settings: TrainingSettings = TRAINING) -> Learner:
    return Learner(Architecture.of(store.shape, NETWORK), settings, Device.of(settings), 72, 0)


def tried(store: ImageStore, learner: Learner, steps_left: int = 1000) -> Trial:
    def pictures(count: int) -> Iterator[torch.Tensor]:
        return iter(torch.from_numpy(np.array(store.pixels[:count])).split(32))

    return try_out(learner, 32, steps_left, pictures)


def weights(network: torch.nn.Module) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])


def test_a_trial_leaves_nothing_behind(store: ImageStore) -> None:
    learner = learner_of(store)
    before = weights(learner.network)
    found = tried(store, learner)
    assert found.micro_batch == 32
    assert found.images_per_second is not None
    assert found.images_per_second > 10
    np.testing.assert_array_equal(weights(learner.network), before)
    assert learner.schedule.last_epoch == 0
    assert not learner.optimizer.state


def test_with_and_without_a_trial_the_weights_are_the_same(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = []
    original = trial._tried
    monkeypatch.setattr(trial, "_tried", lambda *given: trials.append(1) or original(*given))
    for steps, folder in ((1, "with"), (10**6, "without")):
        monkeypatch.setattr(trial, "FEWEST_STEPS", steps)
        train(store, tmp_path / folder, NETWORK, TRAINING)
    assert len(trials) == 1
    first, second = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("with", "without"))
    assert first == second


def test_a_short_training_is_not_tried(store: ImageStore) -> None:
    assert tried(store, learner_of(store), trial.FEWEST_STEPS - 1) == Trial(micro_batch=32)


def out_of_memory_above(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """A network that has no memory for more than `most` pictures at a time; lists what it was given."""
    given: list[int] = []
    original = Autoencoder.forward

    def forward(self: Autoencoder, pictures: torch.Tensor) -> torch.Tensor:
        given.append(len(pictures))
        if len(pictures) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return original(self, pictures)

    monkeypatch.setattr(Autoencoder, "forward", forward)
    return given


def test_out_of_memory_halves_what_goes_through_at_once(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = out_of_memory_above(monkeypatch, 9)
    assert tried(store, learner_of(store)).micro_batch == 8
    assert given[:3] == [32, 16, 8]


def test_not_one_picture_fits(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    out_of_memory_above(monkeypatch, 0)
    with pytest.raises(BudgetError) as caught:
        tried(store, learner_of(store))
    assert "larger --vram" in line(caught.value)


def test_other_errors_pass(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Autoencoder, pictures: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Autoencoder, "forward", forward)
    with pytest.raises(RuntimeError, match="shapes"):
        tried(store, learner_of(store))


def test_parts_of_a_batch_have_the_effect_of_the_whole(store: ImageStore) -> None:
    pictures = torch.from_numpy(np.array(store.pixels[:32]))
    results = []
    for micro_batch in (32, 16, 5):
        learner = learner_of(store, TRAINING.model_copy(update={"precision": "float32"}))
        learner.micro_batch = micro_batch
        losses = [learner.step(pictures).item() for _ in range(3)]
        results.append((losses, weights(learner.network)))
    for losses, found in results[1:]:
        assert losses == pytest.approx(results[0][0], rel=1e-5)
        np.testing.assert_allclose(found, results[0][1], rtol=1e-3, atol=2e-5)


def test_memory_that_runs_short_later_halves_too(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = learner_of(store)
    given = out_of_memory_above(monkeypatch, 16)
    learner.step(torch.from_numpy(np.array(store.pixels[:32])))
    assert given == [32, 16, 16]
    assert learner.micro_batch == 16


def test_the_processor_s_word_for_it_is_known_too() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("something else"))


@pytest.mark.parametrize("network", [NETWORK, AutoencoderSettings()])
def test_parameters_are_counted_without_a_network(network: AutoencoderSettings) -> None:
    architecture = Architecture.of((96, 96, 3), network)
    expected = sum(p.numel() for p in Autoencoder(architecture).parameters())
    assert parameter_count(architecture) == expected
    assert training_bytes(architecture, 1) > 4 * 4 * expected
    assert activation_bytes(architecture, 8) < training_bytes(architecture, 8)


def test_a_small_budget_trains_in_parts_and_a_smaller_one_is_refused(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = Architecture.of(store.shape, NETWORK)
    learner = learner_of(store)
    has = anonymous_bytes()
    if has is None:
        pytest.skip("this system does not tell")
    with within(Budget(20 * GIB, "--ram")):
        assert trial._that_fits(learner, 32) == 32
    # Without their watchman, who would stop this very process.
    monkeypatch.setattr(budget, "_in_force", [Budget(has + training_bytes(architecture, 1), "--ram")])
    assert trial._that_fits(learner, 1 << 20) < 1 << 20
    monkeypatch.setattr(budget, "_in_force", [Budget(has, "--ram")])
    with pytest.raises(BudgetError) as caught:
        tried(store, learner)
    assert "--ram" in line(caught.value)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "selu"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    ("picture", "channels", "kernel"), [((28, 30, 1), (4, 8), 3), ((33, 17, 3), (3, 5, 7), 4)]
)
def test_values_are_those_that_the_layers_give_out(activation, batch_norm, picture, channels, kernel):
    """Counted by hooks while a picture passes through the network itself."""
    settings = AutoencoderSettings(
        latent=6, channels=channels, kernel=kernel, activation=activation, batch_norm=batch_norm
    )
    architecture = Architecture.of(picture, settings)
    network, given = Autoencoder(architecture).eval(), 0

    def count(module, taken, out):
        nonlocal given
        given += out.numel()

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(count)
    height, width, colours = picture
    with torch.inference_mode():
        network(torch.zeros(1, colours, height, width))
    assert activation_bytes(architecture, 1) == 4 * given
    assert parameter_count(architecture) == sum(p.numel() for p in network.parameters())

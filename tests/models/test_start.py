"""The linear start: pairs of opposite units, principal axes, and nothing that cannot learn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from support import line
from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.errors import UsageError
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.network import Architecture, Autoencoder, pictures_to_tensor
from zpoints.models.autoencoder.start import PICTURES, can_start_linear, pictures_for_start, start_linear
from zpoints.models.autoencoder.training import Trainer, train
from zpoints.system.progress import Silent


def smooth(n: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Pictures of some thirty soft patterns, of falling weight."""
    random = np.random.default_rng(seed)
    height, width, colours = shape
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.cos(np.pi * (i * y + j * x)) for i in range(6) for j in range(6) if 0 < i + j < 7]
    weights = random.normal(size=(n, len(waves), colours)) / (1 + np.arange(len(waves)))[:, None] ** 0.7
    values = 128 + 25 * np.einsum("nwc,whx->nhxc", weights, np.stack(waves))
    return np.rint(values.clip(0, 255)).astype(np.uint8)


def started(
    shape: tuple[int, int, int], pictures: np.ndarray, seed: int = 0, **settings: object
) -> Autoencoder:
    architecture = Architecture.of(shape, AutoencoderSettings.model_validate(settings))
    torch.manual_seed(5)
    network = Autoencoder(architecture).eval()
    start_linear(network, pictures, seed)
    return network


CASES = {
    "as the default": ((64, 64, 3), {"latent": 24}),
    "rectifier": ((32, 32, 3), {"latent": 12, "activation": "relu", "channels": (16, 32)}),
    "odd sizes, odd channels": ((45, 37, 3), {"latent": 20, "channels": (15, 33, 65)}),
    "grey, more pairs than axes": ((28, 28, 1), {"latent": 10, "channels": (64, 64)}),
    "kernel 3": ((32, 24, 3), {"latent": 16, "kernel": 3, "channels": (16, 32)}),
    "kernel 5": ((33, 32, 1), {"latent": 16, "kernel": 5, "channels": (16, 32)}),
    "a side of one pixel": ((3, 40, 3), {"latent": 6, "kernel": 3, "channels": (16, 16, 16)}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_network_is_linear_but_for_the_last_sigmoid(case: str) -> None:
    shape, settings = CASES[case]
    pictures = smooth(300, shape)
    network = started(shape, pictures, **settings)
    decoder = torch.nn.Sequential(*list(network.decoder.pictures)[:-1])

    def logits(z: torch.Tensor) -> torch.Tensor:
        h = network.decoder.from_latent(z)
        return decoder(h.unflatten(1, network.decoder.start).permute(0, 3, 1, 2))

    with torch.no_grad():
        a, b = pictures_to_tensor(torch.from_numpy(pictures[:16])).split(8)
        for f, x, y in ((network.encoder, a, b), (logits, network.encoder(a), network.encoder(b))):
            between = f(0.3 * x + 0.7 * y)
            torch.testing.assert_close(between, 0.3 * f(x) + 0.7 * f(y), rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("case", CASES)
def test_pictures_come_back_nearly_as_from_their_principal_axes(case: str) -> None:
    """Against scikit-learn's PCA: at most 1.6 times its error and 0.0005, on pictures that neither has seen."""
    shape, settings = CASES[case]
    pictures, others = smooth(600, shape), smooth(200, shape, seed=1)
    network = started(shape, pictures, **settings)
    pca = PCA(int(settings["latent"])).fit(pictures.reshape(len(pictures), -1) / 255)
    flat = others.reshape(len(others), -1) / 255
    least = ((pca.inverse_transform(pca.transform(flat)) - flat) ** 2).mean()
    with torch.no_grad():
        x = pictures_to_tensor(torch.from_numpy(others))
        z = network.encoder(x)
        error = float(((network.decoder(z) - x) ** 2).mean())
        of_training = network.encoder(pictures_to_tensor(torch.from_numpy(pictures)))
    assert error < 1.6 * least + 5e-4, (error, least)
    assert float(of_training.var(dim=0).mean()) == pytest.approx(1, abs=0.02)
    torch.testing.assert_close(of_training.mean(dim=0), torch.zeros(z.shape[1]), atol=1e-2, rtol=0)


def test_every_unit_can_learn_even_of_few_pictures() -> None:
    """Fewer pictures than latent components, an odd number of channels: no gradient is zero for good."""
    shape = (32, 32, 3)
    pictures = smooth(20, shape)
    network = started(shape, pictures, latent=40, channels=(9, 17, 32)).train()
    x = pictures_to_tensor(torch.from_numpy(pictures))
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(2):
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(network(x), x).backward()
        optimiser.step()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter).all()
        dead = (parameter.grad.flatten(1) if parameter.ndim > 1 else parameter.grad[:, None]).abs().sum(dim=1)
        assert (dead > 0).all(), name


def test_the_seed_decides_and_nothing_else() -> None:
    shape = (32, 32, 3)
    pictures = smooth(100, shape)
    state = torch.random.get_rng_state()
    first, again, other = (started(shape, pictures, seed, latent=8, channels=(8, 16)) for seed in (0, 0, 1))
    torch.random.set_rng_state(state)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.encoder.to_latent.weight, other.encoder.to_latent.weight)


def test_which_layers_it_is_for_and_how_many_pictures() -> None:
    def of(side: int, **settings: object) -> Architecture:
        return Architecture.of((side, side, 3), AutoencoderSettings.model_validate(settings))

    assert can_start_linear(of(64))
    assert can_start_linear(of(64, activation="relu"))
    assert not can_start_linear(of(64, activation="selu"))
    assert not can_start_linear(of(64, batch_norm=True))
    assert pictures_for_start(of(64), 100) == 100
    assert pictures_for_start(of(64), 10**6) == PICTURES
    assert 100 < pictures_for_start(of(256), 10**6) < 1000  # their features are larger


def test_a_short_training_gets_further_from_there(store: ImageStore, tmp_path: Path) -> None:
    settings = AutoencoderSettings(channels=(8, 12, 16), latent=8)
    best = {}
    for start in ("random", "principal-axes"):
        training = TrainingSettings(epochs=2, start=start, device="cpu")
        train(store, tmp_path / start, settings, training)
        history = np.genfromtxt(tmp_path / start / "history.csv", delimiter=",", names=True)
        best[start] = history["validation_loss"].min()
    assert best["principal-axes"] < 0.7 * best["random"]


def test_it_is_said_and_not_done_again_by_a_training_that_goes_on(store: ImageStore, tmp_path: Path) -> None:
    class Heard(Silent):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def say(self, message: str) -> None:
            self.lines.append(message)

    settings = AutoencoderSettings(channels=(8, 12, 16), latent=8)
    architecture = Architecture.of(store.shape, settings)
    first, later = Heard(), Heard()
    Trainer(store, tmp_path, architecture, TrainingSettings(epochs=1), 0).run(first)
    Trainer(store, tmp_path, architecture, TrainingSettings(epochs=1), 0).run(later)
    assert sum("principal axes of 288 pictures" in said for said in first.lines) == 1
    assert not any("principal axes" in said for said in later.lines)


@pytest.mark.parametrize("other", [{"batch_norm": True}, {"activation": "selu"}])
def test_where_it_cannot_be_done_it_is_refused(
    store: ImageStore, tmp_path: Path, other: dict[str, object]
) -> None:
    settings = AutoencoderSettings.model_validate({"channels": (8, 12), "latent": 4} | other)
    with pytest.raises(UsageError) as caught:
        train(store, tmp_path, settings, TrainingSettings(epochs=1, start="principal-axes"))
    assert "training.start" in line(caught.value)
    train(store, tmp_path, settings, TrainingSettings(epochs=1))

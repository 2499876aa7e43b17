"""Models of other tools, made in moments: random convolutions, and linear networks that a formula trains."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from zpoints.models.foreign.pixels import to_model
from zpoints.models.foreign.recipe import Recipe

SIDE, LATENT = 16, 6

NETS = '''
import torch
from torch import nn


class Convolutions(nn.Module):
    """Two down, two up."""

    def __init__(self, latent=6):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 6, 4, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 4, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(128, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 128), nn.Unflatten(1, (8, 4, 4)), nn.ConvTranspose2d(8, 6, 4, 2, 1),
            nn.ReLU(), nn.ConvTranspose2d(6, 3, 4, 2, 1), nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Variational(Convolutions):
    """Encodes to a mean and a logarithm of a variance."""

    def encode(self, x):
        z = self.encoder(x)
        return z, z - 3.0

    def decode(self, z):
        return self.decoder(z)


class Drawn(Variational):
    """Its vectors are drawn anew each time."""

    def encode(self, x):
        z = self.encoder(x)
        return z + torch.randn_like(z)


class Linear(nn.Module):
    """Principal axes as a network."""

    def __init__(self, shape=(3, 16, 16), latent=6):
        super().__init__()
        self.shape = shape
        count = shape[0] * shape[1] * shape[2]
        self.down, self.up = nn.Linear(count, latent), nn.Linear(latent, count)

    def encode(self, x):
        return self.down(x.flatten(1))

    def decode(self, z):
        return self.up(z).reshape(-1, *self.shape)
'''


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    """120 pictures in which neither colours nor axes can be exchanged unseen: (120, 16, 16, 3) uint8."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    a, b, c = random.uniform(0.2, 1.0, (3, 120, 1, 1))
    red = a * x
    green = 0.6 * b * np.exp(-8 * ((x - 0.3 - 0.3 * c) ** 2 + (y - 0.6) ** 2))
    blue = 0.5 + 0.3 * (c - 0.5) * np.cos(6 * y)
    found = 255 * np.stack(np.broadcast_arrays(red, green, blue), axis=3).clip(0, 1)
    return found.astype(np.uint8)


@pytest.fixture
def torch_folder(tmp_path: Path) -> Path:
    """A folder with the user's code, and random weights of its convolutions."""
    return nets_in(tmp_path / "net")


def nets_in(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "net.py").write_text(NETS)
    save_file(network("Convolutions").state_dict(), folder / "weights.safetensors")
    return folder


def network(name: str, **arguments: Any) -> torch.nn.Module:
    """One of the user's classes, with fixed random weights."""
    space: dict[str, Any] = {"__name__": "net"}
    exec(NETS, space)
    torch.manual_seed(1)
    return space[name](**arguments).eval()


@pytest.fixture
def onnx_folder(tmp_path: Path) -> Path:
    """The convolutions exported to ONNX, and a batch of any size."""
    return exported(tmp_path / "onnx")


def exported(folder: Path) -> Path:
    folder.mkdir(parents=True)
    net = network("Convolutions")
    for part, module, given in (
        ("encoder", net.encoder, torch.zeros(2, 3, SIDE, SIDE)),
        ("decoder", net.decoder, torch.zeros(2, LATENT)),
    ):
        torch.onnx.export(
            module,
            (given,),
            str(folder / f"{part}.onnx"),
            dynamo=False,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
        )
    return folder


@pytest.fixture
def linear(tmp_path: Path, pictures: np.ndarray) -> Callable[..., str]:
    """Principal axes of pictures as some recipe has them, as a network: what it takes is known for certain."""

    def make(**recipe: Any) -> str:
        folder = tmp_path / "linear"
        folder.mkdir()
        (folder / "net.py").write_text(NETS)
        base: dict[str, Any] = {
            "format": "torch",
            "size": (SIDE, SIDE),
            "channels": 3,
            "layout": "channels-first",
        }
        base |= {name: value for name, value in recipe.items() if name != "output"}
        meant = Recipe(**base, latent_shape=(LATENT,))
        x = to_model(pictures, meant).reshape(len(pictures), -1).astype(np.float64)
        mean = x.mean(axis=0)
        axes = np.linalg.svd(x - mean, full_matrices=False)[2][:LATENT]
        up, back = axes.T, mean
        if recipe.get("output") == "logits":
            # The least squares from vectors to logits; pictures in 0..1 are kept away from the ends.
            wanted = np.log((x * 0.98 + 0.01) / (1 - x * 0.98 - 0.01))
            z = np.c_[(x - mean) @ axes.T, np.ones(len(x))]
            found = np.linalg.lstsq(z, wanted, rcond=None)[0]
            up, back = found[:-1].T, found[-1]
        state = {"down.weight": axes, "down.bias": -axes @ mean, "up.weight": up, "up.bias": back}
        save_file(
            {name: torch.from_numpy(np.ascontiguousarray(v, np.float32)) for name, v in state.items()},
            folder / "weights.safetensors",
        )
        return f"{folder}/net.py:Linear"

    return make


def keras_here() -> Any:
    """Keras on PyTorch, which it keeps to in this process; without the package, tests that ask for it are skipped."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras", reason="Keras is not installed")


def keras_model() -> Any:
    """Four convolutions, trained for a moment, with a layer `code` of five values between them."""
    keras = keras_here()
    layers = keras.layers
    keras.utils.set_random_seed(0)
    given = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(given)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(5, name="code")(layers.Flatten()(x))
    x = layers.Reshape((4, 4, 6))(layers.Dense(96, activation="relu")(x))
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid")(x)
    model = keras.Model(given, x)
    model.compile("adam", "mse")
    some = np.random.default_rng(0).random((32, SIDE, SIDE, 3), np.float32)
    model.fit(some, some, epochs=1, batch_size=16, verbose=0)
    return model


def pythae_model(name: str = "AE") -> Any:
    """One of pythae's models with its own networks, random weights and four latent components."""
    pytest.importorskip("pythae", reason="pythae is not installed")
    models = import_module("pythae.models")
    torch.manual_seed(0)
    config = getattr(models, f"{name}Config")(input_dim=(3, SIDE, SIDE), latent_dim=4)
    return getattr(models, name)(config).eval()


def diffusers_model(**more: Any) -> Any:
    """A tiny AutoencoderKL with random weights, whose latent arrays are (4, 4, 4)."""
    pytest.importorskip("diffusers", reason="diffusers is not installed")
    torch.manual_seed(0)
    made = import_module("diffusers.models").AutoencoderKL(
        block_out_channels=(4, 4, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=2,
        latent_channels=4,
        sample_size=SIDE,
        scaling_factor=0.5,
        shift_factor=0.25,
        **more,
    )
    return made.eval()

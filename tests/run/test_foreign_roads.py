"""The whole road with each kind of model: vectors and pictures of the run are what its own library gives."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from made_models import (
    SIDE,
    diffusers_model,
    exported,
    keras_here,
    keras_model,
    nets_in,
    network,
    pythae_model,
)
from support import blobs
from zpoints.cli.commands import app
from zpoints.run.folder import Run

pytestmark = pytest.mark.usefixtures("no_figures")

SMALL = {
    "images.test": "0.2",
    "samples.methods": '["normal", "independent"]',
    "samples.count": "16",
    "judge.features": "pixels",
    "judge.count": "20",
    "report.sheet": "8",
}
Way = Callable[[np.ndarray], np.ndarray]
"""From pictures (n, h, w, c) to vectors (n, d), or from such vectors to grey levels that are not rounded."""


class Made:
    """A model as a user has it: where it lies, and both ways through it by its own library."""

    def __init__(
        self, text: str, encode: Way, decode: Way, latent_shape: tuple[int, ...], *more: str
    ) -> None:
        self.text, self.encode, self.decode, self.latent_shape = text, encode, decode, latent_shape
        self.check = [text, *more]


def channels_first(pictures: np.ndarray) -> torch.Tensor:
    return torch.tensor(pictures).permute(0, 3, 1, 2).float() / 255


def levels(y: torch.Tensor) -> np.ndarray:
    return 255 * y.detach().permute(0, 2, 3, 1).numpy()


def keras_file(folder: Path) -> Made:
    keras, model = keras_here(), keras_model()
    model.save(folder / "model.keras")
    code = model.get_layer("code").output
    halves = keras.Model(model.inputs, code), keras.Model(code, model.outputs[0])

    def by(half: int, values: np.ndarray) -> np.ndarray:
        return halves[half].predict(values.astype(np.float32), verbose=0)

    return Made(
        str(folder / "model.keras"),
        lambda x: by(0, x / 255),
        lambda z: 255 * by(1, z),
        (5,),
        "--set",
        "model.bottleneck=code",
    )


def torch_class(folder: Path) -> Made:
    net = network("Convolutions")
    return Made(
        f"{nets_in(folder / 'net')}/net.py:Convolutions",
        lambda x: net.encoder(channels_first(x)).detach().numpy(),
        lambda z: levels(net.decoder(torch.from_numpy(z))),
        (6,),
        "--set",
        f"size=[{SIDE},{SIDE}]",
    )


def onnx_files(folder: Path) -> Made:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    place = exported(folder / "onnx")
    halves = [onnxruntime.InferenceSession(place / f"{name}coder.onnx") for name in ("en", "de")]

    def by(half: int, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(halves[half].run(None, {"x": values})[0])

    return Made(
        str(place), lambda x: by(0, channels_first(x).numpy()).numpy(), lambda z: levels(by(1, z)), (6,)
    )


def pythae_folder(folder: Path) -> Made:
    net = pythae_model()
    net.save(str(folder / "ae"))
    return Made(
        str(folder / "ae"),
        lambda x: net.encoder(channels_first(x)).embedding.detach().numpy(),
        lambda z: levels(net.decoder(torch.from_numpy(z)).reconstruction),
        (4,),
    )


def diffusers_folder(folder: Path) -> Made:
    net = diffusers_model()
    net.save_pretrained(folder / "vae")

    def encode(x: np.ndarray) -> np.ndarray:
        mean = net.encode(2 * channels_first(x) - 1).latent_dist.mean
        return (0.5 * (mean - 0.25)).detach().reshape(len(x), -1).numpy()

    def decode(z: np.ndarray) -> np.ndarray:
        scaled = torch.from_numpy(z).reshape(-1, 4, SIDE // 4, SIDE // 4) / 0.5 + 0.25
        return levels((net.decode(scaled).sample + 1) / 2)

    return Made(str(folder / "vae"), encode, decode, (4, SIDE // 4, SIDE // 4))


@pytest.mark.parametrize("make", [keras_file, torch_class, onnx_files, pythae_folder, diffusers_folder])
def test_the_whole_road(make: Callable[[Path], Made], tmp_path: Path) -> None:
    model, source, out = make(tmp_path), tmp_path / "blobs.npy", tmp_path / "run"
    np.save(source, blobs(160, SIDE, SIDE, 3))
    call = CliRunner()
    if model.check[1:]:  # what the model does not say is told once, and stands in its codec.toml from then on
        arguments = ["model", "check", *model.check, "--source", str(source)]
        assert call.invoke(app, arguments, catch_exceptions=False).exit_code == 0
    arguments = ["run", "--model", model.text, "--source", str(source), "--out", str(out)]
    for name, value in SMALL.items():
        arguments += ["--set", f"{name}={value}"]
    assert call.invoke(app, arguments, catch_exceptions=False).exit_code == 0

    run = Run(out)
    assert run.paths.report.is_file()
    assert run.codec.latent_shape == model.latent_shape
    assert (run.paths.analysis / "channels.json").is_file() == (len(model.latent_shape) > 1)
    described = json.loads((run.paths.model / "model.json").read_text())
    assert tuple(described["latent_shape"]) == model.latent_shape
    assert described["layout"] == ("channels-last" if "keras" in model.text else "channels-first")
    z = np.load(run.paths.latents)
    np.testing.assert_allclose(z, model.encode(run.store.pixels), atol=1e-5)
    for method in ("normal", "independent"):
        drawn, pictures = run.samples(method), run.pictures(method)
        assert (drawn.shape, pictures.shape) == ((16, *model.latent_shape), (16, SIDE, SIDE, 3))
        assert np.abs(pictures - np.clip(model.decode(drawn), 0, 255)).max() <= 1

"""Models as people have them: outputs of several kinds, other layouts, variants; none is taken wrongly in silence."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from made_models import LATENT, NETS, SIDE, diffusers_model, keras_here, keras_model, network
from support import line
from zpoints.errors import UsageError
from zpoints.models.foreign.looking import look

SIZE = {"size": [SIDE, SIDE]}


class By(nn.Module):
    """A function as a module, with the network that it uses."""

    def __init__(self, function: Any, net: nn.Module) -> None:
        super().__init__()
        self.function, self.net = function, net

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


def own(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    net = network("Convolutions")
    with torch.inference_mode():
        z = net.encoder(torch.tensor(pictures).permute(0, 3, 1, 2).float() / 255)
        return z.numpy(), 255 * net.decoder(z).permute(0, 2, 3, 1).numpy()


def graph(folder: Path, part: str, module: nn.Module, given: torch.Tensor, outputs: tuple[str, ...]) -> None:
    free = {name: {0: "n"} for name in ("x", *outputs)}
    names = {"input_names": ["x"], "output_names": list(outputs), "dynamic_axes": free}
    torch.onnx.export(module, (given,), str(folder / f"{part}.onnx"), dynamo=False, **names)


def user_class(folder: Path, code: str, state: Any = None) -> str:
    """A class of the user's that inherits from the convolutions."""
    folder.mkdir(exist_ok=True)
    body = "\n".join(f"    {row}" for row in code.splitlines())
    (folder / "net.py").write_text(f"{NETS}\n\nclass Mine(Convolutions):\n{body}\n")
    torch.save(state or network("Convolutions").state_dict(), folder / "last.ckpt")
    return f"{folder}/net.py:Mine"


def test_a_decoder_of_the_other_layout(onnx_folder: Path, tmp_path: Path, pictures: np.ndarray) -> None:
    """Its number of values alone would fit, and the pictures would be scrambled."""
    net = network("Convolutions")
    last = By(lambda z: net.decoder(z).permute(0, 2, 3, 1), net)
    graph(onnx_folder, "decoder", last, torch.zeros(2, LATENT), ("y",))
    code = "def decode(self, z):\n    return self.decoder(z).permute(0, 2, 3, 1)"
    z, y = own(pictures)
    for text, changes in ((str(onnx_folder), None), (user_class(tmp_path / "mine", code), SIZE)):
        looked = look(text, changes)
        assert looked.recipe.layout == "channels-first"
        assert np.abs(looked.codec.decode(z) - y).max() <= 1


def test_pictures_of_another_form_with_as_many_values(tmp_path: Path) -> None:
    code = f"def decode(self, z):\n    return self.decoder(z).reshape(-1, 3, {SIDE // 2}, {SIDE * 2})"
    with pytest.raises(UsageError) as caught:
        look(user_class(tmp_path / "mine", code), SIZE)
    assert f"(3, {SIDE // 2}, {SIDE * 2})" in line(caught.value)


@pytest.mark.parametrize("names", [("z_log_var", "o"), ("o", "logvar"), ("std", "mu"), ("sigma2", "o")])
def test_a_variance_is_not_taken_for_the_vector(
    onnx_folder: Path, pictures: np.ndarray, names: tuple[str, str]
) -> None:
    net = network("Convolutions")
    first = names[0] == "o"
    both = By(lambda x: (net.encoder(x) - 3 * (not first), net.encoder(x) - 3 * first), net)
    graph(onnx_folder, "encoder", both, torch.zeros(2, 3, SIDE, SIDE), names)
    looked = look(str(onnx_folder))
    np.testing.assert_allclose(looked.codec.encode(pictures), own(pictures)[0], atol=1e-5)
    assert any("of the Encoder's outputs" in sentence for sentence in looked.assumed)


def test_which_of_several_tensors_is_said(tmp_path: Path, pictures: np.ndarray) -> None:
    for number, (code, says) in enumerate(
        [
            ("z = self.encoder(x); return z, z - 3", "the first of 2"),
            ("z = self.encoder(x); return {'logvar': z - 3, 'mu': z}", "mu"),
        ]
    ):
        looked = look(user_class(tmp_path / f"{number}", f"def encode(self, x):\n    {code}"), SIZE)
        np.testing.assert_allclose(looked.codec.encode(pictures), own(pictures)[0], atol=1e-5)
        assert f"of what the Encoder gives: {says}" in looked.assumed


def test_bytes_in_and_a_sigmoid_out(onnx_folder: Path, pictures: np.ndarray) -> None:
    net = network("Convolutions")
    scaled = By(lambda x: net.encoder(x.float() / 255), net)
    graph(onnx_folder, "encoder", scaled, torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8), ("y",))
    looked = look(str(onnx_folder))
    assert looked.recipe.output == (0.0, 1.0)
    assert np.abs(looked.codec.decode(own(pictures)[0]) - own(pictures)[1]).max() <= 1


def test_other_number_formats_of_a_class(tmp_path: Path, pictures: np.ndarray) -> None:
    for kind in ("half", "double"):
        code = f"def __init__(self):\n    super().__init__()\n    self.{kind}()"
        z = look(user_class(tmp_path / kind, code), SIZE).codec.encode(pictures)
        np.testing.assert_allclose(z, own(pictures)[0], atol=1e-5 if kind == "double" else 1e-3)


def test_checkpoints_of_lightning(tmp_path: Path, pictures: np.ndarray) -> None:
    state = {f"model.{name}": tensor for name, tensor in network("Convolutions").state_dict().items()}
    whole = {"state_dict": state, "epoch": 3, "hyper_parameters": {"latent": LATENT}}
    text = user_class(tmp_path / "mine", "pass", whole)
    np.testing.assert_allclose(look(text, SIZE).codec.encode(pictures), own(pictures)[0], atol=1e-5)
    user_class(tmp_path / "mine", "pass", whole | {"hyper_parameters": argparse.Namespace(latent=LATENT)})
    with pytest.raises(UsageError) as caught:
        look(text, SIZE)
    assert "it holds argparse.Namespace" in line(caught.value)


def test_what_a_class_is_made_with(tmp_path: Path) -> None:
    text = user_class(tmp_path / "mine", "pass", network("Convolutions", latent=9).state_dict())
    with pytest.raises(UsageError) as caught:
        look(text, SIZE)
    assert "--set model.arguments={latent = 8}" in line(caught.value)
    assert look(text, SIZE | {"model.arguments": {"latent": 9}}).codec.dimension == 9


def test_half_precision_weights_of_diffusers(tmp_path: Path, pictures: np.ndarray) -> None:
    half = diffusers_model().half()
    half.save_pretrained(tmp_path / "vae", variant="fp16")
    x = torch.tensor(pictures[:4]).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        wanted = 0.5 * (half.float().encode(x).latent_dist.mean - 0.25)
    z = look(str(tmp_path)).codec.encode(pictures[:4])
    np.testing.assert_allclose(z, wanted.reshape(4, -1), atol=1e-5)
    # Where there are weights without a variant, they are the model, and no others belong to it.
    diffusers_model().save_pretrained(tmp_path / "vae")
    both = look(str(tmp_path)).codec
    assert np.abs(both.encode(pictures[:4]) - z).max() > 0
    (tmp_path / "vae" / "diffusion_pytorch_model.fp16.safetensors").unlink()
    assert look(str(tmp_path)).codec.key == both.key


@pytest.mark.parametrize("name", ["VQModel", "AutoencoderTiny", "AutoencoderDC", "AsymmetricAutoencoderKL"])
def test_other_autoencoders_of_diffusers_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "config.json").write_text(f'{{"_class_name": "{name}"}}')
    (tmp_path / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    for place in (tmp_path, tmp_path / "vae"):
        with pytest.raises(UsageError) as caught:
            look(str(place))
        assert f"a model {name} of diffusers" in line(caught.value)
        assert "ONNX" in str(caught.value)


@pytest.mark.parametrize("name", ["saved_model.pb", "model.tflite", "frozen.pb"])
def test_other_files_are_told_how_to_convert(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    for place in (tmp_path, tmp_path / name):
        with pytest.raises(UsageError) as caught:
            look(str(place))
        assert "tf2onnx" in line(caught.value)


@pytest.mark.parametrize("names", [("encoder", "decoder"), ("down", "up")])
def test_keras_models_in_a_model(tmp_path: Path, pictures: np.ndarray, names: tuple[str, str]) -> None:
    keras, model = keras_here(), keras_model()
    code, given = model.get_layer("code").output, keras.Input((SIDE, SIDE, 3))
    encoder = keras.Model(model.inputs, code, name=names[0])
    decoder = keras.Model(code, model.outputs[0], name=names[1])
    keras.Model(given, decoder(encoder(given))).save(tmp_path / "nested.keras")
    looked = look(str(tmp_path / "nested.keras"))
    z = encoder.predict(pictures.astype(np.float32) / 255, verbose=0)
    np.testing.assert_allclose(looked.codec.encode(pictures), z, atol=1e-5)
    assert np.abs(looked.codec.decode(z) - 255 * decoder.predict(z, verbose=0)).max() <= 1
    assert any(f"parts {names[0]} and {names[1]}" in sentence for sentence in looked.assumed)


def test_a_keras_layer_of_the_user_is_named(tmp_path: Path) -> None:
    keras = keras_here()
    layer = type("Mine", (keras.layers.Layer,), {"call": lambda self, x: 2 * x, "__module__": "__main__"})
    given = keras.Input((SIDE, SIDE, 3))
    for suffix in ("keras", "h5"):
        keras.Model(given, layer()(given)).save(tmp_path / f"model.{suffix}")
        with pytest.raises(UsageError) as caught:
            look(str(tmp_path / f"model.{suffix}"), {"model.bottleneck": "code"})
        assert "Mine" in line(caught.value)
    registered = keras.saving.register_keras_serializable(package="theirs")(layer)
    for suffix in ("keras", "h5"):
        keras.Model(given, registered()(given)).save(tmp_path / f"model.{suffix}")
    del keras.saving.get_custom_objects()["theirs>Mine"]  # as in another process
    for suffix in ("keras", "h5"):
        with pytest.raises(UsageError) as caught:
            look(str(tmp_path / f"model.{suffix}"), {"model.bottleneck": "code"})
        assert "it needs theirs>Mine" in line(caught.value)
    keras_model().save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(UsageError) as caught:
        look(str(tmp_path / "model.weights.h5"))
    assert "weights without a model" in line(caught.value)

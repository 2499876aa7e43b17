"""Keras, pythae and diffusers: made there in a moment, and their vectors and pictures are the model's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from made_models import SIDE, diffusers_model, keras_here, keras_model, pythae_model
from support import line
from zpoints.errors import UsageError
from zpoints.models.foreign.looking import look


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_here()


@pytest.fixture(scope="module")
def trained() -> Any:
    return keras_model()


def assert_keras(keras: Any, model: Any, text: str, pictures: np.ndarray, **changes: Any) -> list[str]:
    looked = look(text, changes or None)
    with torch.no_grad():
        x = keras.ops.convert_to_tensor(pictures.astype(np.float32) / 255)
        z = keras.Model(model.inputs, model.get_layer("code").output)(x, training=False)
        y = keras.ops.convert_to_numpy(model(x, training=False))
    np.testing.assert_allclose(looked.codec.encode(pictures), keras.ops.convert_to_numpy(z), atol=1e-5)
    again = looked.codec.decode(looked.codec.encode(pictures))
    assert np.abs(again - 255 * y).max() <= 1
    assert looked.recipe.layout == "channels-last"
    return list(looked.assumed)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_one_keras_model_and_its_bottleneck(
    keras: Any, trained: Any, tmp_path: Path, pictures: np.ndarray, suffix: str
) -> None:
    path = tmp_path / f"model.{suffix}"
    trained.save(path)
    assumed = assert_keras(keras, trained, str(path), pictures)
    assert any("bottleneck 'code'" in sentence for sentence in assumed)
    assumed = assert_keras(keras, trained, str(tmp_path), pictures, **{"model.bottleneck": "code"})
    assert not any("bottleneck" in sentence for sentence in assumed)
    with pytest.raises(UsageError) as caught:
        look(str(path), {"model.bottleneck": "kode"})
    assert "code" in line(caught.value)


def test_a_sequential_one_is_cut_as_well(
    keras: Any, trained: Any, tmp_path: Path, pictures: np.ndarray
) -> None:
    chain = keras.Sequential(list(trained.layers))
    chain.save(tmp_path / "model.keras")
    assert_keras(keras, trained, str(tmp_path / "model.keras"), pictures)


def test_encoder_and_decoder_of_keras(keras: Any, trained: Any, tmp_path: Path, pictures: np.ndarray) -> None:
    code = trained.get_layer("code").output
    keras.Model(trained.inputs, code).save(tmp_path / "encoder.keras")
    keras.Model(code, trained.outputs).save(tmp_path / "decoder.keras")
    assert_keras(keras, trained, str(tmp_path), pictures)
    assert_keras(keras, trained, str(tmp_path / "encoder.keras"), pictures)


def test_keras_with_code_in_it_loads_nothing(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(given, keras.layers.Lambda(lambda x: x * 2)(given))
    for name in ("bad.keras", "bad.h5"):
        model.save(tmp_path / name)
    # Keras itself is not even asked.
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("it was opened"))
    for name in ("bad.keras", "bad.h5"):
        with pytest.raises(UsageError) as caught:
            look(str(tmp_path / name))
        assert "nothing was loaded" in line(caught.value)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"module": "os", "class_name": "system", "config": {}}, "os.system"),
        ({"module": "keras.utils", "class_name": "get_file", "config": {}}, "keras.utils.get_file"),
        ({"module": "keras.config", "class_name": "enable_unsafe_deserialization"}, "keras.config"),
        ({"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}}, "TorchModuleWrapper"),
        ({"module": "keras.layers", "class_name": "StringLookup", "config": {}}, "other files"),
    ],
)
def test_configurations_that_reach_out(tmp_path: Path, entry: dict[str, Any], says: str) -> None:
    import json
    import zipfile

    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as file:
        file.writestr("config.json", json.dumps({"config": {"layers": [[entry]]}, "compile_config": None}))
    with pytest.raises(UsageError) as caught:
        look(str(tmp_path / "bad.keras"))
    assert says in line(caught.value)


def test_a_link_out_of_an_h5_file(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.attrs["model_config"] = "{}"
        file["w"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(UsageError) as caught:
        look(str(tmp_path / "bad.h5"))
    assert "another file" in line(caught.value)


def test_damaged_keras_files_are_one_line(tmp_path: Path) -> None:
    for name in ("a.keras", "a.h5"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(UsageError) as caught:
            look(str(tmp_path / name))
        assert "save it anew" in line(caught.value)


def test_an_autoencoder_of_pythae(tmp_path: Path, pictures: np.ndarray) -> None:
    for made in (pythae_model("AE"), pythae_model("VAE")):
        folder = tmp_path / type(made).__name__
        made.save(str(folder))
        codec = look(str(folder)).codec
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            z = made.encoder(x).embedding
            y = made.decoder(z)["reconstruction"].reshape(-1, 3, SIDE, SIDE).permute(0, 2, 3, 1) * 255
        np.testing.assert_allclose(codec.encode(pictures), z, atol=1e-5)
        assert np.abs(codec.decode(z.numpy()) - y.numpy()).max() <= 1
        (folder / "encoder.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
        with pytest.raises(UsageError) as caught:
            look(str(folder))
        assert "encoder.pkl" in line(caught.value)


@pytest.mark.parametrize(
    "scaled", [{}, {"latents_mean": [0.1, 0.2, 0.3, 0.4], "latents_std": [1.0, 2.0, 3.0, 4.0]}]
)
def test_an_autoencoder_of_diffusers(tmp_path: Path, pictures: np.ndarray, scaled: dict[str, Any]) -> None:
    network = diffusers_model(**scaled)
    network.save_pretrained(tmp_path / "vae")
    x = torch.from_numpy(pictures[:8]).permute(0, 3, 1, 2).float() / 127.5 - 1
    mean = torch.tensor(scaled.get("latents_mean", [0.0])).reshape(1, -1, 1, 1)
    std = torch.tensor(scaled.get("latents_std", [1.0])).reshape(1, -1, 1, 1)
    with torch.no_grad():
        latent = network.encode(x).latent_dist.mean
        y = network.decode(latent).sample
    z = (latent - 0.25 - mean) * 0.5 / std
    for place in (tmp_path, tmp_path / "vae"):
        looked = look(str(place))
        assert looked.codec.latent_shape == (4, SIDE // 4, SIDE // 4)
        np.testing.assert_allclose(looked.codec.encode(pictures[:8]), z.reshape(8, -1), atol=1e-5)
        again = looked.codec.decode(z.reshape(8, -1).numpy())
        wanted = ((y + 1) * 127.5).clip(0, 255).permute(0, 2, 3, 1).numpy()
        assert np.abs(again - wanted).max() <= 1
        assert any("0.5" in sentence for sentence in looked.assumed)

"""PyTorch classes and exported programs, ONNX: vectors and pictures are the model's own, and nothing runs unasked."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from made_models import SIDE, exported, network
from support import line
from zpoints.errors import UsageError, ZPointsError
from zpoints.models.foreign.looking import look, mark_of
from zpoints.models.foreign.recipe import CODEC, write_recipe


def own(pictures: np.ndarray, name: str = "Convolutions") -> tuple[np.ndarray, np.ndarray]:
    """Vectors and pictures, by PyTorch itself."""
    net = network(name)
    with torch.inference_mode():
        z = net.encoder(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
        y = net.decoder(z).permute(0, 2, 3, 1) * 255
    return z.numpy(), y.numpy()


def assert_own(text: str, pictures: np.ndarray, **changes: object) -> None:
    looked = look(text, changes or None)
    z, y = own(pictures)
    np.testing.assert_allclose(looked.codec.encode(pictures), z, atol=1e-5)
    decoded = looked.codec.decode(z)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded - y).max() <= 1
    assert (looked.codec.shape, looked.codec.latent_shape) == ((SIDE, SIDE, 3), (6,))
    # What all layers give out is more than what goes in, and grows with the batch.
    assert 4 * pictures[0].size < looked.codec.bytes_for(1) < looked.codec.bytes_for(9) / 8


def test_a_class_of_the_user(torch_folder: Path, pictures: np.ndarray) -> None:
    for named in ("/net.py:Convolutions", "/net:Convolutions", ":net:Convolutions"):
        assert_own(f"{torch_folder}{named}", pictures, size=[SIDE, SIDE])


def test_a_variational_one_gives_its_mean(torch_folder: Path, pictures: np.ndarray) -> None:
    assert_own(f"{torch_folder}/net.py:Variational", pictures, size=[SIDE, SIDE])


@pytest.mark.parametrize("wrap", ["plain", "checkpoint", "data parallel"])
def test_states_as_trainings_leave_them(torch_folder: Path, pictures: np.ndarray, wrap: str) -> None:
    state = network("Convolutions").state_dict()
    if wrap == "checkpoint":
        state = {"model_state_dict": state, "epoch": 3}
    elif wrap == "data parallel":
        state = {f"module.{name}": tensor for name, tensor in state.items()}
    (torch_folder / "weights.safetensors").unlink()
    torch.save(state, torch_folder / "last.pt")
    assert_own(f"{torch_folder}/net.py:Convolutions", pictures, size=[SIDE, SIDE])


def test_exported_to_onnx(onnx_folder: Path, pictures: np.ndarray) -> None:
    assert_own(str(onnx_folder), pictures)
    assert_own(str(onnx_folder / "encoder.onnx"), pictures)


def test_exported_by_torch(tmp_path: Path, pictures: np.ndarray) -> None:
    net, n = network("Convolutions"), torch.export.Dim("n")
    for part, module, given in (
        ("encoder", net.encoder, torch.zeros(2, 3, SIDE, SIDE)),
        ("decoder", net.decoder, torch.zeros(3, 6)),  # of three at a time, and no other number
    ):
        free = ({0: n},) if part == "encoder" else None
        program = torch.export.export(module, (given,), dynamic_shapes=free)
        torch.export.save(program, tmp_path / f"{part}.pt2")
    assert_own(str(tmp_path), pictures[:10])


def test_what_was_written_is_taken_next_time(onnx_folder: Path, pictures: np.ndarray) -> None:
    recipe = look(str(onnx_folder)).recipe
    before = mark_of(str(onnx_folder))
    write_recipe(onnx_folder / CODEC, recipe.model_copy(update={"range": (-1.0, 1.0), "fingerprint": ""}))
    looked = look(str(onnx_folder))
    assert looked.written == onnx_folder / CODEC
    assert looked.recipe.range == (-1.0, 1.0)
    assert looked.assumed == ()
    assert mark_of(str(onnx_folder)) != before
    z, _ = own(pictures)
    assert np.abs(looked.codec.encode(pictures) - z).max() > 1e-3


def test_an_encoder_that_draws_is_refused(torch_folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        look(f"{torch_folder}/net.py:Drawn", {"size": [SIDE, SIDE]})
    assert "random" in line(caught.value)


class Touch:
    """A pickle that leaves a file behind when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_weights_that_are_a_pickle_run_nothing(torch_folder: Path, tmp_path: Path) -> None:
    (torch_folder / "weights.safetensors").unlink()
    for bad in (pickle.dumps(Touch(tmp_path / "run")), b"nothing of the kind"):
        (torch_folder / "w.pt").write_bytes(bad)
        with pytest.raises(UsageError) as caught:
            look(f"{torch_folder}/net.py:Convolutions")
        assert "weights alone" in line(caught.value)
    torch.save({"w": Touch(tmp_path / "run")}, torch_folder / "w.pt")
    with pytest.raises(UsageError):
        look(f"{torch_folder}/net.py:Convolutions")
    assert not (tmp_path / "run").exists()


def test_code_runs_only_where_the_user_names_it(torch_folder: Path, tmp_path: Path) -> None:
    recipe = look(f"{torch_folder}/net.py:Convolutions", {"size": [SIDE, SIDE]}).recipe
    write_recipe(torch_folder / CODEC, recipe)
    (torch_folder / "net.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    for text in (str(torch_folder), str(torch_folder / CODEC), str(torch_folder / "weights.safetensors")):
        with pytest.raises(UsageError) as caught:
            look(text)
        assert "net.py:Convolutions" in line(caught.value) or "net.py:Autoencoder" in line(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("net.py", "which class?"),
        ("net.py:Nothing", "no class 'Nothing'"),
        ("nyt.py:Linear", "no such model"),
        ("net.py:Linear", "does not hold the weights of this class"),
        ("", "name your class"),
    ],
)
def test_what_cannot_be_opened_is_one_line(torch_folder: Path, text: str, says: str) -> None:
    with pytest.raises(ZPointsError) as caught:
        look(f"{torch_folder}/{text}")
    assert says in line(caught.value)


def test_a_model_of_another_size_is_named(onnx_folder: Path, tmp_path: Path) -> None:
    for changes, says in (
        ({"size": [20, 20]}, "does not encode"),
        ({"channels": 1}, "channels"),
        ({"sice": [16, 16]}, "did you mean 'size'?"),
        ({"model.encodr": "a"}, "did you mean 'encoder'?"),
    ):
        with pytest.raises(UsageError) as caught:
            look(str(onnx_folder), changes)
        assert says in line(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        look(str(tmp_path / "empty"))
    assert "encoder.onnx" in line(caught.value)


def test_two_that_might_be_meant(onnx_folder: Path) -> None:
    (onnx_folder / "old_encoder.onnx").write_bytes((onnx_folder / "encoder.onnx").read_bytes())
    with pytest.raises(UsageError) as caught:
        look(str(onnx_folder))
    assert "which encoder?" in line(caught.value)
    assert look(str(onnx_folder), {"model.encoder": "encoder.onnx"}).recipe.model["encoder"] == "encoder.onnx"


def test_another_folder_s_module_of_the_same_name(
    torch_folder: Path, tmp_path: Path, pictures: np.ndarray
) -> None:
    for name, factor in (("a", 1.0), ("b", 2.0)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "layers.py").write_text(f"FACTOR = {factor}\n")
        (folder / "net.py").write_text(
            (torch_folder / "net.py").read_text()
            + "\nimport layers\n\n\nclass Scaled(Variational):\n    def encode(self, x):\n"
            "        return layers.FACTOR * self.encoder(x)\n"
        )
        save_file(network("Convolutions").state_dict(), folder / "w.safetensors")
    one, two = (
        look(f"{tmp_path / name}/net.py:Scaled", {"size": [SIDE, SIDE]}).codec.encode(pictures)
        for name in "ab"
    )
    np.testing.assert_allclose(2 * one, two, rtol=1e-5)


def test_exported_again_is_another_model(onnx_folder: Path, tmp_path: Path) -> None:
    same = exported(tmp_path / "again")
    assert mark_of(str(onnx_folder)) == mark_of(str(same))
    path = onnx_folder / "decoder.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert mark_of(str(onnx_folder)) != mark_of(str(same))
    assert mark_of(str(tmp_path / "nowhere")) == "gone"

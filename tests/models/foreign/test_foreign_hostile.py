"""Files that reach out of their folder, or hold code: nothing is loaded, and one line says why."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from made_models import SIDE
from support import line
from zpoints.errors import UsageError
from zpoints.models.foreign.looking import look


def outside(folder: Path, location: str, where: str = "initializer") -> None:
    """An Encoder whose weights lie in a file of that name, or a node of which holds such a tensor."""
    tensor = TensorProto()
    tensor.name, tensor.data_type, tensor.data_location = "w", TensorProto.FLOAT, TensorProto.EXTERNAL
    tensor.dims.extend([1])
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    add = helper.make_node("Add", ["x", "w"], ["y"])
    if where == "initializer":
        graph = helper.make_graph([add], "g", [x], [y], [tensor])
    else:
        graph = helper.make_graph([helper.make_node("Constant", [], ["w"], value=tensor), add], "g", [x], [y])
    (folder / "encoder.onnx").write_bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("where", ["initializer", "node"])
@pytest.mark.parametrize("location", ["/etc/passwd", "../secret", "a/../../secret", "link", "..\\secret", ""])
def test_onnx_that_takes_weights_from_outside(
    onnx_folder: Path, tmp_path: Path, location: str, where: str
) -> None:
    (tmp_path / "secret").write_bytes(b"secret bytes")
    (onnx_folder / "link").symlink_to(tmp_path / "secret")
    outside(onnx_folder, location, where)
    with pytest.raises(UsageError) as caught:
        look(str(onnx_folder))
    assert "outside of its folder; nothing was loaded" in line(caught.value)


def test_weights_beside_the_model_are_taken(onnx_folder: Path) -> None:
    model = onnx.load(str(onnx_folder / "encoder.onnx"))
    before = look(str(onnx_folder)).codec
    pictures = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
    z = before.encode(pictures)
    onnx.save(
        model,
        str(onnx_folder / "encoder.onnx"),
        save_as_external_data=True,
        location="w.bin",
        size_threshold=8,
    )
    after = look(str(onnx_folder)).codec
    np.testing.assert_array_equal(after.encode(pictures), z)
    weights = bytearray((onnx_folder / "w.bin").read_bytes())
    weights[0] ^= 1
    (onnx_folder / "w.bin").write_bytes(weights)
    assert look(str(onnx_folder)).codec.key != after.key
    (onnx_folder / "w.bin").unlink()
    with pytest.raises(UsageError) as caught:
        look(str(onnx_folder))
    assert "w.bin" in line(caught.value)


def test_damaged_onnx_is_one_line(onnx_folder: Path) -> None:
    whole = (onnx_folder / "encoder.onnx").read_bytes()
    for content in (b"", b"nothing", whole[: len(whole) // 2], whole.replace(b"Conv", b"Dumb")):
        (onnx_folder / "encoder.onnx").write_bytes(content)
        with pytest.raises(UsageError) as caught:
            look(str(onnx_folder))
        assert "encoder.onnx" in line(caught.value)


class Run:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.path, "w")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIDE * SIDE, 4))
    path = tmp_path_factory.mktemp("program") / "encoder.pt2"
    torch.export.save(torch.export.export(module.eval(), (torch.zeros(2, 3, SIDE, SIDE),)), path)
    return path.read_bytes()


def changed(program: bytes, part: str, change: object) -> bytes:
    """The archive with another content of one file: bytes, or a function of its text."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(program)) as file, zipfile.ZipFile(out, "w") as new:
        hits = [name for name in file.namelist() if part in name]
        assert hits, file.namelist()
        for name in file.namelist():
            content = file.read(name)
            if name == hits[0]:
                content = change if isinstance(change, bytes) else change(content.decode()).encode()  # type: ignore[operator]
            new.writestr(name, content)
    return out.getvalue()


def test_exported_programs_that_hold_code(program: bytes, tmp_path: Path) -> None:
    run = tmp_path / "run"
    evil = f"__import__('pathlib').Path({str(run)!r}).touch()"
    pickled = pickle.dumps(Run(str(run)))
    constants = {"c": {"path_name": "custom_obj_0", "use_pickle": True, "tensor_meta": None}}
    expression = json.dumps({"as_expr": {"expr_str": evil, "hint": None}})
    replaced = [
        ("torch.ops.aten.linear.default", "torch.hub.load"),
        ("torch.ops.aten.linear.default", "torch.ops.aten.from_file"),
        ('"p_1_weight"', json.dumps(f"p = {evil}")),
        ('{"as_int": 2}', expression),
    ]
    bad = [
        changed(program, "models/model.json", lambda text, old=old, new=new: text.replace(old, new))
        for old, new in replaced
    ]
    bad += [
        changed(program, "model_constants_config.json", json.dumps({"config": constants}).encode()),
        changed(program, "sample_inputs/model.pt", pickled),
    ]
    (tmp_path / "decoder.pt2").write_bytes(program)
    for content in bad:
        assert content != program
        (tmp_path / "encoder.pt2").write_bytes(content)
        with pytest.raises(UsageError) as caught:
            look(str(tmp_path))
        assert "encoder.pt2" in line(caught.value)
    assert not run.exists()

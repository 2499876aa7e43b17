"""A whole run with a model of another tool; `model check` and `export` on the command line."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from support import blobs, line
from zpoints.cli.commands import app
from zpoints.config import Settings
from zpoints.errors import UsageError
from zpoints.models.foreign.looking import look
from zpoints.models.kinds import open_codec
from zpoints.report.stage import STAGES, run_all
from zpoints.run.exporting import export_onnx
from zpoints.run.folder import Run
from zpoints.run.pipeline import run_stages
from zpoints.system.progress import Silent

pytestmark = pytest.mark.usefixtures("no_figures")

SMALL = {
    "samples": {"methods": ["normal"], "count": 24},
    "judge": {"features": "pixels", "count": 20},
    "report": {"sheet": 12},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    np.save(folder / "blobs.npy", blobs(240, 16, 16, 3))
    return folder


@pytest.fixture(scope="module")
def ours(place: Path) -> Run:
    """A run of our own network, to be exported."""
    tree = SMALL | {
        "name": "ours",
        "images": {"source": str(place / "blobs.npy"), "test": 0.2},
        "autoencoder": {"channels": [6, 8], "latent": 6},
        "training": {"epochs": 2, "device": "cpu", "precision": "float32"},
    }
    run = Run(place / "ours", Settings.of(tree, "test"))
    first_stages(run)
    return run


def first_stages(run: Run) -> list[str]:
    """Pictures, model, vectors: all that is about the model."""
    return run_stages(run, STAGES[:3])


@pytest.fixture(scope="module")
def exported(ours: Run, place: Path) -> Path:
    return export_onnx(ours.folder, place / "exported")


class Told(Silent):
    """Keeps what a user is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)


def foreign(place: Path, model: Path, name: str = "foreign", **images: object) -> Run:
    tree = SMALL | {
        "name": name,
        "images": {"source": str(place / "blobs.npy"), "test": 0.2, **images},
        "autoencoder": {"kind": "foreign", "model": str(model)},
    }
    return Run(place / name, Settings.of(tree, "test"))


def test_what_is_exported_computes_the_same(ours: Run, exported: Path, place: Path) -> None:
    import onnxruntime

    pictures = np.load(place / "blobs.npy")[:50]
    z = ours.codec.encode(pictures)
    session = onnxruntime.InferenceSession(exported / "encoder.onnx")
    np.testing.assert_allclose(session.run(None, {"pictures": pictures})[0], z, atol=1e-5)
    back = onnxruntime.InferenceSession(exported / "decoder.onnx").run(None, {"z": z})[0]
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - ours.codec.decode(z)).max() <= 1


def test_the_ten_lines_of_the_readme_run(
    exported: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.search(r"```python\n(.*?)```", (exported / "README.md").read_text(), re.DOTALL)
    assert code
    assert (
        len([row for row in code.group(1).splitlines() if row and not row.startswith(("import", "from"))])
        <= 10
    )
    monkeypatch.chdir(exported)
    Image.fromarray(np.load(place / "blobs.npy")[0]).resize((40, 30)).save("picture.png")
    Path("use.py").write_text(code.group(1))
    runpy.run_path("use.py")
    assert Image.open("again.png").size == (16, 16)
    for name in ("use.py", "picture.png", "again.png"):
        Path(name).unlink()


def test_a_run_of_a_model_to_the_report(exported: Path, ours: Run, place: Path) -> None:
    run = foreign(place, exported)
    ran = run_all(run)
    assert ran[0] == "prepare"
    assert ran[-1] == "report"
    # The pictures were given no size: they follow the model.
    assert Run(run.folder).settings.images.size == (16, 16)
    assert Run(run.folder).settings.autoencoder.latent == 6
    assert open_codec(exported).key == run.codec.key
    np.testing.assert_allclose(np.load(run.paths.latents), np.load(ours.paths.latents), atol=1e-5)
    drawn, z = run.pictures("normal"), run.samples("normal")
    assert np.abs(ours.codec.decode(z).astype(int) - drawn).max() <= 1
    page = run.paths.report.read_text(encoding="utf-8")
    assert "another tool trained (onnx" in page
    assert run_all(foreign(place, exported)) == []
    assert run.codec.kind == "foreign"
    assert "16x16x3 pictures, 6 components" in repr(run.codec)


def test_a_changed_model_is_another_one(exported: Path, place: Path, tmp_path: Path) -> None:
    import shutil

    model = tmp_path / "model"
    shutil.copytree(exported, model)
    run = foreign(place, model, "changing")
    first_stages(run)
    path = model / "codec.toml"
    path.write_text(path.read_text().replace('order = "rgb"', 'order = "bgr"'))
    told = Told()
    assert run_stages(foreign(place, model, "changing"), STAGES[:3], told) == ["train", "encode"]
    changes = [text for text in told.texts if "since" in text]
    assert changes == [
        f"the model {model} has changed since; to be done again: train, encode; still valid: prepare"
    ]
    # Another model, by its name: that is a setting; with other pictures it is both.
    other, told = tmp_path / "other", Told()
    shutil.copytree(exported, other)
    assert run_stages(foreign(place, other, "changing"), STAGES[:3], told) == ["train", "encode"]
    assert "settings have changed since" in " ".join(told.texts)
    assert "the model" not in " ".join(text for text in told.texts if "since" in text)
    path = other / "codec.toml"
    path.write_text(path.read_text().replace('order = "rgb"', 'order = "bgr"'))
    told = Told()
    run_stages(foreign(place, other, "changing", test=0.25), STAGES[:3], told)
    assert f"settings, and the model {other}, have changed since" in " ".join(told.texts)
    first_stages(foreign(place, model, "changing"))
    graph = model / "encoder.onnx"
    kept = graph.read_bytes()
    graph.write_bytes(kept.replace(b"pictures", b"picturez"))
    with pytest.raises(UsageError) as caught:
        _ = Run(run.folder).codec
    assert "has changed since" in line(caught.value)
    graph.unlink()
    for use in (lambda: Run(run.folder).codec, lambda: first_stages(foreign(place, model, "changing"))):
        with pytest.raises(UsageError) as caught:
            use()
        assert "encoder.onnx: is gone" in line(caught.value)
    graph.write_bytes(kept)
    assert first_stages(foreign(place, model, "changing")) == []


@pytest.mark.parametrize(("images", "says"), [({"size": [20, 20]}, "16x16"), ({"colour": "grey"}, "rgb")])
def test_pictures_that_the_model_does_not_take(
    exported: Path, place: Path, images: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        first_stages(foreign(place, exported, "other", **images))
    assert says in line(caught.value)
    assert not (place / "other" / "images").exists()


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(UsageError) as caught:
        Settings.of({"autoencoder": {"model": "x"}}, "test")
    assert "foreign" in line(caught.value)


def test_the_commands(exported: Path, ours: Run, place: Path, tmp_path: Path) -> None:
    import shutil

    model = tmp_path / "model"
    shutil.copytree(exported, model)
    (model / "codec.toml").unlink()
    call, pictures = CliRunner(), str(place / "blobs.npy")
    with pytest.raises(UsageError) as caught:
        open_codec(model)
    assert "zpoints model check" in line(caught.value)
    done = call.invoke(app, ["model", "check", str(model), "--source", pictures], catch_exceptions=False)
    assert done.exit_code == 0
    assert "16x16, colour, channels-last, rgb, values 0..255" in done.stdout
    assert "assumed     colours in the order RGB" in done.stdout
    assert "RMSE in grey levels" in done.stdout
    assert "WARNING" not in done.stdout
    assert Image.open(model / "check.png").width > 100
    assert look(str(model)).written == model / "codec.toml"
    wrong = ["model", "check", str(model), "--source", pictures, "--set", "range=[0,1]", "-q"]
    assert call.invoke(app, wrong, catch_exceptions=False).stdout == ""
    assert look(str(model)).recipe.range == (0.0, 1.0)
    out = tmp_path / "again"
    done = call.invoke(app, ["export", str(ours.folder), "--onnx", "--out", str(out)], catch_exceptions=False)
    assert (out / "encoder.onnx").is_file()
    # Written again; but not over files of others.
    assert call.invoke(app, ["export", str(ours.folder), "--onnx", "--out", str(out)]).exit_code == 0
    (out / "export.json").unlink()
    refused = call.invoke(app, ["export", str(ours.folder), "--onnx", "--out", str(out)])
    assert isinstance(refused.exception, UsageError)

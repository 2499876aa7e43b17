"""Files of the user stay: neither a run nor a command takes over a folder that is not its own."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from faults import contents, copy_without
from support import line
from zpoints.config import Settings
from zpoints.errors import UsageError
from zpoints.report.stage import run_all
from zpoints.run import work
from zpoints.run.folder import Run
from zpoints.run.ownership import MARKS, check_own
from zpoints.run.walking import walk
from zpoints.samplers import Normal

pytestmark = pytest.mark.usefixtures("no_figures")

OWN = {
    "config.toml": "# my own settings\n[tool]\nkey = 1\n",
    "run.json": '{"my": "own"}',
    "report/index.html": "my own page",
    "notes.txt": "mine",
    "images/cat.png": "a cat",
}


@pytest.mark.parametrize("name", OWN)
def test_a_run_does_not_take_over_a_folder_of_something_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(OWN[name])
    with pytest.raises(UsageError, match="is not the folder of a run; choose another folder") as caught:
        run_all(Run(tmp_path, Settings()))
    assert str(tmp_path) in line(caught.value)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert path.read_text() == OWN[name]


def test_a_run_takes_an_empty_folder_and_its_own(finished_run: Run, tmp_path: Path) -> None:
    run = copy_without(finished_run, tmp_path / "run")
    (run.folder / "notes.txt").write_text("mine")
    assert run_all(run) == []
    assert (run.folder / "notes.txt").read_text() == "mine"
    before = contents(run.folder)
    run.paths.record.unlink()  # the settings that a run writes tell whose the folder is
    assert run_all(Run(run.folder, run.settings))[0] == "prepare"
    assert contents(run.folder)["notes.txt"] == before["notes.txt"]


def test_the_mark_is_set_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "p.npy", np.zeros((20, 8, 8, 1), np.uint8))
    run = Run(tmp_path / "run", Settings.of({"images": {"source": str(tmp_path / "p.npy")}}, "test"))

    def dies(*_: object) -> None:
        assert [path.name for path in run.folder.iterdir() if not path.name.startswith(".lock")] == [
            "run.json"
        ]
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(work, "prepare", dies)
        with pytest.raises(ZeroDivisionError):
            run_all(run)
    assert json.loads(run.paths.record.read_text())["stages"] == {}


def of_functions(run: Run) -> dict[str, tuple[Callable[[Path], object], tuple[str, ...]]]:
    """Functions that write into a folder, and files there that would be replaced."""
    z = np.asarray(run.samples("normal"))
    return {
        "prepare": (
            lambda out: work.prepare(run.settings.images.source, out, run.settings),
            ("pixels.npy", "index.parquet", "rejected.csv"),
        ),
        "train": (
            lambda out: work.train(run.paths.images, out, run.settings),
            ("weights.safetensors", "model.json"),
        ),
        "encode": (lambda out: work.encode(run.paths.model, run.paths.images, out), ("z.npy",)),
        "draw": (lambda out: work.draw(run.analysis, out, Normal(), 8), ("z.npy", "sampler.npz")),
        "decode": (lambda out: work.decode(run.codec, z, out), ("pictures.npy", "grid.png")),
        "walk": (lambda out: walk(run.codec, run.analysis, out, axis=0), ("z.npy", "walk.gif")),
    }


@pytest.mark.parametrize("name", ["prepare", "train", "encode", "draw", "decode", "walk"])
def test_a_function_does_not_replace_a_file_of_somebody_else(
    finished_run: Run, tmp_path: Path, name: str
) -> None:
    run = Run(finished_run.folder)
    write, files = of_functions(run)[name]
    for number, file in enumerate(files):
        out = tmp_path / str(number)
        out.mkdir()
        (out / file).write_text("[]")
        with pytest.raises(UsageError, match="no command of zpoints wrote it") as caught:
            write(out)
        assert str(out / file) in line(caught.value)
        assert [path.name for path in out.iterdir()] == [file]
        assert (out / file).read_text() == "[]"


@pytest.mark.parametrize("name", ["prepare", "train", "encode", "draw", "decode", "walk"])
def test_a_function_replaces_what_it_wrote_itself_and_keeps_the_rest(
    finished_run: Run, tmp_path: Path, name: str
) -> None:
    write, files = of_functions(Run(finished_run.folder))[name]
    tmp_path = tmp_path / "deep" / "er" / "out"  # two folders up lies no run
    tmp_path.mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    assert set(files) <= before
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == before
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_every_mark_is_of_a_kind(tmp_path: Path) -> None:
    for mark in MARKS:
        (tmp_path / mark).write_text('{"foreign": 1}')
        (tmp_path / "x").write_text("")
        with pytest.raises(UsageError):
            check_own(tmp_path, ("x",), mark)

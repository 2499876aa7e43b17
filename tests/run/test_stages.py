"""The whole road on a small set: it ends, it does nothing twice, and a kill at any point changes nothing."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import processes
from support import blobs, line
from zpoints.config import Settings
from zpoints.errors import SourceError, ZPointsError
from zpoints.files.settings import save_settings
from zpoints.report.stage import STAGES, run_all
from zpoints.run.folder import Run

STAGE_NAMES = ["prepare", "train", "encode", "analyse", "sample", "decode", "judge", "report"]

# What a run leaves that depends on nothing but its settings: not the times, not the memory.
FIXED = (
    "images/pixels.npy",
    "images/index.parquet",
    "images/rejected.csv",
    "model/weights.safetensors",
    "latents/z.npy",
    "analysis/components.parquet",
    "analysis/planes.parquet",
    "analysis/distribution.npz",
    "analysis/histograms.npz",
    "samples/normal/z.npy",
    "samples/ellipse/z.npy",
    "samples/independent/z.npy",
    "samples/elliptical/z.npy",
    "samples/elliptical/sampler.npz",
    "samples/normal/grid.png",
    "samples/ellipse/pictures.npy",
    "samples/independent/grid.png",
)

METHODS = ["normal", "ellipse", "elliptical", "independent"]


def settings_for(folder: Path, **changes: object) -> Settings:
    source = folder / "blobs.npy"
    if not source.exists():
        np.save(source, blobs(600, 16, 16, 3))
    tree = {
        "name": "small",
        "images": {"source": str(source)},
        "autoencoder": {"channels": [6, 8], "latent": 6},
        "training": {"epochs": 3, "batch": 64},
        "samples": {"methods": METHODS, "count": 40},
        "judge": {"features": "pixels"},
        "report": {"sheet": 24},
    }
    return Settings.of(tree | changes, "test")


def fixed_files(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FIXED}


def losses(folder: Path) -> np.ndarray:
    return pd.read_csv(folder / "model/history.csv")[["train_loss", "validation_loss"]].to_numpy()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="module")
def finished(place: Path) -> Run:
    run = Run(place / "runs" / "small", settings_for(place))
    save_settings(place / "small.toml", run.settings)
    # In a process of its own, as the runs that are compared with it: what other tests left behind in this one can
    # change the last bit of a sum.
    command = [sys.executable, "-c", DYING, str(place / "small.toml"), str(run.folder), "", "0"]
    subprocess.run(
        command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=True, timeout=300
    )
    return run


def test_the_contract_s_files_are_there(finished: Run) -> None:
    folder = finished.folder
    others = ("config.toml", "run.json", "model/model.json", "model/history.csv", "analysis/analysis.json")
    assert all((folder / name).is_file() for name in (*FIXED, *others, "report/index.html"))
    z = np.load(folder / "latents/z.npy")
    index = pd.read_parquet(folder / "images/index.parquet")
    assert z.shape == (600, 6)
    assert z.dtype == np.float32
    assert list(index.columns[:3]) == ["id", "source", "split"]
    record = json.loads((folder / "run.json").read_text())
    assert list(record["stages"]) == STAGE_NAMES
    assert record["versions"]["torch"]
    assert record["ram_limit_mib"] > max(stage["peak_ram_mib"] for stage in record["stages"].values())
    assert record["ram_limit_of"]
    assert all(stage["seconds"] >= 0 and stage["peak_ram_mib"] > 0 for stage in record["stages"].values())
    summary = json.loads((folder / "analysis/analysis.json").read_text())
    assert summary["n"] == (index["split"] == "train").sum()
    assert not list(folder.rglob("*.partial*"))
    assert not list(folder.rglob("*.tmp*"))


def test_the_analysis_is_that_of_the_training_pictures(finished: Run) -> None:
    z = np.load(finished.paths.latents).astype(np.float64)
    train = pd.read_parquet(finished.paths.images / "index.parquet")["split"] == "train"
    components = pd.read_parquet(finished.paths.analysis / "components.parquet").query("basis == 'z'")
    np.testing.assert_allclose(components["mean"], z[train].mean(axis=0), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(components["std"], z[train].std(axis=0, ddof=1), rtol=1e-6)


def test_the_judge_s_table_has_every_sampler_and_every_question(finished: Run) -> None:
    scores = json.loads((finished.paths.judging / "scores.json").read_text())
    linear = f"PCA, {finished.settings.autoencoder.latent} components"
    assert list(scores["baselines"]) == ["training pictures", "reconstructions", linear, "N(0, I)"]
    # It was fitted once, and is kept for the next judgement.
    assert (finished.paths.judging / "pca.safetensors").is_file()
    assert list(scores["samplers"]) == list(finished.settings.samples.methods)
    for name, row in scores["samplers"].items():
        assert row["ratio"] == pytest.approx(
            row["frechet"] / scores["baselines"]["reconstructions"]["frechet"]
        )
        assert 0 <= row["two_sample"]["accuracy"] <= 1
        assert row["bytes"] == (finished.paths.samples(name) / "sampler.npz").stat().st_size
        assert (finished.paths.judging / f"nearest-{name}.png").is_file()
    assert (finished.paths.judging / "samplers.png").is_file()
    assert scores["best"] in scores["samplers"]


def test_a_second_call_does_nothing(finished: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.name in STAGES}
    assert run_all(finished) == []
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.slow
@pytest.mark.usefixtures("no_figures")
def test_a_changed_setting_makes_stale_what_depends_on_it(finished: Run, place: Path) -> None:
    folder = finished.folder
    changes = {
        "report": ({"report": {"sheet": 24, "planes": 2}}, ["report"]),
        "samples": (
            {"samples": {"methods": METHODS, "count": 40, "sigma": 2.5}},
            ["sample", "decode", "judge", "report"],
        ),
        "analysis": ({"analysis": {"pca": "pearson"}}, ["analyse", "sample", "decode", "judge", "report"]),
    }
    for change, expected in changes.values():
        assert run_all(Run(folder, settings_for(place, **change))) == expected
        run_all(finished)
    assert run_all(Run(folder, settings_for(place, analysis={"block": 100}))) == []


@pytest.mark.usefixtures("no_figures")
def test_a_missing_file_is_made_again(finished: Run) -> None:
    before = fixed_files(finished.folder)
    (finished.paths.analysis / "distribution.npz").unlink()
    assert run_all(finished) == ["analyse"]
    assert fixed_files(finished.folder) == before


def test_a_mistyped_source_leaves_the_run_as_it_was(finished: Run, place: Path) -> None:
    config = (finished.folder / "config.toml").read_bytes()
    before = fixed_files(finished.folder)
    with pytest.raises(SourceError) as caught:
        run_all(Run(finished.folder, settings_for(place, images={"source": str(place / "nowhere")})))
    assert "nowhere" in line(caught.value)
    assert (finished.folder / "config.toml").read_bytes() == config
    assert fixed_files(finished.folder) == before
    assert run_all(finished) == []


def test_a_folder_that_is_a_file_is_refused_in_one_line(place: Path) -> None:
    (place / "file").write_text("here first")
    with pytest.raises((ZPointsError, OSError)):
        run_all(Run(place / "file", settings_for(place)))
    assert (place / "file").read_text() == "here first"


# Each entry: a function of zpoints, and the call of it (in the process that dies) before which SIGKILL strikes.
DEATHS = {
    "prepare": ("zpoints.files.array_writer:ArrayWriter.sync", 2),
    "train, first epoch": ("zpoints.models.autoencoder.step:Learner.step", 3),
    "train, second epoch": ("zpoints.models.autoencoder.step:Learner.step", 12),
    "train, in a checkpoint": ("zpoints.models.autoencoder.checkpoint:TrainingState.save", 1),
    "train, at its end": ("zpoints.models.autoencoder.training:save_autoencoder", 1),
    "encode": ("zpoints.models.autoencoder.codec:NetworkCodec.encode", 3),
    "analyse, planes": ("zpoints.statistics.planes:PlaneCounts.count", 1),
    "analyse, while saving": ("zpoints.analysis.distribution:Distribution.save", 1),
    "sample": ("zpoints.run.work:draw", 2),
    "decode": ("zpoints.models.autoencoder.codec:NetworkCodec.decode", 2),
    "judge": ("zpoints.judging.scores:_by_pictures", 3),
    "report": ("zpoints.report.page:_content", 1),
}

DYING = """
import importlib, os, signal, sys
from pathlib import Path
from zpoints.files.settings import load_settings
from zpoints.report.stage import run_all
from zpoints.run.folder import Run

config, folder, target, call = sys.argv[1:]
if target:
    module, _, path = target.partition(":")
    owner = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    held = vars(owner)[name]
    original, calls = getattr(owner, name), []

    def dying(*args, **kwargs):
        calls.append(1)
        if len(calls) == int(call):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, staticmethod(dying) if isinstance(held, classmethod) else dying)
run_all(Run(Path(folder), load_settings(Path(config))))
"""


def start(config: Path, folder: Path, target: str = "", call: int = 0) -> processes.Process:
    return processes.start(DYING, (config, folder, target, call))


@pytest.mark.slow
def test_killed_in_every_stage_it_ends_with_the_same_bytes(finished: Run, place: Path) -> None:
    config, folder = finished.folder / "config.toml", place / "runs" / "killed"
    for name, (target, call) in DEATHS.items():
        status = start(config, folder, target, call).wait(timeout=120)
        assert status == -signal.SIGKILL, f"{name}: the process ended with {status}, it was not killed there"
    assert start(config, folder).wait(timeout=120) == 0
    assert fixed_files(folder) == fixed_files(finished.folder)
    np.testing.assert_array_equal(losses(folder), losses(finished.folder))
    assert not list(folder.rglob("*.partial*"))

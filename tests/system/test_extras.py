"""What is not installed is asked for in one line."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import processes
from support import WITHOUT_TORCH, line
from zpoints.errors import UsageError
from zpoints.run.work import prepare
from zpoints.system.extras import EXTRAS, have, missing, need


def test_what_is_there_is_not_asked_for():
    assert have("numpy")
    need("numpy", "train", "training")


def test_what_is_missing_is_named_with_its_extra():
    with pytest.raises(UsageError) as refused:
        need("no_such_package", "train", "training", "take autoencoder.kind=pca")
    assert line(refused.value) == (
        "training: needs no_such_package: pip install 'zpoints[train]'; or take autoencoder.kind=pca"
    )


def test_a_submodule_of_what_is_missing_is_missing():
    assert not have("no_such_package.inside")


def test_an_import_that_has_failed_names_its_extra():
    found = missing(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"))
    assert found is not None
    assert line(found) == "this needs PyTorch: pip install 'zpoints[train]'"
    assert missing(ModuleNotFoundError("No module named 'mine'", name="mine")) is None


def test_every_extra_that_is_named_exists():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])
    assert not [name for name in project["dependencies"] if name.startswith(("torch", "lightning", "nvidia"))]


def test_a_command_that_lacks_its_extra_is_one_line(tmp_path):
    np.save(tmp_path / "p.npy", np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8))
    prepare(tmp_path / "p.npy", tmp_path / "images")
    command = [sys.executable, "-c", WITHOUT_TORCH + processes.MAIN, "train", "images", "model"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "pip install 'zpoints[train]'" in done.stderr
    assert done.stderr.count("\n") == 1

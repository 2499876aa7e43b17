"""The whole road, from pictures to the report with the judge, where torch cannot be imported."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import processes
from support import WITHOUT_TORCH, blobs


def zpoints(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH + processes.MAIN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_from_pictures_to_the_report(tmp_path: Path) -> None:
    np.save(tmp_path / "blobs.npy", blobs(300, 16, 16, 3))
    run = tmp_path / "run"
    chosen = {
        "autoencoder.kind": "pca",
        "autoencoder.latent": 5,
        "judge.features": "pixels",
        "samples.methods": '["normal", "ellipse"]',
        "images.test": 0.2,
    }
    changes = [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]
    done = zpoints("run", "--source", tmp_path / "blobs.npy", "--out", run, *changes)
    assert done.returncode == 0, done.stderr
    scores = json.loads((run / "judging" / "scores.json").read_text())
    assert (scores["n"], scores["features"], sorted(scores["samplers"])) == (
        60,
        "pixels",
        ["ellipse", "normal"],
    )
    assert scores["best"] in scores["samplers"]
    page = (run / "report" / "index.html").read_text()
    assert scores["sentence"].partition(":")[0] in page


def test_the_network_says_what_to_install(tmp_path: Path) -> None:
    np.save(tmp_path / "blobs.npy", blobs(60, 16, 16, 3))
    done = zpoints("run", "--source", tmp_path / "blobs.npy", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "zpoints[train]" in done.stderr

"""Runs of the first edition go on: their pictures, weights and z-points count, what was measured is done again."""

import json
from pathlib import Path
from typing import Any

import pytest

from faults import assert_same, copy_without
from zpoints.config import Settings
from zpoints.files.documents import fingerprint
from zpoints.report.stage import run_all
from zpoints.run.first_edition import IMAGES, taken_over
from zpoints.run.folder import Run
from zpoints.system.progress import LineProgress

pytestmark = pytest.mark.usefixtures("no_figures")

RECORDED = {
    "prepare": "d7879dddce53849ea3b7",
    "train": "c162ad815bfab8dd8997",
    "encode": "cca7d2e8eca6a178bae3",
    "analyse": "4da472db50b2d995bde0",
    "sample": "8146b51856b7aae89f2f",
}
"""Keys in the run.json that the first edition wrote for `zpoints run` without any settings."""


DEFAULTS = {
    "images": {"source": "faces", "test": 0.05},
    "autoencoder": {"latent": 256},
    "training": {"loss": "mse", "learning_rate": 2e-3},
}
"""What the first edition wrote into every config.toml, where the defaults are others today."""


def first_edition(tree: dict[str, Any]) -> Settings:
    sections = {name: default | tree.get(name, {}) for name, default in DEFAULTS.items()}
    return Settings.of(tree | sections, "test")


def entries() -> dict[str, dict[str, object]]:
    return {name: {"key": key, "seconds": 1.0} for name, key in RECORDED.items()}


def test_what_the_first_edition_recorded_is_known() -> None:
    keys = {name: f"new {name}" for name in RECORDED}
    found = taken_over(entries(), first_edition({}), keys)
    assert {name: entry["key"] for name, entry in found.items()} == RECORDED | {
        name: f"new {name}" for name in ("prepare", "train", "encode")
    }


@pytest.mark.parametrize(
    ("tree", "kept"),
    [
        ({"training": {"device": "cpu", "retries": 3, "devices": 2}}, ["prepare", "train", "encode"]),
        ({"report": {"sheet": 9}, "name": "other"}, ["prepare", "train", "encode"]),
        ({"training": {"epochs": 3}}, ["prepare"]),
        ({"autoencoder": {"latent": 8}}, ["prepare"]),
        ({"images": {"count": 100}}, []),
        ({"images": {"leave_out": ["*mask*"]}}, []),
        ({"seed": 1}, []),
    ],
)
def test_only_work_of_the_same_settings_is_taken_over(tree: dict[str, Any], kept: list[str]) -> None:
    keys = {name: f"new {name}" for name in RECORDED}
    found = taken_over(entries(), first_edition(tree), keys)
    assert [name for name, entry in found.items() if entry["key"] == keys[name]] == kept


LATER = {"start", "mirror", "devices", "nodes"}  # settings that it did not know


def as_the_first_edition_left_it(run: Run) -> None:
    """Rewrite run.json in the form of then."""
    s, record = run.settings, run.record
    prepare = fingerprint("prepare", s.images.model_dump(include=set(IMAGES)), s.seed)
    network = s.autoencoder.model_dump(include={"channels", "kernel", "latent", "activation", "batch_norm"})
    train = fingerprint(
        "train", prepare, network, s.training.model_dump(exclude={*LATER, "device", "retries"})
    )
    old = {"prepare": prepare, "train": train, "encode": fingerprint("encode", train)}
    for name, entry in record["stages"].items():
        entry["key"] = old.get(name, "old")
        entry.pop("recipe")
    del record["format"], record["parts"]
    run.paths.record.write_text(json.dumps(record))


def test_an_old_run_goes_on_and_is_not_trained_anew(
    finished_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copy_without(finished_run, tmp_path / "run")
    as_the_first_edition_left_it(run)
    assert run_all(run, LineProgress(every=1e9)) == ["analyse", "sample", "decode", "judge", "report"]
    assert capsys.readouterr().err.splitlines()[0] == (
        "this run was made by an earlier version of zpoints; to be done again: analyse, sample, decode, judge, "
        "report; still valid: prepare, train, encode"
    )
    assert run_all(run) == []
    # The record goes on saying which stages the first edition did: they have no recipe.
    assert_same(run, finished_run, but="run.json")

"""A source that has changed since its pictures were prepared, that has moved, or that is gone."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faults import command
from support import blobs
from zpoints.config import Settings
from zpoints.errors import SourceError
from zpoints.images.prepare import prepared_key
from zpoints.report.stage import STAGES
from zpoints.run.folder import Run
from zpoints.run.pipeline import run_stages
from zpoints.run.stages.pictures import PREPARE
from zpoints.system.progress import LineProgress

NAMES = [stage.name for stage in STAGES]


def pictures(folder: Path, count: int, seed: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for number, picture in enumerate(blobs(count, 12, 12, 3, seed)):
        Image.fromarray(picture).save(folder / f"{seed}-{number:02d}.png")


def run_of(place: Path, source: Path) -> Run:
    tree = {"images": {"source": str(source), "size": [12, 12]}}
    return Run(place / "run", Settings.of(tree, "test"))


def prepared(run: Run, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """The first stage alone: whether it was done, and what was said."""
    capsys.readouterr()
    ran = run_stages(run, (PREPARE,), LineProgress(every=1e9))
    return ran, capsys.readouterr().err.splitlines()


def test_pictures_added_to_a_folder_are_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "p", 10)
    run = run_of(tmp_path, tmp_path / "p")
    prepared(run, capsys)
    assert prepared(run, capsys)[0] == []
    pictures(tmp_path / "p", 5, seed=1)
    ran, said = prepared(run, capsys)
    assert ran == ["prepare"]
    assert said[0] == (
        f"the source {tmp_path / 'p'} has changed since (was folder {tmp_path / 'p'}: 10 files, is folder "
        f"{tmp_path / 'p'}: 15 files); to be done again: prepare"
    )
    assert len(np.load(run.paths.images / "pixels.npy")) == 15
    assert prepared(run, capsys)[0] == []


def test_an_array_written_anew_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "p.npy"
    np.save(source, blobs(20, 12, 12, 3))
    run = run_of(tmp_path, source)
    prepared(run, capsys)
    np.save(source, blobs(20, 12, 12, 3, seed=1))
    ran, said = prepared(run, capsys)
    assert ran == ["prepare"]
    assert said[0] == f"the source {source} has changed since (was written anew); to be done again: prepare"
    np.testing.assert_array_equal(np.load(run.paths.images / "pixels.npy"), np.load(source))


def test_what_follows_is_done_again(tmp_path: Path) -> None:
    tree = {
        "images": {"source": str(tmp_path / "p.npy")},
        "autoencoder": {"channels": [4, 4], "latent": 3},
        "training": {"epochs": 1},
        "samples": {"methods": ["normal"], "count": 8},
        "judge": {"features": "pixels"},
    }
    np.save(tmp_path / "p.npy", blobs(60, 12, 12, 1))
    run = Run(tmp_path / "run", Settings.of(tree, "test"))
    assert command(run).returncode == 0
    np.save(tmp_path / "p.npy", blobs(80, 12, 12, 1, seed=1))
    again = command(run)
    assert again.returncode == 0
    assert f"has changed since (was array {tmp_path / 'p.npy'}: 60x12x12x1, uint8" in again.stderr
    assert f"to be done again: {', '.join(NAMES)}" in again.stderr
    assert "done before" not in again.stderr
    assert len(np.load(run.paths.latents)) == 80
    # Now the source goes away: what was prepared is used, and the line says so.
    (tmp_path / "p.npy").unlink()
    gone = command(run)
    assert gone.returncode == 0
    assert (
        f"prepare: the source {tmp_path / 'p.npy'} is not there any more; the pictures prepared before are used"
        in gone.stderr.splitlines()
    )
    assert gone.stderr.count("done before") == len(NAMES)


def test_a_source_that_cannot_be_opened_any_more_costs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path / "p", 10)
    run = run_of(tmp_path, tmp_path / "p")
    prepared(run, capsys)
    before = (run.paths.images / "pixels.npy").read_bytes()
    for path in (tmp_path / "p").iterdir():
        path.unlink()
    ran, said = prepared(run, capsys)
    assert ran == []
    assert "cannot be opened" in said[0]
    assert "the folder holds no files" in said[0]
    assert "the pictures prepared before are used" in said[0]
    assert (run.paths.images / "pixels.npy").read_bytes() == before
    # With other settings there is no way without it.
    other = run_of(tmp_path, tmp_path / "p")
    other.settings = Settings.of({"images": {"source": str(tmp_path / "p"), "size": [8, 8]}}, "test")
    with pytest.raises(SourceError):
        prepared(other, capsys)
    assert (run.paths.images / "pixels.npy").read_bytes() == before


def test_the_same_zip_in_another_place_is_the_same_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path / "p", 10)
    archive = Path(shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "p"))
    run = run_of(tmp_path, archive)
    prepared(run, capsys)
    moved = archive.rename(tmp_path / "b.zip")
    ran, said = prepared(run_of(tmp_path, moved), capsys)
    assert ran == []
    assert not any("changed" in text for text in said)


def test_built_in_sources_are_not_opened() -> None:
    for name in ("faces", "orl", "olivetti", "lfw"):
        assert prepared_key(Settings.of({"images": {"source": name}}, "test").images, 0) is None

"""Too few pictures are said before the training; what was lost is said after each run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import blobs
from zpoints.config import Settings
from zpoints.errors import StageError
from zpoints.report.closing import picture_lines
from zpoints.report.stage import STAGES
from zpoints.run import work
from zpoints.run.folder import Run
from zpoints.run.pipeline import run_stages
from zpoints.system.progress import LineProgress

TREE = {
    "images": {"size": [16, 16]},
    "autoencoder": {"kind": "pca", "latent": 2},
    "samples": {"methods": ["normal"], "count": 8},
    "judge": {"features": "pixels"},
}


def run_of(place: Path, count: int) -> Run:
    (place / "p").mkdir(exist_ok=True)
    for number, picture in enumerate(blobs(count, 16, 16, 3)):
        Image.fromarray(picture).save(place / "p" / f"{number:02d}.png")
    return Run(place / "run", Settings.of(TREE | {"images": {"source": str(place / "p")}}, "test"))


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_pictures_are_said_before_the_training(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "train", lambda *_: pytest.fail("trained"))
    with pytest.raises(StageError) as caught:
        run_stages(run_of(tmp_path, count), STAGES)
    assert f"1 training picture(s) of {count}; the stage analyse needs at least 2" in str(caught.value)


def test_what_is_left_out_is_said_at_once_and_at_the_end_of_every_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path, 40)
    for number in range(95):
        (tmp_path / "p" / f"{number}.jpg").write_text("<html>429 Too Many Requests</html>")
    said = (
        "95 of 135 were left out (most often: not a picture but HTML); "
        f"{run.paths.images / 'rejected.csv'} says why"
    )
    run_stages(run, STAGES[:1], LineProgress(every=1e9))
    assert f"prepare: {said}" in capsys.readouterr().err.splitlines()
    assert run_stages(run, STAGES[:1]) == []
    assert picture_lines(run.store) == ["", f"pictures           {said}"]


def test_pictures_of_an_older_recipe_are_not_called_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path, 10)
    run_stages(run, STAGES[:1])
    key = run.store.key
    for path in (run.paths.images / "prepare.json", run.paths.record):
        path.write_text(path.read_text().replace('"recipe": 2', '"recipe": 1').replace(key, "of then"))
    capsys.readouterr()
    assert run_stages(run, STAGES[:1], LineProgress(every=1e9)) == ["prepare"]
    assert capsys.readouterr().err.splitlines()[0] == ("zpoints has changed since; to be done again: prepare")
    assert len(np.load(run.paths.images / "pixels.npy")) == 10

"""A study from its file to its page: a kill changes nothing of its table, and a failure ends nothing."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import processes
from support import blobs, line
from zpoints.errors import StageError, UsageError
from zpoints.images.store import ImageStore
from zpoints.run.folder import Run
from zpoints.study.plan import read_plan
from zpoints.study.study import carry_out
from zpoints.study.table import is_timing
from zpoints.system.lock import locked

FILE = """
[base]
images = {size = [16, 16], test = 0.15}
autoencoder = {channels = [8, 8], latent = 4}
training = {epochs = 1, batch = 64}
samples = {methods = ["normal"], count = 24}
judge = {features = "pixels", second = "none"}
[sources.blobs]
images.source = "blobs.npy"
[sources.lost]
images.source = "nowhere.npy"
[variants.trained]
[variants.pca]
autoencoder.kind = "pca"
[variants.wide]
autoencoder = {kind = "pca", latent = 300}
[[grid]]
name = "networks"
sources = ["blobs"]
variants = ["pca", "wide", "trained"]
[[grid]]
name = "sources"
sources = ["blobs", "lost"]
"""
NO_FIGURES = """
import zpoints.study.page as page
page._embed, page.by_level, page.against = lambda _: "data:,", print, print
"""
"""Code for the start of a process: figures take most of a small study's time, and have a test of their own."""
HOLD = """
import zpoints.study.cell as cell
whole, begun = cell.run_stages, []
def held(run, stages, progress):
    begun.append(run)
    if len(begun) < 3:
        return whole(run, stages, progress)
    whole(run, stages[:3], progress)
    print("held", flush=True)
    import time
    time.sleep(60)
cell.run_stages = held
"""
"""Code for the start of a process that stops in the middle of its third run."""


def study_in(place: Path) -> Path:
    np.save(place / "blobs.npy", blobs(200, 16, 16, 3))
    (place / "study.toml").write_text(FILE)
    return place


def command(place: Path, *options: str, before: str = ""):
    return processes.run(
        f"{NO_FIGURES}\n{before}\n{processes.MAIN}",
        ["study", "study.toml", "--out", "out", *options],
        folder=place,
    )


def table_in(place: Path) -> pd.DataFrame:
    table = pd.read_parquet(place / "out" / "table.parquet")
    return table[[name for name in table.columns if not is_timing(name)]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A study that was not disturbed, and what it said at its end."""
    place = study_in(tmp_path_factory.mktemp("study"))
    done = command(place, "--jobs", "1", "-q")
    assert done.returncode == 1, done.stderr
    return place, done.stderr


def test_failures_are_listed_and_end_nothing(finished: tuple[Path, str]) -> None:
    place, said = finished
    table = table_in(place)
    assert len(table) == 4
    by = table.set_index(["source", "variant"])
    fine = [("blobs", "pca"), ("blobs", "trained")]
    assert [key for key in by.index if by["error"][key] == ""] == fine
    assert "autoencoder.latent = 300" in by["error"]["blobs", "wide"]
    assert "nowhere.npy: no such folder or file" in by["error"]["lost", ""]
    assert said.startswith("error: 2 of 4 runs failed; out/index.html lists them; ")
    assert said.count("\n") == 1
    page = (place / "out" / "index.html").read_text()
    assert "autoencoder.latent = 300" in page
    assert "nowhere.npy" in page


def test_the_table_has_the_figures_of_the_files(finished: tuple[Path, str]) -> None:
    place, _ = finished
    row = table_in(place).set_index("variant").loc["trained"]
    run = Run(place / "out" / "cells" / row["cell"])
    assert row["judge.normal.frechet"] == run.scores.samplers["normal"].frechet
    floor = run.scores.baselines["reconstructions"].frechet
    assert row["judge.normal.excess"] == run.scores.samplers["normal"].frechet - floor
    assert row["analysis.kind"] == run.analysis.summary.kind
    store, held = run.store, run.store.rows("test")
    rebuilt = run.codec.decode(run.codec.encode(store.pixels[held]))
    error = np.sqrt(np.mean((store.pixels[held].astype(float) - rebuilt) ** 2))
    assert row["pictures.rmse"] == pytest.approx(error)
    assert row["card.vectors"] == len(store.rows("train"))
    mean = store.pixels[store.rows("train")].mean(axis=0)
    from_mean = np.mean((store.pixels[held] - mean) ** 2)
    assert row["pictures.unexplained"] == pytest.approx(error**2 / from_mean)


def test_pictures_in_common_are_prepared_once(finished: tuple[Path, str]) -> None:
    place, _ = finished
    (shared,) = (place / "out" / "pictures").iterdir()
    pixels = [path / "images" / "pixels.npy" for path in (place / "out" / "cells").iterdir()]
    assert len(pixels) == 3
    assert all(path.samefile(shared / "pixels.npy") for path in pixels)
    assert len(ImageStore.open(shared)) == 200


def test_killed_and_started_again_it_ends_with_the_same_table(
    finished: tuple[Path, str], tmp_path: Path
) -> None:
    place = study_in(tmp_path)
    said = tmp_path / "said"
    said.touch()
    arguments = ["study", "study.toml", "--out", "out", "--jobs", "1", "-q"]
    process = processes.start(f"{NO_FIGURES}\n{HOLD}\n{processes.MAIN}", arguments, folder=place, stdout=said)
    limit = time.monotonic() + 120
    while "held" not in said.read_text():
        assert time.monotonic() < limit
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    half = pd.read_parquet(place / "out" / "table.parquet")
    assert half["card.kappa"].notna().sum() == 1
    trained = {path: path.stat().st_mtime_ns for path in place.glob("out/cells/*/model/model.json")}
    assert len(trained) == 2  # of the run that was stopped, too
    assert command(place, "--jobs", "1", "-q").returncode == 1
    pd.testing.assert_frame_equal(table_in(place), table_in(finished[0]))
    assert {path: path.stat().st_mtime_ns for path in trained} == trained


def test_what_is_done_is_not_done_again(finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    place, _ = finished
    monkeypatch.chdir(place)
    plan = read_plan(Path("study.toml"))
    for name in ("_embed", "by_level", "against"):
        monkeypatch.setattr(f"zpoints.study.page.{name}", lambda *_: "data:,")
    seen: list = []

    def outcomes(jobs, *_):
        seen.extend(jobs)
        yield from ()

    monkeypatch.setattr("zpoints.study.study.outcomes", outcomes)
    found = carry_out(plan, Path("out"), 1)
    assert sorted(job.settings.autoencoder.latent for job in seen) == [4, 300]  # those that failed
    assert found.missing == 2
    pixels = np.load("blobs.npy")
    np.save("blobs.npy", pixels[:150])
    seen.clear()
    carry_out(plan, Path("out"), 1, only_page=True)
    assert not seen
    carry_out(plan, Path("out"), 1)
    assert len(seen) == 4  # other pictures
    np.save("blobs.npy", pixels)


def test_a_folder_of_others_and_one_at_work_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study_in(tmp_path))
    plan = read_plan(Path("study.toml"))
    with pytest.raises(UsageError, match="not the folder of a study") as refused:
        carry_out(plan, tmp_path)
    assert "--out" in line(refused.value)
    with locked(tmp_path / "out"), pytest.raises(StageError, match="another zpoints"):
        carry_out(plan, tmp_path / "out")
    (tmp_path / "study.toml").write_text(FILE.replace('"pixels"', '"pixel"'))
    with pytest.raises(UsageError, match=r"judge\.features.*pixels"):
        carry_out(read_plan(Path("study.toml")), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_page_of_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(study_in(tmp_path))
    found = carry_out(read_plan(Path("study.toml")), Path("out"), only_page=True)
    assert (found.missing, found.failed) == (4, {})
    assert "<b>4</b><span>runs not done yet" in found.page.read_text()
    assert not (tmp_path / "out" / "pictures").exists()


@pytest.mark.slow
def test_several_processes_find_the_same(finished: tuple[Path, str], tmp_path: Path) -> None:
    place = study_in(tmp_path)
    assert command(place, "--jobs", "2", "-q").returncode == 1
    mine, theirs = table_in(place), table_in(finished[0])
    assert list(mine["error"]) == list(theirs["error"])
    pd.testing.assert_frame_equal(
        mine, theirs, rtol=0.05, atol=0.05
    )  # another number of threads rounds otherwise


@pytest.mark.slow
def test_a_process_that_is_killed_is_one_failed_run(tmp_path: Path) -> None:
    place = study_in(tmp_path)
    killer = """
import os, signal
import zpoints.study.workers as workers
whole = workers._Worker.give
def give(self, job):
    whole(self, job)
    if job.settings.autoencoder.kind == "autoencoder":
        os.kill(self.process.pid, signal.SIGKILL)
workers._Worker.give = give
"""
    done = command(place, "--jobs", "2", "-q", before=killer)
    assert done.returncode == 1
    by = table_in(place).set_index("variant")["error"]
    assert "its process ended with signal 9" in by["trained"]
    assert by["pca"] == ""
    assert command(place, "--jobs", "1", "-q").returncode == 1
    assert table_in(place).set_index("variant")["error"]["trained"] == ""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_asked_to_stop_it_stops_and_goes_on(tmp_path: Path, jobs: int) -> None:
    place = study_in(tmp_path)
    said = tmp_path / "said"
    said.touch()
    arguments = ["study", "study.toml", "--out", "out", "--jobs", str(jobs), "-q"]
    process = processes.start(processes.MAIN, arguments, folder=place, stderr=said)
    limit = time.monotonic() + 120
    while not list(place.glob("out/cells/*/run.json")):
        assert time.monotonic() < limit
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(90) == 130
    assert said.read_text() == "error: interrupted; start the same command again to go on\n"
    assert command(place, "--jobs", "1", "-q").returncode == 1
    assert (table_in(place)["error"] == "").sum() == 2

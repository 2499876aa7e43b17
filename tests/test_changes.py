"""What changes between two starts: settings, pictures, the clock; and how a run says that it was stopped."""

import os
import signal
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faults import Killed, assert_same, command, contents, copy_without, refused
from support import blobs
from zpoints.config import ImageSettings, Settings
from zpoints.images import prepare as prepare_module
from zpoints.images.journal import Journal
from zpoints.images.prepare import prepare
from zpoints.report.stage import STAGES, run_all
from zpoints.run import pipeline
from zpoints.run.folder import Run
from zpoints.system.progress import LineProgress

pytestmark = pytest.mark.usefixtures("no_figures")

NAMES = [stage.name for stage in STAGES]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "run"


def changed(run: Run, **sections: dict[str, object]) -> Run:
    """The same folder with other settings."""
    tree = run.settings.model_dump()
    for name, values in sections.items():
        tree[name] |= values
    return Run(run.folder, Settings.of(tree, "test"))


def dies(*_: object, **__: object) -> None:
    raise Killed


def test_changed_settings_are_said_before_anything_is_done(
    finished_run: Run, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copy_without(finished_run, place)
    for changes, stale, valid in (
        ({"analysis": {"pca": "pearson"}}, NAMES[3:], NAMES[:3]),
        ({"images": {"count": 200}}, NAMES, []),
    ):
        before = contents(run.folder)
        with monkeypatch.context() as patched:
            patched.setattr(pipeline, "Meter", dies)
            with pytest.raises(Killed):
                run_all(changed(run, **changes), LineProgress())
        said = capsys.readouterr().err.splitlines()[0]
        rest = f"; still valid: {', '.join(valid)}" if valid else ""
        assert said == f"settings have changed since; to be done again: {', '.join(stale)}{rest}"
        assert {**contents(run.folder), "config.toml": b""} == {**before, "config.toml": b""}
        run_all(run, LineProgress())
        assert "settings have changed" not in capsys.readouterr().err
    assert_same(run, finished_run)


def test_killed_among_the_files_of_other_settings_the_old_settings_do_not_take_them_for_theirs(
    finished_run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copy_without(finished_run, place)
    other = changed(run, samples={"temperature": 0.5})
    # Killed when the vectors are written, and nothing is noted yet.
    with monkeypatch.context() as patched:
        patched.setattr(pipeline.time, "strftime", dies)
        with pytest.raises(Killed):
            run_all(other)
    z = np.load(run.paths.samples("normal") / "z.npy")
    assert not np.array_equal(z, np.load(finished_run.paths.samples("normal") / "z.npy"))
    assert run_all(run) == ["sample"]
    assert_same(run, finished_run)


def test_killed_after_other_pictures_were_prepared_the_old_source_does_not_take_them_for_its_own(
    finished_run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copy_without(finished_run, place)
    with monkeypatch.context() as patched:
        patched.setattr(pipeline.time, "strftime", dies)
        with pytest.raises(Killed):
            run_all(changed(run, images={"count": 200}))
    assert len(np.load(run.paths.images / "pixels.npy")) == 200
    assert run_all(run) == ["prepare"]
    assert_same(run, finished_run)


def test_a_clock_that_jumps_changes_nothing(
    finished_run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = np.random.default_rng(0)

    def jumping(*_: object) -> float:
        return float(jumps.uniform(0, 4e9))

    run = copy_without(finished_run, place, "prepare", "encode", "analyse", "sample")
    for path in run.folder.rglob("*"):
        moment = jumping()
        os.utime(path, (moment, moment))
    gmtime = time.gmtime
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", jumping)
        patched.setattr(time, "time_ns", lambda: int(1e9 * jumping()))
        patched.setattr(time, "gmtime", lambda *given: gmtime(*(given or (jumping(),))))
        # Contact sheets lie beside the samples, and are the report's.
        assert run_all(run) == ["prepare", "encode", "analyse", "sample", "decode", "report"]
        assert run_all(run) == []
    assert_same(run, finished_run)
    assert all(0 <= entry["seconds"] < 600 for entry in run.record["stages"].values())


def pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number, picture in enumerate(blobs(count, 16, 16, 3)):
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
    return folder


def prepared(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("pixels.npy", "index.parquet", "rejected.csv")}


def test_a_picture_that_vanishes_after_it_was_listed_is_rejected_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pictures(tmp_path / "pictures", 12)
    settings = ImageSettings(source=str(source), size=(16, 16))
    listed = prepare_module.key_of

    def vanishing(*arguments: object) -> str:
        (source / "03.png").unlink(missing_ok=True)
        return listed(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(prepare_module, "key_of", vanishing)
        store = prepare(settings, tmp_path / "images")
    assert list(store.index["source"]) == [f"{n:02d}.png" for n in range(12) if n != 3]
    rejected = pd.read_csv(tmp_path / "images" / "rejected.csv")
    assert rejected.to_numpy().tolist() == [["03.png", "cannot be read (No such file or directory)"]]


def test_a_picture_that_vanishes_while_a_preparation_rests_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pictures(tmp_path / "pictures", 12)
    settings = ImageSettings(source=str(source), size=(16, 16))
    monkeypatch.setattr(prepare_module, "BLOCK_PICTURES", 4)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "add", dies)
        with pytest.raises(Killed):
            prepare(settings, tmp_path / "images")
    (source / "03.png").unlink()
    prepare(settings, tmp_path / "images")
    prepare(settings, tmp_path / "fresh")
    assert prepared(tmp_path / "images") == prepared(tmp_path / "fresh")


def test_pictures_that_vanish_after_they_were_prepared_are_not_missed(finished_run: Run, place: Path) -> None:
    run = copy_without(finished_run, place, "encode")
    source = Path(run.settings.images.source)
    away = source.rename(source.with_suffix(".away"))
    try:
        assert run_all(run) == ["encode"]
    finally:
        away.rename(source)
    assert_same(run, finished_run)


def test_a_zip_cut_between_two_starts_is_named_and_taken_up_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "pictures.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for path in sorted(pictures(tmp_path / "pictures", 12).iterdir()):
            archive.write(path, path.name)
    whole, moment = source.read_bytes(), source.stat().st_mtime_ns
    settings = ImageSettings(source=str(source), size=(16, 16))
    undisturbed = prepared(prepare(settings, tmp_path / "fresh").folder)
    run = Run(tmp_path / "run", Settings(images=settings))
    monkeypatch.setattr(prepare_module, "BLOCK_PICTURES", 4)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "add", dies)
        with pytest.raises(Killed):
            run_all(run)
    source.write_bytes(whole[: len(whole) // 2])
    assert refused(run) == f"{source}: cannot be read as a zip (File is not a zip file); download it again"
    source.write_bytes(whole)
    os.utime(source, ns=(moment, moment))
    assert prepared(prepare(settings, run.paths.images).folder) == undisturbed


# A function of zpoints before whose second call the process sends itself signals.
INTERRUPTED = """
import importlib, os, signal
owner = importlib.import_module("{module}").{owner}
original, calls = owner.{name}, []
def interrupted(*arguments, **options):
    calls.append(1)
    if len(calls) == 2:
        for number in {numbers}:
            os.kill(os.getpid(), number)
    return original(*arguments, **options)
owner.{name} = interrupted
"""
SYNC = ("zpoints.files.array_writer", "ArrayWriter", "sync")
STEP = ("zpoints.models.autoencoder.step", "Learner", "step")


@pytest.mark.parametrize(
    ("place_of_death", "numbers", "why"),
    [
        (SYNC, [signal.SIGINT], "interrupted"),
        (STEP, [signal.SIGTERM], "asked to end (SIGTERM)"),
        (STEP, [signal.SIGINT, signal.SIGINT], "interrupted"),
    ],
)
def test_a_run_that_is_asked_to_stop_says_so_in_one_line(
    finished_run: Run,
    place: Path,
    place_of_death: tuple[str, str, str],
    numbers: list[signal.Signals],
    why: str,
) -> None:
    run = copy_without(finished_run, place, "prepare", "train")
    module, owner, name = place_of_death
    before = INTERRUPTED.format(module=module, owner=owner, name=name, numbers=[int(n) for n in numbers])
    done = command(run, before, "-q")
    assert done.stderr == f"error: {why}; start the same command again to go on\n"
    assert done.returncode == 130
    assert not (run.folder / ".lock").exists()
    if len(numbers) == 2:
        assert command(run, "", "-q").returncode == 0
        assert_same(run, finished_run)

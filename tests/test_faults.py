"""Full and read-only disks, damaged and vanished files: one line says what to do, and nothing finished is lost."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from faults import assert_same, command, copy_without, files_up_to, refused
from zpoints.errors import DiskError
from zpoints.files.array_writer import ArrayWriter
from zpoints.files.atomic import atomic_path
from zpoints.files.numpy_files import write_npy
from zpoints.models import coding  # noqa: F401  (read before the rights to do so are given up)
from zpoints.report.stage import STAGES, run_all
from zpoints.run.folder import Run
from zpoints.system import disk

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "run"


# The file for which each stage is the first to have no room.
FIRST_LARGE = {
    "prepare": "images/pixels.npy",
    "encode": "latents/z.npy",
    "analyse": "analysis/",
    "sample": "samples/",
    "decode": "samples/normal/pictures.npy",
    "judge": "judging/",
    "report": "samples/normal/grid.png",
}
ROOM = 3500  # bytes: enough for config.toml and run.json


@pytest.mark.parametrize("stage", FIRST_LARGE)
def test_a_full_disk_is_one_line_and_costs_nothing(finished_run: Run, place: Path, stage: str) -> None:
    run = copy_without(finished_run, place, stage)
    with files_up_to(ROOM):
        said = refused(run)
    assert f"{run.folder / FIRST_LARGE[stage]}" in said
    assert "make room and start again" in said
    assert run_all(run)[0] == stage
    assert_same(run, finished_run)


def test_a_full_disk_in_training_is_one_line_and_costs_nothing(finished_run: Run, place: Path) -> None:
    run = copy_without(finished_run, place, "train")
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM}, resource.RLIM_INFINITY))"
    done = command(run, limit, "-q")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"error: {run.paths.model / 'checkpoints'}" in done.stderr
    assert "make room and start again" in done.stderr
    assert command(run, "", "-q").returncode == 0
    assert_same(run, finished_run)


@pytest.mark.parametrize("stage", ["encode", "decode"])
def test_too_little_room_is_seen_beforehand_and_told(
    finished_run: Run, place: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    run = copy_without(finished_run, place, stage)
    with monkeypatch.context() as patched:
        patched.setattr(disk.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 1000))
        said = refused(run)
    missing = {"encode": 300 * 4 * 4 - 1000, "decode": 24 * 16 * 16 * 3 - 1000}[stage] / 1024
    assert f"1000 bytes are free on the disk; make room for {missing:.0f} KiB more and start again" in said
    assert run_all(run) == [stage]
    assert_same(run, finished_run)


def test_missing_room_is_told_in_bytes_that_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 2 << 20))
    with ArrayWriter(tmp_path / "z.npy", (1000,), np.float32, "") as writer:
        writer.expect(500)
        with pytest.raises(DiskError, match=r"needs 4 MiB, 2 MiB are free .* room for 2 MiB more"):
            writer.expect(1000)
        writer.append(np.zeros((500, 1000)))
        writer.expect(1000)
    with pytest.raises(DiskError, match="room for 6"):
        write_npy(tmp_path / "x.npy", np.zeros(1_000_000))
    assert not (tmp_path / "x.npy").exists()


def test_other_errors_are_left_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "x"):
        _ = 1 / 0
    with pytest.raises(IsADirectoryError), atomic_path(tmp_path / "x"):
        tmp_path.read_bytes()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Inside, nobody may write in `folder`, not even root: its rights are laid down."""
    folder.chmod(0o555)
    if root := os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.parametrize("below", ["", "latents"])
def test_a_read_only_folder_is_one_line(finished_run: Run, below: str) -> None:
    # Not in pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        run = copy_without(finished_run, Path(name) / "run", "encode")
        (run.folder / "latents").mkdir()
        if os.geteuid() == 0:
            for path in (run.folder, *run.folder.rglob("*")):
                os.chown(path, 65534, 65534)

        def in_a_read_only_folder(run: Run) -> None:
            with read_only(run.folder / below):
                run_all(run)

        said = refused(run, in_a_read_only_folder)
        assert (
            f"{run.folder / below}: cannot be written (Permission denied); make its folder writable" in said
        )
        assert run_all(run) == ["encode"]
        assert_same(run, finished_run)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def corrupt(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4)
        file.write(bytes(60))


# A damaged file, the damage, and the stage that meets it.
DAMAGED = [
    ("images/pixels.npy", cut, "train"),
    ("images/pixels.npy", corrupt, "encode"),
    ("images/index.parquet", cut, "encode"),
    ("model/weights.safetensors", cut, "encode"),
    ("latents/z.npy", cut, "analyse"),
    ("latents/z.npy", corrupt, "analyse"),
    ("analysis/distribution.npz", cut, "sample"),
    ("analysis/distribution.npz", corrupt, "judge"),
    ("samples/normal/z.npy", cut, "decode"),
    ("samples/normal/sampler.npz", corrupt, "judge"),
    ("analysis/components.parquet", corrupt, "report"),
]


@pytest.mark.parametrize(("name", "damage", "stage"), DAMAGED)
def test_a_damaged_file_is_named_and_made_again(
    finished_run: Run, place: Path, name: str, damage: Callable[[Path], None], stage: str
) -> None:
    run = copy_without(finished_run, place, stage)
    damage(run.folder / name)
    said = refused(run)
    assert str(run.folder / name) in said
    assert "delete it and start the run again" in said
    (run.folder / name).unlink()
    maker = next(
        stage.name
        for stage in STAGES
        for part in stage.parts(run.settings)
        if run.folder / name in stage.outputs(run, part)
    )
    if "train" in (maker, stage):  # in a process of its own, or the last bit of a weight may differ
        done = command(run, "")
        assert (done.returncode, f"{maker}: done before" in done.stderr) == (0, False), done.stderr
    else:
        ran = run_all(run)
        assert ran[0] == maker
        assert stage in ran[1:]
    assert_same(run, finished_run)


def test_damaged_json_is_named_and_made_again(finished_run: Run, place: Path) -> None:
    run = copy_without(finished_run, place, "report")
    names = ["run.json", "images/prepare.json", "model/model.json", "analysis/analysis.json"]
    for name in names:
        whole = (run.folder / name).read_bytes()
        cut(run.folder / name)
        said = refused(run)
        assert str(run.folder / name) in said
        assert "delete it and start the run again" in said
        (run.folder / name).write_bytes(whole)
    for name in names:
        (run.folder / name).unlink()
    assert command(run, "", "-q").returncode == 0
    assert_same(run, finished_run)

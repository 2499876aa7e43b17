"""A small finished run, copies of it in which stages are to be done again, and how a fault is looked at."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import processes
import soak
from support import blobs, line
from zpoints.config import Settings
from zpoints.errors import ZPointsError
from zpoints.files.settings import save_settings
from zpoints.report.stage import STAGES, run_all
from zpoints.run.folder import Run


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


def settings_for(place: Path, **changes: object) -> Settings:
    """Settings of a run on pictures that are made in `place`."""
    source = place / "blobs.npy"
    if not source.exists():
        np.save(source, blobs(300, 16, 16, 3))
    images = soak.SETTINGS["images"] | {"count": 300, "source": str(source)}
    return Settings.of(soak.SETTINGS | {"images": images} | changes, "test")


def finished_run(place: Path) -> Run:
    """A run that went from start to end undisturbed."""
    run = Run(place / "finished", settings_for(place))
    done = command(run, "", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    return run


def command(run: Run, before: str = "", *options: str) -> subprocess.CompletedProcess[str]:
    """Run the stages by the command line, without figures, in a process of its own that does something before."""
    config = run.folder.with_suffix(".toml")
    save_settings(config, run.settings)
    arguments = ["run", str(config), "--out", str(run.folder), *options]
    return processes.run(f"import support; support.no_figures()\n{before}\n{processes.MAIN}", arguments)


def copy_without(finished: Run, folder: Path, *stages: str) -> Run:
    """A copy of a finished run in which some stages were never begun."""
    shutil.copytree(finished.folder, folder)
    run = Run(folder, finished.settings)
    record = run.record
    for stage in (stage for stage in STAGES if stage.name in stages):
        del record["stages"][stage.name]
        record["parts"].pop(stage.name, None)
        if stage.name in soak.FOLDERS:
            shutil.rmtree(folder / soak.FOLDERS[stage.name])
        for part in stage.parts(run.settings):
            for path in stage.outputs(run, part):
                path.unlink(missing_ok=True)
    (folder / "run.json").write_text(json.dumps(record))
    return run


def contents(folder: Path) -> dict[str, bytes]:
    """All files of finished stages: what no fault may change."""
    return {
        name: path.read_bytes()
        for name, path in soak.files(folder).items()
        if not soak.UNDER_WAY.search(name)
    }


def assert_same(run: Run, finished: Run, but: str = "") -> None:
    """Every file is that of the finished run, `but` one; only times and memory may differ."""
    mine, theirs = soak.files(run.folder), soak.files(finished.folder)
    assert not mine.keys() ^ theirs.keys(), mine.keys() ^ theirs.keys()
    odd = [name for name in mine if name != but and soak.lasting(mine[name]) != soak.lasting(theirs[name])]
    assert not odd, odd


def refused(run: Run, work: Callable[[Run], object] = run_all) -> str:
    """The one line with which a run ends; nothing that was there before has changed."""
    before = contents(run.folder)
    with pytest.raises(ZPointsError) as caught:
        work(run)
    after = contents(run.folder)
    odd = [name for name in before if after.get(name) != before[name]]
    assert not odd, odd
    return line(caught.value)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Inside, no file of this process can grow beyond `size` bytes, as on a disk that is full."""
    resource = pytest.importorskip("resource", reason="needs limits of POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

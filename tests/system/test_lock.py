"""Two processes never work in one folder, and a killed one leaves nothing in the way."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support import line
from zpoints.errors import StageError
from zpoints.system.lock import locked

HOLD = """
import sys
from pathlib import Path
from zpoints.system.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_told_who_is_at_work(holder, tmp_path):
    with pytest.raises(StageError) as refused, locked(tmp_path / "run"):
        pass
    assert f"process {holder.pid}" in line(refused.value)
    assert str(tmp_path / "run") in line(refused.value)


def test_a_kill_frees_the_folder(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with locked(tmp_path / "run"):
        assert (tmp_path / "run" / ".lock.owner").read_text() == f"{os.getpid()}\n"
    assert list((tmp_path / "run").iterdir()) == []


def test_the_end_frees_the_folder(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "run"):
            assert (tmp_path / "run" / ".lock").is_file()
        assert list((tmp_path / "run").iterdir()) == []
    with pytest.raises(ValueError, match="inside"), locked(tmp_path / "run"):
        raise ValueError("inside")
    with locked(tmp_path / "run"):
        pass


def test_other_folders_are_free(holder, tmp_path):
    with locked(tmp_path / "other"):
        pass


def test_failed_work_that_kept_nothing_leaves_no_folders(tmp_path):
    with pytest.raises(ValueError, match="no such source"), locked(tmp_path / "runs" / "mine"):
        raise ValueError("no such source")
    assert list(tmp_path.iterdir()) == []
    (kept := tmp_path / "other" / "mine").mkdir(parents=True)
    with pytest.raises(ValueError, match="later"), locked(kept):
        raise ValueError("later")
    assert kept.is_dir()
    with pytest.raises(ValueError, match="later"), locked(tmp_path / "runs" / "mine"):
        _write_and_fail(tmp_path / "runs" / "mine" / "pixels.npy")
    assert (tmp_path / "runs" / "mine" / "pixels.npy").is_file()


def _write_and_fail(path: Path) -> None:
    path.write_text("x")
    raise ValueError("later")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_drive_without_locks_is_worked_on_all_the_same(number, tmp_path, monkeypatch):
    def refuse(file: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", refuse)
    with locked(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()
    assert list((tmp_path / "run").iterdir()) == []


def test_one_process_takes_turns_with_itself(tmp_path):
    """Each of four threads gets the folder again and again, and never two at once."""
    inside, most, turns = [0], [0], [0] * 4

    def work(number: int) -> None:
        while turns[number] < 5:
            try:
                with locked(tmp_path):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    turns[number] += 1
                    inside[0] -= 1
            except StageError:
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert turns == [5] * 4
    assert most == [1]


def test_the_path_may_be_a_text(tmp_path):
    with locked(str(tmp_path / "run")):
        assert (tmp_path / "run").is_dir()

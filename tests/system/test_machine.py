"""Facts about the machine are the system's own; looking leaves nothing behind."""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from zpoints.system import machine
from zpoints.system.limits import Limit
from zpoints.system.lock import knows_locks
from zpoints.system.machine import folder_at, look_at_machine, nvidia_gpus
from zpoints.system.thread_count import THREAD_VARIABLES


def test_the_machine_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREAD_VARIABLES:  # a test of Dask before this one has left some
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "")
    monkeypatch.setattr(machine, "ram_limit", lambda: Limit(4 << 30, "the control group"))
    monkeypatch.setattr(machine, "processor_quota", lambda: 1.5)
    monkeypatch.setattr(machine, "LOOK", 0.15)
    found = look_at_machine()
    assert found.python.endswith(".".join(map(str, sys.version_info[:3])))
    assert (found.cores, found.quota) == (os.cpu_count(), 1.5)
    assert 1 <= found.processors <= found.cores
    assert (found.ram, found.ram_of) == (4 << 30, "the control group")
    assert found.variables == {"OMP_NUM_THREADS": "1"}
    assert found.blas
    if sys.platform == "linux":
        assert found.busy is not None
        assert 0 <= found.busy <= found.cores + 0.2  # the kernel counts in hundredths of a second


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    found = folder_at(tmp_path, locks=True)
    assert (found.writable, found.locks) == (True, True)
    assert found.free is not None
    assert abs(found.free - shutil.disk_usage(tmp_path).free) < 1 << 30
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    assert folder_at(tmp_path / "a" / "b", locks=True).writable
    assert not list(tmp_path.iterdir())


def test_a_drive_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(FileLock, "acquire", refused)
    assert not knows_locks(tmp_path)
    assert folder_at(tmp_path, locks=True).locks is False
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_place_for_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not folder_at(tmp_path / "file", locks=True).writable


def test_a_folder_that_takes_no_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = folder_at(tmp_path, locks=True)
    assert (found.writable, found.locks) == (False, None)


def test_gpus_are_named_by_their_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetName=[b"Tesla T4", "H100"].__getitem__,
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert nvidia_gpus() == ["Tesla T4", "H100"]
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as where it is not installed
    assert nvidia_gpus() == []

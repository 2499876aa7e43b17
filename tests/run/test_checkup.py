"""What stands in the way is told, each in a line that says what to do; and nothing else is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.errors import DiskError
from zpoints.models.autoencoder.speed import training_rate
from zpoints.run import checkup
from zpoints.run.checkup import Checkup, Graphics, Speed, remarks_on
from zpoints.run.speed import DiskRate, disk_rate, plane_rate
from zpoints.system.installed import Package, Part
from zpoints.system.machine import Folder, Machine
from zpoints.system.place import Place
from zpoints.system.progress import Silent

GIB = 1 << 30
MACHINE = Machine(
    system="Linux",
    python="CPython 3.12.1",
    processor="a processor",
    cores=8,
    processors=4,
    quota=None,
    busy=0.1,
    ram=16 * GIB,
    ram_of="the machine",
    ram_left=15 * GIB,
    budget=12 * GIB,
    blas={"openblas 0.3.30": 4},
    variables={},
)
TORCH = Package("torch", ">=2.6", "2.13.0")
FINE = Checkup(
    version="0.2.0",
    machine=MACHINE,
    place=Place(),
    graphics=Graphics(version="2.13.0", device="cpu, 4 threads", precision="float32"),
    parts=[
        Part("core", "vectors", (Package("numpy", ">=1.26", "2.4.6"),)),
        Part("train", "training", (TORCH,)),
        Part("flow", "the sampler flow", (TORCH, Package("zuko", ">=1.2", None))),
    ],
    folder=Folder(Path("runs"), 50 * GIB, True, True),
    temporary=Folder(Path("/tmp"), 10 * GIB, True),
    cache=Folder(Path("/cache"), 10 * GIB, True),
    kernels=Path("kernels"),
)


def changed_machine(**values: object) -> Checkup:
    return replace(FINE, machine=replace(MACHINE, **values))


def test_where_all_is_well_nothing_is_said() -> None:
    assert remarks_on(FINE) == ([], [])  # an extra that nobody wanted is no problem


OLD_TORCH = Package("torch", ">=2.6", "2.3.0")
PROBLEMS = {
    "numpy is missing, without which nothing works: pip install zpoints": replace(
        FINE, parts=[Part("core", "", (Package("numpy", ">=1.26", None),))]
    ),
    "torch 2.3.0 (>=2.6 is needed) by train, flow: pip install 'zpoints[train]'": replace(
        FINE, parts=[FINE.parts[0], Part("train", "", (OLD_TORCH,)), Part("flow", "", (OLD_TORCH,))]
    ),
    "PyTorch is installed, and does not work (libcudart.so.12: cannot open): install it anew": replace(
        FINE, graphics=Graphics(fault="libcudart.so.12: cannot open")
    ),
    "runs: no files can be made there; choose another folder: zpoints doctor FOLDER": replace(
        FINE, folder=Folder(Path("runs"), 50 * GIB, False)
    ),
}
NOTES = {
    "runs: 1.0 GiB are free": replace(FINE, folder=Folder(Path("runs"), GIB, True, True)),
    "runs: its drive knows no locks": replace(FINE, folder=Folder(Path("runs"), None, True, False)),
    "/tmp: 64 MiB are free": replace(FINE, temporary=Folder(Path("/tmp"), 64 << 20, True)),
    "/tmp: is not writable": replace(FINE, temporary=Folder(Path("/tmp"), 10 * GIB, False)),
    "/cache: is not writable": replace(FINE, cache=Folder(Path("/cache"), 10 * GIB, False)),
    "machine code cannot be kept": replace(FINE, kernels=None),
    "memory: a run may take 410 MiB (ulimit -d allows 512 MiB)": changed_machine(
        budget=410 << 20, ram=512 << 20, ram_of="ulimit -d"
    ),
    "memory: 2.0 GiB are left, less than the budget of 12.0 GiB": changed_machine(ram_left=2 * GIB),
    "OMP_NUM_THREADS=1 keeps work from 4 processors": changed_machine(variables={"OMP_NUM_THREADS": "1"}),
    "openblas 0.3.30 takes 64 threads for 4 processors": changed_machine(blas={"openblas 0.3.30": 64}),
    "other programs keep 1.9 of 4 processors busy": changed_machine(busy=1.9),
    "there is a GPU (Tesla T4), and this PyTorch cannot use it": replace(
        FINE, graphics=replace(FINE.graphics, hidden=["Tesla T4"])
    ),
    "there is a GPU (Tesla T4), and PyTorch is missing": replace(
        FINE, graphics=Graphics(hidden=["Tesla T4"])
    ),
    "torchrun has started this 4 times": replace(FINE, place=Place(0, 4, 0, 4)),
    "zpoints runs from its sources": replace(FINE, parts=None),
    "disk: full": replace(FINE, speed=Speed(1.0, 1.0, None, ["disk: full"])),
}


@pytest.mark.parametrize("line", PROBLEMS)
def test_what_stands_in_the_way_is_a_problem(line: str) -> None:
    assert remarks_on(PROBLEMS[line]) == ([line], [])


@pytest.mark.parametrize("start", NOTES)
def test_what_makes_it_slower_is_a_note(start: str) -> None:
    problems, notes = remarks_on(NOTES[start])
    assert problems == []
    assert [note[: len(start)] for note in notes] == [start]
    assert all("\n" not in note for note in notes)


def test_all_of_it_is_json() -> None:
    told = json.loads(json.dumps(replace(FINE, speed=Speed(1.0, None, DiskRate(2.0, None), [])).as_json()))
    assert told["folder"] == {"path": "runs", "free": 50 * GIB, "writable": True, "locks": True}
    assert told["parts"][2]["packages"][1] == {"name": "zuko", "wanted": ">=1.2", "version": None}
    assert told["speed"]["disk"] == {"write": 2.0, "read": None}


def test_without_torch_there_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "have", lambda module: False)
    monkeypatch.setattr(checkup, "nvidia_gpus", lambda: ["Tesla T4"])
    assert checkup._graphics() == Graphics(hidden=["Tesla T4"])


def test_a_torch_that_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("CUDA driver version is insufficient\nfor CUDA runtime version")

    monkeypatch.setattr("zpoints.system.device.gpus", broken)
    assert checkup._graphics().fault == "CUDA driver version is insufficient"


# --- how fast


def test_planes_are_counted_at_some_rate() -> None:
    assert plane_rate(seconds=0.02) > 1e5


def test_the_rate_of_a_training_is_that_of_its_trial() -> None:
    network, training = (
        AutoencoderSettings(channels=(4, 8), latent=4),
        TrainingSettings(batch=8, device="cpu"),
    )
    assert training_rate((16, 16, 3), network, training) > 10


def test_the_disk_is_tried_with_a_file_that_goes_again(tmp_path: Path) -> None:
    found = disk_rate(tmp_path, 8 << 20)
    assert found.write > 1e5
    assert found.read is None or found.read > 1e5
    assert not list(tmp_path.iterdir())


def test_a_disk_without_room_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(DiskError):
        disk_rate(tmp_path, 1 << 60)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_measured_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DiskError("full")

    def broken() -> None:
        raise RuntimeError("CUDA error: no kernel image is available")

    monkeypatch.setattr("zpoints.models.autoencoder.speed.training_rate", broken)

    monkeypatch.setattr(checkup, "disk_rate", full)
    monkeypatch.setattr(checkup, "plane_rate", lambda: 7.0)
    found = checkup._speed(tmp_path, Graphics(version="2.13.0"), Silent())
    faults = ["training: CUDA error: no kernel image is available", "disk: full"]
    assert found == Speed(7.0, None, None, faults)

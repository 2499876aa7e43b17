"""Starts the processes that train together, and ends them.

Under torchrun all of them are there already, each at its own ``zpoints train``. Else the calling process becomes
process 0, and starts the others of its host as helpers that train and do nothing else. So a run's other stages, its
files, its lock, its progress and its errors stay where they are with one process; Fabric's own launcher would start
the whole command line again for each.

A helper gets its job as one line on its standard input, and ends when that is closed: it never outlives its parent.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.errors import StageError, UsageError
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.ranks import ALONE, PATIENCE, Ranks, backend_of
from zpoints.system.budget import current
from zpoints.system.device import Device
from zpoints.system.place import Place

__all__ = ["joined", "together"]

HELPER = "from zpoints.models.autoencoder.helper import helper; helper()"
START_SECONDS = 120.0
GRACE_SECONDS = (
    5.0  # between the news that a process is lost and its end, or between the last step and the end
)
Job = dict[str, Any]


@contextmanager
def together(
    store: ImageStore, out: Path, autoencoder: AutoencoderSettings, training: TrainingSettings, seed: int
) -> Iterator[Ranks]:
    """Inside, all processes of a training are there; the calling one may be the only one.

    Raises
    ------
    UsageError : more GPUs are asked for than there are, or other numbers than torchrun's.
    StageError : a process does not start.
    """
    place = Place.here()
    device = Device.of(training)
    if not place.alone:
        _check_torchrun(training, place)
        with joined(place, device, None) as ranks:
            yield ranks
        return
    count = _processes(training, device)
    if count == 1:
        yield ALONE
        return
    job = {
        "images": str(store.folder.resolve()),
        "out": str(out),
        "autoencoder": autoencoder.model_dump(),
        "training": training.model_dump(),
        "seed": seed,
    }
    with _fewer_threads(device, count), _Helpers(count, job, device).working() as ranks:
        yield ranks


class _Helpers:
    """Processes 1, 2, ... of this host."""

    def __init__(self, count: int, job: Job, device: Device) -> None:
        self.count, self.job, self.device = count, job, device
        self.processes: list[subprocess.Popen[str]] = []

    @contextmanager
    def working(self) -> Iterator[Ranks]:
        """Inside they are there, and take part."""
        store = torch.distributed.TCPStore(
            "127.0.0.1", 0, self.count, is_master=True, timeout=PATIENCE, wait_for_workers=False
        )
        try:
            for rank in range(1, self.count):
                self.start(rank, store.port)
            for process in self.processes:
                self.wait_for(process)
            with joined(Place(0, self.count, 0, self.count), self.device, store, self.ended) as ranks:
                yield ranks
            self.leave()
        finally:
            for process in self.processes:
                process.kill()
                process.wait()
                for stream in (process.stdin, process.stdout):
                    assert stream
                    with suppress(OSError):
                        stream.close()

    def start(self, rank: int, port: int) -> None:
        """Start one; it says that it is ready when it has imported all."""
        budget = current()
        ram = None if budget.ram is None else budget.ram // self.count
        more = {
            "place": asdict(Place(rank, self.count, rank, self.count)),
            "port": port,
            "threads": torch.get_num_threads(),
            "ram": ram,
            "vram": budget.vram,
        }
        home = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", HELPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what a library prints there would stand among the parent's lines
            text=True,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is the parent's: it decides where all of them stop
        )
        self.processes.append(process)
        assert process.stdin
        with suppress(BrokenPipeError):  # it has ended; whoever waits for it finds out
            process.stdin.write(json.dumps(self.job | more) + "\n")
            process.stdin.flush()

    def wait_for(self, process: "subprocess.Popen[str]") -> None:
        """Wait until one is ready to join."""
        timer = threading.Timer(START_SECONDS, process.kill)
        timer.start()
        assert process.stdout
        line = process.stdout.readline().strip()
        timer.cancel()
        if line != "ready":
            raise StageError(f"{self.job['out']}: {self.word(process, line)}")

    def ended(self) -> str:
        """Which has ended by itself, and why; waits a moment for the news to come."""
        limit = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < limit:
            for process in self.processes:
                if process.poll() is not None:
                    assert process.stdout
                    return self.word(process, process.stdout.read().strip())
            time.sleep(0.05)
        return ""

    def word(self, process: "subprocess.Popen[str]", said: str) -> str:
        """What is known of the end of a process."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        code = process.returncode
        how = ""
        if code is not None and code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        elif code is not None:
            how = f"with status {code}"
        rank = 1 + self.processes.index(process)
        return f"training process {rank} of 0 to {self.count - 1} has ended ({said or how})"

    def leave(self) -> None:
        """Let them end by themselves."""
        limit = time.monotonic() + GRACE_SECONDS
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, limit - time.monotonic()))


@contextmanager
def joined(place: Place, device: Device, store: Any, ended: Any = str) -> Iterator[Ranks]:
    """Inside, PyTorch's process group is open.

    Parameters
    ----------
    store : where the processes meet: PyTorch's own, the port of the parent's; None for what torchrun says.
    """
    if device.kind == "cuda":
        torch.cuda.set_device(place.local_rank)
    ours = not torch.distributed.is_initialized()
    if isinstance(store, int):
        store = torch.distributed.TCPStore("127.0.0.1", store, place.world, is_master=False, timeout=PATIENCE)
    more = {} if store is None else {"store": store, "rank": place.rank, "world_size": place.world}
    if ours:
        torch.distributed.init_process_group(backend_of(device), timeout=PATIENCE, **more)
    try:
        yield Ranks(place, ended)
    finally:
        if ours:
            with suppress(RuntimeError):  # where a process is gone, there is nobody to say goodbye to
                torch.distributed.destroy_process_group()


def _processes(training: TrainingSettings, device: Device) -> int:
    """How many processes this host is to have."""
    if training.nodes > 1:
        raise UsageError(
            f"setting 'training.nodes' = {training.nodes}: several hosts are started by torchrun, on each of them: "
            f"torchrun --nnodes {training.nodes} --nproc-per-node {training.devices} "
            "--rdzv-backend c10d --rdzv-endpoint FIRST_HOST:29500 -m zpoints train IMAGES MODEL"
        )
    there = torch.cuda.device_count() if device.kind == "cuda" else 1
    wanted = there if training.devices == "auto" else training.devices
    if wanted > there and device.kind == "cuda":
        raise UsageError(f"setting 'training.devices' = {wanted}: there are {there} GPUs here")
    if wanted > 1 and device.kind == "mps":
        raise UsageError(f"setting 'training.devices' = {wanted}: an Apple GPU is one device; leave it out")
    return wanted


def _check_torchrun(training: TrainingSettings, place: Place) -> None:
    """Settings that say something else than torchrun are a mistake of one or the other."""
    for name, wanted, usual, there in (
        ("devices", training.devices, 1, place.local_world),
        ("nodes", training.nodes, 1, place.hosts),
    ):
        if wanted not in ("auto", usual, there):
            raise UsageError(
                f"setting 'training.{name}' = {wanted}, but torchrun has started {place.local_world} processes on "
                f"each of {place.hosts} hosts; leave the setting out, or give torchrun the same number"
            )


@contextmanager
def _fewer_threads(device: Device, count: int) -> Iterator[None]:
    """On a processor the processes share its cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // count) if device.kind == "cpu" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Processes that train one network together: what they tell each other, and who is which.

Each has the whole network, and takes its slice of every batch; `DistributedDataParallel`, as Fabric sets it up, makes
the mean of their gradients, so that all make the same step. Process 0 decides what has to be decided once, and tells
the others. Gradients travel by NCCL between GPUs; all else is small, and travels by gloo, which notices at once when
a process is gone.
"""

import io
import re
from collections.abc import Callable
from datetime import timedelta
from inspect import signature
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision, Precision
from lightning_fabric.plugins.environments import ClusterEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from zpoints.system.device import Device
from zpoints.system.place import Place

__all__ = ["ALONE", "PATIENCE", "Ranks", "backend_of"]

PATIENCE = timedelta(minutes=10)
"""So long the others are waited for. A process that dies is noticed at once, by gloo; this is for one that hangs."""
GONE = re.compile(r"gloo|nccl|connection|socket|timed out|process group|peer", re.IGNORECASE)

Value = TypeVar("Value")


class Ranks:
    """The processes that train together, seen from one of them.

    Parameters
    ----------
    place : of this process. Where it is not alone, PyTorch's process group is open already.
    ended : says which of the other processes have ended, and why, as far as this one knows: a line, or nothing.
    """

    def __init__(self, place: Place | None = None, ended: Callable[[], str] = str) -> None:
        self.place, self.ended = place or Place(), ended
        self.alone, self.first = self.place.alone, self.place.first

    def part(self, count: int) -> slice:
        """The part of a batch of so many pictures that this process takes; parts differ by one picture at most."""
        rank, world = self.place.rank, self.place.world
        return slice(count * rank // world, count * (rank + 1) // world)

    def totals(self, *values: float) -> list[float]:
        """The sum over all processes of each value, the same in all of them to the last digit."""
        if self.alone:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64)
        torch.distributed.all_reduce(found)
        return found.tolist()

    def mean(self, value: float) -> float:
        """The mean over all processes."""
        return self.totals(value)[0] / self.place.world

    def mean_of(self, tensor: Tensor) -> Tensor:
        """The mean over all processes of each number of a tensor."""
        found = tensor.detach().to("cpu", torch.float64)
        torch.distributed.all_reduce(found)
        return found / self.place.world

    def any(self, *flags: bool) -> list[bool]:
        """Of each flag, whether any process has raised it."""
        return [total > 0 for total in self.totals(*map(float, flags))]

    def least(self, number: int) -> int:
        """The smallest of the numbers that the processes have."""
        if self.alone:
            return number
        found = torch.tensor(number)
        torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MIN)
        return int(found)

    def share(self, find: Callable[[], Value]) -> Value:
        """What process 0 finds, in all of them: plain values and tensors. The others do not look themselves.

        It travels as a file of weights does, and is read as one: nothing is unpickled.
        """
        if self.alone:
            return find()
        if self.first:
            buffer = io.BytesIO()
            torch.save(find(), buffer)
            content = torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)
        size = torch.tensor(len(content) if self.first else 0)
        torch.distributed.broadcast(size, 0)
        if not self.first:
            content = torch.empty(int(size), dtype=torch.uint8)
        torch.distributed.broadcast(content, 0)
        if self.first:
            buffer.seek(0)
            return torch.load(buffer, weights_only=True)
        return torch.load(io.BytesIO(content.numpy().tobytes()), map_location="cpu", weights_only=True)

    def same(self, value: Any) -> bool:
        """Whether all processes have what process 0 has."""
        return not self.any(self.share(lambda: value) != value)[0]

    def why_lost(self, error: Exception) -> str:
        """Why an error of PyTorch's means that another process is gone; empty if it means something else."""
        if self.alone:
            return ""
        if why := self.ended():
            return why
        if isinstance(error, torch.distributed.DistError) or GONE.search(str(error)):
            return (
                f"of {self.place.world} training processes one has ended, or did not answer for "
                f"{PATIENCE.total_seconds() / 60:.0f} minutes"
            )
        return ""

    def fabric(self, device: Device) -> Fabric:
        """Lightning Fabric for a training by these processes, new: without the scale of an earlier one's losses."""
        plugins: list[Any] = [_precision(device)]
        if self.alone:
            return Fabric(accelerator=device.kind, devices=1, plugins=plugins)
        place = self.place
        # Which of the processes has how many parts of a batch is its own affair, so nothing is sent on their way.
        newer = "forward_sync_buffers" in signature(DistributedDataParallel).parameters
        buffers: dict[str, Any] = {"forward_sync_buffers" if newer else "broadcast_buffers": False}
        strategy = DDPStrategy(timeout=PATIENCE, gradient_as_bucket_view=True, **buffers)
        fabric = Fabric(
            accelerator=device.kind,
            strategy=strategy,
            devices=place.local_world,
            num_nodes=place.hosts,
            plugins=[*plugins, _Environment(place)],
        )
        fabric.launch()
        return fabric


ALONE = Ranks()
"""The usual case: one process."""


def backend_of(device: Device) -> str:
    """What PyTorch's process group sends tensors by."""
    return "cpu:gloo,cuda:nccl" if device.kind == "cuda" else "gloo"


def _precision(device: Device) -> Precision:
    # Made here, since Fabric would take bfloat16 in place of float16 on a processor, where it is tested.
    if device.float16:
        return MixedPrecision("16-mixed", device.kind)
    return MixedPrecision("bf16-mixed", device.kind) if device.bfloat16 else Precision()


class _Environment(ClusterEnvironment):
    """Tells Fabric who is who. The process group is open when it asks, so address and port are never used."""

    def __init__(self, place: Place) -> None:
        self.place = place

    creates_processes_externally = True
    main_address, main_port = "", 0

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self.place.world

    def set_world_size(self, size: int) -> None:
        pass

    def global_rank(self) -> int:
        return self.place.rank

    def set_global_rank(self, rank: int) -> None:
        pass

    def local_rank(self) -> int:
        return self.place.local_rank

    def node_rank(self) -> int:
        return self.place.rank // self.place.local_world

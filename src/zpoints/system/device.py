"""Where the network runs, and in which number format."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import nn

from zpoints.config import TrainingSettings
from zpoints.errors import UsageError

__all__ = ["Device", "Gpu", "gpus", "torch_version"]

Precision = Literal["float32", "bfloat16", "float16"]

VRAM_SHARE = 0.8  # of a GPU's memory that ``auto`` takes


@dataclass(frozen=True)
class Device:
    """A processor or GPU and the format of its multiplications.

    Attributes
    ----------
    kind : ``cpu``, ``cuda`` or ``mps``.
    bfloat16 : whether convolutions multiply in bfloat16 (sums and weights stay float32).
    float16 : whether they do so in float16, whose range is narrow: gradients then need a loss that is scaled.
    """

    kind: str
    bfloat16: bool
    float16: bool = False

    @classmethod
    def of(cls, settings: TrainingSettings) -> Self:
        """The device that the settings name; ``auto`` takes a GPU if there is one.

        Raises
        ------
        UsageError : there is no such device here.
        """
        kind = _best() if settings.device == "auto" else settings.device
        available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if kind not in available:
            raise UsageError(f"setting 'training.device' = '{kind}': expected auto, cpu, cuda or mps")
        if not available[kind]:
            raise UsageError(
                f"setting 'training.device' = '{kind}': there is no such device here; use auto or cpu"
            )
        found = _fastest(kind) if settings.precision == "auto" else settings.precision
        return cls(kind, found == "bfloat16", found == "float16")

    @property
    def precision(self) -> Precision:
        """The format of the products, as the setting of that name has it."""
        return "bfloat16" if self.bfloat16 else "float16" if self.float16 else "float32"

    @property
    def name(self) -> str:
        """The device as a person calls it."""
        if self.kind == "cuda":
            return torch.cuda.get_device_name()
        return f"{self.kind}, {torch.get_num_threads()} threads" if self.kind == "cpu" else self.kind

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network here, its weights in the memory order that the convolutions like best."""
        network.to(self.kind)
        # The stubs of PyTorch know memory_format only together with a tensor.
        return network if self.kind == "mps" else network.to(memory_format=torch.channels_last)  # type: ignore

    def vram_limit(self, budget: int | None) -> int | None:
        """Bytes that work may take on the GPU: the budget, or 80 % of all; None where there is no CUDA GPU."""
        if self.kind != "cuda":
            return None
        _, total = torch.cuda.mem_get_info()
        return int(VRAM_SHARE * total) if budget is None else min(budget, total)

    def limit(self, budget: int | None) -> None:
        """Have PyTorch refuse what goes beyond the budget, as if the GPU had no more."""
        if (limit := self.vram_limit(budget)) is not None:
            _, total = torch.cuda.mem_get_info()
            torch.cuda.set_per_process_memory_fraction(limit / total)

    def free_cache(self) -> None:
        """Give back what PyTorch holds on the GPU for later."""
        if self.kind == "cuda":
            torch.cuda.empty_cache()

    @contextmanager
    def inference(self) -> Iterator[None]:
        """No gradients, and the number format of the training."""
        short = torch.float16 if self.float16 else torch.bfloat16
        with torch.inference_mode(), torch.autocast(self.kind, short, enabled=self.precision != "float32"):
            yield


@dataclass(frozen=True)
class Gpu:
    """A GPU that PyTorch can use.

    Attributes
    ----------
    memory : bytes, of which `free` are nobody's at the moment; None where PyTorch does not tell.
    capability : of CUDA, ``8.0``; empty elsewhere.
    """

    name: str
    memory: int | None
    free: int | None
    capability: str


def torch_version() -> str:
    """The version of PyTorch, with what it is built for: ``2.13.0+cpu``."""
    return str(torch.__version__)


def gpus() -> list[Gpu]:
    """All GPUs that PyTorch can use here."""
    if not torch.cuda.is_available():
        return [Gpu("mps", None, None, "")] if torch.backends.mps.is_available() else []
    found = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        major, minor = torch.cuda.get_device_capability(number)
        found.append(Gpu(torch.cuda.get_device_name(number), total, free, f"{major}.{minor}"))
    return found


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _fastest(kind: str) -> Precision:
    """The format whose products are quickest; float32 where none is much quicker."""
    if kind == "cuda":
        # Before compute capability 8 bfloat16 is emulated, and slow; before 7 float16 mostly is as well.
        capability = torch.cuda.get_device_capability()
        return "bfloat16" if capability >= (8, 0) else "float16" if capability >= (7, 0) else "float32"
    if kind == "cpu":
        # Without these instructions bfloat16 products are emulated as well.
        instructions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
        return "bfloat16" if any(getattr(torch.cpu, name, bool)() for name in instructions) else "float32"
    return "float32"

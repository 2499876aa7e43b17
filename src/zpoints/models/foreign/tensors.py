"""PyTorch models at work as a `Backend`: which tensor of an output is meant, on which device, and what it takes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zpoints.config import TrainingSettings
from zpoints.errors import UsageError
from zpoints.models.foreign.format import Backend, Found
from zpoints.system.device import Device
from zpoints.system.pace import Pace

__all__ = ["CODES", "PICTURES", "TorchBackend", "last_activation", "tensor_in"]

CODES = ("latent_dist", "embedding", "z_mean", "mean", "mu", "latent", "latents", "loc", "code", "z")
"""Names under which an Encoder's output holds the latent vector: means before anything that is drawn."""
PICTURES = ("sample", "reconstruction", "recon_x", "reconstructions", "recon", "x_hat", "decoded", "output")


class TorchBackend(Backend):
    """Two functions of tensors.

    Parameters
    ----------
    encode, decode : take a batch, and give a tensor, or something that holds one.
    parts : the modules that the functions use; they are put into their evaluation mode and onto the device.
    found : what is known of the pixels.
    device : as ``training.device``.
    """

    def __init__(
        self,
        encode: Callable[[Tensor], Any],
        decode: Callable[[Tensor], Any],
        parts: Iterable[nn.Module],
        found: Found,
        device: str = "auto",
    ) -> None:
        self.found, self.parts = found, list(parts)
        self.device = Device.of(TrainingSettings(device=device, precision="float32"))
        for part in self.parts:
            part.eval().float()
            part.to(self.device.kind)
        self.pace = Pace(self.device.kind == "cpu")
        self.functions = {"encode": encode, "decode": decode}
        self.notes: dict[str, str] = {}

    def encode(self, x: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        return self._asked("encode", x, CODES)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        return self._asked("decode", z, PICTURES)

    def look(self) -> Found:
        """See `Backend`."""
        return self.found

    def chosen(self) -> tuple[str, ...]:
        """See `Backend`."""
        halves = {"encode": "Encoder", "decode": "Decoder"}
        return tuple(f"of what the {halves[way]} gives: {note}" for way, note in self.notes.items() if note)

    def values(self, x: np.ndarray, z: np.ndarray) -> int:
        """What all modules without modules in them give out, counted in one pass each way."""
        given = dict.fromkeys(self.functions, 0)
        way = "encode"

        def count(module: nn.Module, taken: object, out: object) -> None:
            if isinstance(out, Tensor):
                given[way] += out.numel()

        leaves = [module for part in self.parts for module in part.modules() if not list(module.children())]
        hooks = [module.register_forward_hook(count) for module in leaves]
        try:
            self.encode(x)
            way = "decode"
            self.decode(z)
        finally:
            for hook in hooks:
                hook.remove()
        return max(*given.values(), x.size + z.size)

    def _asked(self, what: str, values: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        # What the model computes by itself is what counts: no other number format.
        with self.pace.step((what, len(values))), torch.inference_mode():
            block = torch.from_numpy(np.require(values, requirements=["C", "W"])).to(self.device.kind)
            found, self.notes[what] = tensor_in(self.functions[what](block), names)
            return found.float().cpu().numpy()


def tensor_in(output: Any, names: Iterable[str]) -> tuple[Tensor, str]:
    """The tensor that a model's output holds, and where it was found: empty if the output is the tensor.

    Raises
    ------
    UsageError : there is none.
    """
    if isinstance(output, Tensor):
        return output, ""
    for name in names:
        held = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(held, Tensor):
            return held, name
        if held is not None and isinstance(getattr(held, "mean", None), Tensor):  # a distribution
            return held.mean, f"{name}.mean"
    if isinstance(output, tuple | list) and output:
        found, where = tensor_in(output[0], names)
        return found, f"the first of {len(output)}{where and f', {where}'}"
    raise UsageError(f"the model gives a {type(output).__name__}, and no tensor in it that is known here")


def last_activation(module: object) -> str:
    """``sigmoid`` or ``tanh``, where the module's last part is one; ``linear`` where it is a layer with weights."""
    if not isinstance(module, nn.Module):
        return ""
    leaves = [part for part in module.modules() if not list(part.children())]
    last = [
        part for part in leaves if not isinstance(part, nn.Unflatten | nn.Flatten | nn.Identity | nn.Dropout)
    ]
    if last and isinstance(last[-1], nn.Sigmoid | nn.Tanh):
        return type(last[-1]).__name__.lower()
    return "linear" if last and any(True for _ in last[-1].parameters(recurse=False)) else ""

"""PyTorch: a class of the user's own code, and a file of its weights."""

import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from zpoints.config import Section
from zpoints.errors import UsageError, reason
from zpoints.models.foreign.format import Backend, Found, ModelFormat, Place, only_file
from zpoints.system.extras import load
from zpoints.system.sizes import MIB

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["TORCH", "read_state"]

WEIGHTS = ("*.safetensors", "*.pt", "*.pth", "*.ckpt", "*.bin")
NESTED = ("state_dict", "model_state_dict", "model", "ema", "net", "weights")
"""Where a checkpoint keeps the weights, if they are not all that it holds."""
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "autoencoder.", "ae.", "vae.")
"""What wrappers put before the names of weights."""


class TorchSettings(Section):
    """The table ``[model]``."""

    class_: str = Field(alias="class", pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")
    """``module:Class``: the module is a file of the model's folder."""
    weights: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What the class is made with."""
    encode: str = ""
    decode: str = ""
    """Methods or modules of it; empty: `encode` and `decode`, or `encoder` and `decoder`."""


class TorchFormat(ModelFormat):
    """The code is imported only where the user has named the class."""

    name = "torch"
    words = "FOLDER/net.py:Class with the weights beside it"
    settings = TorchSettings
    imported = 315 * MIB

    def recognises(self, place: Place) -> bool:
        """See `ModelFormat`."""
        return bool(place.class_name)

    def model(self, place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelFormat`."""
        found = {"class": place.class_name, **given}
        if "weights" not in found:
            found["weights"] = only_file(place.folder, WEIGHTS, "weights")
        return self.settings_of(found, str(place.folder)).model_dump(by_alias=True)

    def files(self, folder: Path, model: Mapping[str, Any]) -> list[Path]:
        """The weights, and all code of the folder: what the class uses may lie in any of it."""
        named = folder / f"{model['class'].partition(':')[0].replace('.', '/')}.py"
        return list(dict.fromkeys([folder / model["weights"], named, *sorted(folder.glob("*.py"))]))

    def open(self, folder: Path, model: Mapping[str, Any], device: str) -> Backend:
        """See `ModelFormat`."""
        settings = self.settings_of(model, str(folder))
        load("torch", "train", f"the model {folder}", "export it to ONNX")
        from zpoints.models.foreign.tensors import TorchBackend

        network = _made(folder, settings)
        _fill(network, read_state(folder / settings.weights), folder / settings.weights)
        encode, decode = (_part(network, name, settings) for name in ("encode", "decode"))
        return TorchBackend(encode, decode, [network], _found(network, decode), device)


def _made(folder: Path, settings: TorchSettings) -> "nn.Module":
    from torch import nn

    module_name, _, class_name = settings.class_.partition(":")
    module = imported(folder, module_name)
    made: Any = module
    for name in class_name.split("."):
        made = getattr(made, name, None)
        if made is None:
            raise UsageError(f"{module.__file__}: has no class '{class_name}'; name one that it has")
    try:
        network = made(**settings.arguments)
    except Exception as error:
        raise UsageError(
            f"{settings.class_}: cannot be made with the arguments {settings.arguments or 'none'} ({reason(error)}); "
            "give them by --set model.arguments={latent = 8}, say"
        ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(f"{settings.class_}: is no torch.nn.Module; name the class of the network")
    return network


def imported(folder: Path, name: str) -> Any:
    """A module of a folder, under a name of its own; what it imports from its folder is found there.

    Raises
    ------
    UsageError : there is no such file, or it fails.
    """
    path = folder / f"{name.replace('.', '/')}.py"
    if not path.is_file():
        raise UsageError(
            f"{path}: no such file; name the class as module:Class, and the folder of the module"
        )
    spec = importlib.util.spec_from_file_location(f"zpoints_foreign_{name.replace('.', '_')}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    sys.modules[spec.name] = module  # data classes look their own module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(spec.name, None)
        raise UsageError(
            f"{path}: cannot be imported ({type(error).__name__}: {reason(error)}); mend it"
        ) from error
    finally:
        sys.path.remove(str(folder))
        # Another model's folder may have another module of the same name.
        for more in set(sys.modules) - before - {spec.name}:
            if str(getattr(sys.modules[more], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[more]
    return module


def read_state(path: Path) -> "dict[str, Tensor]":
    """The weights of a file; nothing is unpickled but tensors, by PyTorch's own reader of weights only.

    Raises
    ------
    UsageError : it holds something else.
    """
    import torch

    if not path.is_file():
        raise UsageError(f"{path}: no such file of weights; name it by --set model.weights=FILE")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        code = re.search(r"GLOBAL (\S+) was not an allowed", str(error))
        why = f"it holds {code.group(1)}, which only unpickling could read" if code else reason(error)
        raise UsageError(
            f"{path}: cannot be read as weights alone ({why}); save them by safetensors, or by "
            "torch.save(model.state_dict(), ...)"
        ) from error
    for name in NESTED:
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
            break
    if (
        not isinstance(state, dict)
        or not state
        or not all(isinstance(v, torch.Tensor) for v in state.values())
    ):
        raise UsageError(f"{path}: holds no weights by name; save model.state_dict()")
    return state


def _fill(network: "nn.Module", state: "dict[str, Tensor]", path: Path) -> None:
    """Put all weights in; none may be left over, and none may be missing."""
    wanted = set(network.state_dict())
    while not wanted & state.keys():
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in state)), None)
        if prefix is None:
            break
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    try:
        network.load_state_dict(state, strict=True)
    except Exception as error:
        left, missing = sorted(state.keys() - wanted), sorted(wanted - state.keys())
        why = f"missing {', '.join(missing[:3])}" if missing else f"too many: {', '.join(left[:3])}"
        if not left and not missing:
            why = reason_of_shapes(error)
        raise UsageError(
            f"{path}: does not hold the weights of this class ({why}); name the class that saved it, or what "
            "it was made with, by --set model.arguments={latent = 8}, say"
        ) from error


def reason_of_shapes(error: Exception) -> str:
    """The line of PyTorch's message that names the first weight of another shape."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1][:200] if len(lines) > 1 else reason(error)


def _part(network: Any, what: str, settings: TorchSettings) -> Any:
    """The function that goes one way."""
    named = getattr(settings, what)
    for name in [named] if named else [what, f"{what}r", {"encode": "enc", "decode": "dec"}[what]]:
        part = network
        for step in name.split("."):
            part = getattr(part, step, None)
        if callable(part):
            return part
    looked = f"'{named}'" if named else f"'{what}' or '{what}r'"
    raise UsageError(
        f"{settings.class_}: has no {looked}; name the method or module that does it by --set model.{what}=NAME"
    )


def _found(network: Any, decode: Any) -> Found:
    from torch import nn

    from zpoints.models.foreign.tensors import last_activation

    decoder = decode if isinstance(decode, nn.Module) else getattr(network, "decoder", None)
    last = last_activation(decoder)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return Found(((module.in_channels, None, None),), last)
        if isinstance(module, nn.Linear):
            return Found(_for_linear(module.in_features), last)
    return Found(((3, None, None), (1, None, None)), last)


def _for_linear(count: int) -> tuple[tuple[int | None, ...], ...]:
    """A first layer of vectors: pictures that the module flattens itself, or vectors."""
    sides = [(c, round((count / c) ** 0.5)) for c in (1, 3)]
    return (*((c, side, side) for c, side in sides if c * side * side == count), (count,))


TORCH = TorchFormat()

"""PyTorch's exported programs: ``encoder.pt2`` and ``decoder.pt2``, as `torch.export.save` writes them.

PyTorch's own reader unpickles, evaluates expressions, and compiles the graph as Python code. So it gets a copy in
which there is nothing to unpickle, and only names and operations that were read and found harmless before.
"""

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from zpoints.config import Section
from zpoints.errors import UsageError, reason
from zpoints.models.foreign.format import Backend, Found, ModelFormat, Place, only_file
from zpoints.system.budget import require
from zpoints.system.extras import load
from zpoints.system.sizes import MIB

__all__ = ["TORCH_EXPORT"]

SAFE_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
COPIES = 4
NAME = re.compile(r"[\w.:\- ]*", re.ASCII)
OPERATION = re.compile(r"torch\.ops\.aten\.(?!from_file\b)\w+(\.\w+)?", re.ASCII)
ARITHMETIC = {
    f"_operator.{name}" for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "getitem")
}
ARITHMETIC |= {f"_operator.{name}" for name in ("eq", "ge", "gt", "le", "lt", "pow")}
WORDS = {
    "Symbol",
    "positive",
    "integer",
    "nonnegative",
    "True",
    "False",
    "Integer",
    "Max",
    "Min",
    "Mod",
    "FloorDiv",
}
UNREAD = {"metadata", "stack_trace", "nn_module_stack"}
"""Notes about where the nodes came from."""


class TorchExportSettings(Section):
    """The table ``[model]``."""

    encoder: str
    decoder: str


class TorchExportFormat(ModelFormat):
    """Two files, one for each way."""

    name = "torch-export"
    words = "a folder with encoder.pt2 and decoder.pt2 of torch.export"
    settings = TorchExportSettings
    imported = 410 * MIB
    copies = COPIES

    def recognises(self, place: Place) -> bool:
        """See `ModelFormat`."""
        return place.path.suffix == ".pt2" or (place.path.is_dir() and any(place.path.glob("*.pt2")))

    def model(self, place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelFormat`."""
        found = dict(given)
        for part in ("encoder", "decoder"):
            if part not in found:
                found[part] = only_file(place.folder, [f"*{part}*.pt2"], part)
        return self.settings_of(found, str(place.folder)).model_dump()

    def files(self, folder: Path, model: Mapping[str, Any]) -> list[Path]:
        """See `ModelFormat`."""
        return [folder / model["encoder"], folder / model["decoder"]]

    def open(self, folder: Path, model: Mapping[str, Any], device: str) -> Backend:
        """See `ModelFormat`; exported programs stay on the processor."""
        load("torch", "train", f"the model {folder}", "export it to ONNX")
        settings = self.settings_of(model, str(folder))
        return TorchExportBackend(_Half(folder / settings.encoder), _Half(folder / settings.decoder))


class TorchExportBackend(Backend):
    """Two exported programs."""

    def __init__(self, encoder: "_Half", decoder: "_Half") -> None:
        from zpoints.models.foreign.tensors import TorchBackend

        self.encoder, self.decoder = encoder, decoder
        found = Found((encoder.shape[1:],), decoder.last)
        self.inner = TorchBackend(encoder.run, decoder.run, [], found, "cpu")

    def encode(self, x: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        return self.inner.encode(x)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        return self.inner.decode(z)

    def look(self) -> Found:
        """Shapes stand in the program, and the last operation."""
        return self.inner.look()

    def values(self, x: np.ndarray, z: np.ndarray) -> int:
        """What all operations give out, by the shapes in the program."""
        return max(self.encoder.values, self.decoder.values) + x.size


class _Half:
    """An Encoder or a Decoder."""

    def __init__(self, path: Path) -> None:
        import torch

        require(COPIES * path.stat().st_size, f"opening {path}", "choose a smaller model")
        harmless = _harmless_copy(path)
        try:
            with _weights_only():
                self.program = torch.export.load(harmless)
            self.module = self.program.module()
        except Exception as error:
            raise UsageError(f"{path}: PyTorch cannot open it ({reason(error)}); export it anew") from error
        names = self.program.graph_signature.user_inputs
        if len(names) != 1:
            raise UsageError(f"{path}: takes {len(names)} inputs; export a module that takes a batch alone")
        values = {node.name: node.meta.get("val") for node in self.program.graph.nodes}
        given = values[names[0]]
        self.shape = tuple(side if isinstance(side, int) else None for side in given.shape)
        batch = self.shape[0] or 1
        shapes = [value.shape for value in values.values() if isinstance(value, torch.Tensor)]
        self.values = (
            sum(int(np.prod([side if isinstance(side, int) else 1 for side in s])) for s in shapes) // batch
        )
        last = [str(node.target) for node in self.program.graph.nodes if node.op == "call_function"][-1:]
        found = re.search(r"aten\.(sigmoid|tanh)\b", last[0]) if last else None
        self.last = found.group(1) if found else ""

    def run(self, values: Any) -> Any:
        """One batch, in parts where the program takes batches of one size only."""
        import torch

        from zpoints.models.foreign.tensors import CODES, PICTURES, tensor_in

        batch = self.shape[0]
        if batch is None or batch == len(values):
            return self.module(values)
        parts = []
        for start in range(0, len(values), batch):
            part = values[start : start + batch]
            full = torch.cat([part, part[-1:].expand(batch - len(part), *part.shape[1:])])
            parts.append(tensor_in(self.module(full), (*CODES, *PICTURES))[0][: len(part)])
        return torch.cat(parts)


_lock = Lock()


@contextmanager
def _weights_only() -> Iterator[None]:
    """Inside, PyTorch unpickles nothing but tensors, whatever its own code asks for."""
    with _lock:
        before = os.environ.get(SAFE_ONLY)
        os.environ[SAFE_ONLY] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[SAFE_ONLY]
            else:
                os.environ[SAFE_ONLY] = before


def _harmless_copy(path: Path) -> io.BytesIO:
    """The archive without the notes of its nodes, after a look at all that PyTorch would evaluate or unpickle.

    Raises
    ------
    UsageError : says what it holds that is not loaded.
    """
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as file, zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as out:
            names = file.namelist()
            if not any("/models/" in name and name.endswith(".json") for name in names):
                raise UsageError(
                    f"{path}: no program of torch.export (of PyTorch 2.8 or later); export it anew"
                )
            for name in names:
                content = file.read(name)
                if "/data/" in name and name.endswith("_config.json"):
                    _check_payload(json.loads(content), path)
                elif name.endswith(".json"):
                    tree = _without_notes(json.loads(content))
                    _check_program(tree, path)
                    content = json.dumps(tree).encode()
                elif "/aotinductor/" in name or name.endswith((".so", ".py", ".pkl")):
                    raise UsageError(f"{path}: holds compiled code ({name:.100}), which is not loaded")
                out.writestr(name, content)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"{path}: cannot be read as torch.export's ({reason(error)}); export it anew"
        ) from error
    copy.seek(0)
    return copy


def _check_payload(tree: Any, path: Path) -> None:
    for name, entry in tree.get("config", {}).items():
        if entry.get("use_pickle") is not False or not NAME.fullmatch(name):
            raise UsageError(
                f"{path}: holds '{name:.100}' as a pickle, which is not loaded; export it to ONNX"
            )


def _without_notes(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {
            key: (type(value)() if key in UNREAD and isinstance(value, dict | str) else _without_notes(value))
            for key, value in tree.items()
        }
    return [_without_notes(value) for value in tree] if isinstance(tree, list) else tree


def _check_program(tree: Any, path: Path) -> None:
    """Refuse what is no plain name, no operation of ATen, and no arithmetic of sizes."""
    waiting = [("", tree)]
    while waiting:
        key, here = waiting.pop()
        if isinstance(here, dict):
            waiting += [("", name) for name in here]
            waiting += list(here.items())
        elif isinstance(here, list):
            waiting += [(key, value) for value in here]
        elif isinstance(here, str) and not _is_harmless(key, here, waiting):
            raise UsageError(
                f"{path}: holds {here!r:.80}, which is no plain operation of PyTorch; nothing was loaded: "
                "export the model to ONNX"
            )


def _is_harmless(key: str, text: str, waiting: list[tuple[str, Any]]) -> bool:
    if key == "torch_version":
        return re.fullmatch(r"[\w.+]*", text, re.ASCII) is not None
    if key == "target":
        return bool(OPERATION.fullmatch(text)) or text in ARITHMETIC
    if key == "expr_str":
        words = set(re.findall(r"[A-Za-z_]\w*", text))
        known = all(word in WORDS or re.fullmatch(r"[su]\d+", word) for word in words)
        return known and re.fullmatch(r"[\w\s()+\-*/,=']*", text, re.ASCII) is not None
    if text.startswith(("[", "{")):  # a tree of arguments, as JSON in JSON
        try:
            waiting.append(("", json.loads(text)))
        except ValueError:
            return False
        return True
    return NAME.fullmatch(text) is not None


TORCH_EXPORT = TorchExportFormat()

"""ONNX: ``encoder.onnx`` and ``decoder.onnx``, computed by ONNX Runtime."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.config import Section
from zpoints.errors import UsageError, reason
from zpoints.models.foreign.format import (
    OUTPUTS,
    Backend,
    Found,
    ModelFormat,
    Place,
    only_file,
    vector_of,
)
from zpoints.system.budget import require
from zpoints.system.extras import need
from zpoints.system.sizes import MIB
from zpoints.system.thread_count import processors

__all__ = ["ONNX"]

MEANS = ("z_mean", "mean", "mu", "embedding", "latent", "latents", "code", "z")
COPIES = 3
"""Of the weights while a file is opened: the bytes, what is read of them, and what the runtime makes of that."""
TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
BYTES = 255


class OnnxSettings(Section):
    """The table ``[model]``."""

    encoder: str
    decoder: str
    output: str = ""
    """Of the Encoder's outputs, the latent vector; empty is the first, or the one that is called a mean."""


class OnnxFormat(ModelFormat):
    """Two files, one for each way."""

    name = "onnx"
    words = "a folder with encoder.onnx and decoder.onnx"
    settings = OnnxSettings
    imported = 200 * MIB
    copies = COPIES

    def recognises(self, place: Place) -> bool:
        """See `ModelFormat`."""
        return place.path.suffix == ".onnx" or (place.path.is_dir() and any(place.path.glob("*.onnx")))

    def model(self, place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelFormat`."""
        found = dict(given)
        for part in ("encoder", "decoder"):
            if part not in found:
                found[part] = only_file(place.folder, [f"*{part}*.onnx"], part)
        return self.settings_of(found, str(place.folder)).model_dump()

    def files(self, folder: Path, model: Mapping[str, Any]) -> list[Path]:
        """Both files, and those that they keep their weights in."""
        found = [folder / model["encoder"], folder / model["decoder"]]
        kept = [path for graph in found if graph.is_file() for path in _outside(graph)]
        return list(dict.fromkeys([*found, *kept]))

    def open(self, folder: Path, model: Mapping[str, Any], device: str) -> Backend:
        """See `ModelFormat`."""
        settings = self.settings_of(model, str(folder))
        return OnnxBackend(folder / settings.encoder, folder / settings.decoder, settings.output)


class OnnxBackend(Backend):
    """Two sessions of ONNX Runtime on the processor."""

    def __init__(self, encoder: Path, decoder: Path, output: str) -> None:
        self.encoder, self.decoder = _Half(encoder), _Half(decoder)
        self.takes_bytes = self.encoder.dtype is np.uint8
        names = self.encoder.outputs
        if output and output not in names:
            raise UsageError(f"{encoder}: no output '{output:.100}'; there are {', '.join(names)}")
        self.output = output or vector_of(names, MEANS)
        self.several = len(names) > 1 and not output

    def encode(self, x: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        return self.encoder.run(x, self.output)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        return self.decoder.run(z, self.decoder.outputs[0])

    def look(self) -> Found:
        """Shapes stand in the graph; so does the last activation, often."""
        assumed = []
        if self.several:
            assumed.append(f"of the Encoder's outputs {', '.join(self.encoder.outputs)}: {self.output}")
        values: dict[str, Any] = {}
        if self.encoder.dtype is np.uint8:
            values["range"] = (0.0, 255.0)
            if self.decoder.last in OUTPUTS:
                values["output"] = OUTPUTS[self.decoder.last]
                assumed.append(f"the Decoder ends in a {self.decoder.last}, and gives values of its range")
            elif self.decoder.output_type != "tensor(uint8)":
                assumed.append("the Decoder gives values 0..255, as the Encoder takes them")
        shape = self.encoder.shape[1:]
        return Found((shape,) if shape else (), self.decoder.last, values, tuple(assumed))

    def values(self, x: np.ndarray, z: np.ndarray) -> int:
        """By ONNX's own inference of shapes; what it cannot infer counts as large as the largest."""
        return max(self.encoder.values(x), self.decoder.values(z))


class _Half:
    """An Encoder or a Decoder."""

    def __init__(self, path: Path) -> None:
        for module in ("onnx", "onnxruntime"):
            need(module, "onnx", f"the model {path}")
        import onnxruntime

        self.path = path
        check_outside(path)
        size = path.stat().st_size + sum(kept.stat().st_size for kept in _outside(path))
        require(COPIES * size, f"opening {path}", "choose a smaller model")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0) or processors()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        # Memory goes back after each batch, so that the budget knows what is in use.
        options.enable_cpu_mem_arena = False
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise UsageError(
                f"{path}: ONNX Runtime cannot open it ({reason(error)}); export it anew"
            ) from error
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(entry.name for entry in inputs)
            raise UsageError(
                f"{path}: takes {len(inputs)} inputs ({names}); export one that takes a batch alone"
            )
        entry = inputs[0]
        if entry.type not in TYPES:
            raise UsageError(f"{path}: takes {entry.type}; there may be {', '.join(TYPES)}")
        self.input, self.dtype = entry.name, TYPES[entry.type]
        self.shape = tuple(side if isinstance(side, int) and side > 0 else None for side in entry.shape)
        self.outputs = [entry.name for entry in self.session.get_outputs()]
        self.output_type = self.session.get_outputs()[0].type
        self.last = _last_activation(path)

    def run(self, values: np.ndarray, output: str) -> np.ndarray:
        """One batch, in parts where the graph takes batches of one size only."""
        if self.dtype is np.uint8 and values.dtype != np.uint8:
            values = np.rint(np.clip(values, 0, BYTES))
        values = values.astype(self.dtype, copy=False)
        batch = self.shape[0] if self.shape else None
        if batch is None or batch == len(values):
            return self._once(values, output)
        parts = []
        for start in range(0, len(values), batch):
            part = values[start : start + batch]
            full = np.concatenate([part, np.repeat(part[-1:], batch - len(part), axis=0)])
            parts.append(self._once(full, output)[: len(part)])
        return np.concatenate(parts)

    def _once(self, values: np.ndarray, output: str) -> np.ndarray:
        found = self.session.run([output], {self.input: values})[0]
        return np.asarray(found).astype(np.float32, copy=False)

    def values(self, x: np.ndarray) -> int:
        """Numbers that the graph's nodes give out for one picture."""
        import onnx

        graph = onnx.load(str(self.path), load_external_data=False)
        weights = {tensor.name for tensor in graph.graph.initializer}
        given = next(entry for entry in graph.graph.input if entry.name not in weights)
        for side, known in zip(given.type.tensor_type.shape.dim, x.shape, strict=False):
            side.Clear()
            side.dim_value = known
        try:
            inferred = onnx.shape_inference.infer_shapes(graph).graph
        except Exception:  # a graph that it does not understand
            return 8 * x.size
        sizes = {
            entry.name: int(
                np.prod([side.dim_value or 1 for side in entry.type.tensor_type.shape.dim] or [1])
            )
            for entry in (*inferred.value_info, *inferred.output)
        }
        largest = max([x.size, *sizes.values()])
        return sum(sizes.get(name, largest) for node in inferred.node for name in node.output if name)


def _parsed(path: Path) -> Any:
    need("onnx", "onnx", f"the model {path}")
    import onnx

    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:
        raise UsageError(f"{path}: cannot be read as ONNX ({reason(error)}); export it anew") from error


def _tensors(graph: Any) -> Iterator[Any]:
    """All tensors that a graph holds, those of its nodes and of graphs within them too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for inner in (attribute.g, *attribute.graphs):
            yield from _tensors(inner)


def _locations(path: Path) -> list[str]:
    """The names of files outside that a model's weights lie in, as it gives them."""
    model = _parsed(path)
    every = [*_tensors(model.graph), *(t for f in model.functions for node in f.node for t in _of_node(node))]
    found = [
        entry.value
        for tensor in every
        if tensor.data_location
        for entry in tensor.external_data
        if entry.key == "location"
    ]
    return list(dict.fromkeys(found))


def _outside(path: Path) -> list[Path]:
    """The files outside that a model's weights lie in; only those that are in its own folder."""
    return [path.parent / name for name in _locations(path) if _is_inside(path.parent, name)]


def check_outside(path: Path) -> None:
    """Refuse a model whose weights lie anywhere but in its own folder: it could have any file read.

    Raises
    ------
    UsageError : names the file.
    """
    for name in _locations(path):
        if not _is_inside(path.parent, name):
            raise UsageError(
                f"{path}: wants its weights from {name!r:.100}, which is outside of its folder; nothing was loaded: "
                "save the model with its weights beside it"
            )
        if not (path.parent / name).is_file():
            raise UsageError(f"{path}: its weights are missing ({name:.100}); put that file beside it")


def _is_inside(folder: Path, name: str) -> bool:
    if not name or "\0" in name or "\\" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        return False
    # Where links lead is what counts.
    return (folder / name).resolve().is_relative_to(folder.resolve())


def _last_activation(path: Path) -> str:
    """``sigmoid`` or ``tanh``, where the graph ends in one; reshapings behind it change nothing."""
    graph = _parsed(path).graph
    made = {name: node for node in graph.node for name in node.output}
    node = made.get(graph.output[0].name) if graph.output else None
    for _ in range(8):
        if node is None:
            return ""
        if node.op_type in ("Sigmoid", "Tanh"):
            return str(node.op_type).lower()
        if node.op_type not in (
            "Reshape",
            "Transpose",
            "Squeeze",
            "Unsqueeze",
            "Identity",
            "Flatten",
            "Cast",
        ):
            return ""
        node = made.get(node.input[0]) if node.input else None
    return ""


ONNX = OnnxFormat()

"""Keras 3: ``.keras`` and legacy ``.h5``, Encoder and Decoder, or one model and its bottleneck; on PyTorch or JAX."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zpoints.config import Section
from zpoints.errors import UsageError, reason
from zpoints.models.foreign.format import Backend, Found, ModelFormat, Place, by_word, only_file, vector_of
from zpoints.models.foreign.keras_files import check_configuration, foreign_parts
from zpoints.system.extras import have, need
from zpoints.system.sizes import MIB

__all__ = ["KERAS"]

SUFFIXES = (".keras", ".h5", ".hdf5")
MEANS = ("z_mean", "mean", "mu", "embedding", "latent", "latents", "code", "z")


class KerasSettings(Section):
    """The table ``[model]``."""

    encoder: str = ""
    decoder: str = ""
    model: str = ""
    """One file for both, in place of two."""
    bottleneck: str = ""
    """With one model: the layer whose output is the latent array; empty is the smallest output between the ends."""
    output: str = ""
    """Of several outputs of the Encoder, the latent vector."""
    backend: Literal["auto", "torch", "jax"] = "auto"


class KerasFormat(ModelFormat):
    """Opened with ``safe_mode``, and not before its configuration was found to hold no code."""

    name = "keras"
    words = "a .keras or .h5 file, or a folder with encoder.keras and decoder.keras"
    settings = KerasSettings
    imported = 470 * MIB

    def recognises(self, place: Place) -> bool:
        """See `ModelFormat`."""
        if place.path.is_file():
            return place.path.suffix.lower() in SUFFIXES
        return any(path.suffix.lower() in SUFFIXES for path in place.path.iterdir())

    def model(self, place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelFormat`."""
        found = dict(given)
        if not found.keys() & {"model", "encoder", "decoder"}:
            found |= _files_at(place)
        settings = self.settings_of(found, str(place.folder))
        if bool(settings.model) == bool(settings.encoder and settings.decoder):
            raise UsageError(
                f"{place.path}: name either model, or encoder and decoder, as in --set model.model=FILE"
            )
        return {name: value for name, value in settings.model_dump().items() if value}

    def files(self, folder: Path, model: Mapping[str, Any]) -> list[Path]:
        """See `ModelFormat`."""
        return [folder / model[name] for name in ("model", "encoder", "decoder") if model.get(name)]

    def open(self, folder: Path, model: Mapping[str, Any], device: str) -> Backend:
        """See `ModelFormat`; on which device is Keras' own choice."""
        settings = self.settings_of(model, str(folder))
        for path in self.files(folder, model):
            check_configuration(path)
        keras = _keras(settings, folder)
        opened = {path.name: _opened(keras, path) for path in self.files(folder, model)}
        if settings.model:
            whole = opened[settings.model]
            encoder, decoder, said = _halves(keras, whole, settings.bottleneck, folder / settings.model)
        else:
            encoder, decoder, said = opened[settings.encoder], opened[settings.decoder], []
        return KerasBackend(keras, encoder, decoder, settings.output, said)


def _files_at(place: Place) -> dict[str, str]:
    if place.path.is_file():
        name = place.path.name
        other = {"encoder": "decoder", "decoder": "encoder"}
        for part, counterpart in other.items():
            partner = place.path.with_name(name.replace(part, counterpart))
            if part in name and partner.is_file():
                return {part: name, counterpart: partner.name}
        return {"model": name}
    patterns = [f"*{suffix}" for suffix in SUFFIXES]
    names = [path.name for pattern in patterns for path in place.path.glob(pattern)]
    if any("encoder" in name for name in names) and any("decoder" in name for name in names):
        return {
            part: only_file(place.path, [f"*{part}{p}" for p in patterns], part)
            for part in ("encoder", "decoder")
        }
    return {"model": only_file(place.path, patterns, "model")}


class KerasBackend(Backend):
    """Two Keras models."""

    def __init__(self, keras: Any, encoder: Any, decoder: Any, output: str, said: list[str]) -> None:
        self.keras, self.encoder, self.decoder = keras, encoder, decoder
        self.assumed = said
        self.place = self._output(output)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        found = self._asked(self.encoder, x)
        return found[self.place] if isinstance(found, list) else found

    def decode(self, z: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        found = self._asked(self.decoder, z)
        return found[0] if isinstance(found, list) else found

    def look(self) -> Found:
        """See `Backend`."""
        shape = _shape(self.encoder.inputs[0]) if getattr(self.encoder, "inputs", None) else ()
        last, values = _last_activation(self.decoder), {}
        if _rescales(self.encoder):
            values["range"] = (0.0, 255.0)
            values["output"] = (-1.0, 1.0) if last == "tanh" else (0.0, 1.0)
            self.assumed.append(
                f"values 0..255, since it rescales them itself; its output {values['output']}"
            )
        return Found((shape,) if shape else (), last, values, tuple(self.assumed))

    def values(self, x: np.ndarray, z: np.ndarray) -> int:
        """What all layers give out, by the shapes that they know."""
        sums = []
        for half, given in ((self.encoder, x), (self.decoder, z)):
            sizes = [int(np.prod([side or 1 for side in shape] or [1])) for shape in _shapes(half)]
            sums.append(sum(sizes) + given.size)
        return max(sums)

    def _output(self, output: str) -> int:
        outputs = getattr(self.encoder, "outputs", None) or []
        names = [_name_of(tensor) for tensor in outputs]
        if output and output not in names:
            raise UsageError(f"the Encoder has no output '{output:.100}'; there are {', '.join(names)}")
        if len(names) < 2:
            return 0
        chosen = output or vector_of(names, MEANS)
        if not output:
            self.assumed.append(f"of the Encoder's outputs {', '.join(names)}: {chosen}")
        return names.index(chosen)

    def _asked(self, model: Any, values: np.ndarray) -> Any:
        with _without_gradients(self.keras):
            found = model(self.keras.ops.convert_to_tensor(values), training=False)
            if isinstance(found, dict):
                found = list(found.values())
            if isinstance(found, tuple | list):
                return [np.asarray(self.keras.ops.convert_to_numpy(tensor), np.float32) for tensor in found]
            return np.asarray(self.keras.ops.convert_to_numpy(found), np.float32)


def _without_gradients(keras: Any) -> Any:
    from contextlib import nullcontext

    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.no_grad()


def _keras(settings: KerasSettings, folder: Path) -> Any:
    """Keras on the backend that the settings name; the first one that is asked for stays, as Keras has it."""
    need("keras", "keras", f"the model {folder}")
    need("h5py", "keras", f"the model {folder}")
    wanted = settings.backend
    if wanted == "auto":
        wanted = os.environ.get("KERAS_BACKEND") or ("torch" if have("torch") else "jax")  # type: ignore[assignment]
    need(wanted, "keras", f"the model {folder}")
    os.environ.setdefault("KERAS_BACKEND", wanted)
    try:
        import keras
    except Exception as error:
        raise UsageError(f"{folder}: Keras cannot be imported ({reason(error)})") from error
    if settings.backend != "auto" and keras.backend.backend() != settings.backend:
        raise UsageError(
            f"backend = '{settings.backend}' in [model]: Keras works on {keras.backend.backend()} in this process; "
            f"set KERAS_BACKEND={settings.backend} before it is imported"
        )
    return keras


def _opened(keras: Any, path: Path) -> Any:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return keras.saving.load_model(str(path), compile=False, safe_mode=True)
    except Exception as error:
        own = ", ".join(foreign_parts(path))
        why = f"it needs {own:.200}, which is no layer of Keras" if own else reason(error)
        raise UsageError(
            f"{path}: Keras cannot open it ({why}); layers of your own code are not opened: export such "
            "a model to ONNX (model.export(..., format='onnx'))"
        ) from error


def _halves(keras: Any, whole: Any, bottleneck: str, path: Path) -> tuple[Any, Any, list[str]]:
    """Encoder and Decoder of one model, cut behind the bottleneck."""
    layers = list(getattr(whole, "layers", []))
    names = [layer.name for layer in layers]
    if not bottleneck:
        parts = {part: by_word(names, [part]) for part in ("encoder", "decoder")}
        if all(parts.values()):
            encoder, decoder = (whole.get_layer(parts[part]) for part in ("encoder", "decoder"))
            return encoder, decoder, [f"its parts {encoder.name} and {decoder.name} are Encoder and Decoder"]
        if both := _two_models(layers):
            return *both, [f"its two parts {both[0].name} and {both[1].name} are Encoder and Decoder"]
        bottleneck = _smallest(layers, path)
        said = [f"bottleneck '{bottleneck}', the layer with the fewest values"]
    else:
        said = []
    if bottleneck not in names:
        raise UsageError(f"{path}: no layer '{bottleneck:.100}'; there are {', '.join(names)[:300]}")
    layer = whole.get_layer(bottleneck)
    if isinstance(whole, keras.Sequential):
        # Its layers remember earlier graphs, too: they are put together anew, with their weights.
        place = names.index(bottleneck) + 1
        encoder = keras.Sequential([keras.Input(_shape(whole.inputs[0])), *layers[:place]])
        decoder = keras.Sequential([keras.Input(_shape(layer.output)), *layers[place:]])
        return encoder, decoder, said
    if len(whole.inputs) != 1:
        raise UsageError(f"{path}: takes {len(whole.inputs)} inputs; save a model that takes pictures alone")
    outputs = whole.outputs if len(whole.outputs) > 1 else whole.outputs[0]
    try:
        return keras.Model(whole.inputs[0], layer.output), keras.Model(layer.output, outputs), said
    except Exception as error:
        raise UsageError(
            f"{path}: what follows '{bottleneck}' needs more than its output ({reason(error)}); name the layer that "
            "all passes through, by --set model.bottleneck=NAME"
        ) from error


def _two_models(layers: list[Any]) -> tuple[Any, Any] | None:
    """Encoder and Decoder, where a model is nothing but one model behind another."""
    parts = [layer for layer in layers if type(layer).__name__ != "InputLayer"]
    return (parts[0], parts[1]) if len(parts) == 2 and all(hasattr(p, "layers") for p in parts) else None


def _smallest(layers: list[Any], path: Path) -> str:
    sizes = {}
    for place, layer in enumerate(layers[:-1]):
        try:
            shape = _shape(layer.output)
        except (AttributeError, ValueError):
            continue
        if shape and None not in shape and type(layer).__name__ != "InputLayer":
            sizes[layer.name] = (
                math.prod(side or 1 for side in shape),
                -place,
            )  # of equals the last: behind its activation
    if not sizes:
        raise UsageError(f"{path}: where is its latent vector? name the layer by --set model.bottleneck=NAME")
    return min(sizes, key=lambda name: sizes[name])


def _shape(tensor: Any) -> tuple[int | None, ...]:
    """Of one picture."""
    return tuple(None if side is None else int(side) for side in tensor.shape[1:])


def _shapes(model: Any) -> Iterator[tuple[int | None, ...]]:
    for layer in getattr(model, "layers", []):
        try:
            outputs = layer.output if isinstance(layer.output, list) else [layer.output]
        except (AttributeError, ValueError):
            continue
        yield from (_shape(tensor) for tensor in outputs)
        yield from _shapes(layer)


def _name_of(tensor: Any) -> str:
    """The layer that gives a tensor."""
    history = getattr(tensor, "_keras_history", None)
    return str(history.operation.name if history is not None else tensor.name)


def _last_activation(model: Any) -> str:
    for layer in reversed(list(getattr(model, "layers", []))):
        if getattr(layer, "layers", None):
            return _last_activation(layer)
        if type(layer).__name__ in ("Reshape", "Cropping2D", "Flatten", "Permute"):
            continue
        activation = getattr(layer, "activation", None)
        return str(getattr(activation, "__name__", "")) if activation is not None else ""
    return ""


def _rescales(model: Any) -> bool:
    """Whether its first layer brings bytes to 0..1 or -1..1."""
    layers = [layer for layer in getattr(model, "layers", []) if type(layer).__name__ != "InputLayer"]
    scale = getattr(layers[0], "scale", None) if layers and type(layers[0]).__name__ == "Rescaling" else None
    return isinstance(scale, float) and abs(scale) < 1 / 100


KERAS = KerasFormat()

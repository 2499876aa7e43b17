"""The formats of models by name, and the one that lies at a place."""

from zpoints.errors import UsageError
from zpoints.models.foreign.format import ModelFormat, Place
from zpoints.system.registry import Registry

__all__ = ["MODEL_FORMATS", "format_at", "format_named"]

MODEL_FORMATS: Registry[ModelFormat] = Registry(
    "model format",
    "zpoints.model_formats",
    {
        "torch": "zpoints.models.foreign.torch_module:TORCH",
        "diffusers": "zpoints.models.foreign.diffusers:DIFFUSERS",
        "pythae": "zpoints.models.foreign.pythae:PYTHAE",
        "onnx": "zpoints.models.foreign.onnx:ONNX",
        "keras": "zpoints.models.foreign.keras:KERAS",
        "torch-export": "zpoints.models.foreign.torch_export:TORCH_EXPORT",
    },
)
"""What ``format`` in ``codec.toml`` may name."""
OTHERS = {
    "saved_model.pb": "python -m tf2onnx.convert --saved-model FOLDER --output encoder.onnx, Encoder and "
    "Decoder each; or save it from Keras as .keras",
    ".tflite": "python -m tf2onnx.convert --tflite FILE --output encoder.onnx, Encoder and Decoder each",
    ".mlmodel": "export the network to ONNX where it was trained",
    ".pb": "python -m tf2onnx.convert --graphdef FILE --output encoder.onnx --inputs NAME --outputs NAME, both ways",
}
"""Files that people have besides, and the way from them to ONNX."""
WEIGHTS = {".pt", ".pth", ".safetensors", ".ckpt", ".bin"}


def format_at(place: Place) -> ModelFormat:
    """The format of the model at a place; those of other packages are asked first.

    Raises
    ------
    UsageError : none knows it.
    """
    for _, member in sorted(MODEL_FORMATS.members(), key=lambda pair: pair[0] in MODEL_FORMATS.built_in):
        if member.recognises(place):
            return member
    files = [place.path] if place.path.is_file() else list(place.path.iterdir())
    if any(path.suffix.lower() in WEIGHTS for path in files):
        raise UsageError(
            f"{place.path}: weights alone are no model; name your class beside them, as in "
            f"{place.folder / 'net.py:Autoencoder'}, or export the model to ONNX"
        )
    for name, convert in OTHERS.items():
        if any(path.name.lower().endswith(name) for path in files):
            raise UsageError(f"{place.path}: {name} is not read here; convert it: {convert}")
    known = "; ".join(member.words for _, member in MODEL_FORMATS.members())
    raise UsageError(f"{place.path}: no model that is known here; there may be {known}")


def format_named(name: str, where: str) -> ModelFormat:
    """The format of that name.

    Raises
    ------
    UsageError : there is none; `where` says who named it.
    """
    try:
        return MODEL_FORMATS[name]
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error

"""Parts of zpoints that need more than its core: an import that lacks its extra says which, in one line."""

from importlib import import_module
from importlib.util import find_spec

from zpoints.errors import UsageError, reason

__all__ = ["have", "load", "missing", "need"]


def have(module: str) -> bool:
    """Whether a package is installed; it is not loaded."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # blocked, or half of a package
        return False


def need(module: str, extra: str, what: str, instead: str = "") -> None:
    """Ask for a package that only an extra brings.

    Parameters
    ----------
    module : the name that is imported, ``"torch"``.
    extra : of zpoints, ``"train"``.
    what : the work that needs it, for the message: ``"autoencoder.kind = 'convolutional'"``.
    instead : what does without it, if there is such a thing.

    Raises
    ------
    UsageError : it is not installed; says how to install it.

    Examples
    --------
    >>> need("zpoints", "train", "this example")
    """
    if not have(module):
        package = DISTRIBUTIONS.get(module, module)
        more = f"; or {instead}" if instead else ""
        raise UsageError(f"{what}: needs {package}: pip install 'zpoints[{extra}]'{more}")


def load(module: str, extra: str, what: str, instead: str) -> None:
    """Import a package that only an extra brings; one that is there but broken is told with its own reason.

    Parameters and errors as `need`, which does not import.
    """
    try:
        import_module(module)
    except ImportError as error:
        package = DISTRIBUTIONS.get(module, module)
        raise UsageError(
            f"{what}: needs {package} ({reason(error)}): pip install 'zpoints[{extra}]'; or {instead}"
        ) from error


def missing(error: ModuleNotFoundError) -> UsageError | None:
    """The same for an import that has failed already; None where the package is none of an extra."""
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS:
        return None
    return UsageError(
        f"this needs {DISTRIBUTIONS.get(module, module)}: pip install 'zpoints[{EXTRAS[module]}]'"
    )


EXTRAS = {
    "torch": "train",
    "lightning_fabric": "train",
    "openvino": "photo-faces",
    "zuko": "flow",
    "h5py": "h5",
    "zarr": "zarr",
    "dask": "dask",
    "distributed": "dask",
    "fsspec": "remote",
    "starlette": "explore",
    "uvicorn": "explore",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "keras": "keras",
    "diffusers": "diffusers",
    "pythae": "pythae",
    "torch_fidelity": "inception",
    "transformers": "dinov2",
}
"""Which extra brings a package."""
DISTRIBUTIONS = {
    "torch": "PyTorch",
    "lightning_fabric": "lightning-fabric",
    "onnx": "ONNX",
    "onnxruntime": "ONNX Runtime",
    "keras": "Keras",
    "openvino": "OpenVINO",
    "torch_fidelity": "torch-fidelity",
}
"""Packages that have another name than the module they bring."""

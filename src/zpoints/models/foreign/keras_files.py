"""What a file of Keras holds, read before Keras opens it: code, and ways to other files, are refused."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zpoints.errors import UsageError, reason
from zpoints.system.extras import need

__all__ = ["check_configuration", "foreign_parts"]

CODE = {
    "Lambda",
    "__lambda__",
    "TorchModuleWrapper",
    "TFSMLayer",
    "JaxLayer",
    "FlaxLayer",
    "function",
    "__function__",
}
READERS = {"StringLookup", "IntegerLookup", "TextVectorization"}
"""Layers that run code of the file, and layers that may read other files."""
ALLOWED = (
    "layers",
    "models",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "dtype_policies",
    "ops",
)
UNUSED = ("optimizers", "losses", "metrics")
"""Parts of Keras that a network may consist of, and what belongs to a training, which is not opened."""
LARGEST_CONFIG = 1 << 26


def check_configuration(path: Path) -> None:
    """Refuse a file that would run code, or read other files, when Keras opens it; Keras itself is not asked.

    Raises
    ------
    UsageError : names what it holds.
    """
    tree = _configuration(path)
    if isinstance(tree, dict):  # what belongs to the training of the whole is not opened
        tree.pop("compile_config", None)
    for entry in _entries(tree):
        name, module = str(entry.get("class_name")), entry.get("module")
        if name in CODE:
            raise UsageError(
                f"{path}: holds a {name.strip('_')}, which runs code of the file when it is opened; nothing was "
                "loaded: use layers of Keras in its place, or export the model to ONNX"
            )
        if name in READERS:
            raise UsageError(f"{path}: holds a layer {name}, which may read other files; nothing was loaded")
        if isinstance(module, str) and module != "keras" and not _is_allowed(module):
            if module == "builtins" and name in ("slice", "ellipsis"):
                continue
            raise UsageError(
                f"{path}: needs {module:.60}.{name:.60}, which is no layer of Keras; nothing was loaded: export "
                "the model to ONNX"
            )


def foreign_parts(path: Path) -> list[str]:
    """Parts of a file that are not Keras' own: ``Mine``, or as their packages registered them, ``mine>Sampling``."""
    found = set()
    for entry in _entries(_configuration(path)):
        names = [str(entry.get(key)) for key in ("registered_name", "class_name")]
        # Without a module: it was defined in a script or a notebook. Files of Keras 2 have no modules at all.
        own = "module" in entry and entry["module"] is None and not names[1].startswith("__")
        found |= {name for name in names if ">" in name} or ({names[1]} if own else set())
    return sorted(found)


def _is_allowed(module: str) -> bool:
    first, *rest = module.split(".")
    rest = rest[1:] if rest[:1] == ["src"] else rest
    return first == "keras" and bool(rest) and rest[0] in (*ALLOWED, *UNUSED)


def _configuration(path: Path) -> Any:
    need("h5py", "keras", f"the model {path}")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                info = file.getinfo("config.json")
                if info.file_size > LARGEST_CONFIG:
                    raise UsageError(
                        f"{path}: its configuration has {info.file_size:,} bytes, which is no model's"
                    )
                return json.loads(file.read(info))
        import h5py

        with h5py.File(path, "r") as file:
            _check_links(file, path)
            text = file.attrs["model_config"]
            return json.loads(text.decode() if isinstance(text, bytes) else text)
    except UsageError:
        raise
    except KeyError as error:
        raise UsageError(
            f"{path}: holds weights without a model; save the whole one, by model.save()"
        ) from error
    except Exception as error:
        raise UsageError(
            f"{path}: cannot be read as a Keras model ({reason(error)}); save it anew"
        ) from error


def _check_links(group: Any, path: Path) -> None:
    """Refuse HDF5 that takes its values from other files."""
    import h5py

    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            raise UsageError(f"{path}: takes '{name:.100}' from another file; nothing was loaded")
        entry = group[name]
        if isinstance(entry, h5py.Group):
            _check_links(entry, path)
        elif entry.external or entry.is_virtual:
            raise UsageError(f"{path}: takes '{name:.100}' from another file; nothing was loaded")


def _entries(tree: Any) -> Iterator[dict[str, Any]]:
    """All tables that name a class, however deep."""
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            if "class_name" in here:
                yield here
            waiting += here.values()
        elif isinstance(here, list):
            waiting += here

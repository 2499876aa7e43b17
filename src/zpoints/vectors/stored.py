"""Summaries as a file: the arrays of their data classes in a .npz, and their structure as JSON. Nothing is pickled.

A class is named in the file, and has to be a data class of this package; from a file no other is ever made.
"""

import json
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.atomic import atomic_path
from zpoints.files.numpy_files import load_npz
from zpoints.files.readable import readable
from zpoints.system.disk import check_room

__all__ = ["read_summaries", "write_summaries"]

STRUCTURE = "structure"
PACKAGE = __name__.partition(".")[0]


def write_summaries(path: Path, summaries: Any) -> None:
    """Write data classes of this package, in lists, tuples and dictionaries; whole or not at all.

    Not waited for until it is on the disk: what a power cut leaves of it is noticed by its checksums.

    Raises
    ------
    TypeError : something else is in them.
    DiskError : there is no room.
    """
    arrays: list[np.ndarray] = []
    structure = json.dumps(_written(summaries, arrays)).encode()
    check_room(path, sum(array.nbytes for array in arrays) + len(structure))
    named = {str(number): array for number, array in enumerate(arrays)}
    with atomic_path(path, sync=False) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{STRUCTURE: np.frombuffer(structure, np.uint8), **named})


def read_summaries(path: Path) -> Any:
    """What `write_summaries` has written.

    Raises
    ------
    ArrayError : no such file, damaged, or of something else.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from zpoints.statistics.moments import Moments
    >>> path = Path(tempfile.mkdtemp()) / "moments.npz"
    >>> write_summaries(path, [Moments.of(np.eye(3)), None])
    >>> read_summaries(path)[0].n
    3
    """
    arrays = load_npz(path)
    with readable(path, "summaries", "remove it"):
        return _read(json.loads(arrays.pop(STRUCTURE).tobytes()), arrays)


def _written(thing: Any, arrays: list[np.ndarray]) -> Any:
    """Plain values as JSON has them, everything else as a dictionary that says what it is."""
    if thing is None or type(thing) in (bool, int, float, str):
        return thing
    if isinstance(thing, np.ndarray | np.generic):
        arrays.append(np.asarray(thing))
        return {"array" if isinstance(thing, np.ndarray) else "number": len(arrays) - 1}
    if type(thing) in (list, tuple):
        return {type(thing).__name__: [_written(each, arrays) for each in thing]}
    if type(thing) is dict:
        return {"dict": [[_written(key, arrays), _written(each, arrays)] for key, each in thing.items()]}
    kind = type(thing)
    if is_dataclass(kind) and _is_ours(kind.__module__) and "<" not in kind.__qualname__:
        values = {field.name: _written(getattr(thing, field.name), arrays) for field in fields(kind)}
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": values}
    raise TypeError(f"a {kind.__qualname__} is not written")


def _read(content: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(content, dict):
        return content
    if "class" in content:
        return _made(content["class"], {k: _read(v, arrays) for k, v in content["fields"].items()})
    (kind, value), *_ = content.items()
    if kind in ("array", "number"):
        array = arrays[str(value)]
        return array if kind == "array" else array[()]
    if kind == "dict":
        return {_read(key, arrays): _read(each, arrays) for key, each in value}
    found = [_read(each, arrays) for each in value]
    return tuple(found) if kind == "tuple" else found


def _made(name: str, values: dict[str, Any]) -> Any:
    """One of our data classes, with its fields as they were; no code of the class runs."""
    module, _, qualified = name.partition(":")
    kind = getattr(import_module(module), qualified, None) if _is_ours(module) else None
    if not (isinstance(kind, type) and is_dataclass(kind)) or {f.name for f in fields(kind)} != values.keys():
        raise ArrayError(f"'{name:.80}' is no summary of this version")
    found = object.__new__(kind)
    for field, value in values.items():
        object.__setattr__(found, field, value)
    return found


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE

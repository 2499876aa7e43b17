"""PyTorch's .pt and .pth: a tensor, or dictionaries of tensors. Nothing else in such a file is ever loaded."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import Reader, chosen_array
from zpoints.files.readable import readable
from zpoints.system.budget import require
from zpoints.system.extras import need

if TYPE_CHECKING:
    import torch

__all__ = ["PtReader"]

DEPTH = 8
"""Dictionaries in dictionaries."""


class PtReader(Reader):
    """One tensor of a file that ``torch.save`` wrote, by its name (``group/name`` in nested dictionaries) or as
    `chosen_array` says.

    It is mapped, not loaded; only files older than PyTorch 1.6, which cannot be mapped, are in memory whole.
    """

    suffixes = (".pt", ".pth")
    chooses = "array"

    def __init__(self, path: Path, array: str | None = None) -> None:
        need("torch", "train", f"{path}: reading {path.suffix}", "save it as .npy or .safetensors")
        from zpoints.files.arrays.tensors import check_tensor, dtype_of

        found = _tensors(_loaded(path))
        if not found:
            raise ArrayError(
                f"{path}: holds no tensor; save the latent vectors: torch.save(z, {path.name!r})"
            )
        shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
        if array is None:
            _refuse_pieces(path, shapes)
        chosen, self.notes = ("", ()) if "" in found and array is None else chosen_array(path, shapes, array)
        self.tensor = found[chosen].detach()
        check_tensor(str(path), self.tensor)
        if self.tensor.untyped_storage().nbytes() < self.tensor.numel() * self.tensor.element_size():
            raise ArrayError(
                f"{path}: the tensor shows the same numbers several times (expanded); save its .clone()"
            )
        self.shape, self.dtype = tuple(self.tensor.shape), dtype_of(self.tensor)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        from zpoints.files.arrays.tensors import to_numpy

        return to_numpy(self.tensor[rows])


def _refuse_pieces(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a list of batches, and one tensor for each picture, with the word that joins them."""
    kinds = {shape[1:] if len(shape) > 1 else shape for shape in shapes.values()}
    several = len(shapes) > 1 and len(kinds) == 1
    if several and all(len(shape) == 1 for shape in shapes.values()):
        joined = "torch.stack(list(z.values()))" if not _is_counted(shapes) else "torch.stack(list(z))"
        what = f"{len(shapes):,} vectors"
    elif several and _is_counted(shapes):
        what, joined = f"a list of {len(shapes):,} tensors", "torch.cat(list(z))"
    else:
        return
    raise ArrayError(
        f"{path}: holds {what}; if these are the rows of one array, save them: torch.save({joined}, {path.name!r}); "
        f"one of them alone is {path.name}::{next(iter(shapes)):.40}"
    )


def _is_counted(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return list(shapes) == [str(place) for place in range(len(shapes))]


def _loaded(path: Path) -> Any:
    import torch

    mapped = zipfile.is_zipfile(path)
    if not mapped:
        require(path.stat().st_size, f"{path}: loading it whole", "save it anew with a newer PyTorch")
    with readable(path, path.suffix.lower(), "save it anew: torch.save(z, 'z.pt')"):
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        except Exception as error:
            if type(error).__name__ != "UnpicklingError":
                raise
            raise ArrayError(
                f"{path}: holds other Python objects than tensors, or is damaged; no object is ever loaded, since "
                f"it can run any program: save the tensor alone: torch.save(z, {path.name!r})"
            ) from error


def _tensors(value: Any, name: str = "", depth: int = 0) -> dict[str, "torch.Tensor"]:
    """All tensors by the keys that lead to them, parted by slashes."""
    import torch

    if isinstance(value, torch.Tensor):
        return {name: value}
    if not isinstance(value, Mapping | list | tuple) or depth > DEPTH:
        return {}
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    found: dict[str, torch.Tensor] = {}
    for key, inner in items:
        found |= _tensors(inner, f"{name}/{key}" if name else str(key), depth + 1)
    return found

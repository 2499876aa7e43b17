"""HDF5: one dataset of the file. Needs the package h5py. Nothing outside the file is followed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import Reader, chosen_array, listed
from zpoints.files.readable import readable
from zpoints.system.extras import have

__all__ = ["Hdf5Reader"]

DEPTH, MOST = 16, 10_000
"""Groups in groups, and groups in all, that are looked into."""


class Hdf5Reader(Reader):
    """One dataset of numbers, by its name (``group/name``) or as `chosen_array` says."""

    suffixes = (".h5", ".hdf5", ".he5")
    chooses = "array"

    def __init__(self, path: Path, array: str | None = None) -> None:
        if not have("h5py"):
            raise ArrayError(
                f"{path}: reading {path.suffix} needs the package h5py: pip install 'zpoints[h5]'"
            )
        import h5py

        with readable(path, "HDF5"):
            self.file = h5py.File(path, "r")
            found: dict[str, Any] = {}  # by all names, of which a dataset may have several
            links: list[str] = []
            tables: list[str] = []
            for name, item in _walked(self.file):
                if item is None:
                    links.append(name)
                elif item.dtype.kind in "fiu":
                    found[name] = item
                elif item.dtype.names:
                    tables.append(name)
            wanted = None if array is None else array.strip("/")
            if wanted in links or not found:
                raise ArrayError(_nothing(path, links, tables))
            once = found if wanted is not None else _by_one_name(found)
            chosen, self.notes = chosen_array(path, {key: each.shape for key, each in once.items()}, wanted)
            if tables:
                self.notes += (f"{path}: tables of records are not read: {listed(tables)}",)
            self.dataset = found[chosen]
            _check_inside(f"{path}: '{chosen:.60}'", self.dataset)
        self.shape, self.dtype = tuple(self.dataset.shape), self.dataset.dtype

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return np.asarray(self.dataset[rows])

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _walked(
    group: Any, prefix: str = "", depth: int = 0, seen: set[Any] | None = None
) -> Iterator[tuple[str, Any]]:
    """All datasets with their names; None for links, which may lead anywhere."""
    import h5py

    seen = {_place(group)} if seen is None else seen
    for key in group:
        name = f"{prefix}{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            yield name, None
            continue
        item = group[key]
        if isinstance(item, h5py.Dataset):
            yield name, item
        elif isinstance(item, h5py.Group) and depth < DEPTH and len(seen) < MOST and _place(item) not in seen:
            seen.add(_place(item))
            yield from _walked(item, f"{name}/", depth + 1, seen)


def _place(item: Any) -> int:
    """Where in the file it lies, whatever it is called."""
    import h5py

    return h5py.h5o.get_info(item.id).addr


def _by_one_name(found: dict[str, Any]) -> dict[str, Any]:
    """The same datasets, each by the first of its names."""
    names: dict[int, str] = {}
    for name, item in found.items():
        names.setdefault(_place(item), name)
    return {name: found[name] for name in names.values()}


def _nothing(path: Path, links: list[str], tables: list[str]) -> str:
    if tables and not links:
        code = f"import h5py, numpy; numpy.save('z.npy', h5py.File({str(path)!r})[{tables[0]!r}][FIELD])"
        return (
            f"{path}: holds tables of records ({listed(tables)}), which are not read; write the field of the vectors "
            f'alone: python -c "{code}"'
        )
    if links:
        return f"{path}: {listed(links)} are links, which are not followed; name the file and dataset that they mean"
    return f"{path}: holds no dataset of numbers; write the latent vectors as one"


def _check_inside(where: str, dataset: Any) -> None:
    """Refuse values that lie in other files, and such as were never written."""
    if dataset.shape is None:
        raise ArrayError(f"{where} is empty; write the latent vectors")
    if dataset.external or dataset.is_virtual:
        raise ArrayError(
            f"{where} keeps its values in other files, which are not followed; write them into this one"
        )
    if dataset.size and not dataset.id.get_storage_size():
        raise ArrayError(
            f"{where} of shape {dataset.shape} was made, but never written to; write the vectors"
        )

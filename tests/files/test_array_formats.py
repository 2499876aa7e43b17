"""The formats of arrays: ranges of rows from each, and a format of another package in one file."""

import gzip
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import torch
import zarr
from hypothesis import given
from hypothesis import strategies as st

from support import line
from zpoints.errors import ArrayError
from zpoints.files.arrays import ARRAYS, Reader, known_suffixes, open_rows
from zpoints.files.arrays.npz import NpzReader
from zpoints.vectors.latent_set import LatentSet

KNOWN = (
    ".npy, .npz, .npy.gz, .pt, .pth, .safetensors, .h5, .hdf5, .he5, .parquet, .pq, .feather, .arrow, .arrows, .ipc, "
    ".csv, .tsv, .csv.gz, .tsv.gz or .zarr"
)
Z = np.random.default_rng(0).normal(size=(103, 4)).astype(np.float32)


def as_lists(path: Path) -> None:
    column = pa.FixedSizeListArray.from_arrays(pa.array(Z.ravel()), Z.shape[1])
    pq.write_table(pa.table({"z": column}), path, row_group_size=17)


def as_columns(path: Path) -> None:
    pq.write_table(pa.table({f"z{c}": Z[:, c] for c in range(4)}), path, row_group_size=20)


def as_zarr(path: Path) -> None:
    zarr.create_array(str(path), shape=Z.shape, dtype=Z.dtype, chunks=(10, 3))[:] = Z


def as_csv(path: Path) -> None:
    pd.DataFrame(Z.astype(float), columns=list("abcd")).to_csv(path, index=False)


def as_text(path: Path) -> None:
    np.savetxt(path, Z, delimiter="\t")


def as_gz(path: Path) -> None:
    with gzip.open(path, "wb") as file:
        np.save(file, Z)


def as_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("vectors/z", data=Z, chunks=(10, 3), compression="gzip")


def as_stream(path: Path) -> None:
    table = pa.table({"z": list(Z), "row": np.arange(103)})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=9)


def as_feather(path: Path) -> None:
    feather.write_feather(pa.table({f"z{c}": Z[:, c] for c in range(4)}), str(path), chunksize=11)


def as_folder(path: Path) -> None:
    path.mkdir()
    for part in range(12):  # part.2 comes before part.10
        table = pa.table({f"z{c}": Z[part * 9 : (part + 1) * 9, c] for c in range(4)})
        pq.write_table(table, path / f"part.{part}.parquet")
    (path / "_SUCCESS").touch()
    (path / "._part.0.parquet").write_bytes(b"macOS leaves such files")


WRITERS = {
    "z.npy": lambda path: np.save(path, Z),
    "z.npy.gz": as_gz,
    "z.pt": lambda path: torch.save({"epoch": 3, "z": torch.tensor(Z, requires_grad=True)}, path),
    "z.h5": as_hdf5,
    "z.csv": as_csv,
    "z.tsv.gz": as_text,
    "z.feather": as_feather,
    "z.arrow": as_stream,
    "folder.parquet": as_folder,
    "stored.npz": lambda path: np.savez(path, Z),
    "packed.npz": lambda path: np.savez_compressed(path, other=Z[:3], z=Z),
    "lists.parquet": as_lists,
    "columns.parquet": as_columns,
    "z.safetensors": lambda path: safetensors.numpy.save_file({"z": Z}, path),
    "z.zarr": as_zarr,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arrays")
    for name, write in WRITERS.items():
        write(folder / name)
    return folder


def test_every_format_is_tried():
    tried = {name for path in WRITERS for name, kind in ARRAYS.members() if kind.matches(Path(path))}
    assert tried == set(ARRAYS.names())


@pytest.mark.parametrize("name", WRITERS)
@given(ranges=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 110)), min_size=1, max_size=8))
def test_ranges_of_rows_in_any_order(folder: Path, name: str, ranges: list[tuple[int, int]]):
    rows = open_rows(folder / name)
    assert rows.shape == (103, 4)
    for start, stop in ranges:
        found = rows[start:stop]
        assert found.shape == Z[start:stop].shape
        np.testing.assert_array_equal(found, Z[start:stop])
    rows.close()


@pytest.mark.parametrize("name", WRITERS)
def test_readings_that_are_under_way_at_once_do_not_disturb_each_other(folder: Path, name: str):
    rows = open_rows(folder / name)
    np.testing.assert_array_equal(rows[50:60], Z[50:60])
    for a, b in zip(rows.blocks(13), rows.blocks(13), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(rows[60:61], Z[60:61])


@pytest.mark.parametrize("name", WRITERS)
def test_blocks_follow_the_type_that_is_told(folder: Path, name: str):
    rows = open_rows(folder / name)
    assert np.concatenate(list(rows.blocks(40))).dtype == rows.dtype
    assert rows[3:5].dtype == rows.dtype


def test_an_array_of_an_npz_by_its_name(folder: Path):
    assert list(NpzReader.members(folder / "packed.npz")) == ["other", "z"]
    np.testing.assert_array_equal(NpzReader(folder / "packed.npz", "other")[0:9], Z[:3])


class Raw(Reader):
    """A format of another package, in as few lines as one may write."""

    suffixes = (".raw",)

    def __init__(self, path: Path) -> None:
        self.values = np.fromfile(path, np.float32).reshape(-1, 4)
        self.shape, self.dtype = self.values.shape, self.values.dtype

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return self.values[rows]


class Mapped:
    """One that is no `Reader`: it opens what has a shape, a type and ranges of rows."""

    suffixes = (".mapped",)

    @staticmethod
    def matches(path: Path) -> bool:
        return path.suffix == ".mapped"

    @staticmethod
    def open(path: Path) -> np.ndarray:
        return np.memmap(path, np.float32, "r").reshape(-1, 4)


@pytest.mark.parametrize(("name", "kind"), [("raw", Raw), ("mapped", Mapped)])
def test_a_format_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: type[Reader]):
    monkeypatch.setitem(ARRAYS._loaded, name, kind)
    path = tmp_path / f"z.{name}"
    Z.tofile(path)
    np.testing.assert_array_equal(np.concatenate(list(LatentSet.open(path).blocks(10))), Z)
    path.write_bytes(b"abc" if name == "mapped" else bytes(20))
    with pytest.raises(ArrayError) as refused:
        LatentSet.open(path)
    assert f"{path}: cannot be read as {name}" in line(refused.value)
    (tmp_path / "z.other").write_text("1,2")
    with pytest.raises(ArrayError) as refused:
        open_rows(tmp_path / "z.other")
    assert line(refused.value).endswith(f".zarr or .{name}")


def test_the_formats_known_are_named(tmp_path: Path):
    assert known_suffixes() == KNOWN
    with pytest.raises(ArrayError) as refused:
        open_rows(tmp_path / "none.npy")
    assert known_suffixes() in line(refused.value)


def test_a_format_whose_package_is_broken_is_left_out_with_a_warning(tmp_path: Path):
    (tmp_path / "broken-1.0.dist-info").mkdir()
    (tmp_path / "broken-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n"
    )
    (tmp_path / "broken-1.0.dist-info" / "entry_points.txt").write_text(
        "[zpoints.arrays]\nbroken = not_there_at_all:X\n"
    )
    np.save(tmp_path / "z.npy", Z)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from zpoints.files.arrays import open_rows, known_suffixes
print(open_rows({str(tmp_path / "z.npy")!r}).shape)
print(known_suffixes())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(103, 4)", KNOWN]
    assert "array format 'broken' of the package broken cannot be loaded" in done.stderr


def test_opening_a_known_file_loads_no_other_formats(tmp_path: Path):
    np.save(tmp_path / "z.npy", Z)
    code = f"""
import sys
from zpoints.files.arrays import open_rows
open_rows({str(tmp_path / "z.npy")!r})
print(*(m for m in ("pyarrow", "zarr", "safetensors", "torch", "h5py") if m in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

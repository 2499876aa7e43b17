"""Latent vectors from every format, in blocks of any size; nothing is unpickled."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import zarr

from support import line
from zpoints.errors import ArrayError
from zpoints.vectors.latent_set import LatentSet

Z = np.random.default_rng(0).normal(size=(103, 4)).astype(np.float32)


def as_lists(path: Path, z: np.ndarray, **options) -> None:  # type: ignore[no-untyped-def]
    column = pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), z.shape[1])
    pq.write_table(pa.table({"z": column}), path, **options)


def as_columns(path: Path, z: np.ndarray, **options) -> None:  # type: ignore[no-untyped-def]
    pq.write_table(pa.table({f"z{c}": z[:, c] for c in range(z.shape[1])}), path, **options)


def as_zarr(path: Path, z: np.ndarray, **options) -> None:  # type: ignore[no-untyped-def]
    zarr.create_array(str(path), shape=z.shape, dtype=z.dtype, chunks=(10, 3), **options)[:] = z


WRITERS = {
    "c.npy": np.save,
    "f.npy": lambda path, z: np.save(path, np.asfortranarray(z)),
    "big_endian.npy": lambda path, z: np.save(path, z.astype(z.dtype.newbyteorder(">"))),
    "stored.npz": lambda path, z: np.savez(path, z),
    "named.npz": lambda path, z: np.savez(path, other=z[:3], z=z),
    "packed.npz": lambda path, z: np.savez_compressed(path, codes=z),
    "columns.parquet": as_columns,
    "groups.parquet": lambda path, z: as_columns(path, z, row_group_size=17, compression="zstd"),
    "lists.parquet": as_lists,
    "list_groups.parquet": lambda path, z: as_lists(path, z, row_group_size=17),
    "f.safetensors": lambda path, z: safetensors.numpy.save_file({"codes": z}, path),
    "named.safetensors": lambda path, z: safetensors.numpy.save_file({"z": z, "y": z[:1].copy()}, path),
    "3.zarr": as_zarr,
    "2.zarr": lambda path, z: as_zarr(path, z, zarr_format=2),
}


@pytest.fixture(params=WRITERS)
def path(request, tmp_path):  # type: ignore[no-untyped-def]
    WRITERS[request.param](tmp_path / request.param, Z)
    return tmp_path / request.param


@pytest.mark.parametrize("size", [1, 10, 102, 103, 1000])
def test_every_format_in_blocks_of_any_size(path, size):
    latents = LatentSet.open(path)
    assert (latents.n, latents.dimension) == (103, 4)
    for _ in range(2):  # the passes over the data
        blocks = list(latents.blocks(size))
        assert all(0 < len(block) <= size for block in blocks)
        np.testing.assert_array_equal(np.concatenate(blocks), Z)


def test_every_format_by_text_rows_and_columns(path):
    rows = np.array([0, 1, 9, 10, 11, 60, 102])
    latents = LatentSet.open(str(path), rows)
    assert latents.n == 7
    assert latents.name == str(path)
    np.testing.assert_array_equal(np.concatenate(list(latents.blocks(10))), Z[rows])
    assert all(len(block) for block in latents.blocks(10))
    columns = latents.columns([3, 0], size=10)
    assert columns.dtype == np.float64
    np.testing.assert_array_equal(columns, Z[rows][:, [3, 0]])


@pytest.mark.parametrize(
    "write", ["stored.npz", "lists.parquet", "columns.parquet", "f.safetensors", "3.zarr", "c.npy"]
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64"])
def test_every_type_of_number(tmp_path, write, dtype):
    z = (10 * Z).astype(dtype)
    WRITERS[write](tmp_path / write, z)
    np.testing.assert_array_equal(np.concatenate(list(LatentSet.open(tmp_path / write).blocks(50))), z)


@pytest.mark.parametrize(
    "write", ["stored.npz", "lists.parquet", "columns.parquet", "f.safetensors", "3.zarr", "f.npy"]
)
def test_one_component(tmp_path, write):
    WRITERS[write](tmp_path / write, Z[:, :1].copy())
    latents = LatentSet.open(tmp_path / write)
    assert latents.dimension == 1
    np.testing.assert_array_equal(np.concatenate(list(latents.blocks(50))), Z[:, :1])


def test_arrays_in_memory_and_opened_sets():
    for source in (Z, Z.tolist(), np.asfortranarray(Z), Z[::-1][::-1]):
        np.testing.assert_array_equal(np.concatenate(list(LatentSet.open(source).blocks(40))).astype("f4"), Z)
    latents = LatentSet.open(Z)
    assert LatentSet.open(latents).reader is latents.reader
    few = LatentSet.open(latents, np.array([3, 5]))
    assert few.n == 2
    assert LatentSet.open(few).n == 2
    np.testing.assert_array_equal(next(few.blocks(100)), Z[[3, 5]])


def test_it_says_what_it_is_in_a_line(tmp_path):
    np.save(tmp_path / "a<b>.npy", Z)
    latents = LatentSet.open(tmp_path / "a<b>.npy")
    assert repr(latents) == f"<LatentSet {tmp_path}/a<b>.npy: 103 vectors of 4 components, float32>"
    html = LatentSet.open(latents, np.arange(7))._repr_html_()
    assert "7 vectors (of 103) of 4 components, float32" in html
    assert "a&lt;b&gt;.npy" in html
    assert "\n" not in repr(LatentSet("two\nlines", latents.reader))


def test_its_head():
    np.testing.assert_array_equal(LatentSet.open(Z).head(5), Z[:5])
    np.testing.assert_array_equal(LatentSet.open(Z, np.array([2, 50, 90])).head(200), Z[[2, 50, 90]])


def test_the_directory_above_is_found(tmp_path, monkeypatch):
    np.save(tmp_path / "z.npy", Z)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert LatentSet.open("~/z.npy").n == 103


def refusal(source, rows=None) -> str:  # type: ignore[no-untyped-def]
    """What the user reads: when the file is opened, or when its blocks are read."""
    with pytest.raises(ArrayError) as refused:
        list(LatentSet.open(source, rows).blocks(10))
    assert refused.value.exit_status == 1
    return line(refused.value)


@pytest.mark.parametrize("write", [name for name in WRITERS if not name.endswith("zarr")])
@pytest.mark.parametrize("keep", [0, 1, 60, 0.5, 0.95])
def test_truncated_files(tmp_path, write, keep):
    path = tmp_path / write
    WRITERS[write](path, Z)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    assert str(path) in refusal(path)


@pytest.mark.parametrize("write", ["stored.npz", "packed.npz", "groups.parquet"])
def test_damage_that_shows_only_in_the_middle(tmp_path, write):
    path = tmp_path / write
    WRITERS[write](path, Z)
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 8] = bytes(byte ^ 0xFF for byte in data[middle : middle + 8])
    path.write_bytes(data)
    assert str(path) in refusal(path)


@pytest.mark.parametrize(("write", "chunk"), [("2.zarr", "5.1"), ("3.zarr", "c/5/1")])
def test_a_chunk_that_was_cut(tmp_path, write, chunk):
    path = tmp_path / write
    WRITERS[write](path, Z)
    (path / chunk).write_bytes((path / chunk).read_bytes()[:20])
    assert str(path) in refusal(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".safetensors"])
def test_text_under_another_name(tmp_path, suffix):
    path = tmp_path / f"z{suffix}"
    path.write_text("1.0 2.0 3.0\n" * 50)
    assert str(path) in refusal(path)


def test_missing_and_unknown_files(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.npy")
    (tmp_path / "z.csv").write_text("1,2\n3,4\n")
    text = refusal(tmp_path / "z.csv")
    assert "'.csv'" in text
    assert ".parquet" in text
    (tmp_path / "bare").write_text("x")
    assert "no known array format" in refusal(tmp_path / "bare")
    (tmp_path / "folder.npy").mkdir()
    assert "folder.npy" in refusal(tmp_path / "folder.npy")
    (tmp_path / "empty.zarr").mkdir()
    assert "empty.zarr" in refusal(tmp_path / "empty.zarr")
    zarr.create_group(str(tmp_path / "group.zarr"))
    assert "group" in refusal(tmp_path / "group.zarr")


def test_several_arrays_without_a_known_name(tmp_path):
    np.savez(tmp_path / "z.npz", a=Z, b=Z)
    assert "a.npy, b.npy" in refusal(tmp_path / "z.npz")
    safetensors.numpy.save_file({"a": Z, "b": Z + 1}, tmp_path / "z.safetensors")
    assert "a, b" in refusal(tmp_path / "z.safetensors")
    np.savez(tmp_path / "none.npz")
    assert "none.npz" in refusal(tmp_path / "none.npz")


def test_bfloat16_is_refused(tmp_path):
    import struct

    header = b'{"z":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}'
    path = tmp_path / "z.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    assert "BF16" in refusal(path)


def test_column_order_in_npz_is_refused_not_turned(tmp_path):
    np.savez(tmp_path / "z.npz", np.asfortranarray(Z))
    assert "column by column" in refusal(tmp_path / "z.npz")


def test_parquet_that_is_no_matrix(tmp_path):
    pq.write_table(pa.table({"name": ["a", "b"]}), tmp_path / "text.parquet")
    assert "numeric columns" in refusal(tmp_path / "text.parquet")
    column = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"z": column}), tmp_path / "holes.parquet")
    assert "has missing vectors" in refusal(tmp_path / "holes.parquet")
    words = pa.array([["a", "b"], ["c", "d"]], pa.list_(pa.string(), 2))
    pq.write_table(pa.table({"z": words}), tmp_path / "words.parquet")
    assert "words.parquet" in refusal(tmp_path / "words.parquet")


def test_parquet_takes_its_numeric_columns_beside_others(tmp_path):
    path = tmp_path / "z.parquet"
    pq.write_table(pa.table({"name": ["a", "b"], "x": [1, 2], "y": [0.5, 0.25]}), path)
    np.testing.assert_array_equal(next(LatentSet.open(path).blocks(9)), [[1, 0.5], [2, 0.25]])
    as_lists(path, Z)
    table = pq.read_table(path).append_column("number", pa.array(range(103)))
    pq.write_table(table, path)
    np.testing.assert_array_equal(next(LatentSet.open(path).blocks(103)), Z)


@pytest.mark.parametrize(
    ("array", "part"),
    [
        (Z[:, 0], "1 dimension"),
        (np.float32(3), "0 dimension"),
        (Z[:1], "1 vector"),
        (Z[:0], "0 vector"),
        (Z[:, :0], "0 component"),
        (Z.astype(complex), "complex"),
        (Z > 0, "bool"),
        (Z.astype("U5"), "not numeric"),
        (np.array([[{}, 1]] * 3), "object"),
        (np.zeros((3, 2), "M8[s]"), "datetime"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_are_no_vectors(tmp_path, array, part):
    assert part in refusal(array)
    if array.dtype.kind != "O":
        np.save(tmp_path / "z.npy", array)
        assert str(tmp_path) in refusal(tmp_path / "z.npy")
        np.savez(tmp_path / "z.npz", array)
        assert str(tmp_path) in refusal(tmp_path / "z.npz")


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([3], "1 vector"),
        ([], "0 vector"),
        ([5, 4], "asc"),
        ([4, 4], "asc"),
        ([-1, 4], "0 to 102"),
        ([4, 103], "0 to 102"),
    ],
)
def test_rows_that_make_no_sense(rows, part):
    for source in (Z, LatentSet.open(Z)):
        assert part in refusal(source, np.array(rows, int))
        assert "whole numbers" in refusal(source, np.array([0.5, 1.5]))
        assert "whole numbers" in refusal(source, np.arange(103) > 50)


class Trap:
    """Loading its pickle makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", ["object.npy", "pickle.npy", "object.npz", "pickle.npz"])
def test_nothing_is_ever_unpickled(tmp_path, name):
    path, marker = tmp_path / name, tmp_path / "sprung"
    trap = np.array([[Trap(marker), 1.0], [2.0, 3.0]], dtype=object)
    if name.startswith("pickle"):
        path.write_bytes(pickle.dumps(trap))
    elif name.endswith(".npy"):
        np.save(path, trap, allow_pickle=True)
    else:
        np.savez(path, z=trap, allow_pickle=True)
    assert str(path) in refusal(path)
    assert not marker.exists()
    loaded = np.load(path, allow_pickle=True)
    if name == "object.npz":
        loaded["z"]
    assert marker.exists(), "the trap works"

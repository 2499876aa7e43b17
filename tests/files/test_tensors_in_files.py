"""Tensors and datasets in .pt, safetensors, HDF5 and zarr: which one, of which type, and what is never followed."""

import gzip
import io
import zipfile

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
import zarr

from support import line
from zpoints.errors import ArrayError
from zpoints.files.arrays import open_rows
from zpoints.files.arrays.low_precision import widened

Z = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
T = torch.tensor(Z)


def refusal(source: object) -> str:
    with pytest.raises(ArrayError) as refused:
        list(open_rows(source).blocks(7))
    return line(refused.value)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_every_number_of_low_precision(tmp_path, kind):
    size = 16 if kind == torch.bfloat16 else 8
    bits = np.arange(1 << size).astype(np.uint16 if size == 16 else np.uint8)
    words = {torch.bfloat16: "BF16", torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2"}
    tensor = torch.tensor(bits.view(np.int16 if size == 16 else np.int8)).view(kind)
    np.testing.assert_array_equal(widened(bits, words[kind]), tensor.float().numpy())
    tensor = T.to(kind)
    safetensors.torch.save_file({"n": torch.zeros(5), "z": tensor}, tmp_path / "z.safetensors")
    torch.save({"z": tensor}, tmp_path / "z.pt")
    for name in ("z.safetensors", "z.pt"):
        rows = open_rows(tmp_path / name)
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(np.concatenate(list(rows.blocks(9))), tensor.float().numpy())
        np.testing.assert_array_equal(rows[31:33], tensor.float().numpy()[31:33])


@pytest.mark.parametrize(
    "saved",
    [
        T,
        torch.nn.Parameter(T),
        T.double().half().float().t().contiguous().t(),
        {"latents": T, "labels": torch.arange(40)},
        {"state": {"deep": [torch.zeros(2), {"z": T}]}, "other": T},
        {"codes": T, "labels": torch.arange(40), "epoch": 3, "name": "x"},
    ],
)
def test_a_tensor_wherever_it_lies(tmp_path, saved):
    for old in (False, True):
        torch.save(saved, tmp_path / "z.pt", _use_new_zipfile_serialization=not old)
        found = np.concatenate(list(open_rows(tmp_path / "z.pt").blocks(9)))
        np.testing.assert_allclose(found, Z, atol=1e-3)


def test_several_tensors_are_named_and_one_is_chosen(tmp_path):
    torch.save({"mu": T, "more": {"logvar": T + 1}, "n": torch.arange(40)}, tmp_path / "z.pt")
    assert "mu, more/logvar, n; name it, as in" in refusal(tmp_path / "z.pt")
    np.testing.assert_array_equal(open_rows(f"{tmp_path / 'z.pt'}::more/logvar")[0:40], Z + 1)
    assert "no array 'nu'" in refusal(f"{tmp_path / 'z.pt'}::nu")


class Touches:
    """What a hostile file would do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_nothing_but_tensors_is_loaded(tmp_path):
    torch.save({"z": T, "evil": Touches(tmp_path / "touched")}, tmp_path / "z.pt")
    assert "no object is ever loaded" in refusal(tmp_path / "z.pt")
    assert not (tmp_path / "touched").exists()
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    assert "save the tensor alone" in refusal(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ({"epoch": 3}, "holds no tensor"),
        (T.to_sparse(), "sparse_coo"),
        (torch.zeros(1, 3).expand(10**12, 3), "several times"),
        (torch.zeros(40, 3, device="meta"), "has no values"),
    ],
)
def test_tensors_that_are_no_vectors(tmp_path, saved, said):
    torch.save(saved, tmp_path / "z.pt")
    assert said in refusal(tmp_path / "z.pt")


def test_damaged_files_of_tensors(tmp_path):
    torch.save(T, tmp_path / "z.pt")
    whole = (tmp_path / "z.pt").read_bytes()
    for content in (b"", b"text", whole[:300], whole[:-200]):
        (tmp_path / "z.pt").write_bytes(content)
        assert "z.pt" in refusal(tmp_path / "z.pt")
    with zipfile.ZipFile(tmp_path / "z.pt", "w") as archive:
        archive.writestr("a", "x")
    assert "z.pt" in refusal(tmp_path / "z.pt")


def test_a_packed_array_that_ends_early_says_where(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, Z)
    (tmp_path / "z.npy.gz").write_bytes(gzip.compress(buffer.getvalue()[:-100]))
    assert "damaged at row 31" in refusal(tmp_path / "z.npy.gz")
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(Z))
    (tmp_path / "z.npy.gz").write_bytes(gzip.compress(buffer.getvalue()))
    assert "column by column" in refusal(tmp_path / "z.npy.gz")


def test_which_dataset_of_hdf5(tmp_path):
    with h5py.File(tmp_path / "z.h5", "w") as file:
        file["train/features"], file["train/labels"], file["train/names"] = Z, np.arange(40), ["x"] * 40
        file["again"] = file["train/features"]  # a second name of the same
        file["loop"] = file["/"]
    rows = open_rows(tmp_path / "z.h5")
    np.testing.assert_array_equal(rows[3:9], Z[3:9])
    assert "labels" in rows.notes[0]
    rows.close()
    with h5py.File(tmp_path / "z.h5", "a") as file:
        file["test/features"] = Z + 1
    assert "which array?" in refusal(tmp_path / "z.h5")
    np.testing.assert_array_equal(open_rows(f"{tmp_path / 'z.h5'}::/test/features")[0:9], Z[:9] + 1)


def test_hdf5_does_not_lead_out_of_the_file(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["z"] = Z
    Z.tofile(tmp_path / "secret.bin")
    layout = h5py.VirtualLayout((40, 3), np.float32)
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "z", (40, 3))
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["z"] = h5py.ExternalLink("secret.h5", "z")
    with h5py.File(tmp_path / "soft.h5", "w") as file:
        file["z"] = h5py.SoftLink("/nowhere")
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("z", layout)
    with h5py.File(tmp_path / "external.h5", "w") as file:
        external = [(str(tmp_path / "secret.bin"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("z", (40, 3), np.float32, external=external)
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file.create_dataset("z", (10**12, 3), np.float32, chunks=(1000, 3))
    assert "z are links, which are not followed" in refusal(tmp_path / "link.h5")
    assert "z are links" in refusal(f"{tmp_path / 'soft.h5'}::z")
    assert "in other files" in refusal(tmp_path / "virtual.h5")
    assert "in other files" in refusal(tmp_path / "external.h5")
    assert "never written to" in refusal(tmp_path / "empty.h5")


def test_an_array_of_a_zarr_group(tmp_path):
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    group.create_array("vectors/z", shape=Z.shape, dtype=Z.dtype)[:] = Z
    group.create_array("labels", shape=(40,), dtype="i4")[:] = 1
    for path in ("g.zarr", "g.zarr/vectors/z", "g.zarr::vectors/z"):
        np.testing.assert_array_equal(open_rows(f"{tmp_path}/{path}")[0:40], Z)
    assert "no array 'y'" in refusal(f"{tmp_path}/g.zarr::y")


def test_of_several_arrays_a_usual_name_counts_only_where_it_has_vectors(tmp_path):
    np.savez(tmp_path / "z.npz", np.arange(40), Z)  # arr_0 holds labels
    with h5py.File(tmp_path / "z.h5", "w") as file:
        file["z"], file["emb"] = np.arange(40), Z
    for name in ("z.npz", "z.h5"):
        np.testing.assert_array_equal(open_rows(tmp_path / name)[0:40], Z)


def test_batches_and_single_vectors_are_refused_with_the_word_that_joins_them(tmp_path):
    path = tmp_path / "z.pt"
    torch.save([T[:16], T[16:32], T[32:]], path)
    assert "a list of 3 tensors" in refusal(path)
    assert "torch.cat(list(z))" in refusal(path)
    assert open_rows(f"{path}::2").shape == (8, 3)
    torch.save({f"{place}.png": row.clone() for place, row in enumerate(T)}, path)
    assert "holds 40 vectors" in refusal(path)
    assert "torch.stack(list(z.values()))" in refusal(path)
    torch.save({"mu": T, "logvar": T}, path)
    assert "which array?" in refusal(path)


def test_pickled_objects_in_npy_are_named(tmp_path):
    np.save(tmp_path / "z.npy", np.array([{"z": 1}, None]), allow_pickle=True)
    assert "holds pickled objects, which are never read" in refusal(tmp_path / "z.npy")


def test_tables_of_records_in_hdf5_are_said(tmp_path):
    with h5py.File(tmp_path / "z.h5", "w") as file:
        file["table"] = np.zeros(40, [("z", "f4", 3), ("label", "i4")])
    assert "tables of records (table)" in refusal(tmp_path / "z.h5")
    with h5py.File(tmp_path / "both.h5", "w") as file:
        file["table"], file["score"] = np.zeros(40, [("z", "f4", 3), ("label", "i4")]), Z
    assert "tables of records are not read: table" in open_rows(tmp_path / "both.h5").notes[-1]

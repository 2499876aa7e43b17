"""Arrays at addresses: the rows of the file, by ranges; what has changed, and what goes wrong, in one line."""

import io
import json
import os
import pickle
from itertools import pairwise
from pathlib import Path

import fsspec
import numpy as np
import pytest

from dask_formats import write
from ranges import serving
from zpoints.errors import ArrayError, UsageError
from zpoints.files.arrays import open_rows, remote
from zpoints.files.remote import Address, as_typed
from zpoints.vectors.identity import identity_of
from zpoints.vectors.latent_set import LatentSet

pytestmark = pytest.mark.filterwarnings("ignore::zpoints.errors.LeftOutWarning")
N = 700
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
FORMATS = ["npy", "parquet", "safetensors", "zarr"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with serving(folder) as found:
        found.folder = folder
        yield found


@pytest.fixture
def here(server):
    """What is served, with nothing in it."""
    import shutil

    for each in server.folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    server.sent.clear()
    server.ranges = True
    server.forbidden.clear()
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    return server.folder


def address_of(scheme, path, server):
    """The address of a file, put there."""
    if scheme == "http":
        return f"{server.address}/{path.name}"
    if scheme == "file":
        return f"file://{path}"
    fsspec.filesystem("memory").put(str(path), f"/b/{path.name}", recursive=path.is_dir())
    return f"{scheme}://b/{path.name}"


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("scheme", ["http", "file", "memory", "simplecache::memory"])
def test_the_rows_are_those_of_the_file(here, server, suffix, scheme):
    if suffix == "zarr" and scheme == "simplecache::memory":
        pytest.skip("zarr has caches of its own")
    path = write(here, suffix, X)
    address = address_of(scheme, path, server)
    rows = open_rows(address)
    assert rows.shape == (N, 3)
    assert rows.dtype == X.dtype
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks(128))), X)
    assert {len(block) for block in rows.between(0, 640, 128)} == {128}
    np.testing.assert_array_equal(np.concatenate(list(rows.between(256, 650, 128))), X[256:650])
    np.testing.assert_array_equal(rows[3:9], X[3:9])
    np.testing.assert_array_equal(rows[690:900], X[690:])
    assert rows[5:5].shape == (0, 3)
    latents = LatentSet.open(address, np.arange(1, N, 3))
    np.testing.assert_array_equal(latents.array(), X[1::3])
    again = pickle.loads(pickle.dumps(latents))
    np.testing.assert_array_equal(again.array(), X[1::3])
    assert identity_of(again) == identity_of(latents) is not None


@pytest.mark.parametrize("where", ["folder", "pattern", "path"])
def test_files_at_an_address_are_one_array(here, server, where):
    for k, part in enumerate(np.split(X, 7)):
        np.save(here / f"part{k + 5}.npy", part)
    (here / "_SUCCESS").touch()
    (here / "readme.txt").touch()
    address = {"folder": f"{server.address}/", "pattern": f"{server.address}/part*.npy"}.get(where)
    latents = LatentSet.open(address or Path(f"{server.address}/part*.npy"))
    np.testing.assert_array_equal(latents.array(), X)
    assert any("left out: readme.txt" in note for note in latents.notes) == (where == "folder")
    again = pickle.loads(pickle.dumps(latents))
    parts = [each for a, b in pairwise((0, 200, 400, N)) for _, each in again.numbered_between(a, b, 50)]
    np.testing.assert_array_equal(np.concatenate(parts), X)
    assert identity_of(again) == identity_of(latents) is not None
    np.save(here / "part8.npy", X[:100] + 1)
    with pytest.raises(ArrayError, match=r"part8\.npy: on \S+ it is not what it was when the work began"):
        list(pickle.loads(pickle.dumps(latents)).numbered_between(0, N, 50))
    with pytest.raises(ArrayError, match=r"part8\.npy: has changed since it was opened"):
        latents.array()


def test_only_the_rows_are_asked_for(here, server, monkeypatch):
    x = np.random.default_rng(0).normal(size=(100_000, 16))
    np.save(here / "z.npy", x)
    rows = open_rows(f"{server.address}/z.npy")
    assert sum(server.sent) <= remote.HEADER
    server.sent.clear()
    monkeypatch.setattr(remote, "REQUEST", 1 << 20)
    np.testing.assert_array_equal(np.concatenate(list(rows.between(40_000, 60_000, 1000))), x[40_000:60_000])
    assert sum(server.sent) == 20_000 * 16 * 8
    assert len(server.sent) == 3  # of eight blocks each
    assert max(server.sent) <= 1 << 20
    server.sent.clear()
    np.testing.assert_array_equal(rows[7:9], x[7:9])
    assert server.sent == [256]


def test_only_the_columns_of_the_row_groups_are_asked_for(here, server):
    import pandas as pd

    x = np.random.default_rng(0).normal(size=(40_000, 3))
    frame = pd.DataFrame(x, columns=["z0", "z1", "z2"]).assign(much="x" * 50)
    frame["much"] += frame.index.astype(str)
    frame.to_parquet(here / "z.parquet", row_group_size=4000, compression=None)
    rows = open_rows(f"{server.address}/z.parquet", "z*")
    server.sent.clear()
    np.testing.assert_array_equal(np.concatenate(list(rows.between(8000, 12_000, 1000))), x[8000:12_000])
    assert sum(server.sent) < 1.5 * 4000 * 24
    whole, few = rows, open_rows(f"{server.address}/z.parquet::z1")
    assert few.shape == (40_000, 1)
    np.testing.assert_array_equal(np.concatenate(list(whole.blocks(777))), x)


def test_large_row_groups_are_read_in_pieces(here, server, monkeypatch):
    import pandas as pd

    x = np.random.default_rng(0).normal(size=(20_000, 3))
    frame = pd.DataFrame(x, columns=["z0", "z1", "z2"])
    frame.to_parquet(here / "z.parquet", compression=None, use_dictionary=False, data_page_size=8192)
    monkeypatch.setattr(remote, "ROW_GROUP", 1)
    monkeypatch.setattr(remote, "PIECE", 8192)
    rows = open_rows(f"{server.address}/z.parquet")
    server.sent.clear()
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks(500))), x)
    assert max(server.sent) < 80_000


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "int64", "named"])
def test_tensors_of_other_types(here, server, kind):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    values = torch.arange(60).reshape(20, 3).to(getattr(torch, kind, torch.float32))
    save_file({"first": values, "second": values[:7] + 1}, here / "v.safetensors")
    name = "second" if kind == "named" else "first"
    found = np.concatenate(list(open_rows(f"{server.address}/v.safetensors::{name}").blocks(6)))
    mine = np.concatenate(list(open_rows(f"{here}/v.safetensors::{name}").blocks(6)))
    np.testing.assert_array_equal(found, mine)
    assert found.dtype == mine.dtype


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_has_changed(here, server, suffix):
    path = write(here, suffix, X)
    rows = open_rows(f"{server.address}/{path.name}")
    blocks = rows.blocks(100)
    next(blocks)
    entry = path / "zarr.json" if suffix == "zarr" else path
    os.utime(entry, ns=(1, 1))
    with pytest.raises(ArrayError, match=rf"z\.{suffix}: has changed since it was opened; start again"):
        list(blocks)


# --- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("memory://b/z.npy", r"memory://b/z\.npy: there is no such file"),
        (
            "memory://b/*.npy",
            r"there is no such file; at addresses, \.npy, \.parquet, \.safetensors and \.zarr",
        ),
        ("memory://b", "there is no such file"),
        ("file:///nowhere/z.npy", "file:///nowhere/z.npy: there is no such file"),
        ("nope://b/z.npy", "no kind of place is known as nope://"),
        ("http://127.0.0.1:9/z.npy", "cannot be reached"),
        ("memory://b/z.csv", "there is no such file"),
    ],
)
def test_what_is_not_there(here, address, said):
    with pytest.raises(ArrayError, match=said) as found:
        open_rows(address)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_a_package_that_is_missing(scheme, package, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ArrayError, match=rf"{scheme}://b/z\.npy: needs {package}: pip install {package}"):
        open_rows(f"{scheme}://b/z.npy")


def test_without_fsspec(monkeypatch):
    monkeypatch.setattr("zpoints.system.extras.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"s3://b/z\.npy: needs fsspec: pip install 'zpoints\[remote\]'"):
        open_rows("s3://b/z.npy")


def test_no_right_to_read(here, server):
    np.save(here / "z.npy", X)
    rows = open_rows(f"{server.address}/z.npy")
    server.forbidden.add("z.npy")
    for read in (lambda: open_rows(f"{server.address}/z.npy"), lambda: rows[:3]):
        with pytest.raises(ArrayError, match=r"z\.npy: may not be read \(the server answers 403\)"):
            read()


def test_a_server_without_ranges(here, server):
    np.save(here / "z.npy", np.zeros((100_000, 3)))
    server.ranges = False
    rows = open_rows(f"{server.address}/z.npy")
    with pytest.raises(
        ArrayError, match=r"z\.npy: cannot be read \(The HTTP server doesn't appear to support range"
    ):
        list(rows.blocks(1000))


def test_other_formats_are_named(here, server):
    (here / "z.csv").write_text("a,b\n1,2\n")
    with pytest.raises(
        ArrayError, match=r"z\.csv: no rows can be asked for in such a file; at addresses, \.npy"
    ):
        open_rows(f"file://{here}/z.csv")
    np.save(here / "z.npy", X)
    write(here, "safetensors", X)
    with pytest.raises(ArrayError, match=r"holds files of several formats, z\.npy, z\.safetensors"):
        open_rows(f"file://{here}/z.[ns]*")
    with pytest.raises(ArrayError, match=r"z\.npy: has no columns with names"):
        open_rows(f"file://{here}/z.npy", "a")
    with pytest.raises(ArrayError, match=r"z\.npy: is one array; there is nothing in it called 'a'"):
        open_rows(f"file://{here}/z.npy::a")


def test_shards_that_are_missing(here):
    for k in (1, 3):
        np.save(here / f"part-{k:05}-of-00003.npy", X)
    with pytest.raises(ArrayError, match="2 of 3 shards are there; missing: 2"):
        open_rows(f"file://{here}/part-*.npy")


def saved(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def tensors(**changes):
    header = {"z": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    header["z"] |= changes
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(24)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("z.npy", b"", "cannot be read as .npy|ends early"),
        ("z.npy", b"nothing of the kind", "cannot be read as .npy"),
        ("z.npy", saved(X)[:-1], "ends early: 8,400 bytes are announced"),
        (
            "z.npy",
            saved(np.array([[{}, 1]]), allow_pickle=True),
            "holds pickled objects, which are never read",
        ),
        ("z.npy", saved(np.asfortranarray(X)), "lies column by column"),
        ("z.safetensors", b"\xff" * 100, "its header claims"),
        ("z.safetensors", tensors(data_offsets=[0, 20]), "does not lie where the header says"),
        ("z.safetensors", tensors(data_offsets=[-8, 16]), "does not lie where the header says"),
        (
            "z.safetensors",
            tensors(shape=[200, 3], data_offsets=[0, 2400]),
            "does not lie where the header says",
        ),
        ("z.safetensors", tensors(dtype="C64"), "has type C64; save it as float32"),
        ("z.safetensors", tensors(dtype=None), "has type None"),
        ("z.parquet", b"PAR1 and nothing else PAR1", "cannot be read as parquet|cannot be read"),
        ("z.zarr/zarr.json", b"[", "cannot be read as zarr|cannot be read"),
    ],
)
def test_damaged_files(here, name, content, said):
    fsspec.filesystem("memory").pipe(f"/b/{name}", content)
    with pytest.raises(ArrayError, match=said) as found:
        open_rows(f"memory://b/{name.partition('/')[0]}")
    assert "\n" not in str(found.value)


def test_addresses():
    for text, whole in {
        "s3://b/z.npy": "s3://b/z.npy",
        "s3:/b/z.npy": "s3://b/z.npy",
        "S3://b/z.npy": "s3://b/z.npy",
        "file:/a/z.npy": "file:///a/z.npy",
        "file:///a/z.npy": "file:///a/z.npy",
        "simplecache::s3:/b/*.npy": "simplecache::s3://b/*.npy",
    }.items():
        assert str(Address.of(text)) == as_typed(text) == whole
    for text in ("z.npy", "/a/z.npy", "C:/z.npy", "z.npz::mu", "~/z.npy", "a b:/c"):
        assert Address.of(text) is None
        assert as_typed(text) == text
    signed = Address.of("https://h/a/z.npy?sig=a/b*c&x=1")
    assert (signed.name, signed.is_pattern) == ("z.npy", False)
    assert Address.of("simplecache::s3://b/z.parquet::z*").parted()[1] == "z*"


def test_a_file_of_such_a_name_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:").mkdir()
    np.save(tmp_path / "s3:" / "z.npy", X)
    np.testing.assert_array_equal(LatentSet.open("s3:/z.npy").array(), X)

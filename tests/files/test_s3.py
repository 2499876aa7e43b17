"""Arrays in a bucket, by the protocol of S3: a server of this machine speaks it, and s3fs asks."""

import os
import pickle
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import zpoints as zp
from dask_formats import write
from zpoints.errors import ArrayError
from zpoints.files.arrays import open_rows
from zpoints.files.remote import Address
from zpoints.vectors.identity import identity_of
from zpoints.vectors.latent_set import LatentSet

s3fs = pytest.importorskip("s3fs")
pytest.importorskip("moto.server")
pytestmark = pytest.mark.filterwarnings("ignore::zpoints.errors.LeftOutWarning", "ignore::DeprecationWarning")
X = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
PATIENCE = 60  # seconds for the server to start


@pytest.fixture(scope="module")
def bucket():
    """A file system with one bucket, `zpoints-test`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wanted = {
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.delenv("AWS_PROFILE", raising=False)
            _wait_for(port)
            s3fs.S3FileSystem.clear_instance_cache()
            files = s3fs.S3FileSystem()
            files.mkdir("zpoints-test")
            yield files
            s3fs.S3FileSystem.clear_instance_cache()
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("suffix", ["npy", "parquet", "safetensors", "zarr"])
def test_the_rows_are_those_of_the_file(bucket, tmp_path, suffix):
    path = write(tmp_path, suffix, X)
    bucket.put(str(path), f"zpoints-test/{path.name}", recursive=path.is_dir())
    address = f"s3://zpoints-test/{path.name}"
    rows = open_rows(address)
    assert (rows.shape, rows.dtype) == ((700, 3), X.dtype)
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks(128))), X)
    np.testing.assert_array_equal(np.concatenate(list(rows.between(256, 650, 128))), X[256:650])
    latents = pickle.loads(pickle.dumps(LatentSet.open(address, np.arange(1, 700, 3))))
    np.testing.assert_array_equal(latents.array(), X[1::3])


def test_an_analysis_of_shards_is_that_of_the_local_files(bucket, tmp_path):
    z = np.random.default_rng(1).normal(size=(900, 4)).astype(np.float32)
    for k, part in enumerate(np.array_split(z, 3)):
        np.save(tmp_path / f"z.{k}.npy", part)
    bucket.put(str(tmp_path / "*.npy"), "zpoints-test/shards/")
    there = zp.analyse("s3://zpoints-test/shards/z.*.npy")
    here = zp.analyse(str(tmp_path / "z.*.npy"))
    np.testing.assert_array_equal(
        there.components.select_dtypes("number"), here.components.select_dtypes("number")
    )
    np.testing.assert_array_equal(there.planes.select_dtypes("number"), here.planes.select_dtypes("number"))


def test_what_was_written_anew_is_another_array(bucket, tmp_path):
    address = "s3://zpoints-test/changed.npy"
    identities, stamps = [], []
    for values in (X, X[::-1]):
        np.save(tmp_path / "changed.npy", values)
        bucket.put(str(tmp_path / "changed.npy"), "zpoints-test/changed.npy")
        identities.append(identity_of(LatentSet.open(address)))
        stamps.append(Address.of(address).stamp())
    assert identities[0] != identities[1]
    assert stamps[0] != stamps[1]


@pytest.mark.parametrize("path", ["zpoints-test/none.npy", "zpoints-nowhere/z.npy"])
def test_what_is_not_there(bucket, path):
    with pytest.raises(ArrayError, match=rf"s3://{path}: there is no such file"):
        open_rows(f"s3://{path}")


def test_without_a_right(bucket, tmp_path, monkeypatch):
    np.save(tmp_path / "z.npy", X)
    bucket.put(str(tmp_path / "z.npy"), "zpoints-test/z.npy")
    s3fs.S3FileSystem.clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    try:
        with pytest.raises(ArrayError, match=r"s3://zpoints-test/z\.npy: may not be read .*the right to it"):
            open_rows("s3://zpoints-test/z.npy")
    finally:
        s3fs.S3FileSystem.clear_instance_cache()

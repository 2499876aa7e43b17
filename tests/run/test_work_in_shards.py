"""Shards that several processes write at once are one process's file, byte for byte, whatever interrupts them."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import processes
import zpoints
from support import blobs, line
from zpoints.config import Settings
from zpoints.errors import ArrayError, StageError, UsageError
from zpoints.models import coding
from zpoints.models.kinds import open_codec
from zpoints.run import shards, work
from zpoints.run.shards import decode_shard, encode_shard, features_shard
from zpoints.vectors.latent_set import LatentSet

COUNT, OF = 1000, 3
KINDS = {
    "pca": {"kind": "pca", "latent": 5},
    "autoencoder": {"kind": "autoencoder", "channels": [6, 8], "latent": 5},
}
PIXELS = Settings(judge={"features": "pixels"})
DYING = """
import os, signal, sys
from zpoints.models import coding
from zpoints.models.pca import PCACodec
coding.SYNC_EVERY = 1
call, encode, calls = int(sys.argv.pop(1)), PCACodec.encode, []
def dying(codec, pictures):
    calls.append(1)
    if len(calls) == call:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(codec, pictures)
PCACodec.encode = dying
from zpoints.cli.commands import main
main()
"""


def made(folder: Path, count: int) -> Path:
    """Prepared pictures, models of both kinds, and what one process makes of them."""
    np.save(folder / "blobs.npy", blobs(count, 16, 16, 1))
    work.prepare(folder / "blobs.npy", folder / "images")
    for kind, settings in KINDS.items():
        training = {"epochs": 1, "batch": 64, "start": "random"}
        work.train(folder / "images", folder / kind, Settings(autoencoder=settings, training=training))
        ran("encode", kind, "images", f"whole-{kind}", folder=folder)
    return folder


def ran(*arguments: Any, folder: Path, status: int = 0) -> str:
    """What a command says; an error in one line."""
    done = processes.run(processes.MAIN, arguments, folder=folder)
    assert done.returncode == status, done.stderr
    return done.stderr.splitlines()[-1] if status else done.stdout


def data(path: Path) -> bytes:
    """The bytes of an array without its header, which holds the number of rows."""
    return np.load(path).tobytes()


def rows_of(folder: Path) -> bytes:
    return b"".join(map(data, sorted(folder.glob("part-*.npy"))))


def clean(folder: Path, of: int) -> None:
    """Nothing lies there but the shards and their notes."""
    names = [
        f"{mark}part-{k:05}-of-{of:05}.{end}"
        for k in range(1, of + 1)
        for mark, end in (("", "npy"), ("_", "json"))
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("shards"), COUNT)


@pytest.mark.parametrize("kind", KINDS)
def test_processes_side_by_side_write_the_bytes_of_one(folder: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "z"
    said = tmp_path / "said"
    said.touch()
    started = [
        processes.start(
            processes.MAIN,
            ("encode", kind, "images", out, "--shard", f"{k}/{OF}"),
            folder=folder,
            stdout=said,
            stderr=said,
        )
        for k in (3, 1, 2)
    ]
    assert [process.wait(120) for process in started] == [0] * OF, said.read_text()
    clean(out, OF)
    assert rows_of(out) == data(folder / f"whole-{kind}" / "z.npy")
    assert {len(np.load(path)) for path in out.glob("part*")} == {256, 384, 360}
    # What follows takes the folder as it would take the file; here decoding does, in shards of another number.
    work.decode(folder / kind, folder / f"whole-{kind}" / "z.npy", tmp_path / "whole")
    for k in (2, 1):
        decode_shard(folder / kind, out, tmp_path / "pictures", f"{k}/2")
    assert rows_of(tmp_path / "pictures") == data(tmp_path / "whole" / "pictures.npy")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_eight_parallel_processes(tmp_path: Path, kind: str) -> None:
    made(tmp_path, 2200)
    command = [sys.executable, "-m", "zpoints", "encode", kind, "images", "z", "--shard"]
    env = os.environ | {"PYTHONPATH": str(Path(zpoints.__file__).parents[1])}
    started = [
        subprocess.Popen([*command, f"{k}/8"], cwd=tmp_path, stderr=subprocess.PIPE, env=env)
        for k in range(8, 0, -1)
    ]
    said = [process.communicate(timeout=600)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 8, said
    clean(tmp_path / "z", 8)
    assert rows_of(tmp_path / "z") == data(tmp_path / f"whole-{kind}" / "z.npy")


@pytest.mark.slow
@pytest.mark.parametrize("size", [16, 64])
def test_smaller_batches_of_a_small_budget_are_the_same_in_shards(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(coding, "batch_of", lambda *_: size)
    codec = open_codec(folder / "autoencoder")
    work.encode(codec, folder / "images", tmp_path / "whole")
    for k in range(1, OF + 1):
        encode_shard(codec, folder / "images", tmp_path / "z", f"{k}/{OF}")
    assert rows_of(tmp_path / "z") == data(tmp_path / "whole" / "z.npy")


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_killed_shard_goes_on_where_it_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    out = tmp_path / "z"
    command = (call, "encode", "pca", "images", out, "--shard", "2/3")
    assert processes.run(DYING, command, folder=folder).returncode == -signal.SIGKILL
    assert not list(out.glob("part-*.npy"))
    codec, encoded = open_codec(folder / "pca"), []
    original = codec.encode
    monkeypatch.setattr(codec, "encode", lambda block: encoded.append(len(block)) or original(block))
    for k in (1, 2, 3):
        encode_shard(codec, folder / "images", out, f"{k}/{OF}")
    assert sum(encoded) == COUNT - 128 * (call - 1)
    clean(out, OF)
    assert rows_of(out) == data(folder / "whole-pca" / "z.npy")
    encoded.clear()
    found = encode_shard(codec, folder / "images", out, "2/3")
    assert not encoded
    assert not found.made
    assert "made before; 3 of 3 shards are there" in found.line()


def test_other_models_pictures_and_numbers_are_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "z"
    said = ran("encode", "pca", "images", out, "--shard", "2/3", folder=folder)
    assert "rows 256 to 639 of 1,000" in said
    assert "1 of 3 shards are there" in said
    np.save(tmp_path / "others.npy", blobs(COUNT, 16, 16, 1, seed=1))
    work.prepare(tmp_path / "others.npy", tmp_path / "others")
    for arguments, what in (
        (("autoencoder", "images", out, "--shard", "1/3"), "another model"),
        (("pca", tmp_path / "others", out, "--shard", "2/3"), "other pictures"),
        (("pca", "images", out, "--shard", "1/4"), "3 shards, not 4"),
    ):
        error = ran("encode", *arguments, folder=folder, status=1)
        assert error.startswith("error: ")
        assert what in error
    for text in ("0/16", "17/16", "3"):
        assert f"--shard {text}: " in ran(
            "encode", "pca", "images", out, "--shard", text, folder=folder, status=2
        )
    assert "give --shard" in ran("encode", "pca", "images", out, folder=folder, status=2)
    assert "no shard" in ran(
        "encode", "pca", "images", "whole-pca", "--shard", "1/3", folder=folder, status=2
    )
    error = ran("analyse", out, tmp_path / "analysis", folder=folder, status=1)
    assert "1 of 3 shards are there; missing: 1,3;" in error
    assert not (tmp_path / "analysis" / "analysis.json").exists()


def test_what_does_not_fit_the_model_leaves_no_note(folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "blobs.npy", blobs(100, 8, 8, 1))
    work.prepare(tmp_path / "blobs.npy", tmp_path / "images")
    with pytest.raises(StageError) as refused:
        encode_shard(folder / "pca", tmp_path / "images", tmp_path / "z", "1/2")
    line(refused.value)
    with pytest.raises(ArrayError, match="vectors of 4 components"):
        decode_shard(folder / "pca", np.zeros((300, 4)), tmp_path / "z", "1/2")
    assert not (tmp_path / "z").exists()


def test_more_shards_than_batches(folder: Path, tmp_path: Path) -> None:
    for k in range(1, 11):
        encode_shard(folder / "pca", folder / "images", tmp_path / "z", f"{k}/10")
    assert rows_of(tmp_path / "z") == data(folder / "whole-pca" / "z.npy")
    with pytest.warns(UserWarning, match=r"2 file\(s\) without a row"):
        assert LatentSet.open(tmp_path / "z").n == COUNT


def test_decoding_knows_its_vectors_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    z = np.load(folder / "whole-pca" / "z.npy")
    np.save(tmp_path / "here.npy", z)
    np.save(tmp_path / "there.npy", z)
    np.save(tmp_path / "others.npy", z + 1)
    decode_shard(folder / "pca", tmp_path / "here.npy", tmp_path / "pictures", "1/2")
    decode_shard(folder / "pca", tmp_path / "there.npy", tmp_path / "pictures", "2/2")
    with pytest.raises(StageError, match="other vectors"):
        decode_shard(folder / "pca", tmp_path / "others.npy", tmp_path / "pictures", "2/2")
    with pytest.raises(UsageError, match="give --shard"):
        work.decode(folder / "pca", tmp_path / "here.npy", tmp_path / "pictures")


def test_a_vector_that_is_not_finite_is_named_by_its_row_of_all(folder: Path, tmp_path: Path) -> None:
    z = np.zeros((600, 5))
    z[300, 2] = np.nan
    decode_shard(folder / "pca", z, tmp_path / "z", "1/3")
    with pytest.raises(ArrayError, match="vector 300 is not finite"):
        decode_shard(folder / "pca", z, tmp_path / "z", "2/3")


@pytest.mark.slow
def test_features_in_shards(folder: Path, tmp_path: Path) -> None:
    whole = shards.features(folder / "images", tmp_path / "whole", PIXELS)
    assert whole.shape == (COUNT, 256)
    pictures = np.load(folder / "images" / "pixels.npy")
    np.testing.assert_array_equal(whole[500].reshape(16, 16), pictures[500, :, :, 0].astype(np.float32) / 255)
    for k in (2, 3, 1):
        features_shard(folder / "images", tmp_path / "f", f"{k}/{OF}", PIXELS)
    assert rows_of(tmp_path / "f") == whole.tobytes()
    # Pictures may themselves be shards.
    for k in (1, 2):
        decode_shard(folder / "pca", folder / "whole-pca" / "z.npy", tmp_path / "decoded", f"{k}/2")
    again = shards.features(tmp_path / "decoded", tmp_path / "again", PIXELS)
    features_shard(tmp_path / "decoded", tmp_path / "g", "3/3", PIXELS)
    np.testing.assert_array_equal(np.load(tmp_path / "g" / "part-00003-of-00003.npy"), again[640:])
    with pytest.raises(ArrayError, match="are no pictures"):
        shards.features(folder / "whole-pca" / "z.npy", tmp_path / "no", PIXELS)
    with pytest.raises(StageError, match="other pictures"):
        features_shard(folder / "images", tmp_path / "g", "1/3", PIXELS)

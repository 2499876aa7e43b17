"""Finished readings on the disk: nothing is read twice or unpickled, and no answer is that of another question."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import numpy as np
import pandas as pd
import pytest

import zpoints as zp
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError, DiskError
from zpoints.statistics.moments import Moments
from zpoints.vectors import kept
from zpoints.vectors.identity import identity_of
from zpoints.vectors.kept import Keeping, kept_beside
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.questions import Numbered, Through
from zpoints.vectors.reduce import Threads, reduce, through
from zpoints.vectors.stored import read_summaries, write_summaries

N, D = 5000, 9
Z = np.random.default_rng(0).standard_t(6, size=(N, D)) @ np.random.default_rng(1).normal(size=(D, D))
SETTINGS = AnalysisSettings(block=500)


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "z1.npy", Z)
    return tmp_path / "z1.npy"


@pytest.fixture(autouse=True)
def short_ones_too(monkeypatch):
    monkeypatch.setattr(kept, "SECONDS", 0.0)


class OutOfPowerError(Exception):
    """What ends the work in the middle."""


@dataclass
class Counting:
    """Reads, counts the blocks of each reading, and ends in the middle of one of them."""

    ends_in: int = 0

    def __post_init__(self):
        self.blocks = []

    def total(self, source, work, size, bytes_each, advance):
        self.blocks.append(0)

        def counted(count):
            self.blocks[-1] += 1
            if len(self.blocks) == self.ends_in and self.blocks[-1] == 4:
                raise OutOfPowerError
            advance(count)

        return Threads().total(source, work, size, bytes_each, counted)


def analysed(path, folder, counting):
    with through(lambda executor: Keeping(counting, folder)):
        return zp.analyse(path, SETTINGS)


def the_same(a, b):
    for name in ("components", "planes", "principal_components", "principal_planes", "trimming"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name), check_exact=True)
    assert a.verdict == b.verdict


@pytest.mark.parametrize("ends_in", [pytest.param(k, marks=pytest.mark.slow) for k in (1, 2, 4)] + [3])
def test_only_what_was_not_finished_is_read_again(path, tmp_path, ends_in):
    folder = tmp_path / "readings"
    whole = Counting()
    with through(lambda executor: whole):
        expected = zp.analyse(path, SETTINGS)
    assert whole.blocks == [10] * 4
    first, second = Counting(ends_in), Counting()
    with pytest.raises(OutOfPowerError):
        analysed(path, folder, first)
    assert first.blocks == [*[10] * (ends_in - 1), 4]
    assert len(list(folder.glob("*"))) == ends_in - 1
    the_same(analysed(path, folder, second), expected)
    assert second.blocks == [10] * (5 - ends_in)
    third = Counting()
    the_same(analysed(path, folder, third), expected)
    assert third.blocks == []


def test_other_vectors_or_settings_are_read_anew(path, tmp_path):
    folder = tmp_path / "readings"
    analysed(path, folder, Counting())
    np.save(path, Z[::-1])
    again = Counting()
    analysed(path, folder, again)
    assert again.blocks == [10] * 4
    others = Counting()
    with through(lambda executor: Keeping(others, folder)):
        zp.analyse(path, AnalysisSettings(block=500, trim_factors=(1.5, 1.7), trim_factor=1.7))
    assert 0 < len(others.blocks) < 4  # the moments are the same


def test_a_damaged_one_is_read_anew(path, tmp_path):
    folder = tmp_path / "readings"
    expected = analysed(path, folder, Counting())
    for file in folder.iterdir():
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 255
        file.write_bytes(content)
    again = Counting()
    the_same(analysed(path, folder, again), expected)
    assert again.blocks == [10] * 4


def test_a_full_disk_ends_nothing(path, tmp_path, monkeypatch):
    def full(path, summaries):
        raise DiskError(f"{path}: cannot be written")

    monkeypatch.setattr(kept, "write_summaries", full)
    said = []
    with through(lambda executor: Keeping(executor, tmp_path / "readings", said.append)):
        found = reduce(LatentSet.open(path), Moments.of)
    assert found.n == N
    assert len(said) == 1
    assert said[0].startswith("the reading is not kept: ")


def test_the_folder_is_there_until_all_is_done(path, tmp_path):
    out, latents = tmp_path / "out", LatentSet.open(path)
    folder = tmp_path / ".out.readings"

    def interrupted():
        with kept_beside(out):
            reduce(latents, Moments.of)
            raise OutOfPowerError

    with pytest.raises(OutOfPowerError):
        interrupted()
    assert len(list(folder.iterdir())) == 1
    said = []
    with kept_beside(out, said.append):
        reduce(latents, Moments.of)
        reduce(Z, Moments.of)  # nothing tells these vectors from others
    assert said == ["a reading that was finished earlier is not done again"]
    assert not folder.exists()


def test_short_readings_and_those_of_memory_leave_no_file(path, tmp_path):
    with through(lambda executor: Keeping(executor, tmp_path / "readings", seconds=60.0)):
        reduce(LatentSet.open(path), Moments.of)
    with through(lambda executor: Keeping(executor, tmp_path / "readings", seconds=0.0)):
        reduce(Z, Moments.of)
        reduce(LatentSet.open(path), lambda block: block.sum())
    assert not (tmp_path / "readings").exists()


# --- identities ---------------------------------------------------------------------------------------------------


def twice(x):
    return 2 * x


def test_identities_of_questions():
    made = [
        lambda: (np.arange(3), 1.0, "a", None),
        lambda: [np.arange(3), 1.0, "a", None],
        lambda: (np.arange(3.0), 1.0, "a", None),
        lambda: (np.arange(3), 1.0, ("a", None)),
        lambda: (np.arange(3).reshape(1, 3), 1.0, "a", None),
        lambda: (np.arange(3), 1, "a", None),
        lambda: (np.arange(3), True, "a", None),
        lambda: {"a": 1},
        lambda: np.float32(1),
        lambda: partial(twice, 3),
        lambda: partial(twice, x=3),
        lambda: partial(max, 3),
        lambda: Moments.of,
        lambda: Moments,
        lambda: itemgetter(1),
        lambda: itemgetter(2),
        lambda: Through(twice, (Moments.of, Numbered(twice))),
        lambda: Through(twice, (Moments.of, twice)),
        lambda: Through(twice, Moments.of),
        lambda: Moments.of(np.eye(3)),
        lambda: Moments.of(np.eye(4)),
        lambda: (np.empty(0), 0),
    ]
    found = [identity_of(each()) for each in made]
    assert None not in found
    assert found == [identity_of(each()) for each in made]
    assert len(set(found)) == len(made)
    assert identity_of((1, 2), 3) != identity_of(1, (2, 3))


@pytest.mark.parametrize(
    "thing", [lambda x: x, partial(lambda x: x, 1), object(), np.array([None]), iter(()), LatentSet.open(Z)]
)
def test_what_has_no_identity(thing):
    assert identity_of(thing) is None
    assert identity_of((1, [thing])) is None


def test_identities_of_vectors(path, tmp_path):
    import pickle

    latents = LatentSet.open(path)
    mine = identity_of(latents)
    assert mine == identity_of(LatentSet.open(str(path))) == identity_of(pickle.loads(pickle.dumps(latents)))
    others = [
        LatentSet.open(path, np.arange(10)),
        LatentSet.open(path, np.arange(1, 11)),
        latents.of_components(np.arange(3)),
        latents.of_components(np.arange(1, 4)),
        latents.of_shape((3, 3)),
    ]
    found = [mine, *map(identity_of, others)]
    np.save(tmp_path / "z2.npy", Z)
    shards = LatentSet.open(str(tmp_path / "z*.npy"))
    found += [identity_of(shards), identity_of(LatentSet.open(tmp_path / "z2.npy"))]
    assert None not in found
    assert len(set(found)) == len(found)
    assert identity_of(pickle.loads(pickle.dumps(shards))) == identity_of(shards)
    before, status = identity_of(shards), path.stat()
    np.save(path, Z + 1)  # as long, and as old
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert identity_of(latents) != mine
    assert identity_of(shards) != before


# --- files --------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path):
    written = {
        "a": (1, 2.5, float("inf"), True, None, "ü"),
        3: [np.float32(1.5), np.arange(6, dtype=np.uint32).reshape(2, 3), np.empty((0, 2))],
        "moments": Moments.of(np.eye(3)),
    }
    write_summaries(tmp_path / "s.npz", written)
    found = read_summaries(tmp_path / "s.npz")
    assert found["a"] == written["a"]
    assert list(map(type, found["a"])) == list(map(type, written["a"]))
    assert type(found[3][0]) is np.float32
    for a, b in zip(found[3], written[3], strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
    assert type(found["moments"]) is Moments
    both = found["moments"] + Moments.of(Z[:, :3])
    np.testing.assert_allclose(both.mean, (Z[:, :3].sum(axis=0) + 1) / (N + 3))


@pytest.mark.parametrize("thing", [object(), len, np.array([None]), {1: {2}}])
def test_what_is_not_written(tmp_path, thing):
    with pytest.raises((TypeError, ValueError)):
        write_summaries(tmp_path / "s.npz", thing)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "structure",
    [
        {"class": "pathlib:Path", "fields": {}},
        {"class": "subprocess:Popen", "fields": {"args": "true"}},
        {"class": "zpoints.vectors.stored:json", "fields": {}},
        {"class": "zpoints.statistics.moments:Moments", "fields": {"n": 3}},
        {"class": "zpoints_of_another:Moments", "fields": {}},
        {"array": 7},
        {"unknown": 1},
        {},
    ],
)
def test_no_other_class_is_made(tmp_path, structure):
    content = np.frombuffer(json.dumps(structure).encode(), np.uint8)
    np.savez(tmp_path / "s.npz", structure=content)
    with pytest.raises(
        ArrayError, match=r"s\.npz: cannot be read as summaries|is no summary of this version"
    ):
        read_summaries(tmp_path / "s.npz")


# --- a scheduler that dies ----------------------------------------------------------------------------------------

COMMAND = """
import os, signal, sys
from zpoints.vectors import dask_executor, kept

kept.SECONDS = 0.0
scheduler, readings = int(sys.argv.pop(1)), []
answer, go_on = dask_executor._Reading.answer, dask_executor._Reading._go_on

def counted(self, of):
    readings.append(len(self._ranges(0)))
    print("reading", flush=True)
    found = answer(self, of)
    print("finished", flush=True)
    return found

def killing(self, *args):
    if len(readings) == 2 and scheduler:
        os.kill(scheduler, signal.SIGKILL)
    return go_on(self, *args)

dask_executor._Reading.answer, dask_executor._Reading._go_on = counted, killing
from zpoints.cli.commands import main
main()
"""


class Cluster:
    """A scheduler and a worker, processes of their own."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.file.unlink(missing_ok=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        said = f"--scheduler-file={self.file}"
        code = "from distributed.cli.dask_{} import main; main()"
        here = [sys.executable, "-c"]
        self.scheduler = subprocess.Popen(
            [
                *here,
                code.format("scheduler"),
                said,
                "--host=127.0.0.1",
                "--port=0",
                "--dashboard-address=127.0.0.1:0",
            ],
            **quiet,
        )
        self.worker = subprocess.Popen(
            [*here, code.format("worker"), said, "--no-nanny", "--nthreads=2", "--no-dashboard"], **quiet
        )
        for _ in range(600):
            if self.file.exists() and self.file.stat().st_size:
                break
            time.sleep(0.1)
        time.sleep(0.2)
        self.address = json.loads(self.file.read_text())["address"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.worker, self.scheduler):
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_scheduler_that_dies_leaves_the_finished_readings(path, tmp_path):
    out = tmp_path / "out"

    def command(cluster, kills):
        given = ["analyse", path, out, "--scheduler", cluster.address, "-q", "--set", "analysis.block=500"]
        pid = cluster.scheduler.pid if kills else 0
        return subprocess.run(
            [sys.executable, "-c", COMMAND, str(pid), *map(str, given)],
            capture_output=True,
            text=True,
            timeout=120,
        )

    with Cluster(tmp_path) as cluster:
        first = command(cluster, kills=True)
    assert first.returncode == 1
    assert first.stdout.split() == ["reading", "finished", "reading"]
    assert len(first.stderr.splitlines()) == 1, first.stderr
    assert "the scheduler is gone; start it and its workers again" in first.stderr
    assert len(list((tmp_path / ".out.readings").iterdir())) == 1
    with Cluster(tmp_path) as cluster:
        second = command(cluster, kills=False)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.split() == ["reading", "finished"] * 3
    assert not (tmp_path / ".out.readings").exists()
    expected = zp.analyse(path, SETTINGS)
    expected.save(tmp_path / "expected")
    for name in ("components", "planes"):
        mine, theirs = (pd.read_parquet(each / f"{name}.parquet") for each in (out, tmp_path / "expected"))
        numbers = mine.select_dtypes("number").columns
        for column in numbers:
            scale = theirs[column].abs().max()
            np.testing.assert_allclose(mine[column], theirs[column], 1e-12, 1e-12 * scale, err_msg=column)

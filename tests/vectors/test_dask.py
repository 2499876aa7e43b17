"""Readings by a Dask cluster: the same result as one process, whatever dies, and one line for what cannot work."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

import zpoints as zp
from ranges import serving
from zpoints.cli.commands import main
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError, StageError, UsageError
from zpoints.statistics.planes import PlaneCounts, PlaneGroup
from zpoints.statistics.third_moments import ThirdMoments
from zpoints.vectors import dask_executor
from zpoints.vectors.dask_cluster import cluster, executor_for
from zpoints.vectors.dask_executor import DaskExecutor
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.leaves import leaves_of, nested, pruned, totals_in
from zpoints.vectors.questions import Into, Numbered, Through
from zpoints.vectors.reduce import Rows, Serial, collect, reduce, working_by

N, D, SHARDS, BLOCK = 6000, 16, 3, 250
SETTINGS = AnalysisSettings(block=BLOCK)
Z = np.random.default_rng(0).standard_t(6, size=(N, D)) @ np.random.default_rng(1).normal(size=(D, D))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    for k, part in enumerate(np.split(Z, SHARDS)):
        np.save(folder / f"z{k}.npy", part)
    return str(folder / "z*.npy")


@pytest.fixture(scope="module")
def client():
    with cluster(workers=2) as executor:
        yield executor.client


OTHERS = (".seconds", ".peak", ".notes")
"""Figures of a summary that are not about the vectors."""


def sums(block):
    return block.sum(axis=0)


def same(found, expected, rtol=1e-12):
    """Every figure of two analyses: numbers to `rtol` of the largest of their column, words exactly."""
    for name in ("components", "planes"):
        a, b = getattr(found, name).reset_index(), getattr(expected, name).reset_index()
        assert list(a) == list(b)
        assert len(a) == len(b)
        for column in a:
            if a[column].dtype.kind in "fiu":
                close(a[column].to_numpy(), b[column].to_numpy(), rtol, column)
            else:
                assert (a[column].astype(str) == b[column].astype(str)).all()
    assert found.verdict == expected.verdict
    assert found.summary.kind == expected.summary.kind
    mine, theirs = (numbers(each.summary.to_dict()) for each in (found, expected))
    mine, theirs = ({k: v for k, v in each.items() if not k.startswith(OTHERS)} for each in (mine, theirs))
    assert mine.keys() == theirs.keys()
    for key, value in theirs.items():
        if "directions" in key and isinstance(value, float):
            # Where a search ends differs by its tolerance, and in sign, as it does with another length of blocks.
            assert abs(mine[key]) == pytest.approx(abs(value), 1e-4, 1e-4), key
        else:
            assert mine[key] == (pytest.approx(value, 1e-10, 1e-10) if isinstance(value, float) else value), (
                key
            )


def close(a, b, rtol, what):
    scale = np.nanmax(np.abs(b.astype(float)), initial=0)
    np.testing.assert_allclose(a.astype(float), b.astype(float), rtol, rtol * scale, err_msg=str(what))


def numbers(value, key=""):
    """All single values of a document by their places."""
    if isinstance(value, dict):
        return {k: v for name, each in value.items() for k, v in numbers(each, f"{key}.{name}").items()}
    if isinstance(value, list | tuple):
        return {k: v for place, each in enumerate(value) for k, v in numbers(each, f"{key}.{place}").items()}
    return {key: value}


@pytest.fixture(scope="module")
def expected(shards):
    return zp.analyse(shards, SETTINGS)


# --- pieces -------------------------------------------------------------------------------------------------------


def test_leaves_are_put_back_where_they_stood():
    of = (len, (sum, Through(max, (min, Into(list)))), ())
    leaves = list(leaves_of(of))
    assert leaves[:4] == [len, sum, min, of[1][1].of[1]]
    total = (1, (2, (3, 4)), ())
    assert list(totals_in(of, total)) == [1, 2, 3, 4]
    assert nested(of, iter([1, 2, 3, 4])) == total
    assert pruned(of, {0, 2}) == (len, (Through(max, (min,)),))
    assert pruned(of, {3}, Into(dict)) == ((Through(max, (Into(dict),)),),)
    assert pruned(len, set()) == ()


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 10_000, 50_000, 10**9])
def test_pieces_of_plane_counts_add_up_like_the_whole(most):
    u, v = np.random.default_rng(0).normal(size=(2, 9, 400)).astype(np.float32)
    a, b = (PlaneCounts.of(values, np.eye(9), 32) for values in (u, v))
    pieces = [x + y for x, y in zip(a.divided(most), b.divided(most), strict=True)]
    assert all(piece.joint.nbytes <= max(most, 8 * 32 * 32 * 4) + 8 * 32 * 32 * 4 for piece in pieces)
    whole, found = a + b, PlaneCounts.united(pieces)
    assert found.group == whole.group
    assert found.n == whole.n
    for name in ("inside", "joint", "marginal"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


@pytest.mark.parametrize("dimension", [2, 3, 16, 40])
@pytest.mark.parametrize("most", [1, 2, 3, 7, 100])
def test_a_group_of_planes_is_parted_without_a_gap(dimension, most):
    group = PlaneGroup(0, dimension - 1, dimension)
    parts = group.parts(most)
    assert 1 <= len(parts) <= most
    assert all(a.last == b.first for a, b in pairwise(parts))
    assert (parts[0].first, parts[-1].last) == (0, dimension - 1)
    assert all(len(part) for part in parts)


def test_pieces_of_third_moments_and_rows():
    x = np.random.default_rng(0).normal(size=(50, 7))
    whole = ThirdMoments.of(x)
    pieces = [
        a + b for a, b in zip(*(ThirdMoments.of(part).divided(64) for part in (x[:20], x[20:])), strict=True)
    ]
    assert len(pieces) > 3
    np.testing.assert_allclose(ThirdMoments.united(pieces).sums, whole.sums)
    assert ThirdMoments.bytes_of(7) == whole.sums.nbytes
    rows = Rows({0: np.arange(4), 4: np.arange(4, 9)})
    assert len(rows.divided(8)) == 2
    np.testing.assert_array_equal(Rows.united(rows.divided(8)).array(), np.arange(9))


# --- descriptions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["npy", "npz", "parquet", "safetensors", "zarr", "hdf5", "csv", "npy.gz"])
def test_what_is_pickled_is_a_description_and_reads_the_same_blocks(tmp_path, suffix):
    from dask_formats import write

    x = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    path = write(tmp_path, suffix, x)
    rows = np.flatnonzero(np.arange(700) % 3)
    for latents in (
        LatentSet.open(path),
        LatentSet.open(path, rows),
        LatentSet.open(path, rows).of_components(np.array([0, 2])),
    ):
        assert latents.reader.portable
        content = pickle.dumps(latents)
        assert len(content) < 2500
        again = pickle.loads(content)
        whole = list(latents.numbered_blocks(100))
        parts = [each for a, b in pairwise((0, 300, 600, 700)) for each in again.numbered_between(a, b, 100)]
        assert [start for start, _ in parts] == [start for start, _ in whole]
        for (_, one), (_, other) in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(one, other)


def test_shards_are_opened_one_by_one_elsewhere(shards, tmp_path):
    latents = pickle.loads(pickle.dumps(LatentSet.open(shards)))
    found = [
        block for a, b in pairwise((0, 1750, 4250, N)) for _, block in latents.numbered_between(a, b, BLOCK)
    ]
    np.testing.assert_array_equal(np.concatenate(found), Z)
    assert {len(block) for block in found} == {BLOCK}


def test_a_file_that_is_not_there_or_another_says_where(tmp_path):
    path = tmp_path / "z.npy"
    np.save(path, Z[:50])
    content = pickle.dumps(LatentSet.open(path))
    np.save(path, Z[:40])
    with pytest.raises(
        ArrayError, match=r"z\.npy: on \S+ it is float64 of shape \(40, 16\), not float64 of \(50, 16\)"
    ):
        pickle.loads(content)
    path.unlink()
    with pytest.raises(ArrayError, match=r"z\.npy: on \S+ there is no such file; all workers have to see"):
        pickle.loads(content)


def test_vectors_of_this_process_are_refused_or_read_here(client):
    with pytest.raises(
        ArrayError, match=r"the array: 750 KiB in this process's memory, which no worker sees"
    ):
        zp.analyse(Z, client=client)
    with pytest.raises(UsageError, match=r"client: is a str; give a distributed\.Client"):
        zp.analyse(Z, client="tcp://somewhere")
    with working_by(DaskExecutor(client)):  # but what a sampler has in memory meanwhile is added up here
        threads = collect(Z[:5], lambda block: np.full(len(block), threading.get_ident()))
    assert len(threads) == 5


# --- readings -----------------------------------------------------------------------------------------------------


def test_an_analysis_is_that_of_one_process(client, shards, expected):
    same(zp.analyse(shards, SETTINGS, client=client), expected)


@pytest.mark.slow
def test_messages_are_small_and_planes_are_shared_out(client, shards, expected, monkeypatch):
    jobs = []
    plan = dask_executor._Reading._jobs
    monkeypatch.setattr(
        dask_executor._Reading, "_jobs", lambda self, *args: jobs.append(plan(self, *args)) or jobs[-1]
    )
    few = LatentSet.open(shards, np.arange(0, N, 2))
    executor = DaskExecutor(client, message=100_000)
    with working_by(executor):
        found = zp.analyse(few, SETTINGS)
    same(found, zp.analyse(few, SETTINGS))
    shared = [job for each in jobs for job in each if len(job.ranges) == 1 and len(job.leaves) == 1]
    # 120 planes of 64 x 64 cells are 1.9 MiB, and the file has 0.7 MiB.
    assert len(shared) == 4
    assert {job.place for job in shared} == {0, 1}


@pytest.mark.slow
def test_a_dask_array_is_read_where_its_blocks_lie(client, expected):
    da = pytest.importorskip("dask.array")
    array = da.from_array(Z, chunks=(1100, 7))
    same(zp.analyse(array, SETTINGS, client=client), expected)
    np.testing.assert_allclose(reduce(LatentSet.open(array), sums, executor=Serial()), Z.sum(axis=0))
    chosen = LatentSet.open(array, np.arange(3, N, 5))
    found = reduce(
        chosen, (sums, Numbered(lambda start, block: start * block.sum())), executor=DaskExecutor(client)
    )
    assert executor_for(None, chosen) is not None  # the default client
    np.testing.assert_allclose(found[0], Z[3::5].sum(axis=0))
    unknown = array[array[:, 0] > 0]
    with pytest.raises(ArrayError, match="chunks of unknown length"):
        zp.analyse(unknown, client=client)


@pytest.mark.slow
def test_comparisons_mixtures_and_distances_by_the_same_workers(client, shards, tmp_path):
    from zpoints.judging.neighbours import Nearest

    halves = [LatentSet.open(shards, np.arange(k, N, 2)) for k in (0, 1)]
    one, other = zp.compare(*halves), zp.compare(*halves, client=client)
    assert one.verdict == other.verdict
    close(other.components["z_mean"].to_numpy(), one.components["z_mean"].to_numpy(), 1e-10, "z_mean")
    np.save(tmp_path / "two.npy", Z + 40.0 * (np.arange(N) % 2)[:, None])
    latents = LatentSet.open(tmp_path / "two.npy")
    sampler = partial(zp.samplers.Mixture, 2, prior=1.0, iterations=2, random_state=0)
    with working_by(DaskExecutor(client)):
        mine, near = sampler().fit(latents), Nearest.of(Z[:20] + 0.01, latents)
    here = sampler().fit(latents)
    close(mine.mixture_.means, here.mixture_.means, 1e-9, "means")
    np.testing.assert_array_equal(near.number, Nearest.of(Z[:20] + 0.01, latents).number)


def test_what_is_wrong_with_a_vector_is_told_as_here(client, tmp_path):
    z = Z.copy()
    z[4321, 7] = np.nan
    np.save(tmp_path / "z.npy", z)
    with pytest.raises(ArrayError, match="vector 4321, component 7 is nan"):
        zp.analyse(tmp_path / "z.npy", SETTINGS, client=client)


def test_a_file_that_one_worker_does_not_see(client, tmp_path):
    np.save(tmp_path / "z.npy", Z)
    latents = LatentSet.open(tmp_path / "z.npy")
    (tmp_path / "z.npy").unlink()
    with pytest.raises(ArrayError, match=r"z\.npy: on \S+ there is no such file"):
        reduce(latents, sums, executor=DaskExecutor(client))


def test_workers_ask_an_address_for_their_own_rows(client, shards):
    from pathlib import Path

    with serving(Path(shards).parent) as server:
        latents = LatentSet.open(f"{server.address}/z*.npy")
        looked_at = sum(server.sent)
        found = reduce(latents, sums, size=BLOCK, executor=DaskExecutor(client))
        np.testing.assert_allclose(found, Z.sum(axis=0))
        # A file's header is looked at by each worker that reads of it, and no row is fetched twice.
        assert Z.nbytes <= sum(server.sent) - looked_at <= Z.nbytes + 2 * looked_at
        assert max(server.sent) <= Z.nbytes / SHARDS


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--workers", "2"]])
def test_the_command_reads_addresses(shards, tmp_path, expected, more):
    from pathlib import Path

    out = tmp_path / "out"
    with serving(Path(shards).parent) as server:
        done = subprocess.run(
            [sys.executable, "-m", "zpoints", "analyse", f"{server.address}/z*.npy", out, "-q", *more],
            capture_output=True,
            text=True,
            timeout=240,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((out / "analysis.json").read_text())["verdict"] == list(expected.verdict)
    found = zp.Analysis.load(out)
    close(found.planes["r"].to_numpy(), expected.planes["r"].to_numpy(), 1e-10, "r")


def test_an_address_that_workers_cannot_read_is_one_line(client):
    import fsspec

    fsspec.filesystem("memory").pipe("/only/here.npy", b"")
    with fsspec.open("memory://only/here.npy", "wb") as file:
        np.save(file, Z[:50])
    with pytest.raises(ArrayError, match=r"memory://only/here\.npy: there is no such file"):
        reduce(LatentSet.open("memory://only/here.npy"), sums, executor=DaskExecutor(client))


def test_progress_and_what_stops_the_work(client, shards):
    told = []
    latents = LatentSet.open(shards)
    reduce(latents, sums, size=BLOCK, advance=told.append, executor=DaskExecutor(client))
    assert sum(told) == N
    assert len(told) == 8

    def advance(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduce(latents, sums, size=BLOCK, advance=advance, executor=DaskExecutor(client))
    np.testing.assert_allclose(reduce(latents, sums, executor=DaskExecutor(client)), Z.sum(axis=0))


def slow_sums(block):
    time.sleep(0.05)
    return block.sum(axis=0)


def kill_a_worker(client):
    pids = client.run(os.getpid)
    os.kill(min(pids.values()), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_worker_that_is_killed_changes_nothing(client, shards):
    latents = LatentSet.open(shards)
    undisturbed = reduce(latents, sums, size=50, executor=DaskExecutor(client))
    killed = []

    def advance(count):
        if not killed:
            killed.append(count)
            kill_a_worker(client)

    found = reduce(latents, slow_sums, size=50, advance=advance, executor=DaskExecutor(client))
    assert killed
    np.testing.assert_allclose(found, undisturbed, rtol=1e-12)


@pytest.mark.slow
def test_twenty_kills_one_in_each_reading_change_nothing(shards, expected, monkeypatch):
    kills = []
    go_on = dask_executor._Reading._go_on

    def killing(self, *args):
        if not hasattr(self, "killed"):
            self.killed = True
            victims = sorted(self.client.run(os.getpid).values())
            os.kill(victims[len(kills) % len(victims)], signal.SIGKILL)
            kills.append(self.token)
        return go_on(self, *args)

    monkeypatch.setattr(dask_executor._Reading, "_go_on", killing)
    while len(kills) < 20:
        with cluster(workers=2) as executor:
            same(zp.analyse(shards, SETTINGS, client=executor.client), expected)
    assert len(set(kills)) >= 20


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_worker_that_dies_again_when_dask_looks_for_it_comes_back():
    """Dask looks 15 s after a death; a local cluster of its own settings is without a worker from then on."""
    with cluster(workers=1) as executor:
        client = executor.client

        def there(seconds):
            limit = time.monotonic() + seconds
            while not client.scheduler_info(n_workers=-1)["workers"] and time.monotonic() < limit:
                time.sleep(0.05)
            return len(client.scheduler_info(n_workers=-1)["workers"])

        began = time.monotonic()
        kill_a_worker(client)
        time.sleep(1)
        assert there(10) == 1
        time.sleep(14.7 - (time.monotonic() - began))
        kill_a_worker(client)
        time.sleep(1)
        assert there(20) == 1


# --- commands -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_has_the_vectors_read_by_a_cluster(
    client, shards, tmp_path, expected, capsys, monkeypatch
):
    out, address = tmp_path / "out", client.scheduler.address
    command = ["zpoints", "analyse", shards, str(out), "--scheduler", address, "-q"]
    monkeypatch.setattr(sys, "argv", [*command, "--set", f"analysis.block={BLOCK}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert capsys.readouterr().err == ""
    assert json.loads((out / "analysis.json").read_text())["verdict"] == list(expected.verdict)


@pytest.mark.slow
def test_the_command_makes_its_own_workers(shards, tmp_path, expected):
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "zpoints", "analyse", shards, out, "--workers", "2", "-q"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = json.loads((out / "analysis.json").read_text())
    assert found["verdict"] == list(expected.verdict)


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr("zpoints.vectors.dask_cluster.PATIENCE", 0.5)
    with (
        pytest.raises(StageError, match=r"--scheduler tcp://127\.0\.0\.1:9: no Dask scheduler answers there"),
        cluster("tcp://127.0.0.1:9"),
    ):
        pass
    with pytest.raises(StageError, match="no Dask scheduler answers there"), cluster("nonsense://x"):
        pass
    with pytest.raises(UsageError, match="not both"), cluster("tcp://127.0.0.1:9", 2):
        pass


def test_without_dask(monkeypatch):
    monkeypatch.setattr("zpoints.system.extras.find_spec", lambda name: None)
    with (
        pytest.raises(UsageError, match=r"--workers: needs distributed: pip install 'zpoints\[dask\]'"),
        cluster(workers=2),
    ):
        pass


def test_a_scheduler_that_is_gone_is_told_in_one_line(shards):
    from distributed import Client, LocalCluster

    here = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, silence_logs=60
    )
    client = Client(here, set_as_default=False, timeout=1)

    def advance(count):
        here.close()

    with pytest.raises(StageError, match="the scheduler is gone"):
        reduce(LatentSet.open(shards), slow_sums, size=50, advance=advance, executor=DaskExecutor(client))
    client.close()

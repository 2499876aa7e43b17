"""An analysis by the workers of a Dask cluster on this machine, beside one process; and a large cluster, simulated.

    python -m benchmarks.many_machines                      # 1,000,000 x 256 float32 in 16 shards: 1 GB on the disk
    python -m benchmarks.many_machines --vectors 20000 --components 64
    python -m benchmarks.many_machines simulate             # 1,024 partitions by 128 workers, of ready-made summaries
    python -m benchmarks.many_machines hosts --vectors 60000 --components 32   # three hosts, 20 kills; Linux, root

Printed are the seconds of one thread, of two threads in one process, and of two workers of one thread each; the
largest difference of any figure of the tables from that of one thread, relative to the largest of its column; bytes
that left the workers, per reading; and the highest memory of each worker.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import hosts
from zpoints.vectors import dask_executor
from zpoints.vectors.dask_executor import DaskExecutor
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import reduce

WORK = """
import json, os, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[3])])
import numpy as np
import zpoints
zpoints.analyse(np.random.default_rng(0).normal(size=(3000, 12)).astype(np.float32))
began = time.perf_counter()
found = zpoints.analyse(sys.argv[1])
seconds = time.perf_counter() - began
found.save(sys.argv[2])
print(json.dumps(seconds))
"""


def write_shards(folder: Path, n: int, d: int, shards: int) -> str:
    """Correlated normal vectors, off centre, in files of about equal length."""
    random = np.random.default_rng(0)
    mix = (random.standard_normal((d, d)) / np.sqrt(d)).astype(np.float32)
    ends = np.linspace(0, n, shards + 1).astype(int)
    for k, rows in enumerate(np.diff(ends)):
        out = np.lib.format.open_memmap(folder / f"z.{k:04}.npy", "w+", np.float32, (int(rows), d))
        for start in range(0, int(rows), 8192):
            stop = min(int(rows), start + 8192)
            out[start:stop] = random.standard_normal((stop - start, d), dtype=np.float32) @ mix + np.float32(
                3
            )
        out.flush()
    return str(folder / "z.*.npy")


def in_one_process(vectors: str, out: Path, threads: int) -> float:
    """Seconds of an analysis by so many threads, in a process of its own."""
    environment = os.environ | {"NUMBA_NUM_THREADS": str(threads)}
    command = [sys.executable, "-W", "ignore", "-c", WORK, vectors, str(out), str(threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(json.loads(done.stdout))


def _state(dask_worker: Any) -> tuple[int, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return dask_worker.transfer_outgoing_bytes_total, peak


def by_dask(vectors: str, out: Path, workers: int) -> dict[str, Any]:
    """The same by workers of one thread each."""
    import zpoints
    from zpoints.vectors.dask_cluster import cluster

    with cluster(workers=workers) as executor:
        assert executor is not None, "workers were named"
        warm = out.with_suffix(".npy")
        np.save(warm, np.random.default_rng(0).normal(size=(6000, 12)).astype(np.float32))
        zpoints.analyse(warm, client=executor.client)
        before = executor.client.run(_state)
        readings = []
        total = DaskExecutor.total
        DaskExecutor.total = lambda self, *args: readings.append(1) or total(self, *args)  # type: ignore[assignment]
        began = time.perf_counter()
        found = zpoints.analyse(vectors, client=executor.client)
        seconds = time.perf_counter() - began
        DaskExecutor.total = total  # type: ignore[method-assign]
        after = executor.client.run(_state)
    found.save(out)
    sent = sum(after[worker][0] - before[worker][0] for worker in after)
    peaks = [peak for _, peak in after.values()]
    return {"seconds": seconds, "readings": len(readings), "sent": sent, "peaks": peaks}


def difference(one: Path, other: Path) -> tuple[float, str]:
    """The largest of all figures of the tables, relative to the largest of its column, and where it is."""
    found = [(0.0, "nowhere")]
    for name in ("components", "planes"):
        tables = [pd.read_parquet(folder / f"{name}.parquet") for folder in (one, other)]
        basis = tables[0]["basis"].to_numpy()
        a, b = (table.select_dtypes("number").astype(float) for table in tables)
        off = (a - b).abs() / a.abs().max().clip(lower=1e-300)
        for column in off:
            place = int(np.nan_to_num(off[column].to_numpy()).argmax())
            words = (
                f"{name}, {basis[place]}, {column}, {int((off[column] > 1e-12).sum())} figures above 1e-12"
            )
            found.append((float(np.nan_to_num(off[column].to_numpy())[place]), words))
    return max(found)


def measure(n: int, d: int, shards: int) -> None:
    """Print the comparison."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "z").mkdir()
        vectors = write_shards(folder / "z", n, d, shards)
        print(f"{n:,} x {d} float32 in {shards} shards")
        one = in_one_process(vectors, folder / "one", 1)
        print(f"one process, one thread    {one:8.1f} s")
        two = in_one_process(vectors, folder / "two", 2)
        print(f"one process, two threads   {two:8.1f} s   {two / one:.2f} of one thread")
        found = by_dask(vectors, folder / "dask", 2)
        seconds, sent = found["seconds"], found["sent"]
        print(
            f"Dask, 2 workers, 1 thread  {seconds:8.1f} s   {seconds / one:.2f} of one thread, "
            f"{seconds / two:.2f} of two"
        )
        worst, where = difference(folder / "one", folder / "dask")
        print(f"largest difference         {worst:.1e} ({where})")
        print(
            f"bytes that left a worker   {sent / found['readings'] / 2**20:8.1f} MiB per reading, "
            f"{found['readings']} readings"
        )
        print("peak of each worker       " + ", ".join(f"{peak:,.0f} MiB" for peak in found["peaks"]))


def ready(block: np.ndarray, numbers: int) -> np.ndarray:
    """A summary of so many numbers that took no time."""
    return np.full(numbers, float(len(block)))


def simulate(partitions: int, workers: int, megabytes: float) -> None:
    """Print what one reading costs the scheduler where the work itself costs nothing."""
    from functools import partial

    from distributed import Client, LocalCluster

    dask_executor.EACH = -(-partitions // workers)
    numbers = max(1, int(megabytes * 2**20 / 8))
    with (
        tempfile.TemporaryDirectory() as name,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            silence_logs=60,
            memory_limit=None,
        ) as here,
        Client(here) as client,
    ):
        path = Path(name) / "z.npy"
        np.save(path, np.zeros((partitions, 1), np.float32))
        latents = LatentSet.open(path)
        for turn in ("first", "second"):
            before, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.perf_counter()
            found = reduce(latents, partial(ready, numbers=numbers), size=1, executor=DaskExecutor(client))
            seconds = time.perf_counter() - began
            assert found[0] == partitions, "every block was counted once"
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
            print(
                f"{turn} reading: {partitions:,} partitions, {workers} workers, summaries of {megabytes:g} MiB: "
                f"{seconds:.1f} s, {time.process_time() - before:.1f} s of the processor for scheduler, client and "
                f"workers together, peak of memory {grown:+,.0f} MiB"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", default="measure", choices=["measure", "simulate", "hosts"])
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--components", type=int, default=256)
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--partitions", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=128)
    parser.add_argument("--megabytes", type=float, default=1.0)
    parser.add_argument("--kills", type=int, default=20)
    given = parser.parse_args()
    if given.what == "hosts" and not hosts.is_inside():
        sys.exit(hosts.in_namespaces(sys.argv[1:]))
    if given.what == "hosts":
        hosts.measure(given.vectors, given.components, given.shards, given.kills)
    elif given.what == "simulate":
        simulate(given.partitions, given.workers, given.megabytes)
    else:
        measure(given.vectors, given.components, given.shards)


if __name__ == "__main__":
    main()

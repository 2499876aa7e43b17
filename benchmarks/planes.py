"""Coverage of four ellipses in all 32,640 planes of 170,000 x 256 float32 vectors on disk.

    python -m benchmarks.planes

Against the loop that everybody writes first (NumPy, one plane after the other; measured on a few and multiplied
up), and beside the whole `analyse`, both sets of axes, from disk.
"""

import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

from zpoints.analysis import analyse
from zpoints.budget import processor_name
from zpoints.latents import LatentSet
from zpoints.statistics.correlation import pairs
from zpoints.statistics.ellipses import LEVELS
from zpoints.statistics.moments import Moments
from zpoints.statistics.planes import PlaneCoverage, standardise

N, D, BLOCK = 170_000, 256, 4096
NUMPY_PLANES = 40
ROUNDS = 5


def latents(path: Path) -> LatentSet:
    """Correlated normal vectors, off centre."""
    random = np.random.default_rng(0)
    mix = (random.standard_normal((D, D)) / 16).astype(np.float32)
    np.save(path, random.standard_normal((N, D), dtype=np.float32) @ mix + np.float32(3))
    return LatentSet.open(path)


def all_planes(z: LatentSet, moments: Moments) -> PlaneCoverage:
    """Every plane, one pass over the file."""
    pearson, total = moments.pearson, None
    for block in z.blocks(BLOCK):
        part = PlaneCoverage.of(standardise(block, moments.mean, moments.std), pearson)
        total = part if total is None else total + part
    assert total is not None
    return total


def numpy_planes(z: np.ndarray, moments: Moments, count: int) -> np.ndarray:
    """The first planes, one by one: standardise both columns, evaluate the ellipse, count."""
    i, j = pairs(D)
    found = np.empty((count, len(LEVELS)), np.int64)
    for plane in range(count):
        u = (z[:, i[plane]] - moments.mean[i[plane]]) / moments.std[i[plane]]
        v = (z[:, j[plane]] - moments.mean[j[plane]]) / moments.std[j[plane]]
        r = moments.pearson[i[plane], j[plane]]
        q = (u * u - 2 * r * u * v + v * v) / (1 - r * r)
        found[plane] = [np.count_nonzero(q <= sigma * sigma) for sigma in LEVELS]
    return found


def timed(work, rounds: int) -> tuple[float, object]:
    """Median seconds of several calls, and the last result."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)), result


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        z = latents(Path(folder) / "z.npy")
        moments_seconds, moments = timed(lambda: _moments(z), ROUNDS)
        all_planes(z, moments)  # compiles
        ours, coverage = timed(lambda: all_planes(z, moments), ROUNDS)
        in_memory = np.load(Path(folder) / "z.npy")
        numpy_seconds, counted = timed(lambda: numpy_planes(in_memory, moments, NUMPY_PLANES), 3)
        difference = np.abs(coverage.inside[:NUMPY_PLANES] - counted).max()
        analyse_seconds, _ = timed(lambda: analyse(z), 3)
    planes = D * (D - 1) // 2
    loop = numpy_seconds / NUMPY_PLANES * planes
    print(
        f"\nCoverage at {', '.join(f'{s:g}' for s in LEVELS)} sigma, {N:,} x {D} float32 from disk, {planes:,} planes"
    )
    print(f"{processor_name()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        f"{'zpoints, all planes':<34}{ours:>9.2f} s   {planes * N / ours / 1e9:.1f}e9 points in planes per second"
    )
    print(
        f"{'NumPy loop, multiplied up':<34}{loop:>9.0f} s   {loop / ours:.0f} times as long ({NUMPY_PLANES} planes)"
    )
    print(f"{'largest difference':<34}{difference:>9d} of {N:,} vectors, float32 against NumPy")
    print(f"{'moments (one pass, float64 sums)':<34}{moments_seconds:>9.2f} s")
    print(f"{'whole analyse, both sets of axes':<34}{analyse_seconds:>9.2f} s\n")


def _moments(z: LatentSet) -> Moments:
    blocks = z.blocks(BLOCK)
    total = Moments.of(next(blocks))
    for block in blocks:
        total = total + Moments.of(block)
    return total


if __name__ == "__main__":
    main()

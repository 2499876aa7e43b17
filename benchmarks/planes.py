"""All 32,640 planes of 170,000 x 256 float32 vectors on disk, and the PCA, against what one would use instead.

    python -m benchmarks.planes

One run: our kernels, a naive Numba loop, the NumPy loop, scipy.stats.gaussian_kde and KDEpy's FFTKDE (a few planes
each, multiplied up), scikit-learn's PCA; then the whole `analyse`.
"""

import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from KDEpy import FFTKDE
from scipy.stats import gaussian_kde
from sklearn.decomposition import PCA as SklearnPCA  # noqa: N811
from sklearn.decomposition import IncrementalPCA

from benchmarks.common import correlated_file
from zpoints.analysis.analyse import analyse
from zpoints.analysis.planes import measure_planes
from zpoints.analysis.readings import moments_of
from zpoints.statistics.correlation import pairs
from zpoints.statistics.ellipses import LEVELS
from zpoints.statistics.measures import Noise
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.planes import CHUNK, REACH, TILE, PlaneCounts, PlaneGroup, standardise
from zpoints.system.meter import Meter, processor_name
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.views import View

N, D, BLOCK, BINS = 170_000, 256, 4096, 64
SAMPLE = 32_768  # vectors of the race between the counting loops, which has its data in memory
NUMPY_PLANES, KDE_PLANES, SCIPY_PLANES = 20, 20, 1
GRID = 100
ROUNDS = 5


@numba.njit(parallel=True)
def naive_count(bins: np.ndarray, joint: np.ndarray) -> None:
    """The loop that one would write: bin numbers ready as bytes, one increment per vector and plane."""
    d, m = bins.shape
    for turn in numba.prange(d - 1):
        i = turn // 2 if turn % 2 == 0 else d - 2 - turn // 2
        first = i * d - i * (i + 1) // 2 - i - 1
        for j in range(i + 1, d):
            for p in range(m):
                joint[first + j, np.int64(bins[i, p]) * 64 + bins[j, p]] += np.uint32(1)


@numba.njit(parallel=True, fastmath={"contract", "nsz"}, error_model="numpy")
def joint_only(
    u: np.ndarray,
    row: np.ndarray,
    order: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    r: np.ndarray,
    joint: np.ndarray,
) -> None:
    """The joint counting of `statistics.planes` without its coverage: what the histograms alone would take."""
    scale, offset = np.float32(BINS / (2 * REACH)), np.float32(BINS / 2)
    low, high = np.float32(0), np.float32(BINS - 0.5)
    for turn in numba.prange(len(order)):
        plane = order[turn]
        cell, grid = np.empty(CHUNK, np.uint16), np.zeros(BINS * BINS, np.uint16)
        rest = (1.0 - r[plane]) * (1.0 + r[plane])
        a, b = np.float32(1.0 / np.sqrt(rest)), np.float32(-r[plane] / np.sqrt(rest))
        for start in range(0, u.shape[1], CHUNK):
            ui, uj = u[i[plane], start : start + CHUNK], u[j[plane], start : start + CHUNK]
            first = row[i[plane], start : start + CHUNK]
            for p in range(len(ui)):
                x = (a * uj[p] + b * ui[p]) * scale + offset
                x = x if x > low else low
                x = x if x < high else high
                cell[p] = first[p] + np.uint16(np.int32(x))
            for p in range(len(ui)):
                grid[cell[p]] += np.uint16(1)
        total = joint[plane]
        for c in range(BINS * BINS):
            total[c] += np.uint32(grid[c])


def numpy_planes(z: np.ndarray, moments: Moments) -> np.ndarray:
    """Coverage of the first planes, one by one: standardise both columns, evaluate the ellipse, count."""
    i, j = pairs(D)
    found = np.empty((NUMPY_PLANES, len(LEVELS)), np.int64)
    for plane in range(NUMPY_PLANES):
        u = (z[:, i[plane]] - moments.mean[i[plane]]) / moments.std[i[plane]]
        v = (z[:, j[plane]] - moments.mean[j[plane]]) / moments.std[j[plane]]
        r = moments.pearson[i[plane], j[plane]]
        q = (u * u - 2 * r * u * v + v * v) / (1 - r * r)
        found[plane] = [np.count_nonzero(q <= sigma * sigma) for sigma in LEVELS]
    return found


def scipy_planes(z: np.ndarray) -> None:
    """Density of the first planes on a 100 x 100 grid, as the articles had it."""
    grid = np.stack(np.meshgrid(*[np.linspace(-12, 18, GRID)] * 2)).reshape(2, -1)
    for plane in range(SCIPY_PLANES):
        gaussian_kde(z[:, [0, plane + 1]].T)(grid)


def fft_planes(z: np.ndarray) -> None:
    """The same by KDEpy's binned FFT."""
    for plane in range(KDE_PLANES):
        pair = z[:, [0, plane + 1]].astype(np.float64)
        FFTKDE(bw=pair.std() * len(pair) ** (-1 / 6)).fit(pair).evaluate((GRID, GRID))


def seconds_of(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each of several calls."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds


def interleaved(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of contestants that take turns, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            found = seconds_of(work, 1)
            if number:
                seconds[name] += found
    return {name: float(np.median(found)) for name, found in seconds.items()}


def race_of_counting(z: LatentSet, moments: Moments) -> dict[str, float]:
    """Joint histograms of all planes, multiplied up to all vectors: ours (from float32 values) and the naive loop."""
    rows = np.concatenate([block for _, block in zip(range(SAMPLE // BLOCK), z.blocks(BLOCK), strict=False)])
    u = standardise(rows, moments.mean, moments.std)
    cells = np.clip((u + REACH) * (BINS / (2 * REACH)), 0, BINS - 0.5).astype(np.uint8)
    joint = np.zeros((D * (D - 1) // 2, BINS * BINS), np.uint32)
    counts = PlaneCounts.empty(PlaneGroup(0, D - 1, D), BINS)
    i, j = pairs(D)
    order = np.lexsort((i, j, i // TILE))
    r, row = moments.pearson[i, j], cells.astype(np.uint16) * np.uint16(BINS)
    works = {
        "naive Numba loop": lambda: naive_count(cells, joint),
        "zpoints, joint counting alone": lambda: joint_only(u, row, order, i, j, r, joint),
        "zpoints, with coverage and round coordinates": lambda: counts.count(u, moments.pearson),
    }
    return {name: seconds * N / SAMPLE for name, seconds in interleaved(works, ROUNDS).items()}


def race_of_pca(z: LatentSet, in_memory: np.ndarray) -> dict[str, float]:
    """All axes, from the file in float64 sums; scikit-learn has a float64 array in memory."""
    wide = in_memory.astype(np.float64)

    def ours() -> None:
        PCA.of_moments(moments_of(z, BLOCK))

    works = {
        "zpoints, from disk": ours,
        "scikit-learn, covariance_eigh, float64 in RAM": lambda: SklearnPCA(svd_solver="covariance_eigh").fit(
            wide
        ),
        "scikit-learn, IncrementalPCA, float64 in RAM": lambda: IncrementalPCA(batch_size=5 * D).fit(wide),
    }
    return interleaved(works, 3)


def main() -> None:
    """Measure and print."""
    planes = D * (D - 1) // 2
    with tempfile.TemporaryDirectory() as folder:
        z = correlated_file(Path(folder) / "z.npy")
        in_memory = np.load(Path(folder) / "z.npy")
        moments, noise = moments_of(z, BLOCK), Noise.simulate(N)
        counting = race_of_counting(z, moments)
        view = View.of_components(moments)
        full = float(np.median(seconds_of(lambda: measure_planes(z, view, noise), 4)[1:]))
        numpy_seconds = float(np.median(seconds_of(lambda: numpy_planes(in_memory, moments), 3)))
        fft = float(np.median(seconds_of(lambda: fft_planes(in_memory), 3))) / KDE_PLANES * planes
        scipy_loop = seconds_of(lambda: scipy_planes(in_memory), 1)[0] / SCIPY_PLANES * planes
        axes = race_of_pca(z, in_memory)
        del in_memory
        with Meter() as meter:
            whole = seconds_of(lambda: analyse(z), 2)[1]
    print(f"\n{N:,} x {D} float32 from disk, {planes:,} planes")
    print(f"{processor_name()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("\njoint histograms of 64 x 64 cells of all planes (data in memory)")
    naive = counting["naive Numba loop"]
    for name, seconds in counting.items():
        print(f"  {name:<48}{seconds:>10.2f} s   {seconds / naive:>10.2f} of the naive loop")
    print("\nthe pass over all planes: coverage, histogram, mutual information, contour shape, Henze-Zirkler")
    loops = {
        "zpoints, from disk to table": full,
        f"NumPy loop, coverage only ({NUMPY_PLANES} planes)": numpy_seconds / NUMPY_PLANES * planes,
        f"KDEpy FFTKDE loop, density only ({KDE_PLANES} planes)": fft,
        f"SciPy gaussian_kde loop, density only ({SCIPY_PLANES} plane)": scipy_loop,
    }
    for name, seconds in loops.items():
        print(f"  {name:<48}{seconds:>10.1f} s   {seconds / full:>10,.0f} times as long")
    print("\nprincipal axes")
    base = axes["zpoints, from disk"]
    for name, seconds in axes.items():
        print(f"  {name:<48}{seconds:>10.2f} s   {seconds / base:>10.2f} times as long")
    print(
        f"\nwhole `analyse`, everything, both axes: {whole:.1f} s, peak RssAnon {meter.cost.peak_ram_mib:,.0f} MiB\n"
    )


if __name__ == "__main__":
    main()

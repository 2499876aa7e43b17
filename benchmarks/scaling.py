"""Does the time per vector grow with their number, or the time per plane with the dimension? And the memory?

    python -m benchmarks.scaling            # the curve
    python -m benchmarks.scaling 2000000    # so many vectors of 256 components (8 bytes a number of disk space /2)

Each case is a file of correlated normal float32 vectors, and a process of its own, so that its memory is its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import correlated_file
from benchmarks.planes import BLOCK
from zpoints.analysis.analyse import analyse
from zpoints.analysis.planes import measure_planes
from zpoints.analysis.readings import moments_of
from zpoints.statistics.measures import Noise
from zpoints.system.meter import Meter, anonymous_bytes
from zpoints.vectors.views import View

CASES = [
    *((n, 64) for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)),
    *((100_000, d) for d in (16, 32, 128, 256, 512)),
]


def case(n: int, d: int) -> dict[str, float]:
    """Seconds of the pass over all planes and of the whole analysis, and the peak of anonymous memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "z.npy"
        z = correlated_file(path, n, d)
        correlated_file(Path(folder) / "small.npy", 3000, 8)
        analyse(Path(folder) / "small.npy")  # compiles, or loads what was compiled
        moments, noise = moments_of(z, BLOCK), Noise.simulate(n)
        view = View.of_components(moments)
        before = anonymous_bytes() or 0
        started = time.perf_counter()
        measure_planes(z, view, noise)
        planes_seconds = time.perf_counter() - started
        del view
        with Meter() as meter:
            analyse(path)
    return {
        "planes": planes_seconds,
        "analyse": meter.cost.seconds,
        "before": before / 2**20,
        "peak": meter.cost.peak_ram_mib or 0.0,
    }


def main() -> None:
    """One case per process, a line for each."""
    if len(sys.argv) > 2:
        print(json.dumps(case(int(sys.argv[1]), int(sys.argv[2]))))
        return
    cases = [(int(sys.argv[1]), 256)] if len(sys.argv) > 1 else CASES
    print(
        f"{'n':>10}{'d':>6}{'planes':>9}{'plane pass':>12}{'us per plane':>14}{'ns per vector':>15}", end=""
    )
    print(f"{'analyse':>10}{'us per vector':>15}{'peak RssAnon':>14}")
    print(f"{'':>37}{'and 1e5 vectors':>14}{'and plane':>15}")
    for n, d in cases:
        command = [sys.executable, "-m", "benchmarks.scaling", str(n), str(d)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        planes = d * (d - 1) // 2
        print(
            f"{n:>10,}{d:>6}{planes:>9,}{found['planes']:>10.2f} s{1e6 * found['planes'] / planes / n * 1e5:>14.1f}"
            f"{1e9 * found['planes'] / planes / n:>15.3f}{found['analyse']:>8.1f} s"
            f"{1e6 * found['analyse'] / n:>15.1f}{found['peak']:>10,.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()

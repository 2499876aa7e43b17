"""A whole analysis of 170,000 x 256 float32 vectors on disk: time and memory, beside those of another version.

    python -m benchmarks.readings                                  # this version alone
    python -m benchmarks.readings --against ANOTHER/src            # in turns with another checkout

Each analysis is a process of its own, so that its memory is its own; a small one before it loads the compiled code.
The versions take turns; ratios are those of the medians. `--rounds`, `--vectors`, `--components` give other sizes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zpoints
from benchmarks.common import correlated_file
from zpoints.system.meter import processor_name

WORK = """
import json, sys, time
import numpy as np
import zpoints

z = np.random.default_rng(0).normal(size=(3000, 12)).astype(np.float32)
zpoints.analyse(z)
before = time.perf_counter(), time.process_time()
found = zpoints.analyse(sys.argv[1])
print(json.dumps({
    "seconds": time.perf_counter() - before[0],
    "processor": time.process_time() - before[1],
    "peak": found.summary["peak_ram_mib"],
}))
"""


def once(source: Path, file: Path) -> dict[str, float]:
    """One analysis by the version in `source`."""
    environment = os.environ | {"PYTHONPATH": str(source)}
    command = [sys.executable, "-c", WORK, str(file)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, help="the src folder of another version")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vectors", type=int, default=170_000)
    parser.add_argument("--components", type=int, default=256)
    given = parser.parse_args()
    sources = {"this": Path(zpoints.__file__).parents[1]} | (
        {"other": given.against} if given.against else {}
    )
    found: dict[str, list[dict[str, float]]] = {name: [] for name in sources}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "z.npy"
        correlated_file(file, given.vectors, given.components)
        for source in sources.values():  # compiles what is not compiled yet
            once(source, file) if given.vectors < 10_000 else once(source, _small(Path(folder)))
        for number in range(given.rounds):
            for name, source in sources.items():
                found[name].append(once(source, file))
                shown = "  ".join(f"{key} {value:.1f}" for key, value in found[name][-1].items())
                print(f"round {number + 1}  {name:<8}{shown}", flush=True)
    print(f"\n{given.vectors:,} x {given.components} float32, {processor_name()}, {os.cpu_count()} cores")
    print(f"{'median of':<10}{'wall':>10}{'processor':>12}{'peak RssAnon':>16}")
    median = {
        name: [statistics.median(run[key] for run in runs) for key in ("seconds", "processor", "peak")]
        for name, runs in found.items()
    }
    for name, (seconds, processor, peak) in median.items():
        print(f"{name:<10}{seconds:>8.1f} s{processor:>10.1f} s{peak:>12,.0f} MiB")
    if "other" in median:
        ratios = [a / b for a, b in zip(median["this"], median["other"], strict=True)]
        print(f"{'ratio':<10}{ratios[0]:>10.2f}{ratios[1]:>12.2f}{ratios[2]:>16.2f}")


def _small(folder: Path) -> Path:
    """Vectors as many as the sample cannot hold, of few components: every kernel is called."""
    file = folder / "small.npy"
    if not file.exists():
        correlated_file(file, 40_000, 12)
    return file


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s in all")

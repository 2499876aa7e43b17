"""What the benchmarks share: contestants that take turns, each in its own process, and a table of medians."""

import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.system.meter import processor_name
from zpoints.vectors.latent_set import LatentSet

__all__ = ["BATCH", "SIDE", "correlated_file", "noise_pictures", "pythae_model", "race_or_work"]

SIDE, BATCH = 96, 128


def noise_pictures(count: int, side: int = SIDE) -> np.ndarray:
    """Pictures of the size that is measured: soft random fields, (count, side, side, 3) uint8."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, side // 8, side // 8, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def correlated_file(path: Path, n: int = 170_000, d: int = 256) -> LatentSet:
    """Correlated normal vectors, off centre, float32, written block by block."""
    random = np.random.default_rng(0)
    mix = (random.standard_normal((d, d)) / np.sqrt(d)).astype(np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    for start in range(0, n, 8192):
        rows = min(8192, n - start)
        out[start : start + rows] = random.standard_normal((rows, d), dtype=np.float32) @ mix + np.float32(3)
    out.flush()
    return LatentSet.open(path)


def race(module: str, contestants: list[str], rounds: int) -> dict[str, list[float]]:
    """Let each contestant work in turn, `rounds` times; returns the rates that they print.

    Each lives in its own process, so that no library's settings reach another. They never work at the same time.
    """
    workers = {
        name: subprocess.Popen(
            [sys.executable, "-m", module, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        for name in contestants
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, worker in workers.items():
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
            answer = worker.stdout.readline()
            if not answer.startswith("rate "):
                raise SystemExit(f"{name} failed: {answer!r}; run `python -m {module} {name}` to see why")
            if number:  # the first round warms up
                rates[name].append(float(answer.split()[1]))
                print(f"  round {number} of {rounds}  {name:<28} {rates[name][-1]:8.0f} images/s", flush=True)
    for worker in workers.values():
        worker.terminate()
    return rates


def race_or_work(module: str, contestants: dict, rounds: int, title: str, reference: str) -> None:
    """The main function of a race: let all contestants race, or, given a name, be that contestant."""
    if len(sys.argv) > 1:
        work_when_told(contestants[sys.argv[1]]())
        return
    rates = race(module, list(contestants), rounds)
    table(f"{title} ({SIDE}x{SIDE}, batch {BATCH})", rates, reference)


def work_when_told(work) -> None:
    """A contestant's process: one piece of work per line of input, answered by its rate."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print must not be taken for an answer
    for _ in sys.stdin:
        print(f"rate {work()}", file=answers, flush=True)


def table(title: str, rates: dict[str, list[float]], reference: str) -> None:
    """Print medians, spread, and the ratio to one of them."""
    base = statistics.median(rates[reference])
    print(f"\n{title}\n{processor_name()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'':<30}{'median':>10}{'least':>10}{'most':>10}{'ratio':>9}")
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"{name:<30}{median:>10.0f}{min(found):>10.0f}{max(found):>10.0f}{median / base:>9.2f}")
    print(flush=True)


def pythae_model(encoder: Any, decoder: Any, shape: tuple[int, int, int], latent: int) -> Any:
    """pythae's AE with these modules inside, for pictures of (colours, height, width)."""
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.inner = encoder

        def forward(self, x: Any) -> ModelOutput:
            return ModelOutput(embedding=self.inner(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.inner = decoder

        def forward(self, z: Any) -> ModelOutput:
            return ModelOutput(reconstruction=self.inner(z))

    return AE(AEConfig(input_dim=shape, latent_dim=latent), Encoder(), Decoder())

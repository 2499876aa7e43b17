"""Work beside another program that keeps one processor busy, and in quiet.

    python -m benchmarks.busy [WORK ...] [--seconds 12] [--rounds 3] [--beside quiet niced loop] [--parent FOLDER]

Three ways to work take turns, each in a process of its own: with as many threads as zpoints finds to pay, with one
thread, with all of them. Then all of it again beside a loop of niceness 19, and beside one of niceness 0. FOLDER is
a checkout of an older commit, which takes part as a fourth. Printed are medians of the rates, and of their ratios
within a round.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

SIDE, BATCH, LATENT = 64, 32, 64
VECTORS = 10_000
LOOP = "import os\nos.nice({})\nparent = os.getppid()\nwhile os.getppid() == parent: pass"  # ends with this program
BESIDE = {"quiet": None, "niced": 19, "loop": 0}
WAYS = ("auto", "one", "all")
for_good = contextlib.ExitStack()  # until the process ends


def train() -> Callable[[], int]:
    """Steps of the training; pictures."""
    import torch

    from zpoints.config import AutoencoderSettings, TrainingSettings
    from zpoints.models.autoencoder.network import Architecture
    from zpoints.models.autoencoder.step import Learner
    from zpoints.system.device import Device

    settings = TrainingSettings(batch=BATCH, device="cpu")
    architecture = Architecture.of((SIDE, SIDE, 3), AutoencoderSettings(latent=LATENT))
    learner = Learner(architecture, settings, Device.of(settings), 10**6, 0)
    block = torch.from_numpy(_pictures(BATCH))
    for_good.enter_context(getattr(learner, "pace", contextlib.nullcontext()))

    def work() -> int:
        learner.step(block)
        return BATCH

    return work


def encode() -> Callable[[], int]:
    """Encoding; pictures."""
    from zpoints.config import AutoencoderSettings, TrainingSettings
    from zpoints.models.autoencoder.codec import NetworkCodec
    from zpoints.models.autoencoder.network import Architecture, Autoencoder
    from zpoints.system.device import Device

    network = Autoencoder(Architecture.of((SIDE, SIDE, 3), AutoencoderSettings(latent=LATENT)))
    codec = NetworkCodec(network, Device.of(TrainingSettings(device="cpu")))
    batch = _pictures(128)

    def work() -> int:
        codec.encode(batch)
        return len(batch)

    return work


def judge() -> Callable[[], int]:
    """Features by which the judge compares pictures, nearly all of its time; pictures."""
    from zpoints.judging.features.efficientnet import EfficientNetLite0
    from zpoints.system.progress import Silent

    features, batch = EfficientNetLite0(3, Silent()), _pictures(64)

    def work() -> int:
        features.of(batch)
        return len(batch)

    return work


def flow() -> Callable[[], int]:
    """Fits of `flow`, draws; steps."""
    return _sampler("Flow", 300)


def flow_matching() -> Callable[[], int]:
    """Fits of `flow-matching`, draws; steps."""
    return _sampler("FlowMatching", 600)


def _sampler(name: str, steps: int) -> Callable[[], int]:
    import zpoints as zp

    random = np.random.default_rng(0)
    z = random.normal(size=(VECTORS, LATENT)) @ random.normal(size=(LATENT, LATENT))

    def work() -> int:
        sampler = getattr(zp.samplers, name)(steps=steps, device="cpu", random_state=0).fit(z)
        sampler.sample(500, random_state=0)
        return steps

    return work


def _pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


WORKS = {
    "train": train,
    "encode": encode,
    "judge": judge,
    "flow": flow,
    "flow-matching": flow_matching,
}


def worker(name: str, way: str) -> None:
    """For each number of seconds on a line of input: work so long, and print the rate."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if way in ("one", "all"):
        from zpoints.system.thread_count import processors, with_threads

        with with_threads(1 if way == "one" else processors()):
            _answer(WORKS[name](), answers)
    else:
        _answer(WORKS[name](), answers)


def _answer(work: Callable[[], int], answers) -> None:
    for line in sys.stdin:
        started, done = time.perf_counter(), 0
        while time.perf_counter() - started < float(line):
            done += work()
        print(done / (time.perf_counter() - started), file=answers, flush=True)


class Contestant:
    """A process that works when it is told to."""

    def __init__(self, name: str, way: str, root: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(root / "src")}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", name, way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def rate(self, seconds: float) -> float:
        """Of so many seconds' work."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(seconds, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


@contextlib.contextmanager
def beside(niceness: int | None) -> Iterator[None]:
    """Inside, another program keeps a processor busy."""
    if niceness is None:
        yield
        return
    loop = subprocess.Popen([sys.executable, "-c", LOOP.format(niceness)])
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("works", nargs="*", default=list(WORKS))
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", nargs="+", choices=list(BESIDE), default=list(BESIDE))
    parser.add_argument("--parent", type=Path)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(*given.works)
        return
    here = Path(__file__).parents[1]
    ways = [*WAYS, *(["parent"] if given.parent else [])]
    for name in given.works:
        contestants = {way: Contestant(name, way, given.parent if way == "parent" else here) for way in ways}
        for contestant in contestants.values():
            contestant.rate(2.0)
        for words in given.beside:
            rates: dict[str, list[float]] = {way: [] for way in ways}
            with beside(BESIDE[words]):
                for _ in range(given.rounds):
                    for way, contestant in contestants.items():
                        rates[way].append(contestant.rate(given.seconds))
            found = {way: statistics.median(values) for way, values in rates.items()}
            # Pairs of one round: other machines on the same host make all of them slower or quicker by turns.
            ratios = {
                way: statistics.median(a / b for a, b in zip(rates["auto"], values, strict=True))
                for way, values in rates.items()
            }
            compared = "".join(f"  to {way} {ratio:5.2f}" for way, ratio in ratios.items() if way != "auto")
            shown = "".join(f"  {way} {rate:8.1f}" for way, rate in found.items())
            print(f"{name:14s} {words:6s}{shown}{compared}", flush=True)
        for contestant in contestants.values():
            contestant.process.kill()


if __name__ == "__main__":
    main()

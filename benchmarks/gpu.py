"""What a GPU gives: training beside what its network could do at most, memory, the judge, and the neural samplers.

    python -m benchmarks.gpu [--device cuda] [--batch 32 256] [--quick]

Ten minutes on a GPU. Printed are:

- training, in pictures per second: forward and backward passes of the same network on one batch of random numbers
  that lies on the device (the limit), and an epoch of zpoints' own training, with reading, optimiser and clipping;
- what a training takes of the GPU's memory where it may take 4 and 15 GiB, and how many pictures pass at a time;
- encoding, decoding and the judge's features, in pictures per second, on the device and on the processor;
- fit and draws of `flow` and `flow-matching`, in seconds, on both.

The statistics of the planes are not here: they have no GPU code. `--quick` takes tiny sizes, to see that it works,
also with ``--device cpu``.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.common import noise_pictures
from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.errors import ZPointsError
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.codec import NetworkCodec
from zpoints.models.autoencoder.network import Architecture, Autoencoder, pictures_to_tensor
from zpoints.models.autoencoder.step import Learner
from zpoints.models.autoencoder.training import Trainer
from zpoints.system import budget
from zpoints.system.budget import Budget
from zpoints.system.device import Device
from zpoints.system.meter import Meter, kept_memory, processor_name
from zpoints.system.progress import Silent
from zpoints.system.sizes import GIB, in_words

CPU = TrainingSettings(device="cpu")


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    pictures: int = 20_000
    side: int = 96
    channels: tuple[int, ...] = (32, 64, 128, 512)
    latent: int = 256
    seconds: float = 5.0  # of each measurement at least
    vectors: int = 20_000
    on_cpu: int = 512  # pictures
    steps: int = 1000  # of a sampler's training

    @property
    def network(self) -> AutoencoderSettings:
        """The model's settings."""
        return AutoencoderSettings(channels=self.channels, latent=self.latent)


QUICK = Sizes(320, 16, (8, 12), 6, 0.05, 500, 64, 20)


def main() -> None:
    """Print all tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--device", default="auto")
    given.add_argument("--batch", type=int, nargs="+", default=[32, 256])
    given.add_argument("--features", nargs="*", default=["efficientnet-lite0"])
    given.add_argument("--quick", action="store_true")
    options = given.parse_args()
    sizes = QUICK if options.quick else Sizes()
    settings = TrainingSettings(device=options.device, epochs=1000, shuffle="full")
    device = Device.of(settings)
    print(f"{device.name}, {device.precision}; processor: {processor_name()}; PyTorch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder, kept_memory():
        store = store_of(Path(folder), sizes)
        print(f"\n{sizes.side}x{sizes.side} colour pictures, {store.pixels.nbytes / GIB:.2f} GiB in all")
        print(f"\n{'training, pictures per second':<34}{'limit':>10}{'zpoints':>10}{'ratio':>8}")
        for batch in options.batch:
            training(store, sizes, settings.model_copy(update={"batch": batch}))
        memory(store, sizes, settings, options.batch[-1])
        print(f"\n{'pictures per second':<34}{device.kind:>10}{'cpu':>10}{'ratio':>8}")
        codecs(store, sizes, device)
        features(store, sizes, device, options.features)
    print(f"\n{'seconds':<34}{device.kind:>10}{'cpu':>10}{'ratio':>8}")
    samplers(sizes, device)


def store_of(folder: Path, sizes: Sizes) -> ImageStore:
    """Pictures as `zpoints prepare` leaves them."""
    np.save(folder / "pixels.npy", noise_pictures(sizes.pictures, sizes.side))
    index = pd.DataFrame({"id": range(sizes.pictures), "source": "", "split": "train"})
    index.to_parquet(folder / "index.parquet")
    return ImageStore.open(folder)


def training(store: ImageStore, sizes: Sizes, settings: TrainingSettings) -> None:
    """A row: the limit, and zpoints."""
    architecture, device = Architecture.of(store.shape, sizes.network), Device.of(settings)
    learner = Learner(architecture, settings, device, 10**6, 0)
    block = torch.randint(0, 256, (settings.batch, *store.shape), dtype=torch.uint8, device=device.kind)
    x = pictures_to_tensor(block)

    def passes() -> int:
        learner.network.zero_grad()
        loss = learner.loss(learner.model(x), x)
        learner.fabric.backward(loss)
        return settings.batch

    limit = rate(passes, device, sizes.seconds)
    del learner
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(store, Path(folder), architecture, settings, 0)
        trainer._get_ready(Silent())
        epochs = iter(range(10**6))

        def epoch() -> int:
            with Silent().task("", 0) as task:
                trainer._train(next(epochs), task)
            return trainer.showing.images

        found = rate(epoch, device, sizes.seconds)
        words = trainer.feed.words or "from the disk"
    row(f"batch {settings.batch}, {words}"[:34], limit, found, found / limit)


def memory(store: ImageStore, sizes: Sizes, settings: TrainingSettings, batch: int) -> None:
    """What a training takes under budgets of the GPU's memory."""
    device, architecture = Device.of(settings), Architecture.of(store.shape, sizes.network)
    if device.kind != "cuda":
        print("\nno GPU, so nothing about its memory")
        return
    print(f"\n{'GPU memory':<34}{'peak':>12}{'at a time':>12}")
    for gib in (4, 15):
        for large in (batch, 16 * batch):
            with under(gib * GIB), tempfile.TemporaryDirectory() as folder, Meter() as meter:
                wanted = settings.model_copy(update={"batch": large, "start": "random"})
                trainer = Trainer(store, Path(folder), architecture, wanted, 0)
                trainer._get_ready(Silent())
                with Silent().task("", 0) as task:
                    trainer._train(0, task)
                at_once = min(trainer.learner.micro_batch, trainer.showing.batch)
            peak = in_words(int((meter.cost.peak_vram_mib or 0) * 2**20))
            print(f"{f'budget {gib} GiB, batch {large}':<34}{peak:>12}{at_once:>12}")
            del trainer
            device.free_cache()
    device.limit(None)


def codecs(store: ImageStore, sizes: Sizes, device: Device) -> None:
    """Both ways of the model."""
    network = Autoencoder(Architecture.of(store.shape, sizes.network))
    pictures = np.array(store.pixels[: sizes.on_cpu])
    z = np.random.default_rng(0).standard_normal((len(pictures), sizes.network.latent), np.float32)
    found: dict[str, list[float]] = {"encoding": [], "decoding": []}
    for place in (device, Device.of(CPU)):
        codec = NetworkCodec(network, place)
        for name, way, given in (("encoding", codec.encode, pictures), ("decoding", codec.decode, z)):
            found[name].append(rate(lambda way=way, given=given: len(way(given)), place, sizes.seconds))
    for name, (there, here) in found.items():
        row(name, there, here, there / here)


def features(store: ImageStore, sizes: Sizes, device: Device, names: list[str]) -> None:
    """The judge's features."""
    from zpoints.judging.features import features_by_name

    pictures = np.array(store.pixels[: sizes.on_cpu])
    for name in names:
        try:
            kind = features_by_name(name, 3)
        except (ZPointsError, ImportError) as error:
            print(f"{name}: not measured ({error})")
            continue
        rates = []
        for place in (device.kind, "cpu"):
            kind.to(place)
            rates.append(rate(lambda kind=kind: len(kind.of(pictures)), device, sizes.seconds))
        row(f"features {name}", *rates, rates[0] / rates[1])


def samplers(sizes: Sizes, device: Device) -> None:
    """Fit and draws of the neural samplers."""
    import zpoints as zp

    z = np.random.default_rng(0).standard_normal((sizes.vectors, 64)) @ np.diag(np.linspace(1, 2, 64))
    makes: dict[str, Callable[..., Any]] = {
        "flow": zp.samplers.Flow,
        "flow-matching": zp.samplers.FlowMatching,
    }
    for name, make in makes.items():
        seconds: dict[str, list[float]] = {"fit": [], "draws": []}
        for place in (device.kind, "cpu"):
            try:
                sampler = make(steps=sizes.steps, device=place)
                seconds["fit"].append(took(lambda sampler=sampler: sampler.fit(z)))
            except ZPointsError as error:
                print(f"{name}: not measured ({error})")
                break
            seconds["draws"].append(took(lambda sampler=sampler: sampler.sample(sizes.vectors, seed=0)))
        else:
            for what, (there, here) in seconds.items():
                row(f"{name}, {what}", there, here, here / there)


@contextmanager
def under(size: int) -> Iterator[None]:
    """Inside, so much of the GPU's memory may be taken."""
    budget._in_force.append(Budget(budget.current().ram, "--ram", size))
    try:
        yield
    finally:
        budget._in_force.pop()


def rate(work: Callable[[], int], device: Device, seconds: float) -> float:
    """Pictures per second of work that tells how many it did; the first time warms up."""
    work()
    wait(device)
    started, done = time.perf_counter(), 0
    while done == 0 or time.perf_counter() - started < seconds:
        done += work()
    wait(device)
    return done / (time.perf_counter() - started)


def took(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def wait(device: Device) -> None:
    """A GPU works on while Python does."""
    if device.kind == "cuda":
        torch.cuda.synchronize()


def row(name: str, first: float, second: float, ratio: float) -> None:
    """Print a line of a table."""
    print(f"{name:<34}{first:>10.4g}{second:>10.4g}{ratio:>8.2f}", flush=True)


if __name__ == "__main__":
    main()

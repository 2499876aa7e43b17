"""Training speed: zpoints, pythae, and the best plain PyTorch loop that we know. Same network, same pictures.

    python -m benchmarks.training

96x96 colour pictures, batch 128, 4 layers each way, 256 latent components, 11.9 million parameters, mean squared
error, Adam with weight decay. Each works through the same 10 batches a round, from the medium that it is made for:
zpoints from the file on disk, with its checkpoint written at the end of the round left out; pythae and the plain
loops from an array in RAM.
"""

import contextlib
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.common import BATCH, SIDE, noise_pictures, pythae_model, race_or_work

BATCHES = 10
ROUNDS = 5
for_good = contextlib.ExitStack()  # until the process ends


def zpoints() -> Callable[[], float]:
    """The library's own Trainer, reading its batches from disk."""
    import pandas as pd

    from zpoints.config import AutoencoderSettings, TrainingSettings
    from zpoints.images.store import ImageStore
    from zpoints.models.autoencoder.network import Architecture
    from zpoints.models.autoencoder.training import Trainer
    from zpoints.system.meter import kept_memory
    from zpoints.system.progress import Silent

    folder = Path(tempfile.mkdtemp())
    np.save(folder / "pixels.npy", noise_pictures(BATCHES * BATCH))
    index = pd.DataFrame({"id": range(BATCHES * BATCH), "source": "", "split": "train"})
    index.to_parquet(folder / "index.parquet")
    store = ImageStore.open(folder)
    architecture = Architecture.of(store.shape, AutoencoderSettings(latent=256))
    settings = TrainingSettings(epochs=1000, batch=BATCH, learning_rate=1e-3, clip_gradient=0)
    trainer = Trainer(store, folder / "model", architecture, settings, 0)
    epochs = iter(range(1000))
    for_good.enter_context(kept_memory())

    def work() -> float:
        with Silent().task("", 0) as task:
            started = time.perf_counter()
            trainer._train(next(epochs), task)
        return BATCHES * BATCH / (time.perf_counter() - started)

    return work


def pythae() -> Callable[[], float]:
    """pythae's BaseTrainer on its AE, with the same layers inside."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    encoder, decoder = _ordinary()

    pictures = (
        torch.from_numpy(noise_pictures(BATCHES * BATCH)).permute(0, 3, 1, 2).float().div(255).contiguous()
    )
    model = pythae_model(encoder, decoder, (3, SIDE, SIDE), 256)
    settings = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        num_epochs=1000,
        per_device_train_batch_size=BATCH,
        learning_rate=1e-3,
        optimizer_cls="AdamW",
    )
    dataset = BaseDataset(pictures, torch.zeros(len(pictures)))
    trainer = BaseTrainer(model=model, train_dataset=dataset, training_config=settings, callbacks=[])
    trainer.prepare_training()

    def work() -> float:
        started = time.perf_counter()
        trainer.train_step(epoch=1)
        return BATCHES * BATCH / (time.perf_counter() - started)

    return work


def plain(ours: bool = False, compiled: bool = False, tuned: bool = True) -> Callable[[], float]:
    """A bare loop: bfloat16 autocast, channels_last, fused AdamW; pictures as bytes in RAM; no metering, no files."""
    import torch

    from zpoints.system.meter import kept_memory

    if tuned:
        for_good.enter_context(kept_memory())
    pictures = torch.from_numpy(noise_pictures(BATCHES * BATCH))
    network = _ours() if ours else torch.nn.Sequential(*_ordinary())
    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, fused=True)
    model = torch.compile(network) if compiled else network

    def work() -> float:
        started = time.perf_counter()
        for rows in torch.randperm(len(pictures)).split(BATCH):
            x = pictures[rows].permute(0, 3, 1, 2).float().div_(255)
            with torch.autocast("cpu", torch.bfloat16):
                y = model(x)
            loss = torch.nn.functional.mse_loss(y.float(), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return BATCHES * BATCH / (time.perf_counter() - started)

    return work


def _ours():
    """The network as zpoints builds it."""
    import torch

    from zpoints.config import AutoencoderSettings
    from zpoints.models.autoencoder.network import Architecture, Autoencoder

    torch.manual_seed(0)
    return Autoencoder(Architecture.of((SIDE, SIDE, 3), AutoencoderSettings(latent=256)))


def _ordinary():
    """The same network, layer by layer, as everybody writes it: (Encoder, Decoder)."""
    import torch
    from torch import nn

    from zpoints.config import AutoencoderSettings

    torch.manual_seed(0)
    settings = AutoencoderSettings(latent=256)
    channels, side = (3, *settings.channels), SIDE // 2 ** len(settings.channels)
    down: list[nn.Module] = []
    for width, wider in itertools.pairwise(channels):
        down += [nn.Conv2d(width, wider, settings.kernel, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    size = channels[-1] * side * side
    down += [nn.Flatten(), nn.Linear(size, settings.latent)]
    up: list[nn.Module] = [nn.Linear(settings.latent, size), nn.Unflatten(1, (channels[-1], side, side))]
    for width, narrower in itertools.pairwise(reversed(channels)):
        up += [nn.LeakyReLU(0.2, inplace=True), nn.ConvTranspose2d(width, narrower, settings.kernel, 2, 1)]
    return nn.Sequential(*down), nn.Sequential(*up, nn.Sigmoid())


CONTESTANTS: dict[str, Callable[[], Callable[[], float]]] = {
    "zpoints": zpoints,
    "pythae": pythae,
    "plain": plain,
    "plain, torch.compile": lambda: plain(compiled=True),
    "plain, allocator as it is": lambda: plain(tuned=False),
    "plain, zpoints' layers": lambda: plain(ours=True),
}


if __name__ == "__main__":
    race_or_work("benchmarks.training", CONTESTANTS, ROUNDS, "Training, images per second", "pythae")

"""How far a training gets in how many minutes: zpoints beside pythae's trainer, same network, same pictures.

    python -m benchmarks.learning IMAGES --minutes 10          # IMAGES: a folder that `zpoints prepare` wrote

pythae's BaseTrainer works with its defaults for CelebA (Adam, rate 1e-3, batches of 100) so many minutes; its mean
squared error on validation pictures is taken after each epoch, by the stopped clock. Then zpoints' own Trainer goes
through a training that takes a quarter of that time, start and trial included, and the minute is told at which its
error was that of pythae at the end. Both learn the mean squared error, by a network of the default layers; random
weights are those of the same seed.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.common import pythae_model
from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.network import Architecture, Autoencoder, pictures_to_tensor
from zpoints.models.autoencoder.training import Trainer
from zpoints.system.meter import kept_memory
from zpoints.system.progress import Silent


def error_of(network: torch.nn.Module, pictures: np.ndarray) -> float:
    """Mean squared error of pictures, per value in 0..1."""
    network.eval()
    with torch.inference_mode():
        parts = [pictures_to_tensor(torch.from_numpy(part)) for part in np.array_split(pictures, 8)]
        total = sum(float(((network(x) - x) ** 2).mean()) * len(x) for x in parts)
    network.train()
    return total / len(pictures)


def pythae(store: ImageStore, architecture: Architecture, minutes: float) -> list[tuple[float, float]]:
    """(minutes of training, validation error) after each epoch."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    torch.manual_seed(0)
    network = Autoencoder(architecture)

    shape = (architecture.colours, architecture.height, architecture.width)
    model = pythae_model(network.encoder, network.decoder, shape, architecture.latent)
    settings = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        num_epochs=10_000,
        per_device_train_batch_size=100,
        learning_rate=1e-3,
        optimizer_cls="Adam",
    )
    pixels = torch.from_numpy(np.asarray(store.pixels[store.rows("train")]))
    pictures = pixels.permute(0, 3, 1, 2).float().div(255).contiguous()
    dataset = BaseDataset(pictures, torch.zeros(len(pictures)))
    trainer = BaseTrainer(model=model, train_dataset=dataset, training_config=settings, callbacks=[])
    trainer.prepare_training()
    held_out, found, spent = store.pixels[store.rows("val")], [], 0.0
    while spent < 60 * minutes:
        started = time.perf_counter()
        trainer.train_step(epoch=len(found) + 1)
        spent += time.perf_counter() - started
        found.append((spent / 60, error_of(network, held_out)))
        print(f"pythae   {found[-1][0]:6.2f} min  {found[-1][1]:.6f}", flush=True)
    return found


def zpoints(store: ImageStore, architecture: Architecture, epochs: int) -> list[tuple[float, float]]:
    """The same of zpoints' Trainer; what comes before the first step is part of the first epoch's time."""
    with tempfile.TemporaryDirectory() as folder, kept_memory():
        started = time.perf_counter()
        settings = TrainingSettings(epochs=epochs, loss="mse", device="cpu")
        trainer = Trainer(store, Path(folder), architecture, settings, 0)
        trainer.run(Silent())
        whole = time.perf_counter() - started
        history = pd.read_csv(Path(folder) / "history.csv")
    ends = whole - history["seconds"].sum() + history["seconds"].cumsum()
    return list(zip(ends / 60, history["validation_loss"], strict=True))


def main() -> None:
    """Train both, and print when zpoints has pythae's last error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--latent", type=int, default=AutoencoderSettings().latent)
    given = parser.parse_args()
    store = ImageStore.open(given.images)
    architecture = Architecture.of(store.shape, AutoencoderSettings(latent=given.latent))
    theirs = pythae(store, architecture, given.minutes)
    wanted = theirs[-1][1]
    per_epoch = theirs[-1][0] / len(theirs)
    ours = zpoints(store, architecture, max(2, int(0.9 * given.minutes / 4 / per_epoch)))
    for minutes, error in ours:
        print(f"zpoints  {minutes:6.2f} min  {error:.6f}")
    reached = [minutes for minutes, error in ours if error <= wanted]
    if reached:
        share = reached[0] / theirs[-1][0]
        print(
            f"pythae's error after {theirs[-1][0]:.2f} min after {reached[0]:.2f} min: {share:.2f} of the time"
        )
    else:
        print(f"not reached in {ours[-1][0]:.2f} min")


if __name__ == "__main__":
    main()

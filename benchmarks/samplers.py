"""Our samplers against pythae's: one trained network, the same held-out pictures, features and number of pictures.

    zpoints run --set images.count=20000 --set images.validation=0 --set images.test=0.1 \
        --set autoencoder.latent=64 --set training.epochs=25 --out runs/faces20k
    python -m benchmarks.samplers runs/faces20k

pythae's samplers take pictures and encode them themselves; the time that its network takes is not counted, neither in
fitting nor in drawing. Its normalizing flows are trained as its defaults have it (100 epochs, batches of 64, learning
rate 1e-4), but IAF for a single epoch: each of its training steps goes through all components one by one.
"""

import logging
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pythae import samplers as theirs
from pythae.models import AE, AEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainerConfig

from zpoints.analysis.distribution import Distribution
from zpoints.config import JudgeSettings, TrainingSettings
from zpoints.images.store import ImageStore
from zpoints.judging.features import features_by_name
from zpoints.judging.neighbours import Nearest
from zpoints.judging.reference import Reference, RunInputs
from zpoints.models.codec import Codec
from zpoints.models.kinds import open_codec
from zpoints.samplers import Flow, Mixture, Normal, Sampler
from zpoints.samplers.points import Points
from zpoints.system.meter import processor_name
from zpoints.system.progress import for_terminal

IAF_EPOCHS = 1


class Watch:
    """Time spent in pythae's calls of the network, and the vectors that it decoded."""

    def __init__(self) -> None:
        self.seconds, self.vectors = 0.0, []


def pythae_model(codec: Codec, shape: tuple[int, int, int], d: int, watch: Watch) -> AE:
    """The same trained network, as pythae wants it."""

    class Encoder(BaseEncoder):
        def forward(self, x: torch.Tensor) -> ModelOutput:
            started = time.perf_counter()
            pictures = (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
            z = torch.from_numpy(codec.encode(pictures.numpy()))
            watch.seconds += time.perf_counter() - started
            return ModelOutput(embedding=z)

    class Decoder(BaseDecoder):
        def forward(self, z: torch.Tensor) -> ModelOutput:
            # Pictures are decoded afterwards, for all samplers alike; what pythae keeps of them is not needed.
            watch.vectors.append(z.detach().numpy().copy())
            return ModelOutput(reconstruction=torch.zeros(len(z), *shape))

    return AE(AEConfig(input_dim=shape, latent_dim=d), Encoder(), Decoder())


def contestants(
    reference: Reference, codec: Codec, folder: str
) -> dict[str, Callable[[], tuple[float, float, np.ndarray]]]:
    """Each fits and draws; returns seconds of both, and the vectors."""
    d, (height, width, colours) = reference.training.dimension, reference.store.shape
    watch = Watch()
    model = pythae_model(codec, (colours, height, width), d, watch)

    def pictures() -> torch.Tensor:
        found = np.asarray(reference.store.pixels[reference.rows])
        return torch.from_numpy(found).permute(0, 3, 1, 2).float().div_(255).contiguous()

    def pythae(kind: type, epochs: int | None = None) -> tuple[float, float, np.ndarray]:
        sampler = kind(model)
        watch.seconds = 0.0
        started, data = time.perf_counter(), None
        if hasattr(sampler, "fit"):
            data = pictures()
            settings = (
                {}
                if epochs is None
                else {"training_config": BaseTrainerConfig(output_dir=folder, num_epochs=epochs)}
            )
            watch.seconds, started = 0.0, time.perf_counter()
            sampler.fit(data, **settings)
        fit = time.perf_counter() - started - watch.seconds
        watch.vectors.clear()
        started = time.perf_counter()
        with torch.no_grad():
            sampler.sample(reference.n, return_gen=False)
        seconds = time.perf_counter() - started
        return fit, seconds, np.concatenate(watch.vectors)[: reference.n].astype(np.float64)

    def ours(sampler: Sampler) -> tuple[float, float, np.ndarray]:
        points = Points(reference.distribution, reference.training)
        started = time.perf_counter()
        sampler.fit(points)
        fit = time.perf_counter() - started
        started = time.perf_counter()
        z = sampler.sample(reference.n, seed=1)
        return fit, time.perf_counter() - started, z.astype(np.float64)

    return {
        "pythae NormalSampler, N(0, I)": lambda: pythae(theirs.NormalSampler),
        "zpoints normal": lambda: ours(Normal()),
        "pythae GaussianMixtureSampler, 10": lambda: pythae(theirs.GaussianMixtureSampler),
        "zpoints mixture": lambda: ours(Mixture(random_state=0)),
        "pythae MAFSampler": lambda: pythae(theirs.MAFSampler, 100),
        f"pythae IAFSampler, {IAF_EPOCHS} epoch": lambda: pythae(theirs.IAFSampler, IAF_EPOCHS),
        "zpoints flow": lambda: ours(Flow(random_state=0)),
    }


def main() -> None:
    """Measure and print."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.INFO)
    run = Path(sys.argv[1])
    store = ImageStore.open(run / "images")
    held = store.rows("test")
    training = TrainingSettings()
    progress = for_terminal(True)
    with progress.task("look", 1, "pictures") as task:
        codec = open_codec(run / "model", training)
        reference = Reference.of(
            RunInputs(run / "images", run / "model", run / "latents" / "z.npy", training), codec,
            Distribution.load(run / "analysis" / "distribution.npz"),
            (features_by_name("efficientnet-lite0", store.shape[2], progress),),
            held, len(held), JudgeSettings(), 0, task,
        )  # fmt: skip
        view = reference.views[0]
        floor = view.distance(reference.rebuilt.features[0]).extrapolated
        usual = float(np.median(reference.held_nearest.distance))
        print(f"{processor_name()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"{reference.training.n:,} vectors of {reference.training.dimension} components; {reference.n:,} "
              f"pictures each, EfficientNet-Lite0; reconstructions at {floor:.1f}")  # fmt: skip
        print(f"{'':<34}{'Frechet':>9}{'+/-':>6}{'ratio':>7}{'nearest':>9}{'fit s':>9}{'draw s':>9}")
        with tempfile.TemporaryDirectory() as folder:
            for name, act in contestants(reference, reference.codec, folder).items():
                fit, draw, z = act()
                found = view.distance(reference.look(z, task, ()).features[0])
                nearest = float(np.median(Nearest.of(z, reference.training).distance)) / usual
                distance = found.extrapolated
                print(f"{name:<34}{distance:>9.1f}{found.error:>6.1f}{distance / floor:>7.2f}{nearest:>9.2f}"
                      f"{fit:>9.2f}{draw:>9.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

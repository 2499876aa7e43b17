"""What every sampler is compared with: held-out pictures, their features and vectors, and the network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from zpoints.analysis.distribution import Distribution
from zpoints.config import JudgeSettings, TrainingSettings
from zpoints.images.store import ImageStore
from zpoints.judging.distances import Axes
from zpoints.judging.features import Features, features_by_name
from zpoints.judging.region import Nearest
from zpoints.system.progress import Progress, Task
from zpoints.vectors.latent_set import LatentSet

if TYPE_CHECKING:
    from zpoints.models.coding import Coder

__all__ = ["Reference", "RunInputs"]

BATCH = 128
AXES, REAL_PER_AXIS = 64, 50  # what ``judge.axes = "auto"`` means, and real pictures that decide each axis

Pictures = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class RunInputs:
    """Where the files lie that a judgement rests on: the folders of pictures and network, and all latent vectors."""

    images: Path
    model: Path
    latents: Path
    training: TrainingSettings


@dataclass(frozen=True, eq=False)
class Reference:
    """Held-out pictures and all that was found out of them, once for all samplers.

    Attributes
    ----------
    held : rows of the n held-out pictures. rows : those of the training pictures.
    others : features of n training pictures. held_features, held_projected, held_z : of the held-out pictures.
    held_nearest : median distance of held-out vectors to the nearest training vector.
    held_trip : median Mahalanobis distance between held-out vectors and encode(decode(them)).
    """

    coder: "Coder"
    features: Features
    axes: Axes
    held: np.ndarray
    rows: np.ndarray
    others: np.ndarray
    held_features: np.ndarray
    held_projected: np.ndarray
    held_z: np.ndarray
    held_nearest: float
    held_trip: float
    training: LatentSet
    distribution: Distribution
    store: ImageStore
    n: int
    seed: int

    @classmethod
    def of(
        cls,
        inputs: RunInputs,
        distribution: Distribution,
        held: np.ndarray,
        n: int,
        settings: JudgeSettings,
        seed: int,
        progress: Progress,
        task: Task,
    ) -> Self:
        """Choose `n` of the held-out rows, and look at them."""
        from zpoints.models.coding import Coder

        store = ImageStore.open(inputs.images)
        coder = Coder.load(inputs.model, inputs.training.device, inputs.training.precision)
        features = features_by_name(settings.features, store.shape[2], progress)
        random = np.random.default_rng(seed)
        rows, held = store.rows("train"), np.sort(random.permutation(held)[:n])
        whole = settings.axes == "auto" and features.whole
        axes_count = AXES if settings.axes == "auto" else settings.axes
        wanted = n if whole else max(n, axes_count * REAL_PER_AXIS)
        shown = np.sort(random.permutation(rows)[:wanted])
        real = _featured(features, _stored(store, shown), len(shown), None)
        task.advance(n)
        axes = Axes.all_of(features.dimension) if whole else Axes.of(real, axes_count)
        held_features = _featured(features, _stored(store, held), n, task)
        z, training = LatentSet.open(inputs.latents, held).array(), LatentSet.open(inputs.latents, rows)
        return cls(
            coder=coder,
            features=features,
            axes=axes,
            held=held,
            rows=rows,
            others=real[np.sort(random.permutation(len(real))[:n])],
            held_features=held_features,
            held_projected=axes.project(held_features),
            held_z=z,
            held_nearest=float(np.median(Nearest.of(z, training).distance)),
            held_trip=_round_trip(coder, z, distribution),
            training=training,
            distribution=distribution,
            store=store,
            n=n,
            seed=seed,
        )

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Pictures of vectors."""
        return self.coder.decode(z)

    def reconstructed(self, start: int, stop: int) -> np.ndarray:
        """What Encoder and Decoder make of some of the held-out pictures."""
        return self.coder.reconstruct(np.asarray(self.store.pixels[self.held[start:stop]]))

    def featured(self, pictures: Pictures, task: Task) -> np.ndarray:
        """Features of n pictures that are made batch by batch."""
        return _featured(self.features, pictures, self.n, task)

    def round_trip(self, z: np.ndarray) -> float:
        """Median Mahalanobis distance between vectors and what the Encoder makes of their pictures."""
        return _round_trip(self.coder, z, self.distribution)


def _featured(features: Features, pictures: Pictures, count: int, task: Task | None) -> np.ndarray:
    found = np.empty((count, features.dimension), np.float32)
    for start in range(0, count, BATCH):
        stop = min(start + BATCH, count)
        found[start:stop] = features.of(pictures(start, stop))
        if task is not None:
            task.advance(stop - start)
    return found


def _stored(store: ImageStore, rows: np.ndarray) -> Pictures:
    return lambda a, b: np.asarray(store.pixels[rows[a:b]])


def _round_trip(coder: "Coder", z: np.ndarray, distribution: Distribution) -> float:
    found = []
    whiten = distribution.pca.whiten
    for start in range(0, len(z), BATCH):
        part = z[start : start + BATCH]
        again = coder.encode(coder.decode(part)).astype(np.float64)
        found.append(np.linalg.norm(whiten(again) - whiten(part), axis=1))
    return float(np.median(np.concatenate(found)))

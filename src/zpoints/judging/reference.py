"""What every sampler is compared with: held-out pictures, their features and vectors, and the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from zpoints.analysis.distribution import Distribution
from zpoints.config import JudgeSettings, TrainingSettings
from zpoints.images.store import ImageStore
from zpoints.judging.distances import Axes
from zpoints.judging.features import Features
from zpoints.judging.region import Nearest
from zpoints.models.codec import Codec
from zpoints.models.coding import batch_of, reconstruct
from zpoints.system.progress import Task
from zpoints.vectors.latent_set import LatentSet

__all__ = ["Look", "Reference", "RunInputs"]

AXES, REAL_PER_AXIS = 64, 50  # what ``judge.axes = "auto"`` means, and real pictures that decide each axis
SHOWN = 12  # pictures of each row of the table on the sheet of all

Pictures = Callable[[int, int], np.ndarray]
"""Makes the pictures from one number to another."""


@dataclass(frozen=True)
class RunInputs:
    """Where the files lie that a judgement rests on.

    Attributes
    ----------
    images, model : folders of the prepared pictures, and of the model that was trained on them.
    latents : the vectors of all pictures.
    training : says on which device the model works.
    """

    images: Path
    model: Path
    latents: Path
    training: TrainingSettings = field(default_factory=TrainingSettings)


@dataclass(frozen=True, eq=False)
class Look:
    """What was found out of a set of pictures, each of which was made once.

    Attributes
    ----------
    features : of all pictures, (n, f) float32.
    kept : some of the pictures, in the order in which they were asked for.
    trip : median Mahalanobis distance between vectors and what the Encoder makes of their pictures; NaN where it was
        not asked for.
    """

    features: np.ndarray
    kept: np.ndarray
    trip: float = float("nan")


@dataclass(frozen=True, eq=False)
class Reference:
    """Held-out pictures and all that was found out of them, once for all samplers.

    Attributes
    ----------
    codec, features : the model, and what pictures are compared by; opened once.
    held : rows of the n held-out pictures. rows : those of the training pictures.
    others : features of n training pictures. held_features, held_projected, held_z : of the held-out pictures.
    held_nearest : median distance of held-out vectors to the nearest training vector.
    rebuilt : the held-out vectors' pictures, which are reconstructions, and the round trip of the vectors.
    batch : pictures that pass through the model at once.
    """

    codec: Codec
    features: Features
    axes: Axes
    held: np.ndarray
    rows: np.ndarray
    others: np.ndarray
    held_features: np.ndarray
    held_projected: np.ndarray
    held_z: np.ndarray
    held_nearest: float
    rebuilt: Look
    training: LatentSet
    distribution: Distribution
    store: ImageStore
    n: int
    seed: int
    batch: int

    @classmethod
    def of(
        cls,
        inputs: RunInputs,
        codec: Codec,
        distribution: Distribution,
        features: Features,
        held: np.ndarray,
        n: int,
        settings: JudgeSettings,
        seed: int,
        task: Task,
    ) -> Self:
        """Choose `n` of the held-out rows, and look at them."""
        store, batch = ImageStore.open(inputs.images), batch_of(codec, "judge")
        random = np.random.default_rng(seed)
        rows, held = store.rows("train"), np.sort(random.permutation(held)[:n])
        whole = settings.axes == "auto" and features.whole
        axes_count = AXES if settings.axes == "auto" else settings.axes
        wanted = n if whole else max(n, axes_count * REAL_PER_AXIS)
        shown = np.sort(random.permutation(rows)[:wanted])
        real = _look(features, _stored(store, shown), len(shown), batch).features
        task.advance(n)
        axes = Axes.all_of(features.dimension) if whole else Axes.of(real, axes_count)
        held_features = _look(features, _stored(store, held), n, batch, task).features
        z, training = LatentSet.open(inputs.latents, held).array(), LatentSet.open(inputs.latents, rows)
        return cls(
            codec=codec,
            features=features,
            axes=axes,
            held=held,
            rows=rows,
            others=real[np.sort(random.permutation(len(real))[:n])],
            held_features=held_features,
            held_projected=axes.project(held_features),
            held_z=z,
            held_nearest=float(np.median(Nearest.of(z, training).distance)),
            rebuilt=_look_and_encode(codec, features, distribution, z, batch, task, range(SHOWN)),
            training=training,
            distribution=distribution,
            store=store,
            n=n,
            seed=seed,
            batch=batch,
        )

    def held_pictures(self, start: int, stop: int) -> np.ndarray:
        """Some of the held-out pictures."""
        return _stored(self.store, self.held)(start, stop)

    def rebuilt_by(self, other: Codec, task: Task) -> Look:
        """What another codec makes of the held-out pictures."""

        def pictures(start: int, stop: int) -> np.ndarray:
            return reconstruct(other, self.held_pictures(start, stop))

        return _look(self.features, pictures, self.n, self.batch, task, range(SHOWN))

    def look(self, z: np.ndarray, task: Task, keep: Sequence[int]) -> Look:
        """Decode n vectors; the pictures numbered `keep` are kept."""

        def pictures(start: int, stop: int) -> np.ndarray:
            return self.codec.decode(z[start:stop])

        return _look(self.features, pictures, self.n, self.batch, task, keep)

    def look_and_encode(self, z: np.ndarray, task: Task, keep: Sequence[int]) -> Look:
        """The same, and the way back to vectors."""
        return _look_and_encode(self.codec, self.features, self.distribution, z, self.batch, task, keep)


def _look(
    features: Features,
    pictures: Pictures,
    count: int,
    batch: int,
    task: Task | None = None,
    keep: Sequence[int] = (),
) -> Look:
    """Features of `count` pictures that are made batch by batch, and some of the pictures."""
    found = np.empty((count, features.dimension), np.float32)
    kept: dict[int, np.ndarray] = {}
    for start in range(0, count, batch):
        stop = min(start + batch, count)
        block = pictures(start, stop)
        found[start:stop] = features.of(block)
        kept |= {number: block[number - start].copy() for number in keep if start <= number < stop}
        if task is not None:
            task.advance(stop - start)
    return Look(found, np.array([kept[number] for number in keep if number in kept]))


def _look_and_encode(
    codec: Codec,
    features: Features,
    distribution: Distribution,
    z: np.ndarray,
    batch: int,
    task: Task,
    keep: Sequence[int],
) -> Look:
    """Features of vectors' pictures, and how far the Encoder leads back from them."""
    distances, whiten = [], distribution.pca.whiten

    def pictures(start: int, stop: int) -> np.ndarray:
        part = z[start:stop]
        block = codec.decode(part)
        again = codec.encode(block).astype(np.float64)
        distances.append(np.linalg.norm(whiten(again) - whiten(part), axis=1))
        return block

    look = _look(features, pictures, len(z), batch, task, keep)
    return Look(look.features, look.kept, float(np.median(np.concatenate(distances))))


def _stored(store: ImageStore, rows: np.ndarray) -> Pictures:
    return lambda start, stop: np.asarray(store.pixels[rows[start:stop]])

"""What every sampler is compared with: held-out pictures, their features and vectors, and the model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from zpoints.analysis.distribution import Distribution
from zpoints.config import JudgeSettings, TrainingSettings
from zpoints.images.store import ImageStore
from zpoints.judging.distances import Axes, PictureSet
from zpoints.judging.features import Features
from zpoints.judging.frechet import FrechetFigures, FrechetReference
from zpoints.judging.looks import Look, look, look_and_encode, stored
from zpoints.judging.neighbours import Nearest
from zpoints.models.codec import Codec
from zpoints.models.coding import batch_of, reconstruct
from zpoints.system.progress import Task
from zpoints.vectors.latent_set import LatentSet

__all__ = ["Reference", "RunInputs", "View", "unpaired"]

AXES, REAL_PER_AXIS = 64, 50  # what ``judge.axes = "auto"`` means, and real pictures that decide each axis
HELD_PER_AXIS = 3  # so that halves of the held-out pictures still have a covariance
FEWEST = 4  # pictures to rebuild that are none of the reference
SHOWN = 12  # pictures of each row of the table on the sheet of all


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


def unpaired(store: ImageStore, reference: np.ndarray, count: int) -> tuple[np.ndarray, str, int]:
    """Pictures to rebuild: as many as those of the reference, and none of them.

    A picture lies near its own reconstruction. Rebuilt from the reference itself, reconstructions would be nearer to
    it than fresh pictures of their very law, by as much as two samples of one law are apart; no sampler could be as
    near. Held-out pictures that are left come first, then those that watched the training, then training pictures, at
    most half of them: a network knows these, and rebuilds them better than it would others.

    Where there are hardly any others, the reference itself is rebuilt after all.

    Returns
    -------
    Rows in rising order; words that say which; how many of them are training pictures.
    """
    random = np.random.default_rng([count, 4])
    splits = {"test": store.rows("test"), "validation": store.rows("val"), "training": store.rows("train")}
    chosen: list[np.ndarray] = []
    words = []
    for name, rows in splits.items():
        left = random.permutation(np.setdiff1d(rows, reference))
        most = count - sum(len(part) for part in chosen)
        part = left[: min(most, len(left) // 2) if name == "training" else most]
        if len(part):
            chosen.append(part)
            words.append(f"{len(part):,} {name}")
    if sum(len(part) for part in chosen) < FEWEST:
        return reference, "the held-out pictures themselves", 0
    of_training = len(chosen[-1]) if words and words[-1].endswith("training") else 0
    return np.sort(np.concatenate(chosen)), f"{' and '.join(words)} pictures", of_training


@dataclass(frozen=True, eq=False)
class View:
    """The reference by one kind of features.

    Attributes
    ----------
    name : of the features. axes : in which Fréchet distances are taken. held : the held-out pictures, (n, f).
    training : features of some training pictures. frechet : distances from the held-out pictures.
    """

    name: str
    axes: Axes
    held: np.ndarray
    training: np.ndarray
    frechet: FrechetReference

    @classmethod
    def of(
        cls, features: Features, training: np.ndarray, held: np.ndarray, settings: JudgeSettings, seed: int
    ) -> Self:
        """Choose the axes, by training pictures."""
        if settings.axes == "auto" and features.whole:
            axes = Axes.all_of(features.dimension)
        else:
            most = AXES if settings.axes == "auto" else settings.axes
            axes = Axes.of(training, min(most, max(1, len(held) // HELD_PER_AXIS)))
        return cls(features.name, axes, held, training, FrechetReference.of(axes.project(held), seed))

    def distance(self, features: np.ndarray) -> FrechetFigures:
        """Fréchet distance of other pictures' features."""
        return self.frechet.distance(self.axes.project(features))


@dataclass(frozen=True, eq=False)
class Reference:
    """Held-out pictures and all that was found out of them, once for all samplers.

    Attributes
    ----------
    codec, kinds : the model, and what pictures are compared by, one or two kinds of features; opened once.
    views : by each kind. real : the held-out pictures by the first.
    held : rows of the n held-out pictures. rows : those of the training pictures.
    held_z : vectors of the held-out pictures. held_nearest : the training vectors nearest to them.
    rebuilt_rows, rebuilt_of, from_training : pictures that are rebuilt, none of the held-out ones; see `unpaired`.
    rebuilt : their reconstructions, and the round trip of their vectors.
    batch : pictures that pass through the model at once.
    """

    codec: Codec
    kinds: tuple[Features, ...]
    views: tuple[View, ...]
    real: PictureSet
    held: np.ndarray
    rows: np.ndarray
    held_z: np.ndarray
    held_nearest: Nearest
    rebuilt_rows: np.ndarray
    rebuilt_of: str
    from_training: int
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
        kinds: tuple[Features, ...],
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
        again, words, from_training = unpaired(store, held, n)
        shown = np.sort(random.permutation(np.setdiff1d(rows, again))[: _wanted(kinds, n, settings)])
        real = look(kinds, stored(store, shown), len(shown), batch).features
        task.advance(n)
        theirs = look(kinds, stored(store, held), n, batch, task).features
        z, training = LatentSet.open(inputs.latents, held).array(), LatentSet.open(inputs.latents, rows)
        to_rebuild = LatentSet.open(inputs.latents, again).array()
        return cls(
            codec=codec,
            kinds=kinds,
            views=tuple(
                View.of(kind, of_training, of_held, settings, seed)
                for kind, of_training, of_held in zip(kinds, real, theirs, strict=True)
            ),
            real=PictureSet.of(theirs[0]),
            held=held,
            rows=rows,
            held_z=z,
            held_nearest=Nearest.of(z, training),
            rebuilt_rows=again,
            rebuilt_of=words,
            from_training=from_training,
            rebuilt=look_and_encode(codec, kinds, distribution.pca, to_rebuild, batch, task, range(SHOWN)),
            training=training,
            distribution=distribution,
            store=store,
            n=n,
            seed=seed,
            batch=batch,
        )

    @property
    def others(self) -> tuple[np.ndarray, ...]:
        """Features of n training pictures, which are no reconstructions."""
        count = len(self.views[0].training)
        some = np.sort(np.random.default_rng([self.seed, 5]).permutation(count)[: self.n])
        return tuple(view.training[some] for view in self.views)

    def held_pictures(self, start: int, stop: int) -> np.ndarray:
        """Some of the held-out pictures."""
        return stored(self.store, self.held)(start, stop)

    def rebuilt_by(self, other: Codec, task: Task) -> Look:
        """What another codec makes of the pictures that are rebuilt."""
        originals = stored(self.store, self.rebuilt_rows)

        def pictures(start: int, stop: int) -> np.ndarray:
            return reconstruct(other, originals(start, stop))

        return look(self.kinds, pictures, len(self.rebuilt_rows), self.batch, task, range(SHOWN))

    def look(self, z: np.ndarray, task: Task, keep: Sequence[int]) -> Look:
        """Decode vectors; the pictures numbered `keep` are kept."""

        def pictures(start: int, stop: int) -> np.ndarray:
            return self.codec.decode(z[start:stop])

        return look(self.kinds, pictures, len(z), self.batch, task, keep)

    def look_and_encode(self, z: np.ndarray, task: Task, keep: Sequence[int]) -> Look:
        """The same, and the way back to vectors."""
        return look_and_encode(self.codec, self.kinds, self.distribution.pca, z, self.batch, task, keep)


def _wanted(kinds: Sequence[Features], n: int, settings: JudgeSettings) -> int:
    """Training pictures to look at: enough to decide the axes by."""
    if settings.axes == "auto" and kinds[0].whole:
        return n
    return max(n, (AXES if settings.axes == "auto" else settings.axes) * REAL_PER_AXIS)

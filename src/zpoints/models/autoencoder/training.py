"""Training the autoencoder, with a checkpoint after each epoch and every two minutes: a kill costs no more."""

import math
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.errors import StageError, UsageError
from zpoints.files.documents import fingerprint
from zpoints.images.batches import Order
from zpoints.images.store import PIXELS, ImageStore
from zpoints.models.autoencoder.checkpoint import (
    TrainingState,
    load_weights,
    save_autoencoder,
    save_weights,
)
from zpoints.models.autoencoder.feed import Feed, Streamed, chosen_feed, chosen_order
from zpoints.models.autoencoder.history import HISTORY_COLUMNS, write_history
from zpoints.models.autoencoder.network import Architecture, Autoencoder
from zpoints.models.autoencoder.ranks import ALONE, Ranks
from zpoints.models.autoencoder.showing import Showing
from zpoints.models.autoencoder.start import can_start_linear, start_from
from zpoints.models.autoencoder.step import Learner
from zpoints.models.autoencoder.together import together
from zpoints.models.autoencoder.trial import try_out
from zpoints.system.budget import current
from zpoints.system.device import Device
from zpoints.system.forecast import forecast
from zpoints.system.lock import locked
from zpoints.system.meter import Meter, kept_memory
from zpoints.system.place import Place
from zpoints.system.progress import Progress, Silent, Task
from zpoints.system.stopping import Stop, StoppedError, graceful

__all__ = ["HISTORY_COLUMNS", "Trainer", "train", "train_part"]

SHOWINGS, FEWEST_EPOCHS, MOST_EPOCHS = 72_000, 8, 200  # what ``epochs = "auto"`` means
KEEP_SECONDS = 120.0  # between two checkpoints inside an epoch
LOOK = 10  # steps between two looks at loss and other processes
SLOW_SECONDS = 1.0  # where they take as long, one looks at each step
SYNC_SECONDS = 30.0  # a power cut costs at most so much of a training; the death of the process an epoch


def train(
    store: ImageStore,
    out: Path,
    autoencoder: AutoencoderSettings | None = None,
    training: TrainingSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Autoencoder:
    """Train on the pictures of split ``train``, watch those of ``val``, and write the model folder.

    Writes ``weights.safetensors`` (the epoch with the lowest validation loss), ``model.json``, ``history.csv``
    and, after every epoch, ``checkpoints/last.pt`` and ``checkpoints/best.safetensors``. Started again, it goes
    on after the last finished epoch, and ends with the weights of an uninterrupted training.

    Several processes, of ``training.devices`` or under torchrun, train one network: each batch is shared out, so the
    curve is that of one process but for rounding. Only the first of them writes, and all return the same network.

    Raises
    ------
    StageError : the loss is no longer a number, or another process is gone; the last good checkpoint is kept.
    """
    autoencoder, training = autoencoder or AutoencoderSettings(), training or TrainingSettings()
    guard = locked(out) if Place.here().first else nullcontext()
    with guard, together(store, out, autoencoder, training, seed) as ranks:
        return train_part(store, out, autoencoder, training, seed, ranks, progress)


def train_part(
    store: ImageStore,
    out: Path,
    autoencoder: AutoencoderSettings,
    training: TrainingSettings,
    seed: int,
    ranks: Ranks,
    progress: Progress | None = None,
) -> Autoencoder:
    """What one of the processes that are there does of `train`; parameters and errors as there."""
    progress = (progress if ranks.first else None) or Silent()
    trainer = None
    try:
        with kept_memory():
            trainer = Trainer(store, out, Architecture.of(store.shape, autoencoder), training, seed, ranks)
            trainer.run(progress)
    except RuntimeError as error:
        if not (why := ranks.why_lost(error)):
            raise
        kept = "nothing was learnt yet" if trainer is None else trainer.kept
        raise StageError(f"{out}: {why}; {kept}: start the same command again to go on") from error
    return trainer.learner.network


class Trainer:
    """One training: what learns, its pictures, and the epochs that are already behind it."""

    def __init__(
        self,
        store: ImageStore,
        out: Path,
        architecture: Architecture,
        settings: TrainingSettings,
        seed: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self.store, self.out, self.settings, self.seed = store, out, settings, seed
        self.architecture, self.ranks = architecture, ranks
        self.showing = Showing(store, settings, seed, ranks)
        if not len(self.showing.train):
            raise StageError(
                f"{out}: no picture has the split 'train'; lower images.validation and images.test"
            )
        self.epochs = _epochs(settings, len(self.showing.train))
        if settings.start == "principal-axes" and not can_start_linear(architecture):
            raise UsageError(
                "training.start = 'principal-axes' asks for autoencoder.activation relu or leaky_relu and no "
                "batch_norm; take start = 'auto' or 'random'"
            )
        self.synced = -math.inf
        self.halvings = 0  # of the learning rate, since the last checkpoint
        self.stop = Stop()
        self.shuffle: Order | None = None
        device = Device.of(settings)
        self.feed: Feed = Streamed(store.pixels, device.kind)
        device.limit(current().vram)
        if not ranks.same([self._key(), device.precision]):
            raise StageError(
                f"{out}: the training processes have other pictures, settings or number formats; give all hosts the "
                "same ones, and the same training.precision"
            )
        total = self.epochs * self.showing.steps
        self.learner = Learner(architecture, settings, device, total, seed, ranks)
        self.learner.weight = self.showing.weight
        self._restore()

    @property
    def kept(self) -> str:
        """What a checkpoint holds, in words."""
        if self.saved == (0, 0):
            return "no checkpoint was written yet"
        inside = f" and {self.saved[1]} steps of the next" if self.saved[1] else ""
        return f"epoch {self.saved[0]}{inside} is kept in {self._last}"

    def run(self, progress: Progress) -> None:
        """Train all epochs that are left, then write the finished model."""
        self.progress = progress
        if not self.epochs:
            return self._untrained(progress)
        if self.damage:
            progress.say(f"train: {self.damage}")
        self._get_ready(progress)
        state, total, images = self.state, self.epochs, self.showing.images
        done = state.epoch * images + state.steps * self.showing.batch
        if 0 < done < total * images:
            inside = f" and {state.steps} steps of the next" if state.steps else ""
            progress.say(
                f"train: epoch {state.epoch} of {total}{inside} was finished before; going on from there"
            )
        with graceful() as self.stop, progress.task("train", total * images, "images", done) as task:
            while self.state.epoch < total:
                try:
                    self._epoch(self.state.epoch, task)
                except _NotFiniteError as error:
                    self._retry(error, progress)
        self._finish()

    def _untrained(self, progress: Progress) -> None:
        """The first weights as the finished model."""
        self._start(progress)
        if self.ranks.first:
            save_weights(self._best, self.learner.network)
            write_history(self.out / "history.csv", [])
        self._finish()

    def _finish(self) -> None:
        """Write the best epoch's network as the finished model; the other processes take it over."""
        network, device = self.learner.network, self.learner.device
        if self.ranks.first:
            load_weights(self._best, network)
        self.learner.take_over()
        network.eval()
        if not self.ranks.first:
            return
        extra = {
            "seed": self.seed,
            "shuffle": self.shuffle,
            "training": self.settings.model_dump() | {"epochs": self.epochs},
            "device": asdict(device) | {"name": device.name},
            "parameters": sum(p.numel() for p in network.parameters()),
            "best_validation_loss": None if math.isinf(self.state.best_loss) else self.state.best_loss,
        }
        save_autoencoder(self.out, network, extra)

    def _get_ready(self, progress: Progress) -> None:
        """Find out what fits, how the pictures come best, and how long it will take; say so."""
        left = (self.epochs - self.state.epoch) * self.showing.steps - self.state.steps
        size, learner = self.showing.part_size, self.learner
        first = self.showing.mine(self.showing.order(0, self.shuffle or "full"))
        trial = try_out(learner, size, left, lambda count: self.feed.batches(first[:count], size))
        self._restore()
        self._start(progress)
        rate = trial.images_per_second
        if self.shuffle is None:
            path, wanted = self.store.folder / PIXELS, self.settings.shuffle
            self.shuffle = self.ranks.share(
                lambda: chosen_order(wanted, path, self.showing.train, rate or 0.0, self.seed)
            )
        limit = learner.device.vram_limit(current().vram)
        room = limit - trial.vram if limit is not None and rate is not None else 0
        rows = np.concatenate([self.showing.train, self.showing.validation])
        self.feed = chosen_feed(self.store.pixels, rows, learner.device.kind, room, self.shuffle or "full")
        if rate is not None and left:
            images = left * self.showing.batch
            progress.say(forecast("train", self._words(images), trial.ram, images / rate, trial.vram))

    @property
    def _starts_linear(self) -> bool:
        wanted = self.settings.start
        return wanted == "principal-axes" or (wanted == "auto" and can_start_linear(self.architecture))

    def _start(self, progress: Progress) -> None:
        """The first weights, of a training that has made no step."""
        if self.state.epoch or self.state.steps or not self._starts_linear:
            return
        if self.ranks.first:
            started = time.monotonic()
            count = start_from(self.learner.network, self.store, self.settings.mirror, self.seed)
            found = f"found in {time.monotonic() - started:.0f} s"
            progress.say(f"train: starts from the principal axes of {count:,} pictures, {found}")
        self.learner.take_over()

    def _words(self, images: int) -> str:
        """What is about to be done, and how."""
        at_once, world = self.learner.micro_batch, self.ranks.place.world
        most = self.showing.part_size if world > 1 else self.settings.batch
        words = [f"{images:,} images in batches of {self.settings.batch}"]
        words += [f"shared out to {world} processes"] if world > 1 else []
        words += [f"{at_once} at a time"] if at_once < most else []
        return ", ".join(filter(None, [*words, self.feed.words]))

    def _retry(self, error: "_NotFiniteError", progress: Progress) -> None:
        """Go back to the last good checkpoint, and on from there at half the learning rate, if that is wanted."""
        epoch = self.state.epoch
        what = f"{self.out}: {error} in epoch {epoch + 1}"
        if self.halvings == self.settings.retries:
            raise StageError(
                f"{what}; what was learnt in {epoch} epoch(s) is kept, but will lead here again: start with --retry, "
                f"or lower training.learning_rate (now {self.settings.learning_rate:g})"
            )
        self.halvings += 1
        self.learner.start_again()
        self._restore()
        self._start(progress)
        self.learner.slow_down(0.5**self.halvings)
        progress.say(
            f"train: {what}; going back to epoch {epoch}, and on at a peak rate of {self.learner.peak_rate:g}"
        )

    def _epoch(self, epoch: int, task: Task) -> None:
        before = self.state.steps  # done by an earlier process
        with Meter() as meter, self.learner.pace:
            started = time.monotonic()
            train_loss = self._train(epoch, task)
            seconds = time.monotonic() - started
            validation_loss = self._validate()
        if validation_loss is not None and not math.isfinite(validation_loss):
            raise _NotFiniteError(f"the validation loss is {validation_loss}")
        cost = meter.cost
        figures: tuple[float | None, ...] = (
            epoch + 1,
            train_loss,
            validation_loss,
            self.learner.rate,
            (self.showing.images - before * self.showing.batch) / seconds,
            cost.seconds,
            cost.peak_ram_mib,
            cost.peak_vram_mib,
        )
        self.state.history.append(dict(zip(HISTORY_COLUMNS, figures, strict=True)))
        self._save(epoch, validation_loss)

    def _train(self, epoch: int, task: Task) -> float:
        steps, note = self.state.steps, ""
        total = torch.tensor(self.state.loss, device=self.learner.device.kind)
        order = self.showing.order(epoch, self.shuffle or "full")[steps * self.showing.batch :]
        kept = looked = time.monotonic()
        every = 1  # steps between two looks at what the other processes want
        for block in self.showing.blocks(self.feed, epoch, order):
            total += self.learner.step(block)
            steps += 1
            if news := self.learner.pace.news:
                self.progress.say(f"train: {news}")
            # Reading the loss makes a GPU wait, so not at every step.
            if steps % LOOK == 0:
                note = f"epoch {epoch + 1}/{self.epochs}  loss {self._mean(total) / steps:.5f}"
            task.advance(self.showing.batch, note)
            if not self.ranks.alone and steps % every:
                continue
            now = time.monotonic()
            due = self.ranks.first and now - kept > KEEP_SECONDS
            stop, due, slow = self.ranks.any(self.stop.asked, due, now - looked > SLOW_SECONDS)
            looked, every = now, 1 if slow else LOOK
            if stop or due:
                self._save_inside(steps, self._mean(total))
                kept = time.monotonic()
            if stop:
                self.stop.now()
                raise StoppedError(
                    "another training process was asked to stop; start the same command again to go on"
                )
        return self._mean(total) / steps

    def _mean(self, total: torch.Tensor) -> float:
        """The sum of the losses, mean over the processes; all of them give up where it is no number."""
        mean = self.ranks.mean(total.item())
        if not math.isfinite(mean):
            raise _NotFiniteError(f"the training loss is {mean}")
        if self.learner.overflows:
            raise _NotFiniteError("the gradients are infinite at any scale")
        return mean

    def _validate(self) -> float | None:
        if not len(self.showing.validation):
            return None
        at_once = min(self.settings.batch, self.learner.micro_batch)
        self.learner.agree()
        return self.learner.mean_loss(self.showing.watching(self.feed, at_once))

    @property
    def _last(self) -> Path:
        return self.out / "checkpoints" / "last.pt"

    @property
    def _best(self) -> Path:
        return self.out / "checkpoints" / "best.safetensors"

    def _key(self) -> str:
        # A training may go on elsewhere, and with more patience.
        return fingerprint(self.settings.result(), self.architecture.to_json(), self.seed, self.store.key)

    def _restore(self) -> None:
        content, self.damage = self.ranks.share(self._loaded)
        self.state = TrainingState(**content)
        self.saved = self.state.epoch, self.state.steps
        # Decided once in a training: the weights depend on it.
        self.shuffle = self.state.order or self.shuffle
        if self.state.epoch or self.state.steps:
            kept = ("network", "optimizer", "schedule", "scaler")
            self.learner.go_on({name: getattr(self.state, name) for name in kept})

    def _loaded(self) -> tuple[dict[str, Any], str]:
        state, damage = TrainingState.load(self._last, self._key())
        return vars(state), damage

    def _save(self, epoch: int, validation_loss: float | None) -> None:
        # Of a small set an epoch takes less time than to force 150 MB onto a disk.
        sync = time.monotonic() - self.synced > SYNC_SECONDS
        self.synced = time.monotonic() if sync else self.synced
        # Without pictures to watch the training, the last epoch is taken as the best one.
        if validation_loss is None or validation_loss < self.state.best_loss:
            self.state.best_loss = math.inf if validation_loss is None else validation_loss
            if self.ranks.first:
                save_weights(self._best, self.learner.network, sync)
        self.state.epoch, self.state.steps, self.state.loss = epoch + 1, 0, 0.0
        self._save_state(sync)
        if self.ranks.first:
            write_history(self.out / "history.csv", self.state.history)

    def _save_inside(self, steps: int, loss: float) -> None:
        """A checkpoint in the middle of an epoch: what stops the process costs minutes, however long an epoch is."""
        self.state.steps, self.state.loss = steps, loss
        self._save_state(sync=True)

    def _save_state(self, sync: bool) -> None:
        self.learner.agree()
        for name, state in self.learner.state().items():
            setattr(self.state, name, state)
        self.state.order = self.shuffle or ""
        if self.ranks.first:
            self.state.save(self._last, sync)
        self.ranks.any(False)  # here all know that it is written
        self.saved, self.halvings = (self.state.epoch, self.state.steps), 0


class _NotFiniteError(Exception):
    """A loss that is no longer a number."""


def _epochs(settings: TrainingSettings, pictures: int) -> int:
    if settings.epochs != "auto":
        return settings.epochs
    return min(max(-(-SHOWINGS // pictures), FEWEST_EPOCHS), MOST_EPOCHS)

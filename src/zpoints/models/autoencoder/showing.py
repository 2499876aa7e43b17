"""Which pictures a training shows when: the order of each epoch, its batches, and each process's part of them."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from zpoints.config import TrainingSettings
from zpoints.errors import UsageError
from zpoints.images.batches import Order, mirrored_in, order_of, window_of
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.feed import Feed
from zpoints.models.autoencoder.ranks import Ranks

__all__ = ["Showing"]


class Showing:
    """The pictures of a training, batch by batch.

    Attributes
    ----------
    train, validation : numbers of the pictures that are learnt from, and of those that watch.
    batch : pictures of one batch, of all processes together.
    part : of each batch, what this process takes; `part_size` pictures.
    steps, images : batches and pictures of one epoch; an incomplete last batch is left out, unless there is no other.
    weight : see `Learner`.

    Raises
    ------
    UsageError : a batch has fewer pictures than there are processes.
    """

    def __init__(self, store: ImageStore, settings: TrainingSettings, seed: int, ranks: Ranks) -> None:
        self.train, self.validation = store.rows("train"), store.rows("val")
        self.mirror, self.seed, self.ranks = settings.mirror, seed, ranks
        self.window = window_of(store.pixels[0].nbytes)
        self.batch = min(settings.batch, len(self.train))
        self.steps = len(self.train) // max(self.batch, 1)
        self.images = self.steps * self.batch
        world = ranks.place.world
        if 0 < self.batch < world:
            raise UsageError(
                f"training.batch: {self.batch} pictures in a batch are too few for {world} processes; give more"
            )
        self.part = ranks.part(self.batch)
        self.part_size = self.part.stop - self.part.start
        self.weight = world * self.part_size / max(self.batch, 1)

    def order(self, epoch: int, shuffle: Order) -> np.ndarray:
        """The pictures of one epoch, in the order in which the network sees them."""
        return order_of(self.train, self.seed, epoch, shuffle, self.window)[: self.images]

    def mine(self, order: np.ndarray) -> np.ndarray:
        """Of whole batches, the part that this process takes of each, in their order."""
        return order.reshape(-1, self.batch)[:, self.part].ravel()

    def blocks(self, feed: Feed, epoch: int, order: np.ndarray) -> Iterator[Tensor]:
        """This process's part of each batch, half of the pictures mirrored if that is wanted."""
        mine, size = self.mine(order), self.part_size
        blocks = feed.batches(mine, size)
        if not self.mirror:
            yield from blocks
            return
        turned = torch.from_numpy(mirrored_in(epoch, mine, self.seed))
        for number, block in enumerate(blocks):
            flags = turned[number * size : number * size + len(block)].to(block.device)
            yield torch.where(flags[:, None, None, None], block.flip(2), block)

    def watching(self, feed: Feed, at_once: int) -> Iterator[Tensor]:
        """This process's part of the pictures that watch, so many at a time."""
        return feed.batches(self.validation[self.ranks.part(len(self.validation))], at_once)

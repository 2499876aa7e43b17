"""Features of any number of pictures, block by block, straight to disk."""

from pathlib import Path

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.array_writer import ArrayWriter
from zpoints.files.arrays import Rows
from zpoints.files.shard import Shard
from zpoints.images.batches import fetched_ahead
from zpoints.judging.features.base import Features
from zpoints.models.coding import BATCH
from zpoints.system.lock import locked
from zpoints.system.progress import Progress, Silent

__all__ = ["check_pictures", "write_features"]

SYNC_EVERY = 16  # blocks between two notes of what is safely on disk


def write_features(
    features: Features,
    pictures: Rows,
    out: Path,
    progress: Progress | None = None,
    key: str = "",
    shard: Shard | None = None,
) -> None:
    """Write the features of all pictures to `out`: (n, f) float32, in the order of the pictures.

    Continues after a kill; `key` identifies features and pictures. A `shard` is written as
    `zpoints.models.coding.encode` does, and under the same conditions its rows are those of the one file.

    Parameters
    ----------
    pictures : (n, height, width, 1 or 3) uint8, read in ranges of rows.
    """
    n = pictures.shape[0]
    first, last = shard.rows(n, BATCH) if shard else (0, n)
    row = (features.dimension,)
    with (
        locked(out.parent, shard.name if shard else ""),
        ArrayWriter(out, row, np.float32, key) as writer,
    ):
        writer.expect(last - first)
        starts = range(first + writer.rows, last, BATCH)
        blocks = fetched_ahead(pictures[start : min(start + BATCH, last)] for start in starts)
        with (progress or Silent()).task("features", last - first, "images", writer.rows) as task:
            for number, block in enumerate(blocks, 1):
                writer.append(features.of(block))
                if number % SYNC_EVERY == 0:
                    writer.sync()
                task.advance(len(block))
        writer.finish()


def check_pictures(name: str, pictures: Rows) -> None:
    """Refuse what is no array of pictures. Raises `ArrayError`."""
    shape = tuple(pictures.shape)
    if len(shape) != 4 or shape[3] not in (1, 3) or pictures.dtype != np.uint8:
        raise ArrayError(
            f"{name}: {pictures.dtype} of shape {shape} are no pictures; these are uint8 of shape (n, height, width, "
            "1 or 3), as zpoints prepare and zpoints decode write them"
        )

"""Encode and decode any number of pictures or vectors, block by block, straight to disk, by any codec."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from zpoints.errors import ArrayError, StageError
from zpoints.files.array_writer import ArrayWriter
from zpoints.files.shard import Shard
from zpoints.images.batches import batches
from zpoints.images.store import ImageStore
from zpoints.models.codec import Codec
from zpoints.system.budget import require, spare
from zpoints.system.forecast import forecast
from zpoints.system.lock import locked
from zpoints.system.meter import Meter, kept_memory
from zpoints.system.progress import Progress, Silent
from zpoints.system.sizes import MIB
from zpoints.vectors.latent_set import LatentSet

__all__ = ["BATCH", "batch_of", "check_latents", "check_store", "decode", "encode", "reconstruct"]

BATCH = 128  # pictures at a time; fewer where a batch does not fit the budget
LONG = 5000  # so many pictures take long enough to say beforehand how long
SYNC_EVERY = 64  # batches between two notes of what is safely on disk


def encode(
    codec: Codec,
    store: ImageStore,
    out: Path,
    progress: Progress | None = None,
    key: str = "",
    shard: Shard | None = None,
) -> None:
    """Write the latent vectors of all pictures to `out`: (N, d) float32, in the order of the pictures.

    Continues after a kill. `key` identifies model and pictures: what an earlier run left under another key is
    dropped.

    With a `shard`, only its rows are written, and only its file is locked: other processes may write the others into
    the same folder. Its borders are multiples of 128, and so of every batch; the very same batches pass through the
    model as where one process encodes all pictures. So the rows of all shards, one after the other, are those of the
    one file byte for byte, as far as a batch gives the same bytes twice: on the same kind of processor or GPU and
    libraries, with the same number of threads, and with a budget that leaves the batches as large (see `batch_of`).
    Elsewhere they agree within rounding.

    Raises
    ------
    StageError : the model was trained on pictures of another shape.
    """
    check_store(codec, store, out)
    latent = (codec.dimension,)
    first, last = shard.rows(len(store), BATCH) if shard else (0, len(store))
    with (
        locked(out.parent, shard.name if shard else ""),
        ArrayWriter(out, latent, np.float32, key) as writer,
        kept_memory(),
    ):
        writer.expect(last - first)
        rows, size = np.arange(first + writer.rows, last), batch_of(codec, "encoding")
        progress = progress or Silent()
        if len(rows) > LONG:
            _say_how_long(
                "encode", len(rows), "images", lambda: codec.encode(store.pixels[rows[:size]]), progress
            )
        with progress.task("encode", last - first, "images", writer.rows) as task:
            for number, block in enumerate(batches(store.pixels, rows, size), 1):
                writer.append(codec.encode(block))
                if number % SYNC_EVERY == 0:
                    writer.sync()
                task.advance(len(block))
        writer.finish()


def decode(
    codec: Codec,
    latents: LatentSet,
    out: Path,
    progress: Progress | None = None,
    key: str = "",
    shard: Shard | None = None,
) -> None:
    """Write the pictures of all latent vectors to `out`: (n, H, W, C) uint8.

    Continues after a kill; `key` identifies model and vectors, and a `shard` is written, as in `encode`.

    Raises
    ------
    ArrayError : the vectors do not have the model's number of components, or are not finite.
    """
    check_latents(codec, latents)
    first, last = shard.rows(latents.n, BATCH) if shard else (0, latents.n)
    with (
        locked(out.parent, shard.name if shard else ""),
        ArrayWriter(out, codec.shape, np.uint8, key) as writer,
        kept_memory(),
    ):
        # Vectors are quickly read over again, pictures are not quickly made again.
        skip, size = first + writer.rows, batch_of(codec, "decoding")
        writer.expect(last - first)
        progress = progress or Silent()
        if last - skip > LONG:
            zeros = np.zeros((size, codec.dimension), np.float32)
            _say_how_long("decode", last - skip, "vectors", lambda: codec.decode(zeros), progress)
        with progress.task("decode", last - first, "images", writer.rows) as task:
            for number, (start, block) in enumerate(latents.numbered_blocks(size), 1):
                if start >= last:
                    break
                if start + len(block) <= skip:
                    continue
                if not np.isfinite(block).all():
                    row = start + int(np.argwhere(~np.isfinite(block))[0, 0])
                    raise ArrayError(f"{latents.name}: vector {row} is not finite; drop such vectors first")
                # An earlier run may have had another budget, and other batches.
                writer.append(codec.decode(block[max(0, skip - start) : last - start]))
                if number % SYNC_EVERY == 0:
                    writer.sync()
                task.advance(len(block))
        writer.finish()


def check_store(codec: Codec, store: ImageStore, where: Path | str) -> None:
    """Refuse pictures of another shape than the model's; `where` begins the message. Raises `StageError`."""
    if store.shape != codec.shape:
        raise StageError(
            f"{where}: the model takes pictures of shape {codec.shape}, these have {store.shape}; prepare them with "
            "the settings of the training"
        )


def check_latents(codec: Codec, latents: LatentSet) -> None:
    """Refuse vectors that are none of this model's. Raises `ArrayError`."""
    if latents.dimension != codec.dimension:
        raise ArrayError(
            f"{latents.name}: vectors of {latents.dimension} components; this Decoder takes {codec.dimension}"
        )
    given, taken = latents.latent_shape, tuple(codec.latent_shape)
    if given != taken and min(len(given), len(taken)) > 1:
        raise ArrayError(
            f"{latents.name}: latent arrays of shape {given}; this Decoder takes {taken}: bring their axes into "
            "that order"
        )


def reconstruct(codec: Codec, pictures: UInt8[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "n h w c"]:
    """What a codec makes of one batch of pictures on the way to vectors and back."""
    return codec.decode(codec.encode(pictures))


def batch_of(codec: Codec, what: str) -> int:
    """Pictures to pass through a codec at once: 128, or as many as the budget holds.

    The results differ by rounding at most.

    Raises
    ------
    BudgetError : not even one fits; `what` names the work in its message.
    """
    require(codec.bytes_for(1), what, "choose a smaller model or smaller pictures")
    left, size = spare(), BATCH
    while left is not None and size > 1 and codec.bytes_for(size) > left:
        size //= 2
    return size


def _say_how_long(
    stage: str, count: int, unit: str, work: Callable[[], np.ndarray], progress: Progress
) -> None:
    """Do one batch twice, the second time by the clock, and say what all will take."""
    size = len(work())
    with Meter(every=0.005) as meter:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    cost = meter.cost
    ram, vram = (int((peak or 0) * MIB) for peak in (cost.peak_ram_mib, cost.peak_vram_mib))
    progress.say(forecast(stage, f"{count:,} {unit}", ram, seconds * count / size, vram))

"""Encoding, decoding and features in shards: one process makes one file of a folder, and others the others.

For Slurm arrays, indexed jobs and the like; see docs/clusters.md. Shards are made in any order, side by side, and
again where one failed: what is finished is not made again, what was interrupted goes on. The folder of all of them is
an array like any other for what follows. Also `features`, whole or in shards.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.config import Settings
from zpoints.errors import ArrayError
from zpoints.files.arrays import Rows, Sliced, open_rows
from zpoints.files.documents import fingerprint, write_json
from zpoints.files.shard import Shard, check_no_shards, claimed, finished
from zpoints.run.ownership import check_own
from zpoints.run.work import codec_of
from zpoints.system.progress import Progress

if TYPE_CHECKING:
    from zpoints.models.codec import Codec

__all__ = ["ShardFile", "decode_shard", "encode_shard", "features", "features_shard"]

LOOKS, LOOK = 16, 64
"""An array is known by so many places of so many rows."""


@dataclass(frozen=True)
class ShardFile:
    """A shard on disk.

    Attributes
    ----------
    path : of its file.
    shard : which one it is.
    first, last : its first row, and the row after its last one, of `total` rows.
    made : whether this call made it; else it was finished before.
    """

    path: Path
    shard: Shard
    first: int
    last: int
    total: int
    made: bool

    def line(self) -> str:
        """What a user is told."""
        there = finished(self.path.parent, self.shard.of)
        rows = f"rows {self.first:,} to {self.last - 1:,}" if self.last > self.first else "no rows"
        before = "" if self.made else ", made before"
        return f"{rows} of {self.total:,} in {self.path}{before}; {there:,} of {self.shard.of:,} shards are there"


def encode_shard(
    model: "str | Path | Codec",
    images: str | Path,
    out: str | Path,
    shard: str | Shard,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> ShardFile:
    """Write the latent vectors of one shard of the pictures.

    The rows of all shards, one after the other, are those of the ``z.npy`` that `zpoints.encode` writes: byte for
    byte on the same kind of machine with the same number of threads; see `zpoints.models.coding.encode`.

    Parameters
    ----------
    model, images, settings, progress : as for `zpoints.encode`.
    out : folder of the shards, for ``part-00003-of-00016.npy`` and a note beside it.
    shard : which one, as ``"3/16"``.

    Returns
    -------
    ShardFile : its file and rows.

    Raises
    ------
    UsageError : no such shard; the folder holds other files than shards.
    StageError : the folder holds shards of another model, of other pictures, or of another number; another process is
        at work on this one; pictures of another shape than the model's.

    Examples
    --------
    >>> from zpoints.run.shards import encode_shard
    >>> encode_shard("model", "images", "shards", "3/16").path  # doctest: +SKIP
    PosixPath('shards/part-00003-of-00016.npy')
    """
    from zpoints.images.store import ImageStore
    from zpoints.models.coding import BATCH, check_store, encode

    shard, out, store = _shard(shard), Path(out), ImageStore.open(Path(images))
    codec = codec_of(model, settings)
    check_store(codec, store, images)
    work = {"work": "encode", "model": codec.key, "pictures": store.key, "batch": BATCH}
    rows, total = shard.rows(len(store), BATCH), len(store)
    if file := claimed(out, shard, rows, total, work):
        encode(codec, store, file, progress, fingerprint(work, str(shard)), shard)
    return ShardFile(out / f"{shard.name}.npy", shard, *rows, total, made=file is not None)


def decode_shard(
    model: "str | Path | Codec",
    latents: Any,
    out: str | Path,
    shard: str | Shard,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> ShardFile:
    """Write the pictures of one shard of the vectors, (n, height, width, colours) uint8; no contact sheet.

    The vectors are known again by their shape, type and some of their rows, wherever their file lies: each host may
    have a copy. See `encode_shard`.

    Raises
    ------
    ArrayError : vectors of another dimension than the model's, or not finite.
    UsageError, StageError : as `encode_shard`.
    """
    from zpoints.models.coding import BATCH, check_latents, decode
    from zpoints.vectors.latent_set import LatentSet

    shard, out, vectors = _shard(shard), Path(out), LatentSet.open(latents)
    codec = codec_of(model, settings)
    check_latents(codec, vectors)
    chosen = "" if vectors.rows is None else hashlib.sha256(vectors.rows.tobytes()).hexdigest()[:20]
    work = {
        "work": "decode",
        "model": codec.key,
        "vectors": f"{_looked_at(vectors.reader)}{chosen}",
        "batch": BATCH,
    }
    rows = shard.rows(vectors.n, BATCH)
    if file := claimed(out, shard, rows, vectors.n, work):
        decode(codec, vectors, file, progress, fingerprint(work, str(shard)), shard)
    return ShardFile(out / f"{shard.name}.npy", shard, *rows, vectors.n, made=file is not None)


def features(
    pictures: str | Path, out: str | Path, settings: Settings | None = None, progress: Progress | None = None
) -> np.ndarray:
    """Write the features by which the judge would compare pictures.

    Parameters
    ----------
    pictures : a folder that `prepare` made; or an array (n, height, width, 1 or 3) uint8, as `decode` writes it: a
        file, a folder of shards, a pattern.
    out : folder for ``features.npy``, (n, f) float32, in the order of the pictures. Interrupted, it goes on.
    settings : ``judge.features`` names them.
    progress : where to report; silent by default.

    Returns
    -------
    (n, f) float32 : the features, a memory map.

    Raises
    ------
    ArrayError : no pictures.
    SourceError : the features' weights are not in the cache and cannot be downloaded.
    UsageError : there are no such features; `out` holds files that zpoints did not write.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.save(f"{folder}/pictures.npy", np.zeros((20, 8, 8, 3), np.uint8))
    >>> settings = Settings(judge={"features": "pixels"})
    >>> features(f"{folder}/pictures.npy", f"{folder}/features", settings).shape
    (20, 768)
    """
    from zpoints.files.numpy_files import open_array
    from zpoints.judging.features import features_by_name
    from zpoints.judging.features.extraction import write_features

    settings, out = settings or Settings(), Path(out)
    check_no_shards(out)
    check_own(out, ("features.npy",), "features.json", "features.npy.partial")
    rows, mark = _pictures(pictures)
    kind = features_by_name(settings.judge.features, rows.shape[3], progress)
    work = {"features": kind.name, "pictures": mark}
    write_features(kind, rows, out / "features.npy", progress, fingerprint(work))
    write_json(out / "features.json", work)
    return open_array(out / "features.npy")


def features_shard(
    pictures: str | Path,
    out: str | Path,
    shard: str | Shard,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> ShardFile:
    """Write the features of one shard of the pictures; see `features` and `encode_shard`."""
    from zpoints.judging.features import features_by_name
    from zpoints.judging.features.extraction import write_features
    from zpoints.models.coding import BATCH

    settings, shard, out = settings or Settings(), _shard(shard), Path(out)
    pixels, mark = _pictures(pictures)
    kind = features_by_name(settings.judge.features, pixels.shape[3], progress)
    work = {"work": "features", "features": kind.name, "pictures": mark, "batch": BATCH}
    total = pixels.shape[0]
    rows = shard.rows(total, BATCH)
    if file := claimed(out, shard, rows, total, work):
        write_features(kind, pixels, file, progress, fingerprint(work, str(shard)), shard)
    return ShardFile(out / f"{shard.name}.npy", shard, *rows, total, made=file is not None)


def _shard(shard: str | Shard) -> Shard:
    return Shard.parse(shard) if isinstance(shard, str) else shard


def _pictures(path: str | Path) -> tuple[Rows, str]:
    """Pictures in ranges of rows, and what identifies them."""
    from zpoints.images.store import PIXELS, ImageStore
    from zpoints.judging.features.extraction import check_pictures

    if (Path(path) / PIXELS).is_file():
        store = ImageStore.open(Path(path))
        return Sliced(store.pixels), store.key
    rows = open_rows(path)
    check_pictures(str(path), rows)
    if not rows.shape[0]:
        raise ArrayError(f"{path}: holds no picture")
    return rows, _looked_at(rows)


def _looked_at(rows: Rows) -> str:
    """A text that identifies an array, wherever its file lies: by shape, type, and 16 times 64 of its rows.

    The whole array is not read, since each of many shards would read it. An array that differs in other rows alone is
    taken for the same.
    """
    found = hashlib.sha256(f"{tuple(rows.shape)} {rows.dtype}".encode())
    for place in range(LOOKS):
        start = max(0, rows.shape[0] - LOOK) * place // (LOOKS - 1)
        found.update(np.ascontiguousarray(rows[start : start + LOOK]).tobytes())
    return found.hexdigest()[:20]

"""What each stage does, as a function of files: for scripts and notebooks, for the commands, and for the stages.

Every path may be a text. Nobody's files are replaced but those that the same function wrote before.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.config import Settings
from zpoints.errors import StageError
from zpoints.files.documents import read_json, write_json
from zpoints.files.shard import check_no_shards
from zpoints.run.folder import Run
from zpoints.run.ownership import check_own
from zpoints.system.progress import Progress, Silent

if TYPE_CHECKING:
    from zpoints.images.source import Source
    from zpoints.images.store import ImageStore
    from zpoints.judging.result import Judgement
    from zpoints.models.codec import Codec
    from zpoints.samplers import Sampler
    from zpoints.vectors.latent_set import LatentSet

__all__ = ["SHEET_COLUMNS", "codec_of", "decode", "draw", "encode", "judge", "prepare", "save_grid", "train"]

SHEET_COLUMNS = 12
RECONSTRUCTED = 2 * SHEET_COLUMNS  # pictures on the sheet beside a model


def prepare(
    source: "str | Path | Source",
    out: str | Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> "ImageStore":
    """Cut and scale all pictures of a source into one array on disk.

    Parameters
    ----------
    source : the name of a built-in source (``"faces"``), a path, or a `Source` object.
    out : folder for ``pixels.npy`` (n, height, width, colours) uint8, ``index.parquet`` (a row per picture) and
        ``rejected.csv`` (what could not be used, and why). Interrupted, the same call goes on where it stopped.
    settings : its section `images` (but for the source) and its `seed` count.
    progress : where to report; silent by default.

    Returns
    -------
    ImageStore : the prepared pictures.

    Raises
    ------
    SourceError : no such source, or not one usable picture in it.
    UsageError : `out` holds files of these names that zpoints did not write.

    Examples
    --------
    >>> import tempfile, numpy as np, zpoints as zp
    >>> pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    >>> folder = tempfile.mkdtemp()
    >>> np.save(f"{folder}/pictures.npy", pixels)
    >>> store = zp.prepare(f"{folder}/pictures.npy", f"{folder}/images")
    >>> len(store), store.shape
    (20, (8, 8, 3))
    """
    from zpoints.images.prepare import prepare as prepare_images
    from zpoints.images.store import DESCRIPTION, INDEX, PIXELS, REJECTED

    settings, out = settings or Settings(), Path(out)
    check_own(out, (PIXELS, INDEX, REJECTED), DESCRIPTION, "prepare.journal.jsonl")
    named = isinstance(source, str | Path)
    images = settings.images.model_copy(update={"source": str(source)}) if named else settings.images
    store = prepare_images(images, out, settings.seed, progress, None if named else source)  # type: ignore[arg-type]
    for remark in store.remarks:
        (progress or Silent()).say(f"prepare: {remark}")
    return store


def train(
    images: str | Path, out: str | Path, settings: Settings | None = None, progress: Progress | None = None
) -> "Codec":
    """Train a model on prepared pictures, and lay a sheet of originals above their reconstructions beside it.

    Parameters
    ----------
    images : a folder that `prepare` made.
    out : folder for the model. A training that was interrupted goes on after its last checkpoint.
    settings : sections `autoencoder` (``autoencoder.kind`` chooses the kind of model) and `training`, and the `seed`.
    progress : where to report; silent by default.

    Returns
    -------
    Codec : the trained model.

    Raises
    ------
    StageError : no prepared pictures, or a training that cannot go on.
    UsageError : settings that do not fit the pictures; `out` holds a model that zpoints did not write.

    Examples
    --------
    >>> import zpoints as zp
    >>> codec = zp.train("images", "model")  # doctest: +SKIP
    >>> codec.dimension  # doctest: +SKIP
    256
    """
    from zpoints.images.sheets import interleaved, save_sheet
    from zpoints.images.store import ImageStore
    from zpoints.models.codec import MODEL
    from zpoints.models.coding import reconstruct
    from zpoints.models.kinds import CODECS, train_codec
    from zpoints.system.place import Place

    settings, images, out = settings or Settings(), Path(images), Path(out)
    files = (*CODECS[settings.autoencoder.kind].outputs, "reconstructions.png")
    check_own(out, files, MODEL, "checkpoints")
    codec = train_codec(images, out, settings, progress)
    if not Place.here().first:  # of several processes under torchrun one writes
        return codec
    store = ImageStore.open(images)
    watched = store.rows("val") if len(store.rows("val")) else store.rows("train")
    originals = np.asarray(store.pixels[watched[:RECONSTRUCTED]])
    rebuilt = reconstruct(codec, originals)
    save_sheet(out / "reconstructions.png", interleaved(originals, rebuilt, SHEET_COLUMNS), SHEET_COLUMNS)
    return codec


def encode(
    model: "str | Path | Codec",
    images: str | Path,
    out: str | Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> "LatentSet":
    """Write the latent vectors of all pictures.

    Parameters
    ----------
    model : a folder that `train` made, or a `Codec`.
    images : a folder that `prepare` made.
    out : folder for ``z.npy``, (n, d) float32, in the order of the pictures. Interrupted, it goes on.
    settings : its section `training` says on which device the model works.
    progress : where to report; silent by default.

    Returns
    -------
    LatentSet : the vectors, on disk.

    Raises
    ------
    StageError : no model, no pictures, or pictures of another shape than the model's.
    UsageError : `out` holds a ``z.npy`` that zpoints did not write.

    Examples
    --------
    >>> import zpoints as zp
    >>> z = zp.encode("model", "images", "latents")  # doctest: +SKIP
    >>> z.n, z.dimension  # doctest: +SKIP
    (10000, 256)
    """
    from zpoints.images.store import ImageStore
    from zpoints.models.coding import encode as encode_all
    from zpoints.vectors.latent_set import LatentSet

    out, store = Path(out), ImageStore.open(Path(images))
    check_no_shards(out)
    check_own(out, ("z.npy",), "encode.json", "z.npy.partial")
    codec = codec_of(model, settings)
    encode_all(codec, store, out / "z.npy", progress, f"{codec.key} {store.key}")
    write_json(out / "encode.json", {"model": codec.key, "pictures": store.key})
    return LatentSet.open(out / "z.npy")


def draw(source: Any, out: str | Path, sampler: "Sampler", count: int, seed: int = 0) -> np.ndarray:
    """Fit a sampler, and write it and new vectors.

    Parameters
    ----------
    source : what it learns from; see `Sampler.fit`.
    out : folder for ``sampler.npz``, ``cost.json`` and ``z.npy``, float32: (count, d), or (count, c, h, w) and the
        like where the vectors were arrays of such a shape.
    sampler : with its settings, such as ``zp.samplers.Ellipse(sigma=3.0)``.
    count : number of vectors.
    seed : the same seed gives the same vectors.

    Returns
    -------
    float32 : the new vectors, in the shape of those of the fit.

    Raises
    ------
    UsageError : the sampler needs vectors and got none; `out` holds files that zpoints did not write.
    """
    from zpoints.files.numpy_files import write_npy

    out = Path(out)
    check_own(out, ("z.npy", "sampler.npz"), "cost.json")
    started = time.perf_counter()
    sampler.fit(source)
    write_json(out / "cost.json", {"fit_seconds": time.perf_counter() - started})
    sampler.save(out / "sampler.npz")
    vectors = sampler.sample(count, seed).reshape(count, *sampler.latent_shape_)
    write_npy(out / "z.npy", vectors)
    return vectors


def decode(
    model: "str | Path | Codec",
    latents: Any,
    out: str | Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
    key: str = "",
) -> np.ndarray:
    """Decode vectors to pictures, and lay the first ones on a contact sheet.

    Parameters
    ----------
    model : a folder that `train` made, or a `Codec`.
    latents : (n, d) array, or the path of one.
    out : folder for ``pictures.npy`` (n, height, width, colours) uint8 and ``grid.png``. Interrupted, the same call
        goes on where the vectors are a file.
    settings : section `training` says on which device the model works, ``report.sheet`` how many are on the sheet.
    progress : where to report; silent by default.
    key : identifies vectors and model, for going on; by default the file of the vectors does, and the model.

    Returns
    -------
    (n, height, width, colours) uint8 : the pictures, a memory map.

    Raises
    ------
    ArrayError : vectors of another dimension than the model's, or not finite.
    UsageError : `out` holds pictures that zpoints did not write.

    Examples
    --------
    >>> import zpoints as zp
    >>> zp.decode("model", "samples/ellipse/z.npy", "samples/ellipse").shape  # doctest: +SKIP
    (64, 64, 64, 3)
    """
    settings, out = settings or Settings(), Path(out)
    check_no_shards(out)
    check_own(out, ("pictures.npy", "grid.png"), "decode.json", "pictures.npy.partial")
    codec = codec_of(model, settings)
    decode_to_file(codec, latents, out, progress, key or f"{codec.key} {_mark(latents)}")
    write_json(out / "decode.json", {"model": codec.key})
    return save_grid(out, settings.report.sheet)


def decode_to_file(codec: "Codec", latents: Any, out: Path, progress: Progress | None, key: str) -> None:
    """Only ``pictures.npy``."""
    from zpoints.models.coding import decode as decode_all
    from zpoints.vectors.latent_set import LatentSet

    decode_all(codec, LatentSet.open(latents), out / "pictures.npy", progress, key)


def save_grid(folder: Path, sheet: int) -> np.ndarray:
    """Lay the first `sheet` of ``pictures.npy`` on ``grid.png``; returns all pictures."""
    from zpoints.files.numpy_files import open_array
    from zpoints.images.sheets import save_sheet

    pictures = open_array(folder / "pictures.npy")
    save_sheet(folder / "grid.png", np.asarray(pictures[:sheet]), SHEET_COLUMNS)
    return pictures


def judge(run: str | Path | Run, progress: Progress | None = None) -> "Judgement":
    """Compare a run's samplers by pictures that no stage has seen, and say which one to use.

    Parameters
    ----------
    run : a finished run, or its folder. Its settings' section `judge` says by which features, and how many pictures.
    progress : where to report; silent by default.

    Returns
    -------
    Judgement : the table as ``judging/scores.json`` has it: `samplers` and `baselines`, a row of figures each,
        `best` and `sentence`.

    Raises
    ------
    UsageError : not the folder of a run.
    SourceError : the features' weights are not in the cache and cannot be downloaded.

    Examples
    --------
    >>> import zpoints as zp
    >>> zp.judge("runs/faces").best  # doctest: +SKIP
    'elliptical'
    """
    from zpoints.analysis.distribution import Distribution
    from zpoints.judging.reference import RunInputs
    from zpoints.judging.scores import Candidate
    from zpoints.judging.scores import judge as judge_all

    run = run if isinstance(run, Run) else Run(run)
    candidates = []
    for method in run.settings.samples.methods:
        folder = run.paths.samples(method)
        if not (folder / "sampler.npz").is_file():
            raise StageError(f"{folder}: no sampler.npz; run `zpoints run` first")
        seconds = read_json(folder / "cost.json")["fit_seconds"]
        candidates.append(Candidate(run.sampler(method), folder / "sampler.npz", seconds))
    return judge_all(
        RunInputs(run.paths.images, run.paths.model, run.paths.latents, run.settings.training),
        Distribution.load(run.paths.analysis / "distribution.npz"),
        candidates,
        run.paths.judging,
        run.settings.judge,
        run.settings.seed,
        progress,
    )


def codec_of(model: "str | Path | Codec", settings: Settings | None) -> "Codec":
    from zpoints.models.kinds import open_codec

    if isinstance(model, str | Path):
        return open_codec(Path(model), (settings or Settings()).training)
    return model


def _mark(latents: Any) -> str:
    """Identify vectors: by their file, or by what they are."""
    import hashlib

    from zpoints.files.arrays import files_behind
    from zpoints.images.files import file_mark

    if isinstance(latents, str | Path):
        files = files_behind(latents)
        several = [] if files == [Path(latents)] else [str(latents)]
        return " ".join([*several, *map(file_mark, files)])
    return hashlib.sha256(np.ascontiguousarray(latents).tobytes()).hexdigest()

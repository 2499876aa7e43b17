"""Analyse, sample and decode: where the z-points lie, new vectors, and their pictures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zpoints.analysis.plane_statistics import PLANE_STATISTICS
from zpoints.analysis.result import ANALYSIS_FILES
from zpoints.config import Settings
from zpoints.errors import UsageError
from zpoints.run.folder import Run
from zpoints.run.requirements import enough_rows, for_analysis
from zpoints.run.sampling import options_of, sampler_of
from zpoints.run.stage import Done, Stage
from zpoints.run.stages.model import ENCODE
from zpoints.system.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ANALYSE", "DECODE", "SAMPLE"]


def _analyse(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    from zpoints.analysis.analyse import analyse
    from zpoints.images.store import ImageStore
    from zpoints.models.codec import read_model
    from zpoints.vectors.kept import kept_beside
    from zpoints.vectors.latent_set import LatentSet

    # Held-out pictures stay out of the distribution, so that a judge can use them.
    latents = LatentSet.open(run.paths.latents, enough_rows(ImageStore.open(run.paths.images)))
    settings, model = run.settings.analysis, read_model(run.paths.model)
    if len(shape := model.get("latent_shape", ())) > 1:
        latents = latents.of_shape(tuple(shape))
        if settings.layout == "auto":
            settings = settings.model_copy(update={"layout": model.get("layout", "auto")})
    by = _labels(ImageStore.open(run.paths.images).index, settings.by)
    with kept_beside(run.paths.analysis, progress.say):
        analyse(latents, settings, progress=progress, codec=run.codec, by=by).save(run.paths.analysis)
    return {"vectors": latents.n}


def _labels(index: "pd.DataFrame", by: str) -> "pd.Series | None":
    """The column of the index that groups are made by."""
    if by and by not in index.columns:
        raise UsageError(
            f"analysis.by = '{by:.60}': the index has no such column; there are {', '.join(index.columns)}"
        )
    return index[by] if by else None


def _measured(settings: Settings) -> Any:
    """The settings but for those that change no result here, and statistics of other packages.

    The length of a block changes none, and without a layout the model's own counts.
    """
    more = [name for name in PLANE_STATISTICS if name not in PLANE_STATISTICS.built_in]
    unused = {"block"} | ({"layout"} if settings.analysis.layout == "auto" else set())
    return [settings.analysis.model_dump(exclude=unused), more]


def _sample(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    from zpoints.images.store import ImageStore
    from zpoints.run import work
    from zpoints.samplers.points import Points
    from zpoints.vectors.latent_set import LatentSet

    s = run.settings.samples
    if todo:
        vectors = LatentSet.open(run.paths.latents, ImageStore.open(run.paths.images).rows("train"))
        points = Points.of(run.paths.analysis / "distribution.npz", vectors)
        with progress.task("sample", len(todo) * s.count, "vectors") as task:
            for method in todo:
                work.draw(
                    points, run.paths.samples(method), sampler_of(s, method), s.count, run.settings.seed
                )
                done(method)
                task.advance(s.count, method)
    return {"vectors": len(s.methods) * s.count}


def _samplers(settings: Settings) -> Mapping[str, Any]:
    """Each sampler depends on its own options, and on nobody else's."""
    return {method: options_of(settings.samples, method) for method in settings.samples.methods}


def _decode(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    from zpoints.models.kinds import open_codec
    from zpoints.run import work

    if todo:
        codec = open_codec(run.paths.model, run.settings.training)
        for method, key in todo.items():
            folder = run.paths.samples(method)
            work.decode_to_file(codec, folder / "z.npy", folder, progress, f"{key} {method}")
            done(method)
    return {"images": len(run.settings.samples.methods) * run.settings.samples.count}


ANALYSE = Stage(
    "analyse",
    _analyse,
    lambda run, part: [run.paths.analysis / name for name in ANALYSIS_FILES],
    needs=(ENCODE,),
    recipe=3,  # 1 called the column `basis` still `axes`, 2 did not ask the model how visible an axis is
    depends=_measured,
    smallest=for_analysis,
    smaller="choose a smaller autoencoder.latent",
)
SAMPLE = Stage(
    "sample",
    _sample,
    lambda run, part: [run.paths.samples(part) / name for name in ("z.npy", "sampler.npz", "cost.json")],
    needs=(ANALYSE,),
    depends=lambda settings: settings.samples.count,
    parts=_samplers,
)
DECODE = Stage(
    "decode",
    _decode,
    lambda run, part: [run.paths.samples(part) / "pictures.npy"],
    needs=(SAMPLE,),
    parts=lambda settings: dict.fromkeys(settings.samples.methods),
)

"""Train and encode: a model of the pictures, and the z-points that it gives them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zpoints.config import Settings
from zpoints.run.folder import Run
from zpoints.run.requirements import enough_rows, for_training
from zpoints.run.stage import Done, Stage
from zpoints.run.stages.pictures import PREPARE
from zpoints.system.progress import Progress

__all__ = ["ENCODE", "TRAIN"]


def _train(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    from zpoints.images.store import ImageStore
    from zpoints.run import work

    enough_rows(ImageStore.open(run.paths.images))  # now, and not after hours of training
    work.train(run.paths.images, run.paths.model, run.settings, progress)
    return {}


def _model_files(run: Run, part: str) -> list[Path]:
    """Each kind of model has files of its own."""
    from zpoints.models.kinds import CODECS

    kind = CODECS[run.settings.autoencoder.kind]
    return [run.paths.model / name for name in (*kind.outputs, "reconstructions.png")]


def _trained(settings: Settings) -> Any:
    # Where it is computed, and how often a training may go back, is no part of what is asked for.
    if settings.autoencoder.kind == "foreign":
        from zpoints.models.foreign.looking import mark_of

        return ["foreign", mark_of(settings.autoencoder.model)]
    network = settings.autoencoder.model_dump(exclude={"model"})
    return [network, settings.training.result()]


def _encode(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    from zpoints.run import work

    found = work.encode(run.paths.model, run.paths.images, run.paths.latents.parent, run.settings, progress)
    return {"images": found.n}


TRAIN = Stage(
    "train",
    _train,
    _model_files,
    needs=(PREPARE,),
    depends=_trained,
    smallest=for_training,
    smaller="choose a smaller model or smaller pictures",
)
ENCODE = Stage("encode", _encode, lambda run, part: [run.paths.latents], needs=(TRAIN,))
